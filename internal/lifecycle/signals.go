package lifecycle

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// SignalError is the cause of the end of a context made by [WithSignals].
type SignalError struct{ Signal os.Signal }

// Error says which signal asked for the stop.
func (e *SignalError) Error() string { return fmt.Sprintf("stopped by signal: %v", e.Signal) }

// echo is how soon the same signal counts as the same request: who stops a process often tells its group too, and the
// terminal and a wrapper may both pass on a signal.
const echo = 250 * time.Millisecond

// WithSignals returns a copy of ctx that ends at the first of the given signals, with a *[SignalError] as cause. At
// the second signal it calls hard, which should end the process at once; the first one again within 250 ms is none. stop
// gives the signals back and must be called.
func WithSignals(ctx context.Context, hard func(os.Signal), signals ...os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, signals...)
	stopped, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		var first os.Signal
		var at time.Time
		for {
			select {
			case s := <-arrived:
				switch {
				case first == nil:
					first, at = s, time.Now()
					cancel(&SignalError{Signal: s})
				case s != first || time.Since(at) > echo:
					hard(s)
					return
				}
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
