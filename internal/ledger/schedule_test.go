package ledger_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

var nightly = ledger.ScheduleKey{Tenant: messages.DefaultTenant, Name: "nightly"}

// schedule adds the schedule nightly, due every hour unless changed.
func (b *bench) schedule(change func(*messages.Schedule)) messages.Schedule {
	b.t.Helper()
	s := messages.Schedule{Name: nightly.Name, Queue: queue, Every: messages.Duration(time.Hour)}
	s.Request.RuntimeParams = map[string]any{"big": json.Number("12345678901234567890")}
	if change != nil {
		change(&s)
	}
	s, err := b.AddSchedule(b.ctx(), s, false)
	require.NoError(b.t, err)
	return s
}

func (b *bench) tick(now time.Time) time.Duration {
	b.t.Helper()
	again, err := ledger.Tick(b.ctx(), b.Ledger, nightly, now)
	require.NoError(b.t, err)
	return again
}

func (b *bench) show() messages.Schedule {
	b.t.Helper()
	s, err := b.Schedule(b.ctx(), nightly)
	require.NoError(b.t, err)
	return s
}

// outcomes are the actions of the history, newest first.
func (b *bench) outcomes() []messages.TickAction {
	b.t.Helper()
	var actions []messages.TickAction
	for _, tick := range b.show().History {
		actions = append(actions, tick.Action)
	}
	return actions
}

// TestScheduleFires is a schedule as it is, with the server's own timers.
func TestScheduleFires(t *testing.T) {
	b := newBench(t)
	s := b.schedule(func(s *messages.Schedule) { s.Every = messages.Duration(time.Second) })
	var last messages.RunID
	for i := 1; i <= 2; i++ {
		b.dispatch()
		claim := b.claim("w1")
		at := s.CreatedAt.Add(time.Duration(i) * time.Second)
		require.Equal(t, s.TickRunID(at), claim.Key().RunID)
		require.Equal(t, "nightly", claim.Request().Labels[messages.ScheduleLabel])
		require.Equal(t, json.Number("12345678901234567890"), claim.Request().RuntimeParams["big"])
		require.Greater(t, claim.Key().RunID, last)
		last = claim.Key().RunID
		require.NoError(t, claim.Finish(b.ctx(), success()))
	}
	require.Equal(t, []messages.TickAction{messages.TickSubmitted, messages.TickSubmitted}, b.outcomes())
	require.True(t, b.show().Next.Equal(s.CreatedAt.Add(3*time.Second)))
}

func TestOneShotScheduleIsOver(t *testing.T) {
	b := newBench(t)
	s := b.schedule(func(s *messages.Schedule) { s.Every, s.At = 0, time.Now().Add(300*time.Millisecond) })
	b.dispatch()
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	require.Zero(t, b.show().Next)
	require.Zero(t, b.tick(s.At.Add(time.Hour)))
	require.Zero(t, b.waiting())
}

func TestOverlapSkip(t *testing.T) {
	b := newBench(t)
	s := b.schedule(nil)
	b.tick(s.Next)
	claim := b.claim("w1")
	b.tick(s.Next.Add(time.Hour))
	require.Zero(t, b.waiting()-1, "only the run in work")
	require.Equal(t, []messages.TickAction{messages.TickSkipped, messages.TickSubmitted}, b.outcomes())
	require.Contains(t, b.show().History[0].Reason, string(claim.Key().RunID))
	require.NoError(t, claim.Finish(b.ctx(), success()))
	b.tick(s.Next.Add(2 * time.Hour))
	require.EqualValues(t, 1, b.waiting())
}

func TestOverlapQueue(t *testing.T) {
	b := newBench(t)
	s := b.schedule(func(s *messages.Schedule) {
		s.Overlap, s.CatchUp, s.CatchUpLimit = messages.OverlapQueue, messages.CatchUpAll, 3
	})
	now := s.Next.Add(2*time.Hour + time.Minute)
	for i := range 3 {
		again := b.tick(now)
		require.Equal(t, i < 2, again > 0)
		require.EqualValues(t, 1, b.waiting())
		require.Len(t, b.show().Pending, 2-i)
		claim := b.claim("w1")
		require.Equal(t, s.TickRunID(s.Next.Add(time.Duration(i)*time.Hour)), claim.Key().RunID, "in order")
		b.tick(now)
		require.EqualValues(t, 1, b.waiting())
		require.NoError(t, claim.Finish(b.ctx(), success()))
	}
}

func TestOverlapReplace(t *testing.T) {
	b := newBench(t)
	s := b.schedule(func(s *messages.Schedule) { s.Overlap = messages.OverlapReplace })
	b.tick(s.Next)
	claim := b.claim("w1")
	later := s.Next.Add(time.Hour)
	require.NotZero(t, b.tick(later), "the live run ends first")
	require.ErrorIs(t, claim.Beat(b.ctx(), nil), ledger.ErrCancelled)
	require.NotZero(t, b.tick(later))
	require.EqualValues(t, 1, b.waiting())
	require.NoError(t, claim.Finish(b.ctx(), cancelled()))
	require.Zero(t, b.tick(later))
	next := b.claim("w2")
	require.Equal(t, s.TickRunID(later), next.Key().RunID)
	require.NoError(t, next.Finish(b.ctx(), success()))
}

