package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// A schedule is one record: what its owner said and what came of it. Whoever changes it
// does so by compare-and-set, and then sets its timer, which says "look at this schedule"
// and nothing else. What the dispatcher does with it is in tick.go.

// ScheduleKey names a schedule.
type ScheduleKey struct{ Tenant, Name string }

// scheduleRecord is a schedule as stored.
type scheduleRecord struct {
	schedule messages.Schedule
	revision uint64 // of a removed one: its marker's; 0: never stored
	found    bool
}

// AddSchedule stores a new schedule and gives it as stored, with its next time. The same
// definition under the same name is the schedule that is there; another one is
// ErrScheduleExists, unless replace is set. Then the runs of the former one go on, and
// its history is kept. Other errors as of Submit.
func (l *Ledger) AddSchedule(ctx context.Context, s messages.Schedule, replace bool) (messages.Schedule, error) {
	now := l.now()
	next, err := l.checkSchedule(ctx, &s)
	if err != nil {
		return s, err
	}
	s.CreatedAt, s.UpdatedAt = now, now
	s.Paused, s.Pending, s.Live, s.History, s.Signature = false, nil, nil, nil, nil
	if s.Next = next(now); s.Next.IsZero() {
		return s, &messages.FieldError{Field: "at", Reason: "has passed", Code: messages.CodeInvalidRequest}
	}
	return l.changeSchedule(ctx, ScheduleKey{s.Tenant, s.Name}, func(old *messages.Schedule) (messages.Schedule, error) {
		switch {
		case old == nil:
			return l.signSchedule(s)
		case old.SameDefinition(&s) && l.signedByMe(old):
			return *old, nil
		case old.SameDefinition(&s):
			return l.signSchedule(*old)
		case !replace:
			return s, fmt.Errorf("schedule %s: %w", s.Name, ErrScheduleExists)
		}
		s.Live, s.History = old.Live, old.History
		return l.signSchedule(s)
	})
}

// checkSchedule checks what its owner says, and reads when it is due.
func (l *Ledger) checkSchedule(ctx context.Context, s *messages.Schedule) (timetable, error) {
	s.Tenant = cmp.Or(s.Tenant, messages.DefaultTenant)
	if err := s.Validate(); err != nil {
		return nil, err
	}
	next, err := timetableOf(s)
	if err != nil {
		return nil, err
	}
	if s.At.Sub(l.now()) > farthest || time.Duration(s.Every) > farthest {
		return nil, &messages.FieldError{Reason: "its next time lies more than 100 years ahead", Code: messages.CodeInvalidRequest}
	}
	if size, err := json.Marshal(s); err != nil || len(size) > maxScheduleBytes {
		return nil, errors.Join(err, &messages.FieldError{Code: messages.CodeTooLarge, Reason: fmt.Sprintf(
			"the schedule has %d bytes, at most %d are allowed; put large data into the catalog", len(size), maxScheduleBytes)})
	}
	return next, l.checkQueue(ctx, messages.RequestAddress{
		Priority: cmp.Or(s.Request.Priority, messages.DefaultPriority), Queue: s.Queue, Tenant: s.Tenant,
	})
}

// maxScheduleBytes leaves room for what comes of a schedule.
const maxScheduleBytes = messages.MaxMessageBytes - 64<<10

// Schedule reads a schedule; ErrNoSchedule.
func (l *Ledger) Schedule(ctx context.Context, key ScheduleKey) (messages.Schedule, error) {
	stored, err := l.readSchedule(ctx, key)
	if err == nil && !stored.found {
		err = fmt.Errorf("schedule %s: %w", key.Name, ErrNoSchedule)
	}
	return stored.schedule, err
}

// Schedules reads the schedules of a tenant by name; tenant "*" reads all.
func (l *Ledger) Schedules(ctx context.Context, tenant string) ([]messages.Schedule, error) {
	var all []messages.Schedule
	err := l.each(ctx, l.schedulesBucket(), tenantKeys(tenant), func(_ string, value []byte) error {
		s, err := messages.DecodeSchedule(value)
		if err == nil {
			all = append(all, *s)
		}
		return err
	})
	slices.SortFunc(all, func(a, b messages.Schedule) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Name, b.Name))
	})
	return all, err
}

// PauseSchedule stops a schedule until it is resumed: no run is submitted any more, what
// is pending is left out, and runs that were submitted go on. The times of the pause are
// not made up for.
func (l *Ledger) PauseSchedule(ctx context.Context, key ScheduleKey) (messages.Schedule, error) {
	return l.changeSchedule(ctx, key, func(old *messages.Schedule) (messages.Schedule, error) {
		if old == nil {
			return messages.Schedule{}, fmt.Errorf("schedule %s: %w", key.Name, ErrNoSchedule)
		}
		s, now := *old, l.now()
		for len(s.Pending) > 0 {
			s = concluded(s, messages.TickSkipped, "the schedule was paused", now)
		}
		s.Paused, s.Next, s.UpdatedAt = true, time.Time{}, now
		return s, nil
	})
}

// ResumeSchedule lets a paused schedule go on with its next time from now.
func (l *Ledger) ResumeSchedule(ctx context.Context, key ScheduleKey) (messages.Schedule, error) {
	return l.changeSchedule(ctx, key, func(old *messages.Schedule) (messages.Schedule, error) {
		if old == nil {
			return messages.Schedule{}, fmt.Errorf("schedule %s: %w", key.Name, ErrNoSchedule)
		}
		s, now := *old, l.now()
		next, err := timetableOf(&s)
		if err == nil && s.Paused {
			s.Paused, s.Next, s.UpdatedAt = false, next(now), now
		}
		return s, err
	})
}

