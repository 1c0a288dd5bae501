package ledger

import (
	"context"
	"time"

	"github.com/kedge-run/kedge/messages"
)

// Tick does what a dispatcher does for a schedule, at a time of the test.
func Tick(ctx context.Context, l *Ledger, key ScheduleKey, now time.Time) (again time.Duration, err error) {
	return l.tick(ctx, key, now)
}

// TickSteps does only the first steps of Tick: 1 stores what is due, 2 submits it too, 3
// stores that.
func TickSteps(ctx context.Context, l *Ledger, key ScheduleKey, now time.Time, steps int) error {
	old, err := l.readSchedule(ctx, key)
	if err != nil || steps == 0 {
		return err
	}
	next, err := timetableOf(&old.schedule)
	if err != nil {
		return err
	}
	if old, _, err = l.swapSchedule(ctx, old, fired(old.schedule, next, now)); err != nil || steps == 1 {
		return err
	}
	s, _, _, err := l.serve(ctx, old.schedule, old)
	if err != nil || steps == 2 {
		return err
	}
	_, _, err = l.swapSchedule(ctx, old, s)
	return err
}

// SignSchedule signs a schedule as its owner, whenever it was made.
func SignSchedule(l *Ledger, s messages.Schedule) (messages.Schedule, error) {
	return l.signSchedule(s)
}
