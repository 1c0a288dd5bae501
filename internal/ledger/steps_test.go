package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// expire waits until the leases of silent claims have run out: a second claim of the
// message says so itself by not putting it back.
func (b *bench) takeOver(worker string) *ledger.Claim {
	b.t.Helper()
	for {
		claim, err := b.another().Claim(b.ctx(), b.next(), worker)
		require.NoError(b.t, err)
		if claim != nil {
			return claim
		}
	}
}

func TestStaleOwnerPublishesNothing(t *testing.T) {
	for _, leased := range []bool{false, true} {
		t.Run(fmt.Sprintf("leased=%t", leased), func(t *testing.T) {
			b := newBench(t)
			replies := b.countReplies()
			key := b.submit(&messages.RunRequest{})
			stale := b.claim("w1")
			if leased {
				require.NoError(t, stale.Beat(b.ctx(), nil))
			}
			owner := b.takeOver("w2")
			require.EqualValues(t, 2, owner.Status().Epoch)
			require.Equal(t, 1, owner.Status().Losses)
			require.Equal(t, string(key.RunID)+".2", owner.SaveVersion())

			require.ErrorIs(t, stale.Finish(b.ctx(), success()), ledger.ErrLost)
			require.ErrorIs(t, stale.Finish(b.ctx(), success()), ledger.ErrLost)
			require.ErrorIs(t, stale.Beat(b.ctx(), nil), ledger.ErrLost)
			require.ErrorIs(t, stale.PutBack(b.ctx(), ledger.Outcome{}), ledger.ErrLost)
			require.Zero(t, replies())
			require.NoError(t, owner.Finish(b.ctx(), success()))
			require.Equal(t, "w2", b.requireEnd(key, messages.StateSucceeded).Result.Worker)
			require.Equal(t, 1, replies())
		})
	}
}

func TestStaleOwnerLearnsFromHeartbeat(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	stale := b.claim("w1")
	owner := b.takeOver("w2")
	require.ErrorIs(t, stale.Beat(b.ctx(), &messages.Progress{Done: 1}), ledger.ErrLost)
	require.NoError(t, owner.Beat(b.ctx(), nil))
	require.NoError(t, owner.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}

// TestFence lets a stale owner publish without looking first, as one does that stops
// between looking and publishing.
func TestFence(t *testing.T) {
	b := newBench(t, func(_ *natsx.Topology, cfg *ledger.Config) { cfg.LeaseTTL = time.Second })
	key := b.submit(&messages.RunRequest{})
	stale := b.claim("w1")
	owner := b.takeOver("w2")
	require.ErrorIs(t, ledger.FinishUnaware(b.ctx(), stale, success()), ledger.ErrLost)
	_, err := b.Reply(b.ctx(), key)
	require.ErrorIs(t, err, ledger.ErrNotFound)
	require.NoError(t, owner.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}

func TestHeartbeatKeepsTheRun(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	claim := b.claim("w1")
	// Ten times AckWait, beating three times in each.
	tick := time.NewTicker(time.Second / 3)
	defer tick.Stop()
	for range 30 {
		<-tick.C
		require.NoError(t, claim.Beat(b.ctx(), nil))
		require.Nil(t, b.poll(time.Millisecond), "redelivered")
	}
	require.NoError(t, claim.Finish(b.ctx(), success()))
	require.Equal(t, 1, b.requireEnd(key, messages.StateSucceeded).Result.Attempt)
}

func TestPutBackAndRetry(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	failure := &messages.Failure{Code: messages.CodeNodeFailed, Message: "no", Node: "n"}
	first := b.claim("w1")
	require.NoError(t, first.Beat(b.ctx(), nil))
	require.NoError(t, first.PutBack(b.ctx(), ledger.Outcome{Delay: 100 * time.Millisecond, Reason: "retrying", Error: failure}))
	require.NoError(t, first.Beat(b.ctx(), nil), "over, as its holder wished")
	status := b.status(key)
	require.Equal(t, messages.StateQueued, status.State)
	require.Equal(t, 1, status.Retries)
	require.Equal(t, failure, status.LastError)
	require.Empty(t, status.Owner)

	second := b.claim("w2")
	require.Equal(t, 2, second.Status().Attempt)
	require.Zero(t, second.Status().Losses)
	require.NoError(t, second.PutBack(b.ctx(), ledger.Outcome{}))
	require.NoError(t, b.claim("w3").Finish(b.ctx(), success()))
	require.Equal(t, 3, b.requireEnd(key, messages.StateSucceeded).Result.Attempt)
	require.Equal(t, 1, b.status(key).Retries)
}

func TestCancel(t *testing.T) {
	t.Run("queued", func(t *testing.T) {
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{By: "me"})
		require.NoError(t, err)
		claim, err := b.Claim(b.ctx(), b.next(), "w1")
		require.NoError(t, err)
		require.Nil(t, claim)
		require.Zero(t, b.requireEnd(key, messages.StateCancelled).Error.Attempt)
	})
	t.Run("running", func(t *testing.T) {
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
		require.NoError(t, err)
		require.ErrorIs(t, claim.Beat(b.ctx(), nil), ledger.ErrCancelled)
		require.ErrorIs(t, claim.Beat(b.ctx(), &messages.Progress{Done: 1}), ledger.ErrCancelled)
		require.NoError(t, claim.Finish(b.ctx(), cancelled()))
		b.requireEnd(key, messages.StateCancelled)
	})
	t.Run("just finished", func(t *testing.T) {
		b := newBench(t)
		replies := b.countReplies()
		key := b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
		require.NoError(t, err)
		require.NoError(t, claim.Finish(b.ctx(), success()), "the cancel came too late")
		b.requireEnd(key, messages.StateSucceeded)
		require.LessOrEqual(t, replies(), 2)
	})
	t.Run("put back", func(t *testing.T) {
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
		require.NoError(t, err)
		require.NoError(t, claim.PutBack(b.ctx(), ledger.Outcome{Reason: "draining"}))
		b.requireEnd(key, messages.StateCancelled)
	})
	t.Run("owner lost", func(t *testing.T) {
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		stale := b.claim("w1")
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			if msg := b.poll(100 * time.Millisecond); msg != nil {
				claim, err := b.Claim(b.ctx(), msg, "w2")
				require.NoError(t, err)
				require.Nil(t, claim)
			}
			return b.status(key).State.Terminal()
		}, 15*time.Second, time.Millisecond)
		b.requireEnd(key, messages.StateCancelled)
		require.ErrorIs(t, stale.Finish(b.ctx(), success()), ledger.ErrLost)
	})
}

