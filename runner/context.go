package runner

import "context"

type taskKey struct{}

// TaskFrom returns the task on whose behalf a node's function is called, so that a function that needs them finds its
// node, run id and catalog; nil outside of a runner. It must not be changed.
func TaskFrom(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}
