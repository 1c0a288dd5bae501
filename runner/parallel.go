package runner

import (
	"context"
	"fmt"
	"slices"

	"github.com/kedge-run/kedge/catalog"
)

// Parallel is Kedro's ParallelRunner. It schedules as [Thread] does: goroutines run
// on all CPUs already, and a command node is a process of its own. Kedro's check
// that datasets may be used by several processes is kept; the one that functions can
// be pickled has no meaning here.
type Parallel struct {
	// MaxWorkers bounds the nodes that run at once. Defaults to the number of CPUs.
	MaxWorkers int
	// IsAsync loads the inputs, and saves the outputs, of each node at the same time.
	IsAsync bool
}

var _ Runner = Parallel{}

// Name is "ParallelRunner".
func (Parallel) Name() string { return "ParallelRunner" }

// Run executes the request.
func (r Parallel) Run(ctx context.Context, req Request) (*Result, error) {
	workers, err := workerCount(r.MaxWorkers)
	if err != nil {
		return nil, err
	}
	return execute(ctx, req, "kedro.runner.parallel_runner", r.IsAsync, func(ctx context.Context, e *execution) error {
		e.adviseAsync()
		if err := checkDatasets(ctx, e.req.Catalog); err != nil {
			return err
		}
		return asReady(ctx, e, workers)
	})
}

// checkDatasets refuses datasets that may be used by one process only: all that the
// catalog has materialised, after the warm-up, not only those of the pipeline
// (RUN-062, RUN-063).
func checkDatasets(ctx context.Context, c *catalog.DataCatalog) error {
	var refused []string
	for _, name := range c.Keys() {
		ds, err := c.Get(ctx, name, catalog.GetOptions{})
		if err != nil {
			return err
		}
		if catalog.SingleProcess(ds) {
			refused = append(refused, name)
		}
	}
	if len(refused) == 0 {
		return nil
	}
	slices.Sort(refused)
	return &AttributeError{message: fmt.Sprintf("The following datasets cannot be used with multiprocessing: [%s]\n"+
		"In order to utilize multiprocessing you need to make sure all datasets are serialisable, i.e. datasets should "+
		"not make use of lambda functions, nested functions, closures etc.\nIf you are using custom decorators ensure "+
		"they are correctly decorated using functools.wraps().", quoted(refused))}
}
