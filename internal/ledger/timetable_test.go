package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedge-run/kedge/messages"
)

// hourly is a schedule that is due at the full hours from 12:00 on.
func hourly(change func(*messages.Schedule)) messages.Schedule {
	s := messages.Schedule{
		Name: "s", Tenant: "t", Queue: "q", Cron: "0 * * * *",
		CreatedAt: clockAt(11, 30), UpdatedAt: clockAt(11, 30), Next: clockAt(12, 0),
	}
	if change != nil {
		change(&s)
	}
	return s
}

func clockAt(hour, minute int) time.Time {
	return time.Date(2026, 11, 24, hour, minute, 0, 0, time.UTC)
}

func times(ticks []messages.Tick) []string {
	list := []string{}
	for _, tick := range ticks {
		list = append(list, tick.At.Format("15:04 ")+string(tick.Action))
	}
	return list
}

func TestFired(t *testing.T) {
	catchUp := func(policy messages.CatchUp, limit int) func(*messages.Schedule) {
		return func(s *messages.Schedule) { s.CatchUp, s.CatchUpLimit = policy, limit }
	}
	replace := func(s *messages.Schedule) {
		s.Overlap, s.Pending = messages.OverlapReplace, []messages.Tick{{At: clockAt(11, 0)}}
	}
	tests := map[string]struct {
		change  func(*messages.Schedule)
		now     time.Time
		pending []string
		history []string
		next    time.Time
	}{
		"not due":                {nil, clockAt(11, 59), []string{}, []string{}, clockAt(12, 0)},
		"on time":                {nil, clockAt(12, 0), []string{"12:00 "}, []string{}, clockAt(13, 0)},
		"a little late":          {catchUp("none", 0), clockAt(12, 1), []string{"12:00 "}, []string{}, clockAt(13, 0)},
		"one by default":         {nil, clockAt(15, 30), []string{"15:00 "}, []string{"14:00 missed"}, clockAt(16, 0)},
		"one, one missed":        {catchUp("one", 0), clockAt(12, 30), []string{"12:00 "}, []string{}, clockAt(13, 0)},
		"none":                   {catchUp("none", 0), clockAt(15, 30), []string{}, []string{"15:00 missed"}, clockAt(16, 0)},
		"none, the last in time": {catchUp("none", 0), clockAt(15, 0), []string{"15:00 "}, []string{"14:00 missed"}, clockAt(16, 0)},
		"all":                    {catchUp("all", 0), clockAt(15, 30), []string{"12:00 ", "13:00 ", "14:00 ", "15:00 "}, []string{}, clockAt(16, 0)},
		"all, bounded":           {catchUp("all", 2), clockAt(15, 30), []string{"14:00 ", "15:00 "}, []string{"13:00 missed"}, clockAt(16, 0)},
		"paused":                 {func(s *messages.Schedule) { s.Paused = true }, clockAt(15, 30), []string{}, []string{}, clockAt(12, 0)},
		"replaces what waits":    {replace, clockAt(12, 0), []string{"12:00 "}, []string{"11:00 skipped"}, clockAt(13, 0)},
		"other rules of a zone":  {func(s *messages.Schedule) { s.Next = clockAt(12, 7) }, clockAt(12, 8), []string{}, []string{}, clockAt(13, 0)},
		"once":                   {func(s *messages.Schedule) { s.Cron, s.At = "", clockAt(12, 0) }, clockAt(12, 5), []string{"12:00 "}, []string{}, time.Time{}},
		"every 20m": {func(s *messages.Schedule) {
			s.Cron, s.Every, s.Next = "", messages.Duration(20*time.Minute), clockAt(11, 50)
		}, clockAt(12, 15),
			[]string{"12:10 "}, []string{"11:50 missed"}, clockAt(12, 30)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := hourly(test.change)
			next, err := timetableOf(&s)
			require.NoError(t, err)
			got := fired(s, next, test.now)
			require.Equal(t, test.pending, times(got.Pending))
			require.Equal(t, test.history, times(got.History))
			require.True(t, test.next.Equal(got.Next), got.Next)
			require.Equal(t, got, fired(got, next, test.now), "firing twice is firing once")
			for _, tick := range got.Pending {
				require.Equal(t, tick.At.Equal(clockAt(11, 0)), tick.RunID == "")
			}
		})
	}
}

// TestNewestOfYears finds the newest times within few steps, however long the outage and however short the interval.
func TestNewestOfYears(t *testing.T) {
	now := clockAt(12, 0)
	for text, want := range map[string][]time.Time{
		"* * * * * *": {now.Add(-time.Second), now},
		"0 0 1 1 *":   {time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		calls := 0
		parsed, err := timetableOf(&messages.Schedule{Cron: text})
		require.NoError(t, err)
		counted := timetable(func(t time.Time) time.Time { calls++; return parsed(t) })
		newest, more := counted.newest(2, parsed(time.Unix(0, 0)), now)
		require.Equal(t, want, newest)
		require.True(t, more)
		require.Less(t, calls, 1000)
	}
}

// TestFiringLosesNothing checks for random outages that each time is run, missed or to come, exactly once.
func TestFiringLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hourly(func(s *messages.Schedule) {
			s.Overlap, s.CatchUp, s.CatchUpLimit = "queue", "all", messages.MaxCatchUpLimit
		})
		next, err := timetableOf(&s)
		if err != nil {
			t.Fatal(err)
		}
		now, want := s.CreatedAt, s.Next
		for range rapid.IntRange(1, 10).Draw(t, "outages") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "hours")) * time.Hour)
			s = fired(s, next, now)
			for len(s.Pending) > 0 {
				if !s.Pending[0].At.Equal(want) || s.Pending[0].At.After(now) {
					t.Fatalf("%s is pending, want %s", s.Pending[0].At, want)
				}
				want = next(want)
				s = concluded(s, messages.TickSubmitted, "", now)
			}
			if !s.Next.Equal(want) || !s.Next.After(now) {
				t.Fatalf("next is %s, want %s", s.Next, want)
			}
			if len(s.History) > messages.MaxHistory {
				t.Fatal("the history is not bounded")
			}
		}
	})
}

func TestTurns(t *testing.T) {
	live := []messages.RunID{"r"}
	pending := []messages.Tick{{At: clockAt(12, 0)}}
	require.Equal(t, turnNone, turnOf(messages.Schedule{}, live))
	require.Equal(t, turnSubmit, turnOf(messages.Schedule{Pending: pending}, nil))
	require.Equal(t, turnSkip, turnOf(messages.Schedule{Pending: pending}, live))
	require.Equal(t, turnSkip, turnOf(messages.Schedule{Pending: pending, Overlap: "skip"}, live))
	require.Equal(t, turnWait, turnOf(messages.Schedule{Pending: pending, Overlap: "queue"}, live))
	require.Equal(t, turnCancel, turnOf(messages.Schedule{Pending: pending, Overlap: "replace"}, live))
}
