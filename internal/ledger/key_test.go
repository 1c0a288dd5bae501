package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// keyed is a request with an idempotency key and one parameter.
func keyed(key string, param int) *messages.RunRequest {
	return &messages.RunRequest{
		RunID: messages.NewRunID(time.Now()), IdempotencyKey: key, RuntimeParams: map[string]any{"a": param},
	}
}

func (b *bench) receipt(request *messages.RunRequest) ledger.Receipt {
	b.t.Helper()
	receipt, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request})
	require.NoError(b.t, err)
	return receipt
}

func TestIdempotencyKeyGivesTheFirstRun(t *testing.T) {
	b := newBench(t)
	first := b.receipt(keyed("order 17", 1))
	require.False(t, first.Existing)
	again := keyed("order 17", 1)
	again.StartBy = time.Now().Add(time.Hour)
	require.Equal(t, ledger.Receipt{Key: first.Key, Queue: queue, Existing: true}, b.receipt(again))
	require.EqualValues(t, 1, b.waiting())

	claim := b.claim("w1")
	require.True(t, b.receipt(keyed("order 17", 1)).Existing)
	require.NoError(t, claim.Finish(b.ctx(), success()))
	receipt := b.receipt(keyed("order 17", 1))
	require.Equal(t, first.Key, receipt.Key)
	b.requireEnd(receipt.Key, messages.StateSucceeded)
	require.Equal(t, "order 17", b.status(receipt.Key).IdempotencyKey)

	other := b.receipt(keyed("order 18", 1))
	require.NotEqual(t, first.Key, other.Key)
	require.False(t, other.Existing)
}

func TestIdempotencyKeyOfAnotherRequest(t *testing.T) {
	b := newBench(t, func(topology *natsx.Topology, _ *ledger.Config) { topology.Queues = append(topology.Queues, "other") })
	first := b.receipt(keyed("k", 1))
	for _, s := range []ledger.Submission{{Queue: queue, Request: keyed("k", 2)}, {Queue: "other", Request: keyed("k", 1)}} {
		_, err := b.Submit(b.ctx(), s)
		var conflict *ledger.KeyConflictError
		require.ErrorAs(t, err, &conflict)
		require.ErrorIs(t, err, ledger.ErrConflict)
		require.Equal(t, first.RunID, conflict.RunID)
		require.ErrorContains(t, err, `idempotency key "k" was used for another request, run `+string(first.RunID))
	}
	require.EqualValues(t, 1, b.waiting())
}

// A run id that is taken by another request leaves its idempotency key free.
func TestIdempotencyKeyOfARefusedSubmit(t *testing.T) {
	b := newBench(t)
	b.receipt(&messages.RunRequest{RunID: "taken"})
	request := keyed("k", 1)
	request.RunID = "taken"
	_, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request})
	require.ErrorIs(t, err, ledger.ErrConflict)
	require.False(t, b.receipt(keyed("k", 2)).Existing)
}

func TestHostileIdempotencyKeys(t *testing.T) {
	b := newBench(t)
	for i, key := range []string{"*", ">", "a.b", "a", "$KV.kedge_keys.idem.default.a", strings.Repeat(".", messages.MaxKeyLength)} {
		require.False(t, b.receipt(keyed(key, i)).Existing, key)
		require.True(t, b.receipt(keyed(key, i)).Existing, key)
	}
}

