package worker_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// failing is a session whose runs fail so many times, and the save versions they saw.
type failing struct {
	times    int32
	err      error
	versions chan string
	runs     atomic.Int32
}

func newFailing(times int, err error) *failing {
	return &failing{times: int32(times), err: err, versions: make(chan string, 16)}
}

func (s *failing) session() session.Session {
	return double{run: func(_ context.Context, opts session.RunOptions) (*session.Result, error) {
		s.versions <- opts.SaveVersion
		if s.runs.Add(1) <= s.times {
			return nil, &session.RunError{Node: "n", Message: s.err.Error(), Err: s.err}
		}
		return &session.Result{}, nil
	}}
}

// quick is a backoff that tests can wait for.
var quick = &messages.Backoff{Initial: messages.Duration(20 * time.Millisecond)}

func TestRetries(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name     string
		times    int
		err      error
		request  messages.RunRequest
		queue    messages.RetryPolicy
		attempts int
		state    messages.State
	}{
		{"no policy", 1, broken, messages.RunRequest{}, messages.RetryPolicy{}, 1, messages.StateFailed},
		{"of the request", 2, broken, messages.RunRequest{MaxAttempts: 3, Backoff: quick}, messages.RetryPolicy{}, 3, messages.StateSucceeded},
		{"of the queue", 1, broken, messages.RunRequest{}, messages.RetryPolicy{MaxAttempts: 2, Backoff: quick}, 2, messages.StateSucceeded},
		{"used up", 2, broken, messages.RunRequest{MaxAttempts: 2}, messages.RetryPolicy{MaxAttempts: 9, Backoff: quick}, 2, messages.StateFailed},
		{"transient", 2, pipeline.Transient(broken), messages.RunRequest{Backoff: quick}, messages.RetryPolicy{}, 3, messages.StateSucceeded},
		{"always transient", 9, pipeline.Transient(broken), messages.RunRequest{Backoff: quick}, messages.RetryPolicy{}, 3, messages.StateFailed},
		{"permanent", 2, pipeline.Permanent(broken), messages.RunRequest{MaxAttempts: 3, Backoff: quick}, messages.RetryPolicy{}, 1, messages.StateFailed},
		{"another code", 1, broken, messages.RunRequest{MaxAttempts: 3, RetryOn: []messages.Code{messages.CodeTimeout}}, messages.RetryPolicy{}, 1, messages.StateFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, s := newFixture(t), newFailing(c.times, c.err)
			f.start(s.session(), func(cfg *worker.Config) { cfg.Retry = c.queue })
			run := f.submit(c.request)
			reply := f.wait(run)
			require.Equal(t, c.state, reply.State())
			require.Equal(t, c.attempts, reply.Ended().Attempt)
			require.Equal(t, string(run), <-s.versions)
			for attempt := 2; attempt <= c.attempts; attempt++ {
				require.Equal(t, fmt.Sprintf("%s.%d", run, attempt), <-s.versions)
			}
			f.emptyQueue()
			status, err := f.client.Status(t.Context(), run)
			require.NoError(t, err)
			require.Equal(t, c.attempts-1, status.Retries)
			require.Zero(t, status.Losses)
			require.Empty(t, s.versions)
		})
	}
}

// A node that hangs ends its run, and is named; other nodes may take as long together.
func TestNodeTimeout(t *testing.T) {
	f := newFixture(t)
	slowly := func(ctx context.Context, d time.Duration) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d):
			return nil
		}
	}
	f.start(open(t, nil, project.WithPipeline("__default__", func() (*pipeline.Pipeline, error) {
		return pipeline.New(
			pipeline.Define(func(ctx context.Context, ms int) (int, error) {
				return ms, slowly(ctx, time.Duration(ms)*time.Millisecond)
			}, "params:slow", "a", pipeline.Name("first")),
			pipeline.Define(func(ctx context.Context, ms int) (int, error) {
				return ms, slowly(ctx, time.Duration(ms)*time.Millisecond)
			}, "a", "b", pipeline.Name("second")),
			pipeline.Define(func(ctx context.Context, _, x int) (int, error) { return x, slowly(ctx, time.Duration(x)*time.Minute) }, []string{"b", "params:stuck"}, "c", pipeline.Name("third")),
		)
	})), nil)
	params := func(slow, stuck int) map[string]any { return map[string]any{"slow": slow, "stuck": stuck} }
	limit := messages.Duration(2 * time.Second)
	reply := f.wait(f.submit(messages.RunRequest{RuntimeParams: params(1100, 0), NodeTimeout: limit}))
	require.Equal(t, messages.StateSucceeded, reply.State(), "each node kept to its time")
	reply = f.wait(f.submit(messages.RunRequest{RuntimeParams: params(0, 1), NodeTimeout: limit}))
	require.Equal(t, messages.StateTimedOut, reply.State())
	require.Equal(t, messages.CodeNodeTimeout, reply.Error.Code)
	require.Equal(t, "third", reply.Error.Node)
	require.Equal(t, "node third was stopped: it ran longer than the node timeout of 2s", reply.Error.Message)

	long := messages.RunRequest{RuntimeParams: params(0, 1), Timeout: messages.Duration(time.Second), MaxAttempts: 2, Backoff: quick}
	reply = f.wait(f.submit(long))
	require.Equal(t, messages.CodeTimeout, reply.Error.Code)
	require.Equal(t, "the run was stopped: its timeout of 1s passed in node third", reply.Error.Message)
	require.Equal(t, 2, reply.Error.Attempt, "a timeout is of one attempt")
	f.emptyQueue()
}

// A run that waits for its next attempt is queued, says why, and outlives its worker.
func TestRetryWaitsInTheQueue(t *testing.T) {
	f, s := newFixture(t), newFailing(1, errors.New("broken"))
	first := f.start(s.session(), nil)
	run := f.submit(messages.RunRequest{MaxAttempts: 2, Backoff: &messages.Backoff{Initial: messages.Duration(2 * time.Second)}})
	var status messages.Status
	require.Eventually(t, func() bool {
		var err error
		status, err = f.client.Status(t.Context(), run)
		return err == nil && status.Retries == 1
	}, deadline, 5*time.Millisecond)
	first.stop()
	require.Equal(t, messages.StateQueued, status.State)
	require.Equal(t, "an error, attempt 2 of 2 follows", status.Waiting)
	require.Equal(t, "broken", status.LastError.Message)
	notBefore := status.NotBefore

	f.start(s.session(), nil)
	require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	status, err := f.client.Status(t.Context(), run)
	require.NoError(t, err)
	require.False(t, status.StartedAt.Before(notBefore), "started %s before its time", notBefore.Sub(status.StartedAt))
	f.awaitEvent(run, messages.EventRetrying)
}
