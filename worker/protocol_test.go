package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/fault"
	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// gate is a session whose runs wait until they are let through, or until their context ends.
type gate struct {
	started chan string // gets the id of each run that started
	release chan struct{}
	deaf    bool // runs don't look at their context
}

func newGate(deaf bool) *gate {
	return &gate{started: make(chan string, 64), release: make(chan struct{}), deaf: deaf}
}

func (g *gate) session() session.Session {
	return double{run: func(ctx context.Context, opts session.RunOptions) (*session.Result, error) {
		g.started <- opts.RunID
		end := ctx.Done()
		if g.deaf {
			end = nil
		}
		select {
		case <-end:
			return nil, fmt.Errorf("node x: %w", context.Cause(ctx))
		case <-g.release:
			return &session.Result{RunID: opts.RunID}, nil
		}
	}}
}

// next waits for the next run to start.
func (g *gate) next(t testing.TB) string {
	t.Helper()
	select {
	case run := <-g.started:
		return run
	case <-time.After(deadline):
		t.Fatal("no run started")
		return ""
	}
}

func TestCancelRunning(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	w := f.start(g.session(), nil)
	run := f.submit(messages.RunRequest{})
	g.next(t)
	_, err := f.client.Cancel(t.Context(), run, "no longer needed")
	require.NoError(t, err)

	reply := f.wait(run)
	require.NotNil(t, reply.Error)
	require.Equal(t, messages.StateCancelled, reply.Error.State)
	require.Equal(t, messages.CodeCancelled, reply.Error.Code)
	require.Equal(t, w.ID(), reply.Error.Worker)
	f.emptyQueue()
	require.Equal(t, []string{"accepted", "claimed", "cancelling", "cancelled"}, f.told(run))
}

func TestCancelQueued(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	f.start(g.session(), func(cfg *worker.Config) { cfg.Concurrency = 1 })
	first := f.submit(messages.RunRequest{})
	g.next(t)
	second := f.submit(messages.RunRequest{})
	_, err := f.client.Cancel(t.Context(), second, "")
	require.NoError(t, err)
	close(g.release)

	require.Equal(t, messages.StateCancelled, f.wait(second).State())
	require.Equal(t, messages.StateSucceeded, f.wait(first).State())
	require.Empty(t, g.started, "a cancelled run was started")
	f.emptyQueue()
}

// TestStoringTakesNoSlot: with one slot the next run starts while the reply of the one before is being stored; stopping waits
// for both.
func TestStoringTakesNoSlot(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	stored, goOn := make(chan struct{}), make(chan struct{})
	points := &fault.Points{}
	points.Set(ledger.FaultReplyStored, func(context.Context) error {
		points.Set(ledger.FaultReplyStored, nil)
		close(stored)
		<-goOn
		return nil
	})
	w := f.start(g.session(), func(cfg *worker.Config) { cfg.Concurrency, cfg.Faults = 1, points })
	first, second := f.submit(messages.RunRequest{}), f.submit(messages.RunRequest{})
	g.release <- struct{}{}
	<-stored
	require.Equal(t, string(first), g.next(t))
	require.Equal(t, string(second), g.next(t))
	require.Equal(t, 1, f.info(w).Busy)
	g.release <- struct{}{}
	require.Equal(t, messages.StateSucceeded, f.wait(second).State())

	stopped := make(chan struct{})
	go func() { defer close(stopped); w.stop() }()
	require.Eventually(t, func() bool {
		workers, err := f.client.Workers(t.Context())
		return err == nil && len(workers) == 1 && workers[0].Draining
	}, deadline, 5*time.Millisecond)
	select {
	case <-stopped:
		t.Fatal("the first run has not ended")
	default:
	}
	close(goOn)
	<-stopped
	status, err := f.client.Status(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, messages.StateSucceeded, status.State)
	f.emptyQueue()
}

func TestNodeThatIgnoresItsContextIsAbandoned(t *testing.T) {
	f, g := newFixture(t), newGate(true)
	w := f.start(g.session(), func(cfg *worker.Config) { cfg.Concurrency = 1 })
	run := f.submit(messages.RunRequest{})
	g.next(t)
	_, err := f.client.Cancel(t.Context(), run, "")
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelled, f.wait(run).State())
	f.emptyQueue()

	require.Eventually(t, func() bool { return f.info(w).Abandoned == 1 }, deadline, 5*time.Millisecond)
	require.Equal(t, 1, f.info(w).Busy, "the slot of an abandoned run stays taken")
	g.release <- struct{}{}
	require.Eventually(t, func() bool { i := f.info(w); return i.Abandoned == 0 && i.Busy == 0 }, deadline, 5*time.Millisecond)
	status, err := f.client.Status(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelled, status.State, "what an abandoned run returned changed its end")
}

