package runner

import "context"

// Sequential runs nodes one at a time in the caller's goroutine: SequentialRunner.
type Sequential struct {
	// IsAsync loads the inputs, and saves the outputs, of each node at the same time.
	IsAsync bool
}

var _ Runner = Sequential{}

// Name is "SequentialRunner".
func (Sequential) Name() string { return "SequentialRunner" }

// Run executes the request.
func (r Sequential) Run(ctx context.Context, req Request) (*Result, error) {
	return execute(ctx, req, "kedro.runner.sequential_runner", r.IsAsync, inOrder)
}

// adviseAsync is the line that Kedro writes when a runner loads and saves one by one.
func (e *execution) adviseAsync() {
	if !e.async {
		e.info().Msg("Using synchronous mode for loading and saving data. Use the --async flag for potential " +
			"performance gains. https://docs.kedro.org/en/stable/build/run_a_pipeline/#load-and-save-asynchronously")
	}
}

// inOrder walks the steps in execution order (RUN-021).
func inOrder(ctx context.Context, e *execution) error {
	e.adviseAsync()
	e.turns = &turns{values: make([]any, e.schedule.widest)}
	for i := range e.schedule.steps {
		if err := cancelled(ctx); err != nil {
			return err
		}
		out := e.task(i).timed(ctx)
		if out.err != nil {
			return e.fail(ctx, i, out.err)
		}
		if err := e.complete(ctx, i, out); err != nil {
			return err
		}
	}
	return nil
}