// RemoveSchedule removes a schedule; its runs go on. ErrNoSchedule.
func (l *Ledger) RemoveSchedule(ctx context.Context, key ScheduleKey) error {
	for range maxConflicts {
		old, err := l.readSchedule(ctx, key)
		if err != nil {
			return err
		}
		if !old.found {
			return fmt.Errorf("schedule %s: %w", key.Name, ErrNoSchedule)
		}
		remove := natsx.Remove(l.schedulesBucket(), messages.ScheduleKey(key.Tenant, key.Name), minTTL)
		natsx.Expect(remove, remove.Subject, old.revision)
		if _, err = l.schedules.Store(ctx, remove); !natsx.WrongSequence(err) {
			return err
		}
	}
	return fmt.Errorf("removing schedule %s: %w", key.Name, errConflict)
}

// RunSchedule submits a run of a schedule now, whatever its policies say; the next times
// count it as a live run. It works on a paused schedule, too.
func (l *Ledger) RunSchedule(ctx context.Context, key ScheduleKey) (Receipt, error) {
	now := l.now()
	run := messages.NewRunID(now)
	// The schedule first: a run that it doesn't know could overlap.
	s, err := l.changeSchedule(ctx, key, func(old *messages.Schedule) (messages.Schedule, error) {
		if old == nil {
			return messages.Schedule{}, fmt.Errorf("schedule %s: %w", key.Name, ErrNoSchedule)
		}
		s := *old
		s.Live = append(slices.Clone(s.Live), run)
		s.History = recorded(s.History, messages.Tick{At: now, RunID: run, Action: messages.TickByHand})
		s.UpdatedAt = now
		return s, nil
	})
	if err != nil {
		return Receipt{}, err
	}
	return l.Submit(ctx, Submission{Tenant: s.Tenant, Queue: s.Queue, Request: s.TickRequest(run, now)})
}

// changeSchedule stores what change makes of a schedule (nil: there is none) and sets its
// timer. change may be called several times.
func (l *Ledger) changeSchedule(ctx context.Context, key ScheduleKey, change func(*messages.Schedule) (messages.Schedule, error)) (messages.Schedule, error) {
	for range maxConflicts {
		old, err := l.readSchedule(ctx, key)
		if err != nil {
			return messages.Schedule{}, err
		}
		var was *messages.Schedule
		if old.found {
			was = &old.schedule
		}
		s, err := change(was)
		if err != nil {
			return s, err
		}
		switch now, stored, err := l.swapSchedule(ctx, old, s); {
		case err != nil:
			return s, err
		case stored:
			return now.schedule, l.armSchedule(ctx, s)
		}
	}
	return messages.Schedule{}, fmt.Errorf("changing schedule %s: %w", key.Name, errConflict)
}

// armSchedule sets the timer of a schedule; one that is over or paused needs none, and a
// timer that is left of it does no harm.
func (l *Ledger) armSchedule(ctx context.Context, s messages.Schedule) error {
	if s.Next.IsZero() {
		return nil
	}
	return l.arm(ctx, messages.Timed{Tenant: s.Tenant, Schedule: s.Name}, s.Next)
}

func (l *Ledger) schedulesBucket() string { return l.cfg.Subjects.Bucket("schedules") }

// readSchedule gives a record from the leader; one that is not found is no error.
func (l *Ledger) readSchedule(ctx context.Context, key ScheduleKey) (scheduleRecord, error) {
	bucket := l.schedulesBucket()
	subject := natsx.KeySubject(bucket, messages.ScheduleKey(key.Tenant, key.Name))
	stored, err := l.newest()(ctx, l.js, natsx.KeyStream(bucket), subject)
	if errors.Is(err, natsx.ErrNoRecord) {
		return scheduleRecord{revision: stored.Sequence}, nil
	}
	if err != nil {
		return scheduleRecord{}, fmt.Errorf("schedule %s: %w", key.Name, err)
	}
	s, err := messages.DecodeSchedule(stored.Data)
	if err != nil {
		return scheduleRecord{}, fmt.Errorf("schedule %s: %w", key.Name, err)
	}
	return scheduleRecord{schedule: *s, revision: stored.Sequence, found: true}, nil
}

// swapSchedule stores a schedule over a record; stored is false when somebody was faster.
func (l *Ledger) swapSchedule(ctx context.Context, old scheduleRecord, s messages.Schedule) (now scheduleRecord, stored bool, err error) {
	value, err := json.Marshal(s)
	if err != nil {
		return old, false, fmt.Errorf("writing schedule %s: %w", s.Name, err)
	}
	msg := natsx.Put(l.schedulesBucket(), messages.ScheduleKey(s.Tenant, s.Name), value, 0)
	natsx.Expect(msg, msg.Subject, old.revision)
	sequence, err := l.schedules.Store(ctx, msg)
	if natsx.WrongSequence(err) {
		return old, false, nil
	}
	if err != nil {
		return old, false, fmt.Errorf("storing schedule %s: %w", s.Name, err)
	}
	return scheduleRecord{schedule: s, revision: sequence, found: true}, true, nil
}
