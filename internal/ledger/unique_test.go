package ledger_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

func unique(key string) *messages.RunRequest {
	return &messages.RunRequest{RunID: messages.NewRunID(time.Now()), UniqueKey: key}
}

func TestUniqueKeyGivesTheLiveRun(t *testing.T) {
	b := newBench(t)
	first := b.receipt(unique("nightly"))
	require.False(t, first.Existing)
	other := unique("nightly")
	other.PipelineNames = []string{"another"}
	want := ledger.Receipt{Key: first.Key, Queue: queue, Existing: true}
	require.Equal(t, want, b.receipt(other), "queued")
	claim := b.claim("w1")
	require.Equal(t, want, b.receipt(unique("nightly")), "running")
	require.NoError(t, claim.PutBack(b.ctx(), ledger.Outcome{Reason: "draining"}))
	require.Equal(t, want, b.receipt(unique("nightly")), "put back")
	require.False(t, b.receipt(unique("hourly")).Existing)

	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	b.requireEnd(first.Key, messages.StateSucceeded)
	second := b.receipt(unique("nightly"))
	require.False(t, second.Existing, "ended")
	require.NotEqual(t, first.Key, second.Key)
	_, err := b.Cancel(b.ctx(), second.Key, messages.Cancel{})
	require.NoError(t, err)
	claimed, err := b.Claim(b.ctx(), b.next(), "w1")
	require.NoError(t, err)
	require.Nil(t, claimed)
	require.False(t, b.receipt(unique("nightly")).Existing, "cancelled")
}

// A run id that was refused, or is submitted again, leaves the key with whoever has it.
func TestUniqueKeyAndRunID(t *testing.T) {
	b := newBench(t)
	request := unique("k")
	request.RunID = "same"
	first := b.receipt(request)
	require.True(t, b.receipt(request).Existing)
	changed := *request
	changed.Tags = []string{"x"}
	_, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: &changed})
	require.ErrorIs(t, err, ledger.ErrConflict)
	require.Equal(t, first.Key, b.receipt(unique("k")).Key)
	foreign := unique("other")
	foreign.RunID = "same"
	_, err = b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: foreign})
	require.ErrorIs(t, err, ledger.ErrConflict)
	require.False(t, b.receipt(unique("other")).Existing)
}

// An idempotency key whose submit met the live run of a unique key stands for that run.
func TestUniqueAndIdempotencyKey(t *testing.T) {
	b := newBench(t)
	live := b.receipt(unique("u"))
	request := keyed("i", 1)
	request.UniqueKey = "u"
	require.Equal(t, live.Key, b.receipt(request).Key)
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	again := keyed("i", 1)
	again.UniqueKey = "u"
	require.Equal(t, live.Key, b.receipt(again).Key, "also when the unique key is free again")
	require.Zero(t, b.waiting())
}

// TestUniqueKeyAfterACrash cuts submits and ends off after each step. The key never
// stays with a run that is over.
func TestUniqueKeyAfterACrash(t *testing.T) {
	short := func(_ *natsx.Topology, cfg *ledger.Config) { cfg.PublishTimeout = time.Second }
	for name, die := range map[string]func(b *bench){
		"after the key": func(b *bench) {
			require.NoError(b.t, ledger.TakeUniqueKey(b.ctx(), b.Ledger, queue, unique("k"), false))
		},
		"after the status": func(b *bench) {
			require.NoError(b.t, ledger.TakeUniqueKey(b.ctx(), b.Ledger, queue, unique("k"), true))
		},
		"after the final status": func(b *bench) {
			b.receipt(unique("k"))
			require.NoError(b.t, ledger.StoreEnd(b.ctx(), b.claim("w1"), success()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, short)
			die(b)
			receipt := b.receipt(unique("k"))
			require.False(t, receipt.Existing)
			require.Equal(t, receipt.Key, b.receipt(unique("k")).Key)
			b.finishAll("w2")
			b.requireEnd(receipt.Key, messages.StateSucceeded)
		})
	}
	t.Run("the next delivery gives the key up", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, short)
		b.receipt(unique("k"))
		require.NoError(t, ledger.StoreEnd(b.ctx(), b.claim("w1"), success()))
		require.Len(t, b.keys(), 1)
		b.finishAll("w2")
		require.Empty(t, b.keys())
	})
}

