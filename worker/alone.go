package worker

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
)

// aloneShare is which part of Timing.Isolate a run is left to other workers when this one did not get empty in time.
const aloneShare = 10

// executeAlone runs a request of a run that was lost before, with nothing beside it: if it takes the worker down, no
// other run goes with it, and it is known for it. Meanwhile the worker takes nothing new. The request stays in hand
// until the runs under way have ended.
func (w *Worker) executeAlone(ctx context.Context, msg jetstream.Msg) {
	empty, ok := w.slots.reserve()
	if !ok { // another one waits so, or runs so
		_ = msg.NakWithDelay(w.cfg.Timing.Putback)
		return
	}
	defer w.slots.open(empty)
	zerolog.Ctx(ctx).Info().Str(fieldSubject, msg.Subject()).Msg("a run that was lost before starts when nothing else runs here")
	ctxWait, cancel := context.WithTimeout(ctx, w.cfg.Timing.Isolate)
	defer cancel()
	tick := time.NewTicker(w.cfg.Timing.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-empty:
			_ = w.take(ctx, msg, w.ledger.ClaimAlone) // which gives no other error
			return
		case <-w.leaving:
			_ = msg.NakWithDelay(w.cfg.Timing.Putback)
			return
		case <-ctxWait.Done():
			_ = msg.NakWithDelay(w.cfg.Timing.Isolate / aloneShare)
			return
		case <-tick.C:
		}
		if w.slots.pausedBy() != "" {
			_ = msg.NakWithDelay(w.cfg.Timing.Putback)
			return
		}
		if err := msg.InProgress(); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str(fieldSubject, msg.Subject()).Msg("heartbeat of a waiting request failed")
		}
		// Somebody may have cancelled the run; then the claim settles the request.
		if err := w.take(ctx, msg, w.ledger.Claim); !errors.Is(err, ledger.ErrAlone) {
			return
		}
	}
}
