package ledger

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/messages"
)

// overlapPoll is how soon a due run is looked at again that waits for an earlier one.
const overlapPoll = time.Second

// tick does what a schedule needs at the time now: what is due becomes pending, what is
// pending is submitted in order, and the timer is set. Each step is stored before the next
// one, and the ids of the runs follow from the times, so that a crash anywhere, or several
// dispatchers at once, repeat it safely. again > 0: a run waits for another one to end.
func (l *Ledger) tick(ctx context.Context, key ScheduleKey, now time.Time) (again time.Duration, err error) {
	old, err := l.readSchedule(ctx, key)
	if err != nil || !old.found {
		return 0, err
	}
	// Each round concludes a pending run, or meets somebody who does.
	for range maxPendingTicks + maxConflicts {
		next, err := timetableOf(&old.schedule)
		if err != nil {
			// Nobody stores such a schedule, but a newer version might know more.
			return 0, fmt.Errorf("schedule %s: %w", key.Name, err)
		}
		s := fired(old.schedule, next, now)
		var done bool
		if s, again, done, err = l.serve(ctx, s, old); err != nil {
			return 0, err
		}
		unchanged := reflect.DeepEqual(s, old.schedule)
		if !unchanged {
			var stored bool
			if old, stored, err = l.swapSchedule(ctx, old, s); err == nil && !stored {
				old, err = l.readSchedule(ctx, key)
				done = false
			}
			if err != nil || !old.found {
				return 0, err
			}
		}
		if done && again > 0 && unchanged {
			return again, nil // it was armed when it began to wait
		}
		if done {
			return again, l.armSchedule(ctx, old.schedule)
		}
	}
	return 0, fmt.Errorf("schedule %s: %w", key.Name, errConflict)
}

// serve does one step for the first pending run. A run is submitted only when it is
// pending in the stored record: another dispatcher could choose others later. done: there is
// nothing left to do but to store s.
func (l *Ledger) serve(ctx context.Context, s messages.Schedule, stored scheduleRecord) (next messages.Schedule, again time.Duration, done bool, err error) {
	if len(s.Pending) == 0 {
		return s, 0, true, nil
	}
	if s.Live, err = l.stillLive(ctx, s); err != nil {
		return s, 0, false, err
	}
	others := slices.DeleteFunc(slices.Clone(s.Live), func(run messages.RunID) bool { return run == s.Pending[0].RunID })
	switch turnOf(s, others) {
	case turnSkip:
		return concluded(s, messages.TickSkipped, fmt.Sprintf("run %s is live", others[0]), l.now()), 0, false, nil
	case turnWait:
		return s, overlapPoll, true, nil
	case turnCancel:
		err := l.cancelAll(ctx, s, others)
		return s, overlapPoll, true, err
	}
	if !slices.Equal(s.Pending, stored.schedule.Pending) {
		return s, 0, false, nil // to be stored first
	}
	tick := s.Pending[0]
	_, err = l.Submit(ctx, Submission{
		Tenant: s.Tenant, Queue: s.Queue, Request: s.TickRequest(tick.RunID, tick.At),
		Forwarded: true, Signature: s.TickSignature(tick.At), // a dispatcher vouches for nobody
	})
	switch {
	case err == nil:
		return concluded(s, messages.TickSubmitted, "", l.now()), 0, false, nil
	case unsubmittable(err):
		zerolog.Ctx(ctx).Warn().Err(err).Str("schedule", s.Name).Msg("a run of a schedule was refused")
		return concluded(s, messages.TickRefused, err.Error(), l.now()), 0, false, nil
	}
	return s, 0, false, err
}

// unsubmittable reports whether a submit failed for good.
func unsubmittable(err error) bool {
	var field *messages.FieldError
	return errors.As(err, &field) || errors.Is(err, ErrConflict) || errors.Is(err, ErrNoQueue)
}

// stillLive gives the runs of a schedule that have not ended. One that nobody knows was
// never submitted, or ended long ago.
func (l *Ledger) stillLive(ctx context.Context, s messages.Schedule) ([]messages.RunID, error) {
	var live []messages.RunID
	for _, run := range s.Live {
		status, err := l.read(ctx, Key{s.Tenant, run}, l.newest())
		if err != nil {
			return nil, err
		}
		if status.found && !status.status.State.Terminal() {
			live = append(live, run)
		}
	}
	return live, nil
}

func (l *Ledger) cancelAll(ctx context.Context, s messages.Schedule, runs []messages.RunID) error {
	cancel := messages.Cancel{By: "schedule " + s.Name, Reason: "its next run is due"}
	for _, run := range runs {
		status, err := l.Cancel(ctx, Key{s.Tenant, run}, cancel)
		if err != nil && !errors.Is(err, ErrEnded) && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil && status.Owner != "" {
			// For speed only, as a client does.
			_ = l.js.Conn().Publish(l.cfg.Subjects.Worker(status.Owner, "cancel"), []byte(run))
		}
	}
	return nil
}

// sweepSchedules looks at schedules whose timers are late.
func (l *Ledger) sweepSchedules(ctx context.Context) (ticked int, err error) {
	schedules, err := l.Schedules(ctx, "*")
	if err != nil {
		return 0, fmt.Errorf("sweeping: %w", err)
	}
	var errs []error
	grace := l.sweepGrace()
	for _, s := range schedules {
		late := !s.Next.IsZero() && l.now().Sub(s.Next) >= grace
		left := len(s.Pending) > 0 && l.now().Sub(s.UpdatedAt) >= grace
		if !late && !left {
			continue
		}
		again, err := l.sweepSchedule(ctx, ScheduleKey{s.Tenant, s.Name})
		if again > 0 {
			l.hurry(ctx, messages.Timed{Tenant: s.Tenant, Schedule: s.Name})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("sweeping schedule %s: %w", s.Name, err))
		}
		ticked++
	}
	return ticked, errors.Join(errs...)
}

func (l *Ledger) sweepSchedule(ctx context.Context, key ScheduleKey) (again time.Duration, err error) {
	now, err := l.serverTime(ctx)
	if err != nil {
		return 0, err
	}
	return l.tick(ctx, key, now)
}
