package ledger_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
)

func TestLead(t *testing.T) {
	b := newBench(t)
	lead := func(l *ledger.Ledger, worker string, ttl time.Duration) bool {
		t.Helper()
		leads, err := l.Lead(b.ctx(), "sweep", worker, ttl)
		require.NoError(t, err)
		return leads
	}
	require.True(t, lead(b.Ledger, "w1", time.Minute))
	require.False(t, lead(b.another(), "w2", time.Minute))
	require.True(t, lead(b.Ledger, "w1", time.Second), "it goes on")
	require.Eventually(t, func() bool { return lead(b.Ledger, "w2", time.Minute) }, 10*time.Second, 10*time.Millisecond, "it runs out")
	require.False(t, lead(b.Ledger, "w1", time.Minute))

	b.cfg.Now = func() time.Time { return time.Now().Add(2 * time.Minute) }
	require.True(t, lead(b.another(), "w1", time.Minute), "the server is late in removing it")
	other, err := b.Lead(b.ctx(), "close", "w2", time.Minute)
	require.NoError(t, err)
	require.True(t, other, "another task")
}

func TestLeadOfOne(t *testing.T) {
	b := newBench(t)
	var leaders atomic.Int64
	var group sync.WaitGroup
	for i := range 8 {
		l := b.another()
		group.Go(func() {
			leads, err := l.Lead(t.Context(), "sweep", fmt.Sprint("w", i), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if leads {
				leaders.Add(1)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, leaders.Load())
}
