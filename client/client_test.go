package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a server with two queues, a client, and the hand of a worker.
type bench struct {
	*client.Client
	t      *testing.T
	js     jetstream.JetStream
	worker *ledger.Ledger
}

func newBench(t *testing.T, cfg client.Config) *bench {
	t.Helper()
	server := natstest.Start(t)
	js := server.JetStream(natsx.Topology{Queues: []string{"a", "b"}})
	worker, err := ledger.New(js, ledger.Config{})
	require.NoError(t, err)
	c, err := client.Dial(t.Context(), server.URL(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return &bench{Client: c, t: t, js: js, worker: worker}
}

func (b *bench) claim() *ledger.Claim {
	b.t.Helper()
	consumer, err := b.js.Consumer(b.t.Context(), "KEDGE_RUNS", natsx.ConsumerName("a", "default", "p1"))
	require.NoError(b.t, err)
	msg, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
	require.NoError(b.t, err)
	claim, err := b.worker.Claim(b.t.Context(), msg, "w1")
	require.NoError(b.t, err)
	return claim
}

func (b *bench) submit() messages.RunID {
	b.t.Helper()
	receipt, err := b.Submit(b.t.Context(), &messages.RunRequest{}, client.ToQueue("a"))
	require.NoError(b.t, err)
	return receipt.RunID
}

func success() *messages.Reply { return &messages.Reply{Result: &messages.RunResult{NodesRun: 2}} }

func TestSubmitChoosesTheOnlyQueue(t *testing.T) {
	b := newBench(t, client.Config{})
	var none *client.QueueError
	_, err := b.Submit(t.Context(), &messages.RunRequest{})
	require.ErrorAs(t, err, &none)
	require.Empty(t, none.Queues)

	require.NoError(t, b.worker.Announce(t.Context(), messages.Worker{ID: "w1", Queue: "a"}))
	receipt, err := b.Submit(t.Context(), &messages.RunRequest{})
	require.NoError(t, err)
	require.Equal(t, "a", receipt.Queue)

	require.NoError(t, b.worker.Announce(t.Context(), messages.Worker{ID: "w2", Queue: "b"}))
	require.NoError(t, b.worker.Announce(t.Context(), messages.Worker{ID: "w3", Queue: "c", Tenants: []string{"other"}}))
	_, err = b.Submit(t.Context(), &messages.RunRequest{})
	require.ErrorAs(t, err, &none)
	require.Equal(t, []string{"a", "b"}, none.Queues)
}

func TestSubmitRefuses(t *testing.T) {
	b := newBench(t, client.Config{Queue: "a"})
	tests := map[string]struct {
		request messages.RunRequest
		field   string
		is      error
	}{
		"run id":        {messages.RunRequest{RunID: "../x"}, "run_id", nil},
		"load version":  {messages.RunRequest{LoadVersions: map[string]string{"a": "../../etc"}}, "load_versions.a", nil},
		"reply subject": {messages.RunRequest{ReplySubject: "a.>"}, "reply_subject", nil},
		"params":        {messages.RunRequest{RunnerParams: map[string]any{"a": strings.Repeat("x", 300<<10)}}, "runner_params", client.ErrTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var rejected *client.RejectedError
			_, err := b.Submit(t.Context(), &test.request)
			require.ErrorAs(t, err, &rejected)
			require.Equal(t, test.field, rejected.Field)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
				require.ErrorContains(t, err, "262144 travel inside a request")
			}
		})
	}
	_, err := b.Submit(t.Context(), &messages.RunRequest{}, client.ToQueue("nowhere"))
	require.ErrorIs(t, err, client.ErrNoQueue)
}

// A submit that the server answered too late is repeated, and meets itself. That is no run of somebody else.
func TestOnlyANamedRunWasSubmittedBefore(t *testing.T) {
	require.False(t, client.IsKeyed(&messages.RunRequest{RunID: "new", ConcurrencyKey: "gpu"}))
	require.True(t, client.IsKeyed(&messages.RunRequest{RunID: "new", IdempotencyKey: "k"}))
	require.True(t, client.IsKeyed(&messages.RunRequest{RunID: "new", UniqueKey: "k"}))

	b := newBench(t, client.Config{})
	fresh, err := b.Submit(t.Context(), &messages.RunRequest{}, client.ToQueue("a"))
	require.NoError(t, err)
	require.False(t, fresh.Existing)
	again, err := b.Submit(t.Context(), &messages.RunRequest{RunID: fresh.RunID}, client.ToQueue("a"))
	require.NoError(t, err)
	require.True(t, again.Existing)
}

