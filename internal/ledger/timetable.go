package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/kedge-run/kedge/internal/cron"
	"github.com/kedge-run/kedge/messages"
)

// timetable gives the first time after t at which a schedule is due; zero: never again.
type timetable func(t time.Time) time.Time

// timetableOf reads when a schedule is due. The error is a *messages.FieldError.
func timetableOf(s *messages.Schedule) (timetable, error) {
	switch {
	case s.Cron != "":
		return cronTimes(s)
	case s.Every > 0:
		return func(t time.Time) time.Time {
			if t.Before(s.CreatedAt) {
				t = s.CreatedAt
			}
			since := t.Sub(s.CreatedAt)
			return t.Add(time.Duration(s.Every) - since%time.Duration(s.Every))
		}, nil
	}
	return func(t time.Time) time.Time {
		if s.At.After(t) {
			return s.At.UTC()
		}
		return time.Time{}
	}, nil
}

func cronTimes(s *messages.Schedule) (timetable, error) {
	if _, err := cron.Zone(s.TimeZone); err != nil {
		return nil, &messages.FieldError{Field: "time_zone", Reason: err.Error(), Code: messages.CodeInvalidRequest}
	}
	parsed, err := cron.Parse(s.Cron, s.TimeZone)
	if err != nil {
		return nil, &messages.FieldError{Field: "cron", Reason: err.Error(), Code: messages.CodeInvalidRequest}
	}
	return func(t time.Time) time.Time {
		next := parsed.Next(t)
		if next.IsZero() {
			return next
		}
		return next.UTC()
	}, nil
}

// newest lists the newest n of the times from first to now, in order, and tells whether
// there are earlier ones. What was missed for years is found within few steps.
func (next timetable) newest(n int, first, now time.Time) (times []time.Time, more bool) {
	for span := time.Minute; ; span *= 4 {
		from := now.Add(-span)
		whole := span <= 0 || span > 200*365*24*time.Hour || !from.After(first) // the first: it has overflowed
		if whole {
			from = first
		}
		times = times[:0]
		for t := next(from.Add(-time.Nanosecond)); !t.IsZero() && !t.After(now); t = next(t) {
			times = append(times, t)
		}
		if whole || len(times) > n {
			more = len(times) > n
			return slices.Clone(times[max(0, len(times)-n):]), more
		}
	}
}

// onTime is how late a time may be looked at without counting as missed.
const onTime = time.Minute

// maxPendingTicks bounds the due runs of a schedule that wait for an earlier one.
const maxPendingTicks = 100

// fired is the schedule at the time now: what is due is pending, as the catch-up policy
// wants it, and the next time is known.
func fired(s messages.Schedule, next timetable, now time.Time) messages.Schedule {
	if s.Paused || s.Next.IsZero() || s.Next.After(now) {
		return s
	}
	limit := 1
	if s.CatchUp == messages.CatchUpAll {
		limit = messages.DefaultCatchUpLimit
		if s.CatchUpLimit > 0 {
			limit = s.CatchUpLimit
		}
	}
	times, more := next.newest(limit, s.Next, now)
	if len(times) == 0 { // the rules of its time zone have changed
		s.Next, s.UpdatedAt = next(now), now
		return s
	}
	var missed time.Time // the newest time that is left out
	if more {
		missed = next.before(times[0], s.Next)
	}
	if s.CatchUp == messages.CatchUpNone && now.Sub(times[0]) > onTime {
		missed, times = times[0], nil
	}
	if !missed.IsZero() {
		s.History = recorded(s.History, messages.Tick{At: missed, Action: messages.TickMissed, Reason: missedReason(s, missed)})
	}
	s.Pending = slices.Clone(s.Pending)
	for _, at := range times {
		s.Pending = append(s.Pending, messages.Tick{At: at, RunID: s.TickRunID(at)})
	}
	s = bounded(s)
	s.Next, s.UpdatedAt = next(now), now
	return s
}

// before is the last time before t, from first on; else first.
func (next timetable) before(t, first time.Time) time.Time {
	times, _ := next.newest(1, first, t.Add(-time.Nanosecond))
	if len(times) == 0 {
		return first
	}
	return times[0]
}

func missedReason(s messages.Schedule, last time.Time) string {
	policy := s.CatchUp
	if policy == "" {
		policy = messages.CatchUpOne
	}
	if last.Equal(s.Next) {
		return fmt.Sprintf("nobody was there at the time; catch-up policy %s", policy)
	}
	return fmt.Sprintf("nobody was there at the times from %s on; catch-up policy %s", s.Next.UTC().Format(time.RFC3339), policy)
}

// bounded leaves out pending runs that are too many: a replacing schedule needs the newest
// only.
func bounded(s messages.Schedule) messages.Schedule {
	most, reason := maxPendingTicks, fmt.Sprintf("more than %d runs wait already", maxPendingTicks)
	if s.Overlap == messages.OverlapReplace {
		most, reason = 1, "a newer run takes its place"
	}
	for len(s.Pending) > most {
		dropped := s.Pending[0]
		s.Pending = s.Pending[1:]
		s.History = recorded(s.History, messages.Tick{At: dropped.At, Action: messages.TickSkipped, Reason: reason})
	}
	return s
}

// recorded puts an outcome in front of a history.
func recorded(history []messages.Tick, tick messages.Tick) []messages.Tick {
	history = append([]messages.Tick{tick}, history...)
	return history[:min(len(history), messages.MaxHistory)]
}

// concluded takes the first pending run off: it was submitted, skipped or refused.
func concluded(s messages.Schedule, action messages.TickAction, reason string, now time.Time) messages.Schedule {
	tick := s.Pending[0]
	s.Pending = s.Pending[1:]
	tick.Action, tick.Reason = action, reason
	if action == messages.TickSubmitted {
		s.Live = append(slices.Clone(s.Live), tick.RunID)
	} else {
		tick.RunID = ""
	}
	s.History, s.UpdatedAt = recorded(s.History, tick), now
	return s
}

// turn is what a schedule's first pending run needs.
type turn int

const (
	turnNone   turn = iota // nothing is pending
	turnSubmit             // it is submitted
	turnSkip               // it is left out
	turnWait               // it waits for the live run
	turnCancel             // the live run is cancelled; then it waits
)

// turnOf decides by the overlap policy. Live are the live runs of the schedule other than
// the pending one.
func turnOf(s messages.Schedule, live []messages.RunID) turn {
	switch {
	case len(s.Pending) == 0:
		return turnNone
	case len(live) == 0:
		return turnSubmit
	case s.Overlap == messages.OverlapQueue:
		return turnWait
	case s.Overlap == messages.OverlapReplace:
		return turnCancel
	}
	return turnSkip
}

// NextTimes lists the next n times at which a schedule is due after a time.
func NextTimes(s messages.Schedule, after time.Time, n int) ([]time.Time, error) {
	next, err := timetableOf(&s)
	if err != nil {
		return nil, err
	}
	var times []time.Time
	for t := next(after); !t.IsZero() && len(times) < n; t = next(t) {
		times = append(times, t)
	}
	return times, nil
}
