package worker_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// counter is a session that notes how many of its runs are under way, over all workers that share it.
type counter struct {
	now, most, total atomic.Int32
	takes            time.Duration
}

func (c *counter) session() session.Session {
	return double{run: func(ctx context.Context, opts session.RunOptions) (*session.Result, error) {
		now := c.now.Add(1)
		defer c.now.Add(-1)
		for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
		}
		c.total.Add(1)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(c.takes):
		}
		return &session.Result{RunID: opts.RunID}, nil
	}}
}

// requireClean wants that nothing of ended runs is left, slots among it.
func (f *fixture) requireClean() {
	f.t.Helper()
	var found []audit.Finding
	require.Eventually(f.t, func() bool {
		s, err := audit.Read(f.t.Context(), f.js, messages.Subjects{})
		found = s.Findings(audit.Expect{Ended: true})
		return err == nil && len(found) == 0
	}, deadline, 20*time.Millisecond, "the auditor finds %v", &found)
}

// TestLimitIsExact lets eight workers work off runs of one key: two at a time, and never three.
func TestLimitIsExact(t *testing.T) {
	f := newFixture(t)
	c := &counter{takes: 2 * time.Millisecond}
	require.NoError(t, f.client.SetLimit(t.Context(), "gpu", messages.Limit{Concurrency: 2}))
	for range 8 {
		f.start(c.session(), func(cfg *worker.Config) { cfg.Concurrency = 2 })
	}
	var runs []messages.RunID
	for range 80 {
		runs = append(runs, f.submit(messages.RunRequest{ConcurrencyKey: "gpu"}))
	}
	for _, run := range runs {
		require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	}
	require.EqualValues(t, 2, c.most.Load())
	require.GreaterOrEqual(t, int(c.total.Load()), len(runs), "one whose heartbeats were late starts again")
	f.requireClean()
}

// waitsFor waits until the status of a run says so.
func (f *fixture) waitsFor(run messages.RunID, text string) {
	f.t.Helper()
	var status messages.Status
	require.Eventually(f.t, func() bool {
		var err error
		status, err = f.client.Status(f.t.Context(), run)
		return err == nil && strings.Contains(status.Waiting, text)
	}, deadline, 5*time.Millisecond, "%v", &status)
	require.Equal(f.t, messages.StateQueued, status.State)
}

// A key that nobody declared lets one run at a time be under way; one that waits says for whom, keeps no other run from
// the worker, and ends at once when it is cancelled.
func TestWaitForAKey(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	f.start(g.session(), func(cfg *worker.Config) { cfg.Concurrency, cfg.Timing.Repair = 2, 2*deadline })
	first := f.submit(messages.RunRequest{ConcurrencyKey: "gpu *.>"})
	require.Equal(t, string(first), g.next(t))
	second := f.submit(messages.RunRequest{ConcurrencyKey: "gpu *.>", Priority: messages.P2})
	third := f.submit(messages.RunRequest{ConcurrencyKey: "gpu *.>", Priority: messages.P2})
	f.waitsFor(second, `concurrency key "gpu *.>": 1 of at most 1 at a time under way (`+string(first)+")")
	f.waitsFor(third, string(first))

	other := f.submit(messages.RunRequest{ConcurrencyKey: "another"})
	require.Equal(t, string(other), g.next(t), "it comes after two that wait")
	_, err := f.client.Cancel(t.Context(), second, "")
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelled, f.wait(second).State(), "while the first one is under way")
	g.release <- struct{}{} // of either
	g.release <- struct{}{}
	require.Equal(t, messages.StateSucceeded, f.wait(first).State())
	require.Equal(t, messages.StateSucceeded, f.wait(other).State())
	require.Equal(t, string(third), g.next(t))
	g.release <- struct{}{}
	require.Equal(t, messages.StateSucceeded, f.wait(third).State())
	f.emptyQueue()
	f.requireClean()
}

// A run that waits for its key in hand gives up in time.
func TestStartByOfAWaitingRun(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	f.start(g.session(), nil)
	f.submit(messages.RunRequest{ConcurrencyKey: "k"})
	g.next(t)
	late := f.submit(messages.RunRequest{ConcurrencyKey: "k", StartBy: time.Now().Add(500 * time.Millisecond)})
	reply := f.wait(late)
	require.Equal(t, messages.StateTimedOut, reply.State())
	require.Equal(t, messages.CodeStartByPassed, reply.Error.Code)
	g.release <- struct{}{}
	f.requireClean()
}

