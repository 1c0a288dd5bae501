// Package datascience trains a linear model that predicts the price of a shuttle, and tests it.
package datascience

import "github.com/kedge-run/kedge/pipeline"

// Pipeline is the pipeline "data_science".
func Pipeline() (*pipeline.Pipeline, error) {
	return pipeline.New(
		pipeline.Define(splitData, []string{"model_input_table", "params:model_options"}, []string{"X_train", "X_test", "y_train", "y_test"},
			pipeline.Name("split_data_node")),
		pipeline.Define(trainModel, []string{"X_train", "y_train"}, "regressor",
			pipeline.Name("train_model_node")),
		pipeline.Define(evaluateModel, []string{"regressor", "X_test", "y_test"}, "metrics",
			pipeline.Name("evaluate_model_node")),
	)
}
