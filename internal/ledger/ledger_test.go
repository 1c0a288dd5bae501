package ledger_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const queue = "spaceflights"

// bench is a server with one queue and a ledger, with times cut short.
type bench struct {
	*ledger.Ledger
	t        testing.TB
	server   *natstest.Server
	topology natsx.Topology
	js       jetstream.JetStream
	cfg      ledger.Config
}

func newBench(t testing.TB, change ...func(*natsx.Topology, *ledger.Config)) *bench {
	t.Helper()
	topology := natsx.Topology{Queues: []string{queue}, AckWait: time.Second}
	cfg := ledger.Config{LeaseTTL: time.Second, PublishTimeout: 5 * time.Second}
	for _, c := range change {
		c(&topology, &cfg)
	}
	server := natstest.Start(t)
	b := &bench{t: t, server: server, topology: topology, js: server.JetStream(topology), cfg: cfg}
	b.Ledger = b.another()
	return b
}

// another is a ledger on a connection of its own: another worker's.
func (b *bench) another() *ledger.Ledger {
	b.t.Helper()
	js, err := jetstream.New(b.server.Connect())
	require.NoError(b.t, err)
	l, err := ledger.New(js, b.cfg)
	require.NoError(b.t, err)
	return l
}

func (b *bench) ctx() context.Context {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	b.t.Cleanup(cancel)
	return ctx
}

func (b *bench) submit(request *messages.RunRequest) ledger.Key {
	b.t.Helper()
	if request.RunID == "" {
		request.RunID = messages.NewRunID(time.Now())
	}
	receipt, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request})
	require.NoError(b.t, err)
	require.False(b.t, receipt.Existing)
	return receipt.Key
}

// next waits for the next message of the default priority.
func (b *bench) next() jetstream.Msg {
	b.t.Helper()
	msg := b.poll(10 * time.Second)
	require.NotNil(b.t, msg, "no message")
	return msg
}

func (b *bench) poll(wait time.Duration) jetstream.Msg {
	b.t.Helper()
	return b.pollOf(messages.DefaultPriority, wait)
}

func (b *bench) pollOf(priority messages.Priority, wait time.Duration) jetstream.Msg {
	b.t.Helper()
	name := natsx.ConsumerName(queue, messages.DefaultTenant, priority)
	consumer, err := b.js.Consumer(b.ctx(), "KEDGE_RUNS", name)
	require.NoError(b.t, err)
	batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(wait))
	require.NoError(b.t, err)
	msg := <-batch.Messages()
	require.NoError(b.t, batch.Error())
	return msg
}

func (b *bench) claim(worker string) *ledger.Claim {
	b.t.Helper()
	claim, err := b.Claim(b.ctx(), b.next(), worker)
	require.NoError(b.t, err)
	require.NotNil(b.t, claim)
	return claim
}

func (b *bench) status(key ledger.Key) messages.Status {
	b.t.Helper()
	status, err := b.Status(b.ctx(), key)
	require.NoError(b.t, err)
	return status
}

// requireEnd checks what holds for every ended run: one reply was ever stored, the
// status is its copy, and nothing is left in the queue or of the lease.
func (b *bench) requireEnd(key ledger.Key, state messages.State) *messages.Reply {
	b.t.Helper()
	reply, err := b.Reply(b.ctx(), key)
	require.NoError(b.t, err)
	require.Equal(b.t, state, reply.State())
	status := b.status(key)
	require.Equal(b.t, state, status.State)
	require.Equal(b.t, reply.Ended().Attempt, status.Attempt)
	require.Equal(b.t, reply.Ended().FinishedAt, status.FinishedAt)
	require.Zero(b.t, b.waiting())
	return reply
}

func (b *bench) waiting() uint64 {
	b.t.Helper()
	stream, err := b.js.Stream(b.ctx(), "KEDGE_RUNS")
	require.NoError(b.t, err)
	return stream.CachedInfo().State.Msgs
}

// countReplies counts the replies published from now on, stored or not: the stream
// itself keeps one per run.
func (b *bench) countReplies() func() int {
	b.t.Helper()
	sub, err := b.server.Connect().SubscribeSync(messages.Subjects{}.Done("*", "*"))
	require.NoError(b.t, err)
	nc := b.js.Conn()
	require.NoError(b.t, nc.Flush())
	return func() int {
		b.t.Helper()
		seen := 0
		for {
			if _, err := sub.NextMsg(50 * time.Millisecond); err != nil {
				return seen
			}
			seen++
		}
	}
}

func success() *messages.Reply {
	return &messages.Reply{Result: &messages.RunResult{NodesRun: 3}}
}

func TestOneRun(t *testing.T) {
	b := newBench(t)
	replies := b.countReplies()
	key := b.submit(&messages.RunRequest{PipelineNames: []string{"ds"}, RuntimeParams: map[string]any{"a": json.Number("1")}})
	require.Equal(t, messages.StateQueued, b.status(key).State)

	claim := b.claim("w1")
	require.Equal(t, []string{"ds"}, claim.Request().PipelineNames)
	status := b.status(key)
	require.Equal(t, messages.StateRunning, status.State)
	require.EqualValues(t, 1, status.Epoch)
	require.Equal(t, 1, status.Attempt)
	require.Equal(t, "w1", status.Owner)
	require.Equal(t, string(key.RunID), claim.SaveVersion())

	require.NoError(t, claim.Publish(b.ctx(), messages.Event{Kind: messages.EventNodeStarted, Node: "n", Index: 1, Total: 3}))
	require.NoError(t, claim.Beat(b.ctx(), &messages.Progress{Done: 1, Total: 3, Node: "n"}))
	require.Equal(t, 1, b.status(key).Progress.Done)
	require.NoError(t, claim.Beat(b.ctx(), &messages.Progress{Done: 1, Total: 3, Node: "n"}))
	require.NoError(t, claim.Finish(b.ctx(), success()))
	require.NoError(t, claim.Finish(b.ctx(), success()), "repeating is harmless")

	reply := b.requireEnd(key, messages.StateSucceeded)
	require.Equal(t, 3, reply.Result.NodesRun)
	require.Equal(t, "w1", reply.Result.Worker)
	require.Equal(t, []string{"ds"}, reply.Result.Pipelines)
	require.Equal(t, 1, replies())
}
