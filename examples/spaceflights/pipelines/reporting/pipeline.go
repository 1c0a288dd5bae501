// Package reporting draws the plots of the tutorial.
package reporting

import "github.com/kedge-run/kedge/pipeline"

// Pipeline is the pipeline "reporting".
func Pipeline() (*pipeline.Pipeline, error) {
	return pipeline.New(
		pipeline.Define(comparePassengerCapacitySVG, "preprocessed_shuttles", "shuttle_passenger_capacity_plot_exp",
			pipeline.Name("compare_passenger_capacity_exp")),
		pipeline.Define(comparePassengerCapacityPNG, "preprocessed_shuttles", "shuttle_passenger_capacity_plot_go",
			pipeline.Name("compare_passenger_capacity_go")),
		pipeline.Define(createConfusionMatrix, "companies", "dummy_confusion_matrix",
			pipeline.Name("create_confusion_matrix")),
	)
}
