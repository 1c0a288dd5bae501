package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Loop is one long-lived activity of a process. Run blocks until its context ends and then returns soon; an
// error ends the whole group.
type Loop struct {
	Name string
	Run  func(ctx context.Context) error
}

// Run starts all loops and blocks until every one has returned. When ctx ends, or a loop returns first, the loops
// are stopped in the order given: the context of a loop ends only after those before it have returned, so that
// what takes work stops before what does the work, and that before what keeps it alive.
//
// The loops' contexts carry the values of ctx and its cause of cancellation. Run returns the joined errors of the
// loops, each with the loop's name; a loop that returns its context's own error has not failed.
func Run(ctx context.Context, loops ...Loop) error {
	var (
		wait    sync.WaitGroup
		started = make([]running, len(loops))
		ended   = make(chan struct{}, len(loops))
	)
	for i, loop := range loops {
		loopCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		r := &started[i]
		r.cancel, r.done = cancel, make(chan struct{})
		wait.Go(func() {
			defer close(r.done)
			err := loop.Run(loopCtx)
			if err != nil && (loopCtx.Err() == nil || !isStop(loopCtx, err)) {
				r.err = fmt.Errorf("%s: %w", loop.Name, err)
			}
			ended <- struct{}{}
		})
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var errs []error
	for i := range started {
		started[i].cancel(context.Cause(ctx))
		<-started[i].done
		errs = append(errs, started[i].err)
	}
	wait.Wait()
	return errors.Join(errs...)
}

// running is a started loop; err may be read after done is closed.
type running struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error
}

func isStop(ctx context.Context, err error) bool {
	return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
}