// A delayed run whose time has come has its key also while its request is not stored: the queue may be full, or the
// dispatcher dead.
func TestPromotedRunHasItsUniqueKey(t *testing.T) {
	b := newBench(t)
	first, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: unique("k"), At: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.NoError(t, ledger.StorePromotion(b.ctx(), b.Ledger, first.Key))
	second, err := b.later().Submit(b.ctx(), ledger.Submission{Queue: queue, Request: unique("k")})
	require.NoError(t, err)
	require.True(t, second.Existing)
	require.Equal(t, first.Key, second.Key)

	_, err = b.later().Sweep(b.ctx(), "sweeper")
	require.NoError(t, err)
	require.Len(t, b.keys(), 1)
	b.finishAll("w1")
	b.requireEnd(first.Key, messages.StateSucceeded)
	require.Empty(t, b.keys())
}

// finishAll works on what is queued until nothing is.
func (b *bench) finishAll(worker string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		if msg := b.poll(100 * time.Millisecond); msg != nil {
			claim, err := b.Claim(b.ctx(), msg, worker)
			require.NoError(b.t, err)
			if claim != nil {
				require.NoError(b.t, claim.Finish(b.ctx(), success()))
			}
		}
		return b.waiting() == 0
	}, 20*time.Second, time.Millisecond)
}

// keys lists what the bucket of keys holds.
func (b *bench) keys() []string {
	b.t.Helper()
	kv, err := b.js.KeyValue(b.ctx(), "kedge_keys")
	require.NoError(b.t, err)
	lister, err := kv.ListKeys(b.ctx())
	require.NoError(b.t, err)
	var all []string
	for key := range lister.Keys() {
		all = append(all, key)
	}
	return all
}

// A submitter that slept after it took the key, for so long that another one took it
// over, stores its request in the end; and a request that was published past Submit has
// the key of a live run. Neither is run.
func TestClaimRefusesASecondRunOfAUniqueKey(t *testing.T) {
	b := newBench(t, func(_ *natsx.Topology, cfg *ledger.Config) { cfg.PublishTimeout = time.Second })
	sleeper := unique("k")
	require.NoError(t, ledger.TakeUniqueKey(b.ctx(), b.Ledger, queue, sleeper, true))
	owner := b.receipt(unique("k"))
	require.False(t, owner.Existing)
	require.NoError(t, ledger.StoreRequest(b.ctx(), b.Ledger, queue, sleeper))
	_, err := b.js.PublishMsg(b.ctx(), &nats.Msg{
		Subject: "kedge.run.p1." + queue + ".default.plain", Data: []byte(`{"run_id":"plain","unique_key":"k"}`),
	})
	require.NoError(t, err)
	claim := b.claim("w1")
	require.Equal(t, owner.RunID, claim.Key().RunID)
	for range 2 {
		refused, err := b.Claim(b.ctx(), b.next(), "w2")
		require.NoError(t, err)
		require.Nil(t, refused)
	}
	require.NoError(t, claim.Finish(b.ctx(), success()))
	for _, run := range []messages.RunID{sleeper.RunID, "plain"} {
		reply := b.requireEnd(ledger.Key{Tenant: "default", RunID: run}, messages.StateRejected)
		require.Equal(t, messages.CodeDuplicate, reply.Error.Code)
		require.Equal(t, "unique_key", reply.Error.Field)
	}
	b.requireEnd(owner.Key, messages.StateSucceeded)
}

// Submits with one key race with each other and with the ends of their runs: at no time
// are two runs of the key in work.
func TestRacingUniqueKeys(t *testing.T) {
	b := newBench(t)
	const submitters, rounds = 6, 8
	var group sync.WaitGroup
	stop := make(chan struct{})
	done := make(chan int)
	go func() {
		ended := 0
		for {
			select {
			case <-stop:
				done <- ended
				return
			default:
			}
			msg := b.poll(20 * time.Millisecond)
			if msg == nil {
				continue
			}
			claim, err := b.Claim(b.ctx(), msg, "w1")
			if err != nil || claim == nil {
				panic("a queued run of the key was refused")
			}
			if second := b.poll(time.Millisecond); second != nil {
				panic("two live runs with one key")
			}
			if err := claim.Finish(b.ctx(), success()); err != nil {
				panic(err)
			}
			ended++
		}
	}()
	var mu sync.Mutex
	fresh := 0
	for range submitters {
		l := b.another()
		group.Go(func() {
			for range rounds {
				receipt, err := l.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: unique("k")})
				if err != nil {
					panic(err)
				}
				if !receipt.Existing {
					mu.Lock()
					fresh++
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	require.Eventually(t, func() bool { return b.waiting() == 0 }, 10*time.Second, time.Millisecond)
	close(stop)
	require.Equal(t, fresh, <-done)
}
