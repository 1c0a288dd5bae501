package worker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

func (f *fixture) letters() []messages.DeadLetter {
	f.t.Helper()
	l, err := ledger.New(f.js, ledger.Config{})
	require.NoError(f.t, err)
	defer l.Close()
	letters, err := l.Dead(f.t.Context(), messages.DefaultTenant)
	require.NoError(f.t, err)
	return letters
}

// A process that dies under a run is a loss; the third one, in which the run was alone, ends it as a dead letter.
func TestRunThatLosesItsProcessIsGivenUp(t *testing.T) {
	f := newFixture(t)
	f.start(double{run: func(context.Context, session.RunOptions) (*session.Result, error) {
		return nil, &session.LostError{Reason: "the process ended: signal: killed", Node: "train", Output: "out of memory"}
	}}, nil)
	run := f.submit(messages.RunRequest{MaxAttempts: 9, Backoff: quick})
	reply := f.wait(run)
	require.Equal(t, messages.StateDead, reply.State())
	require.Equal(t, messages.CodePoison, reply.Error.Code)
	require.Equal(t, 3, reply.Error.Attempt)
	require.Contains(t, reply.Error.Traceback, "out of memory")
	require.Equal(t, "train", reply.Error.Node)
	f.emptyQueue()
	status, err := f.client.Status(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, []int{3, 0}, []int{status.Losses, status.Retries}, "losses and retries are counted apart")
	letters := f.letters()
	require.Len(t, letters, 1)
	require.Equal(t, run, letters[0].RunID)
	require.Equal(t, 3, letters[0].Losses)
}

// A run that was lost twice starts when nothing else runs, and nothing starts beside it.
func TestSuspectRunsAlone(t *testing.T) {
	f := newFixture(t)
	var now, suspectStarts, beside atomic.Int32
	lone, hold, neighbours := make(chan struct{}), make(chan struct{}), make(chan struct{})
	f.start(double{run: func(ctx context.Context, opts session.RunOptions) (*session.Result, error) {
		others := now.Add(1) - 1
		defer now.Add(-1)
		if opts.Tags[0] == "suspect" {
			if suspectStarts.Add(1) < 3 {
				return nil, &session.LostError{Reason: "killed"}
			}
			beside.Store(others)
			close(lone)
			<-hold
			return &session.Result{}, nil
		}
		select {
		case <-lone:
			if suspectStarts.Load() == 3 {
				select {
				case <-hold:
				default:
					return nil, errors.New("started beside a suspect")
				}
			}
		case <-neighbours:
		}
		return &session.Result{}, nil
	}}, func(cfg *worker.Config) { cfg.Concurrency = 4 })
	early := []messages.RunID{f.submit(messages.RunRequest{Tags: []string{"other"}}), f.submit(messages.RunRequest{Tags: []string{"other"}})}
	require.Eventually(t, func() bool { return now.Load() == 2 }, deadline, time.Millisecond)
	suspect := f.submit(messages.RunRequest{Tags: []string{"suspect"}})
	require.Eventually(t, func() bool {
		status, err := f.client.Status(t.Context(), suspect)
		return err == nil && status.Losses == 2
	}, deadline, 5*time.Millisecond)
	late := f.submit(messages.RunRequest{Tags: []string{"other"}})
	close(neighbours)
	<-lone
	later := f.submit(messages.RunRequest{Tags: []string{"other"}})
	require.Never(t, func() bool { return now.Load() > 1 }, 5*fast.Sweep, time.Millisecond)
	close(hold)
	for _, run := range append(early, suspect, late, later) {
		require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	}
	require.Zero(t, beside.Load(), "a suspect started beside others")
	f.emptyQueue()
}

// A suspect that waits for an empty worker can be cancelled, and is given back when the worker stops.
func TestSuspectThatWaits(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	w := f.start(double{run: func(ctx context.Context, opts session.RunOptions) (*session.Result, error) {
		if len(opts.Tags) > 0 {
			return nil, &session.LostError{Reason: "killed"}
		}
		return g.session().Run(ctx, opts)
	}}, nil)
	f.submit(messages.RunRequest{})
	g.next(t)
	suspect := f.submit(messages.RunRequest{Tags: []string{"suspect"}})
	lost := func(n int) func() bool {
		return func() bool {
			status, err := f.client.Status(t.Context(), suspect)
			return err == nil && status.Losses == n && status.State == messages.StateQueued
		}
	}
	require.Eventually(t, lost(2), deadline, 5*time.Millisecond)
	_, err := f.client.Cancel(t.Context(), suspect, "")
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelled, f.wait(suspect).State())

	suspect = f.submit(messages.RunRequest{Tags: []string{"suspect"}})
	require.Eventually(t, lost(2), deadline, 5*time.Millisecond)
	w.stop()
	require.True(t, lost(2)())
	require.Empty(t, f.letters())
}

// TestKillerTakesNobodyWithIt runs one killer of workers among others. Its workers die three times; the others, lost
// with them, succeed.
func TestKillerTakesNobodyWithIt(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	f := &fixture{t: t, server: server, js: server.JetStream(topology), client: newClient(t, server)}
	var runs []messages.RunID
	for i := range 6 {
		runs = append(runs, f.submit(messages.RunRequest{RuntimeParams: map[string]any{"x": i}}))
	}
	poison := f.submit(messages.RunRequest{RuntimeParams: map[string]any{"x": killer}})
	ended, supervised := make(chan struct{}), sync.WaitGroup{}
	supervised.Go(func() {
		for {
			p := startWorker(t, roleWork, server.URL(), 7)
			died := make(chan struct{})
			go func() { defer close(died); _ = p.cmd.Wait() }()
			select {
			case <-died:
			case <-ended:
				_ = p.cmd.Process.Kill()
				<-died
				return
			}
		}
	})
	for i, run := range runs {
		reply := f.wait(run)
		require.Equal(t, messages.StateSucceeded, reply.State(), "run %d", i)
	}
	reply := f.wait(poison)
	f.emptyQueue()
	close(ended)
	supervised.Wait()
	require.Equal(t, messages.StateDead, reply.State())
	letters := f.letters()
	require.Len(t, letters, 1)
	require.Equal(t, poison, letters[0].RunID)
}
