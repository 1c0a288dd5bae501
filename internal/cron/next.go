package cron

import "time"

// horizon is how many years ahead a time is looked for: 29 February may be 8 years away,
// and fall on a certain weekday once in 40.
const horizon = 41

// Next is the first time after t at which the schedule fires; zero when there is none
// within 41 years.
func (s *Schedule) Next(t time.Time) time.Time {
	limit := t.Year() + horizon
	t = t.In(s.zone)
	wall := clock(t) // times are looked for behind this reading of the clock
	for t.Year() <= limit {
		start, end := period(t)
		offset := clock(t).Sub(t)
		if again := s.shownBefore(start); again.After(wall) {
			wall = again
		}
		next := s.nextWall(wall, limit)
		if next.IsZero() {
			return time.Time{}
		}
		if at := next.Add(-offset); end.IsZero() || at.Before(end) {
			return at.In(s.zone)
		}
		// The clock changes first. What it skips fires then.
		changed := clock(end)
		if !s.everyHour && next.Before(changed) {
			return end
		}
		t, wall = end, changed.Add(-time.Nanosecond)
	}
	return time.Time{}
}

// period is the time around t in which its zone's offset holds; it may end early. Where
// the zone has a rule instead of a table, from 2038 on, ZoneBounds lets the last day of a
// leap year end before it begins.
func period(t time.Time) (start, end time.Time) {
	start, end = t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		end = t.Add(24 * time.Hour)
	}
	return start, end
}

// shownBefore is, for a period that began when the clock was set back, the last reading
// that it repeats; else zero.
func (s *Schedule) shownBefore(start time.Time) time.Time {
	if s.everyHour || start.IsZero() {
		return time.Time{}
	}
	before := clock(start.Add(-time.Nanosecond)) // just before the change
	if !before.After(clock(start)) {
		return time.Time{}
	}
	return before
}

// clock is what a clock in the time's zone shows, as a time in UTC.
func clock(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, t.Nanosecond(), time.UTC)
}

// nextWall is the first matching reading of a clock after wall; UTC has no changes.
func (s *Schedule) nextWall(wall time.Time, limit int) time.Time {
	t := wall.Truncate(time.Second).Add(time.Second)
	for t.Year() <= limit {
		year, month, day := t.Date()
		hour, minute, second := t.Clock()
		switch {
		case !has(s.month, int(month)):
			t = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
		case !s.dayMatches(t):
			t = time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
		case !has(s.hour, hour):
			t = time.Date(year, month, day, hour+1, 0, 0, 0, time.UTC)
		case !has(s.minute, minute):
			t = time.Date(year, month, day, hour, minute+1, 0, 0, time.UTC)
		case !has(s.second, second):
			t = t.Add(time.Second)
		default:
			return t
		}
	}
	return time.Time{}
}

func has(set uint64, value int) bool { return set>>value&1 == 1 }

func (s *Schedule) dayMatches(t time.Time) bool {
	day, weekday := has(s.day, t.Day()), has(s.weekday, int(t.Weekday()))
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}
