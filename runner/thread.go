package runner

import (
	"context"
	"runtime"
	"sync"

	"github.com/rs/zerolog"
)

// Thread runs every node as soon as its parents are done, on a bounded number of
// goroutines: ThreadRunner.
type Thread struct {
	// MaxWorkers bounds the nodes that run at once. Defaults to the number of CPUs.
	MaxWorkers int
	// IsAsync isn't supported together with threads: it is ignored with a warning (RUN-027).
	IsAsync bool
}

var _ Runner = Thread{}

// Name is "ThreadRunner".
func (Thread) Name() string { return "ThreadRunner" }

// Run executes the request.
func (r Thread) Run(ctx context.Context, req Request) (*Result, error) {
	if r.IsAsync {
		zerolog.Ctx(ctx).Warn().Msg("'ThreadRunner' doesn't support loading and saving the node inputs and outputs " +
			"asynchronously with threads. Setting 'is_async' to False.")
	}
	workers, err := workerCount(r.MaxWorkers)
	if err != nil {
		return nil, err
	}
	return execute(ctx, req, "kedro.runner.thread_runner", false, func(ctx context.Context, e *execution) error {
		return asReady(ctx, e, workers)
	})
}

// workerCount applies the default and refuses what isn't positive (RUN-024).
func workerCount(n int) (int, error) {
	switch {
	case n < 0:
		return 0, &ValueError{message: "max_workers should be positive"}
	case n == 0:
		return runtime.NumCPU(), nil
	}
	return n, nil
}

// asReady walks the steps, each as soon as its parents are done (RUN-022). After the
// first error nothing new is submitted, and what was submitted, queued steps too,
// runs to its end (RUN-051).
func asReady(ctx context.Context, e *execution, maxWorkers int) error {
	steps := e.schedule.steps
	queue := make(chan queued, len(steps)) // as wide as everything that may ever be sent
	results := make(chan ended, len(steps))
	var workers sync.WaitGroup
	for range min(len(steps)-e.schedule.levels+1, maxWorkers) {
		workers.Go(func() {
			for q := range queue {
				results <- ended{step: q.step, outcome: q.task.timed(ctx)}
			}
		})
	}
	// Also when a dataset or an observer panics: no node runs any more when this returns.
	defer workers.Wait()
	defer close(queue)
	return coordinate(ctx, e, queue, results)
}

// queued is a task on its way to a worker.
type queued struct {
	step int
	task *Task
}

// ended is a task that comes back.
type ended struct {
	step int
	outcome
}

// coordinate submits steps and collects their outcomes until none is under way.
func coordinate(ctx context.Context, e *execution, queue chan<- queued, results <-chan ended) error {
	waiting := make([]int, len(e.schedule.steps))
	underWay := 0
	submit := func(i int) {
		queue <- queued{step: i, task: e.task(i)}
		underWay++
	}
	for i := range e.schedule.steps {
		waiting[i] = e.schedule.steps[i].parents
		if waiting[i] == 0 {
			submit(i)
		}
	}
	var failed error
	for ; underWay > 0; underWay-- {
		out := <-results
		if failed != nil {
			continue
		}
		if out.err != nil {
			failed = e.fail(ctx, out.step, out.err)
			continue
		}
		if failed = e.complete(ctx, out.step, out.outcome); failed != nil {
			continue
		}
		for _, child := range e.schedule.steps[out.step].children {
			if waiting[child]--; waiting[child] == 0 {
				submit(child)
			}
		}
	}
	return failed
}