// workerInfo is what the info service answers, as far as these tests look.
type workerInfo struct {
	messages.Worker
	Abandoned int
	Runs      []struct {
		RunID messages.RunID `json:"run_id"`
	}
}

func (f *fixture) info(w *running) workerInfo {
	f.t.Helper()
	var info workerInfo
	f.ask(w, "info", nil, &info)
	return info
}

// ask calls a service of a worker.
func (f *fixture) ask(w *running, service string, question []byte, answer any) {
	f.t.Helper()
	msg, err := f.js.Conn().Request(messages.Subjects{}.Worker(w.ID(), service), question, deadline)
	require.NoError(f.t, err)
	require.Empty(f.t, msg.Header.Get("Nats-Service-Error"))
	require.NoError(f.t, json.Unmarshal(msg.Data, answer))
}

func TestStopPutsRunsBackWithoutSpendingAnAttempt(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	first := f.start(g.session(), nil)
	run := f.submit(messages.RunRequest{})
	g.next(t)
	first.stop()
	status, err := f.client.Status(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, messages.StateQueued, status.State)
	require.Empty(t, status.Owner)

	second := f.start(double{}, nil)
	reply := f.wait(run)
	require.Nil(t, reply.Error)
	require.Equal(t, second.ID(), reply.Result.Worker)
	f.emptyQueue()
	status, err = f.client.Status(t.Context(), run)
	require.NoError(t, err)
	require.Zero(t, status.Retries)
	require.Zero(t, status.Losses)
}

func TestStopLetsRunsFinish(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	w := f.start(g.session(), func(cfg *worker.Config) { cfg.Grace = deadline })
	run := f.submit(messages.RunRequest{})
	g.next(t)
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.stop() }()
	late := f.untilDraining(w)
	close(g.release)
	<-stopped
	require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	status, err := f.client.Status(t.Context(), late)
	require.NoError(t, err)
	require.Equal(t, messages.StateQueued, status.State, "a stopping worker took a run")
}

// untilDraining waits until a stopping worker takes no more runs, then submits one.
func (f *fixture) untilDraining(w *running) messages.RunID {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return f.info(w).Draining }, deadline, 5*time.Millisecond)
	return f.submit(messages.RunRequest{})
}

func TestLongRunIsStartedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var starts atomic.Int32
	sess := double{run: func(ctx context.Context, opts session.RunOptions) (*session.Result, error) {
		starts.Add(1)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(10 * fast.Lease):
			return &session.Result{}, nil
		}
	}}
	f.start(sess, nil)
	f.start(sess, nil)
	reply := f.wait(f.submit(messages.RunRequest{}))
	require.Equal(t, messages.StateSucceeded, reply.State())
	require.EqualValues(t, 1, starts.Load())
	require.EqualValues(t, 1, reply.Result.Epoch)
	f.emptyQueue()
}

func TestTimeout(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	f.start(g.session(), nil)
	reply := f.wait(f.submit(messages.RunRequest{Timeout: messages.Duration(50 * time.Millisecond)}))
	require.Equal(t, messages.StateTimedOut, reply.State())
	require.Equal(t, messages.CodeTimeout, reply.Error.Code)
	f.emptyQueue()
}

func TestFailuresBecomeReplies(t *testing.T) {
	f := newFixture(t)
	broken := errors.New("disk full at https://user:secret@host/x?token=abc")
	f.start(double{run: func(_ context.Context, opts session.RunOptions) (*session.Result, error) {
		switch opts.Tags[0] {
		case "panic":
			panic("out of cheese")
		case "node":
			return nil, &session.RunError{Node: "clean", Message: broken.Error(), Resume: "resume from clean", Err: broken}
		}
		return nil, broken
	}}, nil)

	reply := f.wait(f.submit(messages.RunRequest{Tags: []string{"panic"}})).Error
	require.Equal(t, messages.StateFailed, reply.State)
	require.Equal(t, messages.CodeInternal, reply.Code)
	require.Equal(t, "panic: out of cheese", reply.Message)
	require.Contains(t, reply.Traceback, "protocol_test.go")

	reply = f.wait(f.submit(messages.RunRequest{Tags: []string{"node"}})).Error
	require.Equal(t, messages.StateFailed, reply.State)
	require.Equal(t, messages.CodeNodeFailed, reply.Code)
	require.Equal(t, "clean", reply.Node)
	require.Equal(t, "resume from clean", reply.Resume)
	require.Equal(t, "RuntimeError", reply.Type)
	require.Equal(t, "disk full at https://<redacted>@host/x?<redacted>", reply.Message)

	reply = f.wait(f.submit(messages.RunRequest{Tags: []string{"other"}})).Error
	require.Equal(t, messages.CodeRunFailed, reply.Code)
	f.emptyQueue()
}

