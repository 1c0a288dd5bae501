package main

import (
	"github.com/kedge-run/kedge/examples/spaceflights/hooks"
	"github.com/kedge-run/kedge/examples/spaceflights/pipelines/dataprocessing"
	"github.com/kedge-run/kedge/examples/spaceflights/pipelines/datascience"
	"github.com/kedge-run/kedge/examples/spaceflights/pipelines/reporting"
	"github.com/kedge-run/kedge/project"
)

// spaceflights is the whole project: its pipelines by name and its hooks. "__default__" is the sum of the pipelines.
func spaceflights() *project.Project {
	return project.New("spaceflights",
		project.WithPipeline("data_processing", dataprocessing.Pipeline),
		project.WithPipeline("data_science", datascience.Pipeline),
		project.WithPipeline("reporting", reporting.Pipeline),
		project.WithHooks(&hooks.Timing{Top: 3}, hooks.Quality{LeastRows: 100}),
		project.WithParamsType("model_options", datascience.ModelOptions{}),
	)
}
