package ledger_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

const tenant = messages.DefaultTenant

// blocked claims the next message, which must wait for its key.
func (b *bench) blocked(worker string) *ledger.BlockedError {
	b.t.Helper()
	claim, err := b.Claim(b.ctx(), b.next(), worker)
	require.Nil(b.t, claim)
	var blocked *ledger.BlockedError
	require.ErrorAs(b.t, err, &blocked)
	return blocked
}

// admit tries again until a run is let in.
func (b *bench) admit(w *ledger.Waiter) *ledger.Claim {
	b.t.Helper()
	var claim *ledger.Claim
	require.Eventually(b.t, func() bool {
		var err error
		claim, err = w.Claim(b.ctx(), "w2", nil)
		var blocked *ledger.BlockedError
		if err != nil && !errors.As(err, &blocked) {
			b.t.Error(err)
		}
		return claim != nil
	}, 20*time.Second, 20*time.Millisecond)
	return claim
}

func succeeded() *messages.Reply { return &messages.Reply{Result: &messages.RunResult{}} }

// holders are the runs that hold a key, by what is stored.
func (b *bench) holders(key string) (runs []messages.RunID) {
	b.t.Helper()
	all, err := b.Holders(b.ctx(), tenant)
	require.NoError(b.t, err)
	for _, h := range all {
		if h.Key == key {
			runs = append(runs, h.RunID)
		}
	}
	return runs
}

