// Package runner executes a pipeline against a catalog, as Kedro's runners do.
//
// [Sequential] runs one node after another in the caller's goroutine, [Thread]
// and [Parallel] run every node as soon as its parents are done. What happens
// around one node (loads, hooks, the function, saves, confirmation) is a [Task].
//
// Cancellation isn't an error of the pipeline (SES-079): when ctx ends, no further
// node starts, nothing is saved any more, no error hook is called, and Run returns
// an error that wraps [context.Cause].
package runner
