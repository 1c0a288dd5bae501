package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// While submits go on without a pause, a queue is paused and resumed again and again: nothing starts between what the
// pause promised and the resume.
func TestPausedQueueStartsNothing(t *testing.T) {
	f := newFixture(t)
	var starts atomic.Int32
	counting := double{run: func(context.Context, session.RunOptions) (*session.Result, error) {
		starts.Add(1)
		return &session.Result{}, nil
	}}
	f.start(counting, nil)
	f.start(counting, nil)
	var runs []messages.RunID
	for range 10 {
		for range 10 {
			runs = append(runs, f.submit(messages.RunRequest{}))
		}
		deaf, err := f.client.PauseQueue(t.Context(), queue, "")
		require.NoError(t, err)
		require.Empty(t, deaf)
		before := starts.Load()
		held := f.submit(messages.RunRequest{})
		late := f.start(counting, nil) // one that starts in a pause knows of it
		require.Never(t, func() bool { return starts.Load() > before+inFlight }, 2*fast.Sweep, fast.Sweep/8)
		status, err := f.client.Status(t.Context(), held)
		require.NoError(t, err)
		require.Equal(t, messages.StateQueued, status.State)
		late.stop()
		runs = append(runs, held)
		require.NoError(t, f.client.ResumeQueue(t.Context(), queue))
	}
	for _, run := range runs {
		require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	}
	require.EqualValues(t, len(runs), starts.Load())
	f.emptyQueue()
}

// inFlight bounds the runs whose claims were under way when their workers learnt of the pause: they count as running.
const inFlight = 16

func TestPauseAndDrainOneWorker(t *testing.T) {
	f, g := newFixture(t), newGate(false)
	paused := f.start(g.session(), nil)
	first := f.submit(messages.RunRequest{})
	g.next(t)
	entry, err := f.client.Order(t.Context(), paused.ID(), client.PauseWorker)
	require.NoError(t, err)
	require.Equal(t, "worker", entry.Paused)
	second := f.submit(messages.RunRequest{})
	other := f.start(double{}, nil)
	require.Equal(t, other.ID(), f.wait(second).Result.Worker)
	other.stop()
	require.Eventually(t, func() bool { // its subscriptions end a moment after it
		_, err := f.client.Order(t.Context(), other.ID(), client.PauseWorker)
		return errors.Is(err, client.ErrNoWorker)
	}, deadline, fast.Retry)

	third := f.submit(messages.RunRequest{})
	_, err = f.client.Order(t.Context(), paused.ID(), client.ResumeWorker)
	require.NoError(t, err)
	require.Equal(t, string(third), g.next(t))

	// It ends when its runs have ended, and not before: its grace time is over at once.
	_, err = f.client.Order(t.Context(), paused.ID(), client.DrainWorker)
	require.NoError(t, err)
	late := f.untilDraining(paused)
	g.release <- struct{}{}
	g.release <- struct{}{}
	require.Equal(t, messages.StateSucceeded, f.wait(first).State())
	require.Equal(t, messages.StateSucceeded, f.wait(third).State())
	select {
	case err := <-paused.done:
		require.NoError(t, err)
		paused.done <- err
	case <-t.Context().Done():
	}
	status, err := f.client.Status(t.Context(), late)
	require.NoError(t, err)
	require.Equal(t, messages.StateQueued, status.State)
}

// A cancelled run that waits, for whatever, ends at once.
func TestCancelOfAWaitingRunNeedsNoTurn(t *testing.T) {
	f := newFixture(t)
	f.start(double{}, func(cfg *worker.Config) { cfg.Timing.Repair = deadline * 2 })
	_, err := f.client.PauseQueue(t.Context(), queue, "")
	require.NoError(t, err)
	run := f.submit(messages.RunRequest{})
	_, err = f.client.Cancel(t.Context(), run, "")
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelled, f.wait(run).State())
	f.emptyQueue()
}