// A slot goes with its run, whatever becomes of that: the next one gets it.
func TestSlotGoesWithItsRun(t *testing.T) {
	for name, end := range map[string]func(b *bench, c *ledger.Claim) error{
		"finished": func(b *bench, c *ledger.Claim) error { return c.Finish(b.ctx(), succeeded()) },
		"put back": func(b *bench, c *ledger.Claim) error {
			return c.PutBack(b.ctx(), ledger.Outcome{Delay: time.Minute, Reason: "its worker stopped"})
		},
		"cancelled": func(b *bench, c *ledger.Claim) error {
			_, err := b.Cancel(b.ctx(), c.Key(), messages.Cancel{})
			return errors.Join(err, c.PutBack(b.ctx(), ledger.Outcome{}))
		},
		"lost": func(*bench, *ledger.Claim) error { return nil }, // it runs out
		"alive": func(b *bench, c *ledger.Claim) error {
			return errors.Join(c.Beat(b.ctx(), nil), c.Finish(b.ctx(), succeeded()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			key := "a.b *> ü/=" // of which nothing may become a token of a subject
			first := b.submit(&messages.RunRequest{ConcurrencyKey: key})
			claim := b.claim("w1")
			second := b.submit(&messages.RunRequest{ConcurrencyKey: key})
			waits := b.blocked("w2")
			require.Contains(t, waits.Reason, string(first.RunID))
			require.NoError(t, waits.Waiter.Explain(b.ctx(), waits.Reason))
			require.Equal(t, waits.Reason, b.status(second).Waiting)
			require.Equal(t, []messages.RunID{first.RunID}, b.holders(key))

			require.NoError(t, end(b, claim))
			again := b.admit(waits.Waiter)
			require.Empty(t, b.status(second).Waiting)
			require.Equal(t, []messages.RunID{second.RunID}, b.holders(key))
			require.NoError(t, again.Finish(b.ctx(), succeeded()))
			require.Eventually(t, func() bool { return len(b.holders(key)) == 0 }, 10*time.Second, 10*time.Millisecond)
		})
	}
}

// A slot is handed on in one step: at no time somebody else could take it.
func TestSlotIsHandedOn(t *testing.T) {
	b := newBench(t)
	b.submit(&messages.RunRequest{ConcurrencyKey: "k"})
	claim := b.claim("w1")
	second := b.submit(&messages.RunRequest{ConcurrencyKey: "k"})
	heir := b.blocked("w1").Waiter
	b.submit(&messages.RunRequest{ConcurrencyKey: "k"})
	other := b.blocked("w2").Waiter
	var left *ledger.Slot
	claim.OnLeave(func(slot *ledger.Slot) { left = slot })
	require.NoError(t, claim.Finish(b.ctx(), succeeded()))
	require.NotNil(t, left)
	require.Equal(t, "k", left.Key().Key)
	_, err := other.Claim(b.ctx(), "w2", nil)
	require.ErrorContains(t, err, "1 of at most 1")
	next, err := heir.Claim(b.ctx(), "w1", left)
	require.NoError(t, err)
	require.Equal(t, []messages.RunID{second.RunID}, b.holders("k"))
	require.NoError(t, next.Finish(b.ctx(), succeeded()))
	require.NoError(t, b.admit(other).Finish(b.ctx(), succeeded()))
}

// A worker whose slot was taken from it, by hand or by a store that lost data, stops: another run may have started.
func TestLostSlotEndsItsClaim(t *testing.T) {
	b := newBench(t)
	b.submit(&messages.RunRequest{ConcurrencyKey: "k"})
	claim := b.claim("w1")
	keys, err := b.js.KeyValue(b.ctx(), "kedge_keys")
	require.NoError(t, err)
	require.NoError(t, keys.Purge(b.ctx(), "slot.default.k.0"))
	require.ErrorIs(t, claim.Beat(b.ctx(), nil), ledger.ErrLost)
}

// TestSlotThatIsKeptTooLong: a server may come back from a crash without what makes slots run out.
func TestSlotThatIsKeptTooLong(t *testing.T) {
	b := newBench(t)
	keys, err := b.js.KeyValue(b.ctx(), "kedge_keys")
	require.NoError(t, err)
	_, err = keys.Put(b.ctx(), "slot.default.k.0", []byte(`{"run_id":"gone","epoch":1,"worker":"w0"}`))
	require.NoError(t, err)
	b.submit(&messages.RunRequest{ConcurrencyKey: "k"})
	waiter := b.blocked("w1").Waiter
	require.Equal(t, []messages.RunID{"gone"}, b.holders("k"), "it is believed for a while")
	require.NoError(t, b.admit(waiter).Finish(b.ctx(), succeeded()))
	require.Empty(t, b.holders("k"))
}

// Who may change the limits of a tenant can stop its runs with a key by nonsense, and let nothing through.
func TestUnreadableLimitsLetNobodyIn(t *testing.T) {
	b := newBench(t)
	settings, err := b.js.KeyValue(b.ctx(), "kedge_settings")
	require.NoError(t, err)
	for _, nonsense := range []string{"", "[]", `{"limits":{"k":{"concurrency":-1}}}`, `{"limits":{"k":{"rate":{"starts":0,"per":"1s"}}}}`, `{"limits":{"k":{"concurrency":1e9}}}`} {
		_, err := settings.Put(b.ctx(), "limits.default", []byte(nonsense))
		require.NoError(t, err)
		b.submit(&messages.RunRequest{ConcurrencyKey: "k"})
		msg := b.next()
		_, err = b.Claim(b.ctx(), msg, "w1")
		require.ErrorContains(t, err, "limits of tenant default", nonsense)
		require.Error(t, b.SetLimit(b.ctx(), tenant, "k", messages.Limit{Concurrency: 1}), "what is not understood is not overwritten")
		require.NoError(t, settings.Delete(b.ctx(), "limits.default", jetstream.LastRevision(0)))
		claim, err := b.Claim(b.ctx(), msg, "w1")
		require.NoError(t, err)
		require.NoError(t, claim.Finish(b.ctx(), succeeded()))
	}
}

func TestLimitsAreDeclared(t *testing.T) {
	b := newBench(t)
	var wrong *messages.FieldError
	require.ErrorAs(t, b.SetLimit(b.ctx(), tenant, "", messages.Limit{Concurrency: 1}), &wrong)
	require.ErrorAs(t, b.SetLimit(b.ctx(), tenant, "k", messages.Limit{Concurrency: messages.MaxConcurrency + 1}), &wrong)
	require.ErrorIs(t, b.RemoveLimit(b.ctx(), tenant, "k"), ledger.ErrNoLimit)
	require.NoError(t, b.SetLimit(b.ctx(), tenant, "k", messages.Limit{Concurrency: 2}))
	require.NoError(t, b.another().SetLimit(b.ctx(), tenant, "k*", messages.Limit{Concurrency: 3}))
	require.NoError(t, b.PauseKey(b.ctx(), tenant, "k", messages.KeyPause{Until: time.Now().Add(-time.Minute)}))
	require.NoError(t, b.ResumeKey(b.ctx(), tenant, "nobody"))
	limits, err := b.Limits(b.ctx(), tenant)
	require.NoError(t, err)
	require.Len(t, limits.Limits, 2)
	require.Empty(t, limits.Pauses, "a pause that is over goes with the next change")
	other, err := b.Limits(b.ctx(), "other")
	require.NoError(t, err)
	require.Empty(t, other.Limits)
	many := messages.Limits{Limits: map[string]messages.Limit{}}
	for i := range messages.MaxLimits {
		many.Limits[string(rune('a'+i%26))+time.Duration(i).String()] = messages.Limit{Concurrency: 1}
	}
	value, err := json.Marshal(many)
	require.NoError(t, err)
	settings, err := b.js.KeyValue(b.ctx(), "kedge_settings")
	require.NoError(t, err)
	_, err = settings.Put(b.ctx(), "limits.default", value)
	require.NoError(t, err)
	require.ErrorAs(t, b.SetLimit(b.ctx(), tenant, "one more", messages.Limit{Concurrency: 1}), &wrong)
}

// Whenever starts are tried, no time of the rate has more of them than the rate and its burst allow, and a start that
// must wait is allowed when it has waited.
func TestRateIsAnUpperBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := messages.Rate{
			Starts: rapid.IntRange(1, 20).Draw(t, "starts"), Burst: rapid.IntRange(0, 5).Draw(t, "burst"),
			Per: messages.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(t, "per")),
		}
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		var used time.Time
		var started []time.Time
		for _, step := range rapid.SliceOf(rapid.Int64Range(0, 2*int64(rate.Per))).Draw(t, "steps") {
			now = now.Add(time.Duration(step / int64(rate.Starts)))
			next, wait := ledger.NextStart(used, rate, now)
			if wait > 0 {
				now = now.Add(wait)
				next, wait = ledger.NextStart(used, rate, now)
			}
			require.Zero(t, wait)
			used, started = next, append(started, now)
		}
		for i, first := range started {
			n := 0
			for _, at := range started[i:] {
				if at.Before(first.Add(rate.Interval() * time.Duration(rate.Starts))) {
					n++
				}
			}
			require.LessOrEqual(t, n, rate.Starts+max(rate.Burst, 1)-1)
		}
	})
}
