// Package project holds a project as a value: its name, settings, pipelines, hooks, dataset types,
// functions and runners. Two projects can live in one process, because nothing here is global.
//
// A project comes from two sources that may be mixed. Go code declares one with [New]:
//
//	proj := project.New("spaceflights",
//		project.WithPipeline("data_processing", dataprocessing.Pipeline),
//		project.WithPipeline("data_science", datascience.Pipeline),
//		project.WithHooks(timing.New()),
//	)
//
// and [Load] reads a folder: kedge.yml with the settings, and pipelines/*.yml with pipelines that need no compiler.
package project