// TestSubmitCutOffAfterTheKey lets a submit die after each of its steps; the next one
// with the key makes it whole, under the id of the first.
func TestSubmitCutOffAfterTheKey(t *testing.T) {
	for _, steps := range []int{1, 2} {
		t.Run(fmt.Sprintf("after step %d", steps), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := keyed("k", 1)
			require.NoError(t, ledger.SubmitSteps(b.ctx(), b.Ledger, ledger.Submission{Queue: queue, Request: first}, steps))
			require.Zero(t, b.waiting())
			receipt := b.receipt(keyed("k", 1))
			require.Equal(t, first.RunID, receipt.RunID)
			require.True(t, receipt.Existing)
			require.EqualValues(t, 1, b.waiting())
			claim := b.claim("w1")
			require.Equal(t, first.RunID, claim.Request().RunID)
			require.NoError(t, claim.Finish(b.ctx(), success()))
			b.requireEnd(receipt.Key, messages.StateSucceeded)
		})
	}
	t.Run("and nobody came back", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, func(_ *natsx.Topology, cfg *ledger.Config) {
			cfg.PublishTimeout = time.Second
			start := time.Now()
			cfg.Now = func() time.Time { return start.Add(100 * time.Since(start)) }
		})
		first := keyed("k", 1)
		require.NoError(t, ledger.SubmitSteps(b.ctx(), b.Ledger, ledger.Submission{Queue: queue, Request: first}, 2))
		b.sweep(1)
		b.requireEnd(ledger.Key{Tenant: "default", RunID: first.RunID}, messages.StateFailed)
		require.False(t, b.receipt(keyed("k", 1)).Existing, "what the sweeper gave up starts anew")
	})
}

// The key outlives the record of its run: then it still starts no second run, and the
// run it names is not found.
func TestIdempotencyKeyOutlivesTheResult(t *testing.T) {
	b := newBench(t, func(_ *natsx.Topology, cfg *ledger.Config) {
		cfg.Retention, cfg.KeyRetention = time.Second, time.Hour
	})
	first := b.receipt(keyed("k", 1))
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	require.Eventually(t, func() bool {
		_, err := b.Status(b.ctx(), first.Key)
		return errors.Is(err, ledger.ErrNotFound)
	}, 15*time.Second, 20*time.Millisecond)
	receipt := b.receipt(keyed("k", 1))
	require.Equal(t, first.Key, receipt.Key)
	require.True(t, receipt.Existing)
	require.Zero(t, b.waiting())
}

// Many submits with one key at once, some of them cut off, are one run.
func TestRacingSubmitsWithOneKey(t *testing.T) {
	b := newBench(t)
	const submitters = 16
	ids := make([]messages.RunID, submitters)
	errs := make([]error, submitters)
	var group sync.WaitGroup
	for i := range submitters {
		l := b.another()
		group.Go(func() {
			s := ledger.Submission{Queue: queue, Request: keyed("k", 1)}
			if i%4 == 0 {
				errs[i] = ledger.SubmitSteps(b.ctx(), l, s, 1+i/4%2)
			}
			var receipt ledger.Receipt
			if errs[i] == nil {
				receipt, errs[i] = l.Submit(b.ctx(), s)
			}
			ids[i] = receipt.RunID
		})
	}
	group.Wait()
	for i := range submitters {
		require.NoError(t, errs[i])
		require.Equal(t, ids[0], ids[i])
	}
	require.EqualValues(t, 1, b.waiting())
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	b.requireEnd(ledger.Key{Tenant: "default", RunID: ids[0]}, messages.StateSucceeded)
}

// TestIdempotencyKeyOutlivesALongRun lets a run live longer than its key would.
func TestIdempotencyKeyOutlivesALongRun(t *testing.T) {
	b := newBench(t, func(_ *natsx.Topology, cfg *ledger.Config) {
		cfg.Retention, cfg.KeyRetention = time.Second, 2*time.Second
	})
	first := b.receipt(keyed("k", 1))
	claim := b.claim("w1")
	over := time.Now().Add(2 * b.cfg.KeyRetention)
	require.Eventually(t, func() bool {
		require.NoError(t, claim.Beat(b.ctx(), nil))
		_, err := b.Sweep(b.ctx(), "sweeper")
		require.NoError(t, err)
		receipt := b.receipt(keyed("k", 1))
		require.Equal(t, first.Key, receipt.Key)
		require.True(t, receipt.Existing)
		return time.Now().After(over)
	}, 20*time.Second, 50*time.Millisecond)
	require.NoError(t, claim.Finish(b.ctx(), success()))
}
