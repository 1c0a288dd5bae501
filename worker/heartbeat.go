package worker

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// ticks is how many times the heartbeat looks at the runs in one retry interval: the precision of its times.
const ticks = 4

// heartbeat keeps the runs in hand alive until ctx ends. It is the worker's own clock, never a node's: a node that
// computes for an hour without a pause stays alive, and one that hangs is seen by people, not by the queue.
func (w *Worker) heartbeat(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Timing.Retry / ticks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			w.beats.Wait()
			return nil
		case <-tick.C:
		}
		for _, slot := range w.kept.toRenew(time.Now(), w.cfg.Timing.Heartbeat) {
			w.beats.Go(func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.cfg.Timing.Heartbeat)
				defer cancel()
				slot.renew(ctx)
			})
		}
		for _, r := range w.runs.all() {
			now := time.Now()
			if r.expired(now) {
				r.stop(ErrLost)
			} else if r.startBeat(now) {
				w.beats.Go(func() { w.beat(r) })
			}
		}
	}
}

// startBeat reports whether a heartbeat is due and none is under way.
func (r *run) startBeat(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.beating || now.Before(r.due) {
		return false
	}
	r.beating = true
	return true
}

// endBeat notes when the next heartbeat is due, and until when the claim holds.
func (r *run) endBeat(due, expires time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beating, r.due = false, due
	if expires.After(r.expires) {
		r.expires = expires
	}
}

// hurry makes the next heartbeat due now: somebody says that the run was cancelled, and the status will tell.
func (r *run) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due = time.Time{}
}

// beat is one sign of life of a run, and one look whether it shall go on.
func (w *Worker) beat(r *run) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), w.cfg.Timing.Heartbeat)
	defer cancel()
	err := r.claim.Beat(ctx, r.news())
	due, expires := began.Add(w.cfg.Timing.Heartbeat), time.Time{}
	switch {
	case err == nil:
		expires = began.Add(w.cfg.Timing.Lease)
	case errors.Is(err, ledger.ErrCancelled):
		if r.ctx.Err() == nil {
			w.tell(r, messages.Event{Kind: messages.EventCancelling})
		}
		r.stop(ErrCancelled)
	case errors.Is(err, ledger.ErrLost):
		r.stop(ErrLost)
	default:
		due = began.Add(w.cfg.Timing.Retry)
		zerolog.Ctx(r.ctx).Warn().Err(err).Msg("heartbeat failed")
	}
	r.endBeat(due, expires)
}

// announce renews the worker's entry in the roster.
func (w *Worker) announce(ctx context.Context) {
	if err := w.ledger.Announce(ctx, w.entry()); err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("roster entry could not be renewed")
	}
}

// retire removes the entry; it would run out by itself.
func (w *Worker) retire(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.cfg.Timing.Heartbeat)
	defer cancel()
	if err := w.ledger.Retire(ctx, w.cfg.ID); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("roster entry could not be removed")
	}
}

// repair closes, now and then, runs that no message will bring to a worker again. One worker does so for the fleet, and
// another one soon after it is gone.
func (w *Worker) repair(ctx context.Context) error {
	tick := time.NewTicker(max(1, w.cfg.Timing.Repair/3))
	defer tick.Stop()
	task := "sweep"
	if w.cfg.NoDispatch { // it can't store again a request that was lost
		task = "close"
	}
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		leads, err := w.ledger.Lead(ctx, task, w.cfg.ID, w.cfg.Timing.Repair)
		// Who doesn't know sweeps, which does no harm.
		if err == nil && !leads || time.Since(last) < w.cfg.Timing.Repair {
			continue
		}
		last = time.Now()
		w.sweep(ctx)
	}
}

func (w *Worker) sweep(ctx context.Context) {
	closed, err := w.ledger.Sweep(ctx, w.cfg.ID)
	if err != nil && ctx.Err() == nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("sweep failed")
	}
	if closed > 0 {
		zerolog.Ctx(ctx).Info().Int("runs", closed).Msg("sweep closed runs that nobody held")
	}
}

// collect removes, now and then, the objects of runs whose record has expired.
func (w *Worker) collect(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Timing.Collect)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := w.ledger.Collect(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("objects of expired runs could not be removed")
		}
	}
}