func TestDialSaysNotReachable(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := client.Dial(ctx, "nats://127.0.0.1:1", client.Config{})
	require.Error(t, err)
}

func TestWaitBeforeAndAfterTheEnd(t *testing.T) {
	b := newBench(t, client.Config{})
	_, err := b.Wait(t.Context(), "unknown")
	require.ErrorIs(t, err, client.ErrNotFound)
	_, err = b.Result(t.Context(), "unknown")
	require.ErrorIs(t, err, client.ErrNotFound)

	run := b.submit()
	replies := make(chan *messages.Reply, 1)
	go func() {
		reply, err := b.Wait(t.Context(), run)
		if err != nil {
			t.Error(err)
		}
		replies <- reply
	}()
	require.NoError(t, b.claim().Finish(t.Context(), success()))
	require.Equal(t, 2, (<-replies).Result.NodesRun)
	late, err := b.Wait(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, run, late.Result.RunID)
}

func TestWatchTellsEverythingOnce(t *testing.T) {
	b := newBench(t, client.Config{})
	run := b.submit()
	claim := b.claim()
	const nodes = 50
	step := make(chan struct{})
	finished := make(chan error, 1)
	go func() {
		for i := range nodes {
			if i == nodes/2 {
				<-step // the watcher has come
			}
			_ = claim.Publish(t.Context(), messages.Event{Kind: messages.EventNodeFinished, Index: i + 1, Total: nodes})
		}
		finished <- claim.Finish(t.Context(), success())
	}()
	indexes := func(onFirst func()) (kinds []messages.EventKind, seen []int, reply *messages.Reply) {
		for update, err := range b.Watch(t.Context(), run) {
			require.NoError(t, err)
			onFirst()
			if update.Reply != nil {
				reply = update.Reply
				continue
			}
			require.Nil(t, reply, "an event after the reply")
			kinds = append(kinds, update.Event.Kind)
			if update.Event.Index > 0 {
				seen = append(seen, update.Event.Index)
			}
		}
		return kinds, seen, reply
	}
	check := func(kinds []messages.EventKind, seen []int, reply *messages.Reply) {
		require.NotNil(t, reply)
		require.Equal(t, []messages.EventKind{messages.EventAccepted, messages.EventClaimed}, kinds[:2])
		require.Len(t, seen, nodes)
		for i, index := range seen {
			require.Equal(t, i+1, index)
		}
	}
	opened := false
	check(indexes(func() {
		if !opened {
			opened = true
			close(step)
		}
	}))
	require.NoError(t, <-finished)
	check(indexes(func() {}))
}

func TestWatchEnds(t *testing.T) {
	b := newBench(t, client.Config{})
	for _, err := range b.Watch(t.Context(), "unknown") {
		require.ErrorIs(t, err, client.ErrNotFound)
	}
	run := b.submit()
	for update, err := range b.Watch(t.Context(), run) {
		require.NoError(t, err)
		require.Equal(t, messages.EventAccepted, update.Event.Kind)
		break
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	enough := errors.New("enough")
	var last error
	for _, err := range b.Watch(ctx, run) {
		last = err
		cancel(enough)
	}
	require.ErrorIs(t, last, enough)
}

func TestListAndCancel(t *testing.T) {
	b := newBench(t, client.Config{By: "me"})
	first, second := b.submit(), b.submit()
	all, err := b.List(t.Context(), client.ListOptions{})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, second, all[0].RunID, "newest first")

	status, err := b.Cancel(t.Context(), first, "no need")
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelling, status.State)
	require.Nil(t, b.claim(), "the claimer ends the run")
	reply, err := b.Wait(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelled, reply.State())
	require.Equal(t, "the run was cancelled by me: no need", reply.Error.Message)
	_, err = b.Cancel(t.Context(), first, "")
	require.ErrorIs(t, err, client.ErrEnded)
	_, err = b.Cancel(t.Context(), "unknown", "")
	require.ErrorIs(t, err, client.ErrNotFound)

	live, err := b.List(t.Context(), client.ListOptions{States: []messages.State{messages.StateQueued}, Queue: "a", Limit: 5})
	require.NoError(t, err)
	require.Len(t, live, 1)
	require.Equal(t, second, live[0].RunID)
}
