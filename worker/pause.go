package worker

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
)

// Why a worker takes nothing, as the roster shows it.
const (
	pausedQueue  = "queue"
	pausedWorker = "worker"
)

// watchPause looks at the pause of the queue when it changes, and with every heartbeat in case the change was missed.
// It also keeps the worker's entry in the roster, which tells whoever paused the queue that this worker knows.
func (w *Worker) watchPause(ctx context.Context) error {
	tick := time.NewTicker(w.cfg.Timing.Heartbeat)
	defer tick.Stop()
	for {
		w.announce(ctx)
		select {
		case <-ctx.Done():
			w.retire(ctx)
			return nil
		case <-w.told:
		case <-tick.C:
		}
		if err := w.readPause(ctx); err != nil && ctx.Err() == nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("the pause of the queue could not be read, it stays as it is")
		}
	}
}

func (w *Worker) readPause(ctx context.Context) error {
	pause, revision, err := w.ledger.Pause(ctx, w.cfg.Queue)
	if err != nil {
		return err
	}
	defer w.pauseRead.Store(revision) // the roster tells it only when it holds
	if w.slots.pauseQueue(pause != nil) {
		zerolog.Ctx(ctx).Info().Bool("paused", pause != nil).Str("queue", w.cfg.Queue).Msg("queue was paused or resumed")
	}
	return nil
}

// pauseSelf lets the worker take nothing, or take again, and tells the roster.
func (w *Worker) pauseSelf(paused bool) {
	w.slots.pauseWorker(paused)
	w.tellRoster()
}

// tellRoster makes watchPause look now.
func (w *Worker) tellRoster() {
	select {
	case w.told <- struct{}{}:
	default:
	}
}

// hearCancel ends a run that was cancelled while nobody owned it: its request may lie behind many others, or wait for
// its time.
func (w *Worker) hearCancel(ctx context.Context, msg *nats.Msg) {
	tenant, id, err := w.subjects.ParseCancelHint(msg.Subject)
	if err != nil {
		return // not of ours; the sweep finds what there is
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.cfg.Timing.Lease)
	defer cancel()
	if err := w.ledger.Mend(ctx, ledger.Key{Tenant: tenant, RunID: id}, w.cfg.ID); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str(fieldRunID, string(id)).Msg("a cancelled run could not be ended, the next sweep tries again")
	}
}

// leave ends the worker when its runs have ended, however long that takes.
func (w *Worker) leave() {
	w.patient.Store(true)
	w.stop()
}
