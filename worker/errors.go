package worker

import "errors"

// Causes for which the worker ends the context of a run; a node that looks at context.Cause can tell them apart.
var (
	// ErrStopping means that the worker stops: the run is put back and starts again elsewhere.
	ErrStopping = errors.New("the worker is stopping")
	// ErrCancelled means that somebody cancelled the run.
	ErrCancelled = errors.New("the run was cancelled")
	// ErrTimeout means that the run's timeout passed.
	ErrTimeout = errors.New("the run's timeout passed")
	// ErrNodeTimeout means that a node ran longer than the request allows.
	ErrNodeTimeout = errors.New("a node's timeout passed")
	// ErrLost means that the run isn't this worker's any more: its lease ran out, or another worker has claimed it.
	// Nothing is published for it.
	ErrLost = errors.New("the run was lost to another worker")
)