func cancelled() *messages.Reply {
	return &messages.Reply{Error: &messages.RunError{
		Ended: messages.Ended{State: messages.StateCancelled}, Code: messages.CodeCancelled, Message: "cancelled",
	}}
}

func TestDuplicates(t *testing.T) {
	b := newBench(t)
	request := &messages.RunRequest{RunID: "r.1", PipelineNames: []string{"a"}}
	key := b.submit(request)
	again, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request})
	require.NoError(t, err)
	require.True(t, again.Existing)
	_, err = b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: "r.1", PipelineNames: []string{"b"}}})
	require.ErrorIs(t, err, ledger.ErrConflict)

	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	reply := b.requireEnd(key, messages.StateSucceeded)
	again, err = b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request})
	require.NoError(t, err)
	require.True(t, again.Existing)
	_, err = b.js.Publish(b.ctx(), messages.Subjects{}.Request(messages.DefaultPriority, queue, "default", "r.1"), []byte(`{"run_id":"r.1"}`))
	require.NoError(t, err)
	claim, err := b.Claim(b.ctx(), b.next(), "w2")
	require.NoError(t, err)
	require.Nil(t, claim, "acked as a duplicate")
	require.Equal(t, reply, b.requireEnd(key, messages.StateSucceeded))
}

func TestAnotherPriorityIsADuplicate(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{RunID: "r"})
	_, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: "r", Priority: messages.P0}})
	require.ErrorIs(t, err, ledger.ErrConflict)
	_, err = b.js.Publish(b.ctx(), messages.Subjects{}.Request(messages.P0, queue, "default", "r"), []byte(`{"run_id":"r"}`))
	require.NoError(t, err)
	consumer, err := b.js.Consumer(b.ctx(), "KEDGE_RUNS", natsx.ConsumerName(queue, "default", messages.P0))
	require.NoError(t, err)
	stray, err := consumer.Next()
	require.NoError(t, err)
	claim, err := b.Claim(b.ctx(), stray, "w1")
	require.NoError(t, err)
	require.Nil(t, claim)
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}

func TestPlainPublishIsARun(t *testing.T) {
	b := newBench(t)
	subject := messages.Subjects{}.Request(messages.P1, queue, "default", "mine")
	inbox := nats.NewInbox()
	copied, err := b.js.Conn().SubscribeSync(inbox)
	require.NoError(t, err)
	_, err = b.js.Publish(b.ctx(), subject, fmt.Appendf(nil, `{"run_id":"mine","reply_subject":%q}`, inbox))
	require.NoError(t, err)
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	b.requireEnd(ledger.Key{Tenant: "default", RunID: "mine"}, messages.StateSucceeded)
	msg, err := copied.NextMsg(5 * time.Second)
	require.NoError(t, err)
	reply, err := messages.DecodeReply(msg.Data)
	require.NoError(t, err)
	require.Equal(t, messages.RunID("mine"), reply.Result.RunID)
	envelope, err := messages.ParseCloudEvent(msg.Header)
	require.NoError(t, err)
	require.Equal(t, messages.CloudEvent{
		ID: "mine/1/done", Type: "run.kedge.done", Source: "/kedge/default/" + queue, Subject: "mine", Time: reply.Result.FinishedAt,
	}, envelope)
	accepted, err := natsx.FirstFromLeader(b.ctx(), b.js, "KEDGE_EVENTS", messages.Subjects{}.Events("default", "mine"))
	require.NoError(t, err)
	require.Contains(t, string(accepted.Data), inbox)
}

