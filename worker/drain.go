package worker

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// drain waits for the stop and then for the runs in hand: they may finish for the grace time, then their contexts end
// with ErrStopping and they are put back. It returns when no run is in hand; abandoned nodes may still compute. A
// worker that was asked to drain lets them finish in their own time, until parent, the context of the whole, ends.
func (w *Worker) drain(ctx, parent context.Context) error {
	<-ctx.Done()
	w.draining.Store(true)
	close(w.leaving)
	w.tellRoster()
	log := zerolog.Ctx(ctx)
	idle := w.slots.whenIdle()
	if _, taken, _ := w.slots.counts(); taken > 0 {
		log.Info().Int("runs", taken).Dur("grace", max(w.cfg.Grace, 0)).Msg("stopping, runs may finish")
	}
	if w.patient.Load() {
		select {
		case <-idle:
			return nil
		case <-parent.Done():
		}
	}
	grace := time.NewTimer(max(w.cfg.Grace, 0))
	defer grace.Stop()
	select {
	case <-idle:
		return nil
	case <-grace.C:
	}
	w.stopping.Store(true)
	for _, r := range w.runs.all() {
		r.stop(ErrStopping)
	}
	<-idle
	return nil
}