// A raised limit lets runs in at once; a lowered one lets nobody in until enough have ended.
func TestLimitChanges(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	for range 2 {
		f.start(g.session(), nil)
	}
	limit := func(n int) {
		require.NoError(t, f.client.SetLimit(t.Context(), "team-*", messages.Limit{Concurrency: n}))
	}
	key := messages.RunRequest{ConcurrencyKey: "team-a"}
	limit(1)
	var runs []messages.RunID
	for range 5 {
		runs = append(runs, f.submit(key))
	}
	g.next(t)
	limit(3)
	g.next(t)
	g.next(t)
	limit(2)
	g.release <- struct{}{}
	ended := func() (n int) {
		for _, run := range runs {
			if _, err := f.client.Result(t.Context(), run); err == nil {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return ended() == 1 }, deadline, 5*time.Millisecond)
	require.Never(t, func() bool { return len(g.started) > 0 }, 5*fast.Sweep, fast.Sweep, "two are under way")
	g.release <- struct{}{}
	g.next(t)
	require.NoError(t, f.client.RemoveLimit(t.Context(), "team-*"))
	g.release <- struct{}{}
	g.release <- struct{}{}
	g.next(t)
	g.release <- struct{}{}
	for _, run := range runs {
		require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	}
	f.requireClean()
}

// A rate holds back what comes too fast, and says until when; nothing is held meanwhile.
func TestRateHoldsBack(t *testing.T) {
	f := newFixture(t)
	f.start(double{}, nil)
	require.NoError(t, f.client.SetLimit(t.Context(), "api", messages.Limit{
		Concurrency: 1, Rate: &messages.Rate{Starts: 2, Per: messages.Duration(time.Hour), Burst: 2},
	}))
	for range 2 {
		require.Equal(t, messages.StateSucceeded, f.wait(f.submit(messages.RunRequest{ConcurrencyKey: "api"})).State())
	}
	held := f.submit(messages.RunRequest{ConcurrencyKey: "api"})
	f.waitsFor(held, `concurrency key "api": at most 2/1h starts, the next at 20`)
	keys, err := f.client.Keys(t.Context())
	require.NoError(t, err)
	require.Empty(t, keys.Holders, "it waits without a slot")
	require.NoError(t, f.client.SetLimit(t.Context(), "api", messages.Limit{Concurrency: 1}))
	require.Equal(t, messages.StateSucceeded, f.wait(held).State())
	f.requireClean()
}

func TestPausedKey(t *testing.T) {
	f := newFixture(t)
	f.start(double{}, nil)
	require.NoError(t, f.client.PauseKey(t.Context(), "a*", messages.KeyPause{Pause: messages.Pause{By: "me", Reason: "the disk is full"}}))
	held := f.submit(messages.RunRequest{ConcurrencyKey: "api"})
	f.waitsFor(held, `concurrency key "api" to be resumed: paused by me (the disk is full)`)
	require.Equal(t, messages.StateSucceeded, f.wait(f.submit(messages.RunRequest{ConcurrencyKey: "b"})).State())
	require.NoError(t, f.client.ResumeKey(t.Context(), "a*"))
	require.Equal(t, messages.StateSucceeded, f.wait(held).State())

	require.NoError(t, f.client.PauseKey(t.Context(), "api", messages.KeyPause{Until: time.Now().Add(time.Second)}))
	require.Equal(t, messages.StateSucceeded, f.wait(f.submit(messages.RunRequest{ConcurrencyKey: "api"})).State(), "it ends by itself")
	f.requireClean()
}

// A worker that stops gives back what waits in its hand, and a queue that is paused too.
func TestWaitingRunsAreGivenBack(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	holder := f.start(g.session(), func(cfg *worker.Config) { cfg.Concurrency = 1 })
	first := f.submit(messages.RunRequest{ConcurrencyKey: "k"})
	g.next(t)
	waiter := f.start(g.session(), nil) // the other one has no place for it
	second := f.submit(messages.RunRequest{ConcurrencyKey: "k"})
	f.waitsFor(second, string(first))
	waiter.stop()
	g.release <- struct{}{}
	require.Equal(t, messages.StateSucceeded, f.wait(first).State())
	require.Equal(t, string(second), g.next(t))
	_, err := f.client.PauseQueue(t.Context(), queue, "")
	require.NoError(t, err)
	g.release <- struct{}{}
	require.Equal(t, holder.ID(), f.wait(second).Result.Worker)
	f.requireClean()
}

// The nodes of an abandoned run go on, so nobody starts in its place.
func TestAbandonedRunKeepsItsSlot(t *testing.T) {
	f, g := newFixture(t), newGate(true)
	f.start(g.session(), nil)
	first := f.submit(messages.RunRequest{ConcurrencyKey: "k"})
	g.next(t)
	second := f.submit(messages.RunRequest{ConcurrencyKey: "k"})
	f.waitsFor(second, string(first))
	_, err := f.client.Cancel(t.Context(), first, "")
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelled, f.wait(first).State())
	require.Never(t, func() bool { return len(g.started) > 0 }, 2*fast.Lease, fast.Lease/4, "the nodes of the first one still work")
	g.release <- struct{}{}
	g.next(t)
	g.release <- struct{}{}
	require.Equal(t, messages.StateSucceeded, f.wait(second).State())
	f.requireClean()
}
