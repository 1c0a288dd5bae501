package worker_test

import (
	"context"
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
	require.Eventually(f.t, func() bool {
		s, err := audit.Read(f.t.Context(), f.js, messages.Subjects{})
		return err == nil && len(s.Findings(audit.Expect{Ended: true})) == 0
	}, deadline, 20*time.Millisecond, "the auditor finds something")
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
	for range 300 {
		runs = append(runs, f.submit(messages.RunRequest{ConcurrencyKey: "gpu"}))
	}
	begin := time.Now()
	for _, run := range runs {
		require.Equal(t, messages.StateSucceeded, f.wait(run).State())
	}
	t.Logf("%d runs in %v", len(runs), time.Since(begin))
	require.EqualValues(t, 2, c.most.Load())
	require.EqualValues(t, len(runs), c.total.Load())
	f.requireClean()
}
