package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/messages"
)

// TestRecovery kills workers under short and long runs and measures when these start again; beside, a run of ten times
// the ack wait goes on, and starts once.
func TestRecovery(t *testing.T) {
	form, seed := chosenForm(), chosenSeed(t)
	t.Logf("KEDGE_CHAOS_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 9))
	f := newFleet(t, 1, 2, 4, form.lease)
	c := f.client()
	ctx, cancel := context.WithTimeout(t.Context(), form.limit)
	defer cancel()

	patient := f.run(ctx, c, 10*form.lease)
	spared := f.owner(ctx, c, patient)
	var killed []messages.RunID
	for round := range form.rounds {
		length := form.lease / 3
		if round%2 == 1 {
			length = 5 * form.lease
		}
		run, victim := f.elsewhere(ctx, c, length, spared)
		wait(ctx, time.Duration(random.Int64N(int64(min(length, form.lease)*3/4))))
		f.kill(victim)
		f.addWorker()
		killed = append(killed, run)
	}
	for _, run := range killed {
		f.until(ctx, c, run, func(s messages.Status) bool { return s.Epoch > 1 || s.State.Terminal() })
		_, err := c.Cancel(ctx, run, "measured")
		require.True(t, err == nil || errors.Is(err, client.ErrEnded), "%v", err)
	}
	reply, err := c.Wait(ctx, patient)
	require.NoError(t, err)
	require.Nil(t, reply.Error)

	starts := f.starts()
	require.Len(t, starts[patient], 1, "a run of 10 times the ack wait starts once")
	recoveries := f.recoveries(starts)
	require.Len(t, recoveries, form.rounds)
	t.Logf("lease %v, from SIGKILL to the next start: p50 %v, most %v, of %d, short and long runs in turn",
		form.lease, quantile(recoveries, 0.5), quantile(recoveries, 1), len(recoveries))
	require.Less(t, quantile(recoveries, 1), 15*time.Second)
}

// run submits a run of some length.
func (f *fleet) run(ctx context.Context, c *client.Client, length time.Duration) messages.RunID {
	f.t.Helper()
	receipt, err := c.Submit(ctx, &messages.RunRequest{RuntimeParams: map[string]any{"x": 1, "ms": int(length.Milliseconds())}})
	require.NoError(f.t, err)
	return receipt.RunID
}

// until waits for a status.
func (f *fleet) until(ctx context.Context, c *client.Client, run messages.RunID, fits func(messages.Status) bool) messages.Status {
	f.t.Helper()
	for {
		status, err := c.Status(ctx, run)
		if err == nil && fits(status) {
			return status
		}
		require.NoError(f.t, ctx.Err(), "%v", err)
		wait(ctx, 10*time.Millisecond)
	}
}

// owner is the worker that runs a run.
func (f *fleet) owner(ctx context.Context, c *client.Client, run messages.RunID) *process {
	f.t.Helper()
	status := f.until(ctx, c, run, func(s messages.Status) bool { return s.Owner != "" })
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.workers {
		if p.name == status.Owner {
			return p
		}
	}
	require.Fail(f.t, "no such worker", status.Owner)
	return nil
}

// elsewhere submits runs until one is run by another worker than spared.
func (f *fleet) elsewhere(ctx context.Context, c *client.Client, length time.Duration, spared *process) (messages.RunID, *process) {
	f.t.Helper()
	for {
		run := f.run(ctx, c, length)
		if owner := f.owner(ctx, c, run); owner != spared {
			return run, owner
		}
		_, err := c.Cancel(ctx, run, "not there")
		require.True(f.t, err == nil || errors.Is(err, client.ErrEnded), "%v", err)
	}
}
