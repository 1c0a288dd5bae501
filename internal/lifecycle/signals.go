package lifecycle

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

// SignalError is the cause of the end of a context made by [WithSignals].
type SignalError struct{ Signal os.Signal }

// Error says which signal asked for the stop.
func (e *SignalError) Error() string { return fmt.Sprintf("stopped by signal: %v", e.Signal) }

// WithSignals returns a copy of ctx that ends at the first of the given signals, with a *[SignalError] as cause. At
// the second signal it calls hard, which should end the process at once. stop gives the signals back and must be
// called.
func WithSignals(ctx context.Context, hard func(os.Signal), signals ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, signals...)
	stopped, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		seen := 0
		for {
			select {
			case s := <-arrived:
				if seen++; seen > 1 {
					hard(s)
					return
				}
				cancel(&SignalError{Signal: s})
			case <-stopped:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(arrived)
		close(stopped)
		<-watched
		cancel(context.Canceled)
	}
}