// TestCrashWhileTicking lets a dispatcher die after each of its steps; another one, which
// may come much later, repeats them. Each due time is one run.
func TestCrashWhileTicking(t *testing.T) {
	for steps := range 4 {
		for _, swept := range []bool{false, true} {
			t.Run(map[bool]string{false: "redelivered", true: "swept"}[swept]+string(rune('0'+steps)), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				s := b.schedule(func(s *messages.Schedule) {
					s.Every, s.Overlap, s.CatchUp = messages.Duration(2*time.Second), messages.OverlapQueue, messages.CatchUpAll
				})
				due := b.due()
				require.NoError(t, ledger.TickSteps(b.ctx(), b.Ledger, nightly, s.Next, steps))
				if swept {
					require.NoError(t, due.DoubleAck(b.ctx()))
					b.cfg.Now = func() time.Time { return time.Now().Add(time.Hour) }
					_, err := b.another().Sweep(b.ctx(), "sweeper")
					require.NoError(t, err)
				} else {
					require.NoError(t, b.another().Dispatch(b.ctx(), b.due(), "another"))
				}
				claim := b.claim("w1")
				require.Equal(t, s.TickRunID(s.Next), claim.Key().RunID)
				require.EqualValues(t, 1, b.waiting())
				require.NoError(t, claim.Finish(b.ctx(), success()))
				outcomes := b.outcomes()
				require.Equal(t, messages.TickSubmitted, outcomes[len(outcomes)-1])
				b.due() // the next timer is set
			})
		}
	}
}

// TestDispatchersMeet lets several dispatchers do the same at once.
func TestDispatchersMeet(t *testing.T) {
	b := newBench(t)
	s := b.schedule(func(s *messages.Schedule) { s.Overlap = messages.OverlapQueue })
	var group sync.WaitGroup
	errs := make(chan error, 8)
	for range 8 {
		l := b.another()
		group.Go(func() {
			_, err := ledger.Tick(context.Background(), l, nightly, s.Next)
			errs <- err
		})
	}
	group.Wait()
	for range 8 {
		require.NoError(t, <-errs)
	}
	require.EqualValues(t, 1, b.waiting())
	require.Equal(t, []messages.TickAction{messages.TickSubmitted}, b.outcomes())
	require.Len(t, b.show().Live, 1)
}

// TestSweepFindsLateSchedules covers a timer that was lost, and a due run that nobody
// submitted.
func TestSweepFindsLateSchedules(t *testing.T) {
	b := newBench(t)
	b.schedule(func(s *messages.Schedule) { s.Every, s.At = 0, time.Now().Add(50*time.Millisecond) })
	require.NoError(t, b.due().DoubleAck(b.ctx()))
	b.cfg.Now = func() time.Time { return time.Now().Add(time.Hour) } // a worker's clock is no reason to fire early
	sweeper := b.another()
	swept, err := sweeper.Sweep(b.ctx(), "sweeper")
	require.NoError(t, err)
	require.Equal(t, 1, swept)
	require.EqualValues(t, 1, b.waiting())

	early := ledger.ScheduleKey{Tenant: "default", Name: "early"}
	_, err = b.AddSchedule(b.ctx(), messages.Schedule{Name: early.Name, Queue: queue, Every: messages.Duration(time.Minute)}, false)
	require.NoError(t, err)
	_, err = sweeper.Sweep(b.ctx(), "sweeper")
	require.NoError(t, err)
	stored, err := b.Schedule(b.ctx(), early)
	require.NoError(t, err)
	require.Empty(t, stored.History)
}

