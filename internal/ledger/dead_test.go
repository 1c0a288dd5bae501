package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// claimSuspect lets two owners of a run vanish and gives the third claim, which is alone.
func (b *bench) claimSuspect() *ledger.Claim {
	b.t.Helper()
	b.claim("w1")
	b.takeOver("w2")
	return b.takeAlone("w3")
}

// takeAlone waits until the claim of a lost run says that it wants to be alone.
func (b *bench) takeAlone(worker string) *ledger.Claim {
	b.t.Helper()
	l := b.another()
	for {
		msg := b.next()
		claim, err := l.Claim(b.ctx(), msg, worker)
		require.Nil(b.t, claim, "started beside others")
		if errors.Is(err, ledger.ErrAlone) {
			claim, err = l.ClaimAlone(b.ctx(), msg, worker)
			require.NoError(b.t, err)
			require.NotNil(b.t, claim)
			return claim
		}
		require.NoError(b.t, err)
	}
}

// finishRest lets another worker do whatever the queue asks for, until it is empty.
func (b *bench) finishRest(worker string) {
	b.t.Helper()
	l := b.another()
	require.Eventually(b.t, func() bool {
		if msg := b.poll(time.Second); msg != nil {
			claim, err := l.Claim(b.ctx(), msg, worker)
			require.NoError(b.t, err)
			require.Nil(b.t, claim, "a run that is to be given up was started")
		}
		return b.waiting() == 0
	}, 15*time.Second, time.Millisecond)
}

func (b *bench) dead() []messages.DeadLetter {
	b.t.Helper()
	letters, err := b.Dead(b.ctx(), "*")
	require.NoError(b.t, err)
	return letters
}

func dead() *messages.Reply {
	return &messages.Reply{Error: &messages.RunError{
		Ended: messages.Ended{State: messages.StateDead}, Code: messages.CodePoison, Message: "its process was killed",
	}}
}

// TestPoison kills the worker of a run three times: the third time it was alone, so it
// is given up, once, whatever the claimer that finds it does not get done.
func TestPoison(t *testing.T) {
	steps := map[string]struct {
		die  func(context.Context, *ledger.Claim) error
		says string // in the message
	}{
		"lost": {func(context.Context, *ledger.Claim) error { return nil }, "while worker w3 ran nothing else"},
		"lost after a heartbeat": {func(ctx context.Context, c *ledger.Claim) error {
			return c.Beat(ctx, nil)
		}, "while worker w3 ran nothing else"},
		"after the letter": {func(ctx context.Context, c *ledger.Claim) error {
			return ledger.StoreLetter(ctx, c, dead())
		}, "while worker w3 ran nothing else"},
		"after the reply": {func(ctx context.Context, c *ledger.Claim) error {
			return errors.Join(ledger.StoreLetter(ctx, c, dead()), ledger.StoreDone(ctx, c, dead()))
		}, "its process was killed"},
		"after the final status": {func(ctx context.Context, c *ledger.Claim) error {
			return errors.Join(ledger.StoreLetter(ctx, c, dead()), ledger.StoreEnd(ctx, c, dead()))
		}, "its process was killed"},
		"by its owner": {func(ctx context.Context, c *ledger.Claim) error {
			return c.Finish(ctx, dead())
		}, "its process was killed"},
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			key := b.submit(&messages.RunRequest{Labels: map[string]string{"a": "b"}})
			third := b.claimSuspect()
			require.Equal(t, []any{3, 2, true}, []any{third.Status().Attempt, third.Status().Losses, third.Status().Alone})
			require.NoError(t, step.die(b.ctx(), third))
			b.finishRest("w4")

			reply := b.requireEnd(key, messages.StateDead)
			require.Equal(t, messages.CodePoison, reply.Error.Code)
			require.Contains(t, reply.Error.Message, step.says)
			require.Equal(t, 3, b.status(key).Losses)
			letters := b.dead()
			require.Len(t, letters, 1)
			require.Equal(t, key.RunID, letters[0].RunID)
			require.Equal(t, []any{3, 3, 0}, []any{letters[0].Attempts, letters[0].Losses, letters[0].Retries})
			request, err := messages.DecodeRunRequest(letters[0].Request)
			require.NoError(t, err)
			require.Equal(t, "b", request.Labels["a"])
		})
	}
}

// TestPutBackIsNoLoss: what its worker gave back in good order is not suspected.
func TestPutBackIsNoLoss(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	for range 5 {
		require.NoError(t, b.claim("w").PutBack(b.ctx(), ledger.Outcome{Reason: "draining"}))
	}
	third := b.claim("w1")
	require.Equal(t, []any{6, 0, false}, []any{third.Status().Attempt, third.Status().Losses, third.Status().Alone})
	require.NoError(t, third.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}

// TestAloneAndBack: a run that was given back after it ran alone is alone again.
func TestAloneAndBack(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	third := b.claimSuspect()
	require.NoError(t, third.PutBack(b.ctx(), ledger.Outcome{Reason: "draining"}))
	require.False(t, b.status(key).Alone)
	fourth := b.takeAlone("w4")
	require.True(t, fourth.Status().Alone)
	require.NoError(t, fourth.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
	require.Empty(t, b.dead())
}

// TestCancelBeatsDeath: who died between letter and reply leaves no letter of a run
// that then ended otherwise.
func TestCancelBeatsDeath(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	third := b.claimSuspect()
	require.NoError(t, ledger.StoreLetter(b.ctx(), third, dead()))
	require.Len(t, b.dead(), 1)
	_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
	require.NoError(t, err)
	b.finishRest("w4")
	b.requireEnd(key, messages.StateCancelled)
	require.Empty(t, b.dead())
}
