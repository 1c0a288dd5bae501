package worker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// What a dispatcher asks for at a time, and how long it waits for it: the server holds the question meanwhile.
const (
	dispatchBatch = 16
	dispatchWait  = 30 * time.Second
)

// dispatcher finds the consumer of what is due; nil when the worker leaves that to others.
func (w *Worker) dispatcher(ctx context.Context) (jetstream.Consumer, error) {
	if w.cfg.NoDispatch {
		return nil, nil //nolint:nilnil // no consumer is no error
	}
	due, err := w.topology().Dispatcher(ctx, w.js)
	if err != nil {
		return nil, &SetupError{Queue: w.cfg.Queue, Err: err}
	}
	return due, nil
}

// dispatch queues the runs whose time has come, of all queues, until ctx ends. Every worker does so, and the server
// gives each due message to one of them.
func (w *Worker) dispatch(ctx context.Context, due jetstream.Consumer) error {
	if due == nil {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		if err := w.dispatchSome(ctx, due); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("asking for what is due failed")
			w.pause(ctx, w.cfg.Timing.Retry)
		}
	}
	return nil
}

func (w *Worker) dispatchSome(ctx context.Context, due jetstream.Consumer) error {
	waitCtx, cancel := context.WithTimeout(ctx, dispatchWait)
	defer cancel()
	batch, err := due.Fetch(dispatchBatch, jetstream.FetchContext(waitCtx))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		// A step that was begun is ended; its times are bounded by those of publishing.
		if err := w.ledger.Dispatch(context.WithoutCancel(ctx), msg, w.cfg.ID); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str(fieldSubject, msg.Subject()).Msg("dispatching failed, it will be tried again")
		}
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