func TestSlotsBoundTheRunsInHand(t *testing.T) {
	f := newFixture(t)
	var now, most atomic.Int32
	f.start(double{run: func(context.Context, session.RunOptions) (*session.Result, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-time.After(5 * time.Millisecond)
		return &session.Result{}, nil
	}}, func(cfg *worker.Config) { cfg.Concurrency = 3 })
	runs := make([]messages.RunID, 60)
	for i := range runs {
		runs[i] = f.submit(messages.RunRequest{})
	}
	for _, run := range runs {
		require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	}
	require.EqualValues(t, 3, most.Load())
	f.emptyQueue()
}

// TestPrioritiesAreTakenInOrder submits before the worker comes: a request reaches a worker a moment after its submit, so
// one that is busy may free its slot before it has heard of all of them.
func TestPrioritiesAreTakenInOrder(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	byPriority := map[messages.Priority]messages.RunID{}
	for _, p := range []messages.Priority{messages.P3, messages.P1, messages.P2, messages.P0} {
		byPriority[p] = f.submit(messages.RunRequest{Priority: p})
	}
	f.deliverable(len(byPriority))
	close(g.release)
	f.start(g.session(), func(cfg *worker.Config) { cfg.Concurrency = 1 })
	var got, want []string
	for _, p := range messages.Priorities() {
		want = append(want, string(byPriority[p]))
		got = append(got, g.next(t))
	}
	require.Equal(t, want, got)
	f.wait(byPriority[messages.P3])
	f.emptyQueue()
}

func TestServices(t *testing.T) {
	f := newFixture(t)
	w := f.start(open(t, map[string]string{"conf/base/parameters.yml": "x: 1\n"}, defaultPipeline(threeNodes)), func(cfg *worker.Config) {
		cfg.Pipelines = []string{"__default__"}
	})
	info := f.info(w)
	require.Equal(t, w.ID(), info.ID)
	require.Equal(t, 8, info.Slots)
	require.Equal(t, []string{"__default__"}, info.Pipelines)

	var plan struct {
		Pipelines []string
		Nodes     []struct{ Name string }
	}
	f.ask(w, "plan", []byte(`{"run_id":"x","from_nodes":["grow"]}`), &plan)
	require.Len(t, plan.Nodes, 2)
	require.Equal(t, "grow", plan.Nodes[0].Name)

	var snapshot session.Snapshot
	f.ask(w, "snapshot", nil, &snapshot)
	require.Equal(t, []string{"x"}, snapshot.Parameters)

	msg, err := f.js.Conn().Request(messages.Subjects{}.Worker(w.ID(), "plan"), []byte(`{"run_id":"x","pipeline_names":["__defaul__"]}`), deadline)
	require.NoError(t, err)
	require.Equal(t, "400", msg.Header.Get("Nats-Service-Error-Code"))
	require.Contains(t, string(msg.Data), "__default__", "the answer suggests the name that was meant")
}

func TestRoster(t *testing.T) {
	f := newFixture(t)
	w := f.start(double{}, nil)
	var roster []messages.Worker
	require.Eventually(t, func() bool {
		var err error
		roster, err = f.client.Workers(t.Context())
		return err == nil && len(roster) == 1
	}, deadline, 5*time.Millisecond)
	require.Equal(t, w.ID(), roster[0].ID)
	require.Equal(t, queue, roster[0].Queue)
	w.stop()
	roster, err := f.client.Workers(t.Context())
	require.NoError(t, err)
	require.Empty(t, roster)
}

func TestLogLinesAreCapped(t *testing.T) {
	f := newFixture(t)
	f.start(double{run: func(_ context.Context, opts session.RunOptions) (*session.Result, error) {
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 1000 {
					opts.Observe(session.Event{Kind: session.EventLog, Time: time.Now(), Level: "info", Message: "spam"})
				}
			})
		}
		group.Wait()
		return &session.Result{}, nil
	}}, nil)
	run := f.submit(messages.RunRequest{})
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	lines, last, epoch := map[uint64]int{}, "", uint64(0) // on a slow machine a claim may be lost, and the cap is that of a claim
	for update, err := range f.client.Watch(ctx, run) {
		require.NoError(t, err)
		if update.Event != nil && update.Event.Kind == messages.EventLog {
			lines[update.Event.Epoch]++
			last = update.Event.Message
		}
		if update.Reply != nil {
			epoch = update.Reply.Ended().Epoch
		}
	}
	require.Equal(t, 1001, lines[epoch])
	require.Equal(t, "more than 1000 log lines: the rest is left out", last)
}
