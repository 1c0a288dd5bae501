package runner

import "context"

type taskKey struct{}

// scope is the context of a node's function: it knows the task. It lies inside of the
// task, because making a context for each node would cost more than an empty node.
type scope struct {
	context.Context //nolint:containedctx // it is a context

	task *Task
}

// Value answers the task's key.
func (s *scope) Value(key any) any {
	if key == (taskKey{}) {
		return s.task
	}
	return s.Context.Value(key)
}

// within gives the context of the node's function.
func (t *Task) within(ctx context.Context) context.Context {
	t.scope = scope{Context: ctx, task: t}
	return &t.scope
}

// TaskFrom returns the task on whose behalf a node's function is called, so that a function that needs them finds its
// node, run id and catalog; nil outside of a runner. It must not be changed.
func TaskFrom(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}
