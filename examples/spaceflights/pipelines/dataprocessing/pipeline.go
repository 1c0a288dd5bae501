// Package dataprocessing cleans the raw tables and joins them into the table that the model learns from.
package dataprocessing

import "github.com/kedge-run/kedge/pipeline"

// Pipeline is the pipeline "data_processing".
func Pipeline() (*pipeline.Pipeline, error) {
	return pipeline.New(
		pipeline.Define(preprocessCompanies, "companies", "preprocessed_companies",
			pipeline.Name("preprocess_companies_node")),
		pipeline.Define(preprocessShuttles, "shuttles", "preprocessed_shuttles",
			pipeline.Name("preprocess_shuttles_node")),
		pipeline.Define(createModelInputTable, []string{"preprocessed_shuttles", "preprocessed_companies", "reviews"}, "model_input_table",
			pipeline.Name("create_model_input_table_node")),
	)
}
