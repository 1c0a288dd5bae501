// Package pipeline holds Kedro's nodes and pipelines: what a node runs, which
// datasets it reads and writes, the order that follows from it, and every way
// to slice, combine and reuse pipelines.
//
// A [Node] binds a function to dataset names. The function is a plain Go
// function, adapted by reflection when the node is made, or any [Func]. A
// [Pipeline] is an immutable set of nodes; it is checked when it is made, and
// it may be used by any number of goroutines.
//
//	etl, err := pipeline.New(
//		pipeline.Define(clean, "companies", "clean_companies", pipeline.Name("clean")),
//		pipeline.Define(join, []string{"clean_companies", "params:join"}, "table"),
//	)
//
// Rules are those of Kedro 1.7 (PIP-001 to PIP-111 of the behaviour list):
// automatic node names, order of execution, texts of errors and warnings are
// the same. Errors that mirror a Python exception are of type [*Error].
package pipeline