func TestScheduleIsChangedByItsOwner(t *testing.T) {
	b := newBench(t)
	_, err := b.Schedule(b.ctx(), nightly)
	require.ErrorIs(t, err, ledger.ErrNoSchedule)
	s := b.schedule(nil)
	again, err := b.AddSchedule(b.ctx(), messages.Schedule{Name: s.Name, Queue: queue, Every: s.Every, Request: s.Request}, false)
	require.NoError(t, err)
	require.True(t, again.CreatedAt.Equal(s.CreatedAt), "the same schedule")
	other := messages.Schedule{Name: s.Name, Queue: queue, Cron: "@daily", TimeZone: "Europe/Berlin"}
	_, err = b.AddSchedule(b.ctx(), other, false)
	require.ErrorIs(t, err, ledger.ErrScheduleExists)

	receipt, err := b.RunSchedule(b.ctx(), nightly)
	require.NoError(t, err)
	require.Equal(t, []messages.RunID{receipt.RunID}, b.show().Live)
	require.Equal(t, "nightly", b.status(receipt.Key).Labels[messages.ScheduleLabel])
	b.tick(s.Next)
	require.Equal(t, []messages.TickAction{messages.TickSkipped, messages.TickByHand}, b.outcomes(), "a run by hand counts")

	paused, err := b.PauseSchedule(b.ctx(), nightly)
	require.NoError(t, err)
	require.Zero(t, paused.Next)
	require.Zero(t, b.tick(s.Next.Add(time.Hour)))
	resumed, err := b.ResumeSchedule(b.ctx(), nightly)
	require.NoError(t, err)
	require.True(t, resumed.Next.After(time.Now()))
	require.Len(t, resumed.History, 2, "the time of the pause is not made up for")

	replaced, err := b.AddSchedule(b.ctx(), other, true)
	require.NoError(t, err)
	require.Len(t, replaced.History, 2)
	require.Equal(t, []messages.RunID{receipt.RunID}, replaced.Live)

	all, err := b.Schedules(b.ctx(), "*")
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.NoError(t, b.RemoveSchedule(b.ctx(), nightly))
	require.ErrorIs(t, b.RemoveSchedule(b.ctx(), nightly), ledger.ErrNoSchedule)
	for _, change := range []func(context.Context, ledger.ScheduleKey) (messages.Schedule, error){b.PauseSchedule, b.ResumeSchedule} {
		_, err := change(b.ctx(), nightly)
		require.ErrorIs(t, err, ledger.ErrNoSchedule)
	}
	_, err = b.RunSchedule(b.ctx(), nightly)
	require.ErrorIs(t, err, ledger.ErrNoSchedule)
	require.Zero(t, b.tick(time.Now()), "a timer that is left does nothing")
	b.schedule(nil)
}

func TestScheduleRefuses(t *testing.T) {
	b := newBench(t)
	tests := map[string]struct {
		schedule messages.Schedule
		field    string
	}{
		"name":     {messages.Schedule{Name: "a b", Cron: "@daily"}, "name"},
		"cron":     {messages.Schedule{Cron: "* * *"}, "cron"},
		"zone":     {messages.Schedule{Cron: "@daily", TimeZone: "Mars/Olympus"}, "time_zone"},
		"past":     {messages.Schedule{At: time.Now().Add(-time.Hour)}, "at"},
		"far":      {messages.Schedule{At: time.Now().Add(farAway)}, ""},
		"rare":     {messages.Schedule{Every: messages.Duration(farAway)}, ""},
		"priority": {messages.Schedule{Cron: "@daily", Request: messages.RunRequest{Priority: "p9"}}, "request.priority"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.schedule.Name == "" {
				test.schedule.Name = "s"
			}
			test.schedule.Queue = queue
			var field *messages.FieldError
			_, err := b.AddSchedule(b.ctx(), test.schedule, false)
			require.ErrorAs(t, err, &field)
			require.Equal(t, test.field, field.Field)
		})
	}
	_, err := b.AddSchedule(b.ctx(), messages.Schedule{Name: "s", Cron: "@daily", Queue: "nowhere"}, false)
	require.ErrorIs(t, err, ledger.ErrNoQueue)
}

// TestRefusedRunLeavesATrace takes the queue away from a schedule.
func TestRefusedRunLeavesATrace(t *testing.T) {
	b := newBench(t)
	s := b.schedule(nil)
	name := natsx.ConsumerName(queue, messages.DefaultTenant, messages.DefaultPriority)
	require.NoError(t, b.js.DeleteConsumer(b.ctx(), "KEDGE_RUNS", name))
	b.Ledger = b.another()
	b.tick(s.Next)
	require.Equal(t, []messages.TickAction{messages.TickRefused}, b.outcomes())
	require.Contains(t, b.show().History[0].Reason, "no such queue")
}

// TestServerIsDownWhenRunsAreDue kills the server over several due times: the timer fires when it is back, once, and
// the dispatcher finds what was missed.
func TestServerIsDownWhenRunsAreDue(t *testing.T) {
	server := natstest.StartProcess(t, true)
	b := &bench{t: t, topology: natsx.Topology{Queues: []string{queue}, AckWait: time.Second}}
	b.js = server.JetStream(b.topology)
	var err error
	b.Ledger, err = ledger.New(b.js, ledger.Config{LeaseTTL: time.Second})
	require.NoError(t, err)
	s := b.schedule(func(s *messages.Schedule) {
		s.Every, s.Overlap, s.CatchUp = messages.Duration(time.Second), messages.OverlapQueue, messages.CatchUpAll
	})
	server.Kill()
	<-time.After(time.Until(s.Next.Add(2 * time.Second))) // the outage
	server.Restart()
	require.Eventually(t, func() bool {
		_, err := b.js.Stream(t.Context(), "KEDGE_SCHEDULES")
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	b.dispatch()
	require.GreaterOrEqual(t, len(b.show().Pending), 2)
	for i := range 3 {
		claim := b.claim("w1")
		require.Equal(t, s.TickRunID(s.Next.Add(time.Duration(i)*time.Second)), claim.Key().RunID)
		require.NoError(t, claim.Finish(b.ctx(), success()))
		b.dispatch()
	}
}