func TestInvalidRequestsAreRejected(t *testing.T) {
	b := newBench(t)
	tests := map[string]struct {
		body, field string
		code        messages.Code
	}{
		"not JSON":        {"hello", "", messages.CodeInvalidRequest},
		"empty":           {"", "", messages.CodeInvalidRequest},
		"unknown field":   {`{"run_id":"%s","pipeline":"a"}`, "pipeline", messages.CodeInvalidRequest},
		"wrong run":       {`{"run_id":"other"}`, "run_id", messages.CodeInvalidRequest},
		"wrong type":      {`{"run_id":"%s","tags":"a"}`, "tags", messages.CodeInvalidRequest},
		"deep":            {`{"run_id":"%s","runtime_params":` + strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000) + "}", "runtime_params.a.a.a.a.a.a.a...", messages.CodeInvalidRequest},
		"wildcard":        {`{"run_id":"%s","reply_subject":"a.*"}`, "reply_subject", messages.CodeInvalidRequest},
		"forged reply":    {`{"run_id":"%s","reply_subject":"kedge.reply.default.other.done"}`, "reply_subject", messages.CodeNotAllowed},
		"unique key":      {`{"run_id":"%s","unique_key":"a\u0000"}`, "unique_key", messages.CodeInvalidRequest},
		"attempts":        {`{"run_id":"%s","max_attempts":200}`, "max_attempts", messages.CodeInvalidRequest},
		"other's subject": {`{"run_id":"%s","reply_subject":"orders.new"}`, "reply_subject", messages.CodeNotAllowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			run := messages.NewRunID(time.Now())
			body := test.body
			body = strings.Replace(body, "%s", string(run), 1)
			_, err := b.js.Publish(b.ctx(), messages.Subjects{}.Request(messages.P1, queue, "default", run), []byte(body))
			require.NoError(t, err)
			claim, err := b.Claim(b.ctx(), b.next(), "w1")
			require.NoError(t, err)
			require.Nil(t, claim)
			reply := b.requireEnd(ledger.Key{Tenant: "default", RunID: run}, messages.StateRejected)
			require.Equal(t, test.field, reply.Error.Field)
			require.Equal(t, test.code, reply.Error.Code)
		})
	}
}

func TestSubmitWhenFull(t *testing.T) {
	b := newBench(t, func(topology *natsx.Topology, _ *ledger.Config) { topology.MaxQueueBytes = 4096 })
	var err error
	var request *messages.RunRequest
	accepted := 0
	for err == nil {
		request = &messages.RunRequest{RunID: messages.NewRunID(time.Now()), Labels: map[string]string{"a": strings.Repeat("x", 400)}}
		_, err = b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request})
		accepted++
	}
	require.ErrorIs(t, err, ledger.ErrFull)
	_, err = b.Status(b.ctx(), ledger.Key{Tenant: "default", RunID: request.RunID})
	require.ErrorIs(t, err, ledger.ErrNotFound)

	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	_, err = b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request})
	require.NoError(t, err, "the refused submit left nothing behind")
	for range accepted - 1 {
		require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	}
	b.requireEnd(ledger.Key{Tenant: "default", RunID: request.RunID}, messages.StateSucceeded)
}

// TestManyWorkersManyRuns lets workers race for every run, with claims that are
// abandoned at every kind of place; each run ends exactly once.
func TestManyWorkersManyRuns(t *testing.T) {
	b := newBench(t)
	const runs, workers = 60, 4
	var keys []ledger.Key
	for range runs {
		keys = append(keys, b.submit(&messages.RunRequest{}))
	}
	ctx, stop := context.WithCancel(b.ctx())
	var wg sync.WaitGroup
	for w := range workers {
		l := b.another()
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				msg := b.poll(50 * time.Millisecond)
				if msg == nil {
					continue
				}
				claim, err := l.Claim(ctx, msg, fmt.Sprintf("w%d", w))
				suspect := errors.Is(err, ledger.ErrAlone)
				if suspect {
					claim, err = l.ClaimAlone(ctx, msg, fmt.Sprintf("w%d", w))
				}
				if claim == nil || errors.Is(err, context.Canceled) {
					continue
				}
				if n%4 == 3 && !suspect {
					continue // dies with the run
				}
				if err := claim.Finish(ctx, success()); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	require.Eventually(t, func() bool { return b.waiting() == 0 }, 18*time.Second, 10*time.Millisecond)
	stop()
	wg.Wait()
	for _, key := range keys {
		b.requireEnd(key, messages.StateSucceeded)
	}
}
