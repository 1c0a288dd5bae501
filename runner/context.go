package runner

import (
	"context"
	"sync/atomic"

	"github.com/rs/zerolog"
)

type taskKey struct{}

// scope is the context of a node's function: it knows the task, and its logger tells
// the observer. It lies inside of the task, because making a context for each node
// would cost more than an empty node.
type scope struct {
	context.Context //nolint:containedctx // it is a context

	task *Task
	log  atomic.Pointer[nodeLog] // nil until the function asks for it

	progress progress
}

// Value answers the task's key, and zerolog's when somebody listens.
func (s *scope) Value(key any) any {
	if key == (taskKey{}) {
		return s.task
	}
	value := s.Context.Value(key)
	if s.task.Request.Observe == nil {
		return value
	}
	switch value := value.(type) {
	case *zerolog.Logger:
		return s.logger(value)
	case nil:
		if isLoggerKey(key) {
			return s.logger(zerolog.Ctx(s.Context))
		}
	}
	return value
}

// within gives the context of the node's function.
func (t *Task) within(ctx context.Context) context.Context {
	t.scope.Context, t.scope.task = ctx, t
	return &t.scope
}

// TaskFrom returns the task on whose behalf a node's function is called, so that a function that needs them finds its
// node, run id and catalog; nil outside of a runner. It must not be changed.
func TaskFrom(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}
