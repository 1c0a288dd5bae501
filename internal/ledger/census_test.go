package ledger_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// later is a ledger for which every change is old enough for a sweep.
func (b *bench) later() *ledger.Ledger {
	b.t.Helper()
	was := b.cfg.Now
	b.cfg.Now = func() time.Time { return time.Now().Add(time.Minute) }
	defer func() { b.cfg.Now = was }()
	return b.another()
}

// spy sees what is published on a subject from now on.
func (b *bench) spy(subject string) *nats.Subscription {
	b.t.Helper()
	nc := b.server.Connect()
	sub, err := nc.SubscribeSync(subject)
	require.NoError(b.t, err)
	require.NoError(b.t, nc.Flush())
	return sub
}

// countRead counts the messages of a stream that are asked for from now on.
func (b *bench) countRead(stream string) func() int {
	b.t.Helper()
	asked := b.spy("$JS.API.CONSUMER.MSG.NEXT." + stream + ".*")
	total := 0
	return func() int {
		b.t.Helper()
		n, _, err := asked.Pending()
		require.NoError(b.t, err)
		for range n {
			msg, err := asked.NextMsg(time.Second)
			require.NoError(b.t, err)
			var next struct{ Batch int }
			require.NoError(b.t, json.Unmarshal(msg.Data, &next))
			total += next.Batch
		}
		return total
	}
}

func (b *bench) sweepOnce(l *ledger.Ledger) {
	b.t.Helper()
	mended, err := l.Sweep(b.ctx(), "sweeper")
	require.NoError(b.t, err)
	require.Zero(b.t, mended)
}

func TestSweepReadsWhatIsNew(t *testing.T) {
	b := newBench(t)
	sweeper := b.another()
	for range 20 {
		b.submit(&messages.RunRequest{})
		require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	}
	queued := b.submit(&messages.RunRequest{})
	b.submit(&messages.RunRequest{})
	read := b.countRead("KV_kedge_runs")
	b.sweepOnce(sweeper)
	require.Equal(t, 22, read())
	require.Len(t, ledger.Live(sweeper), 2)

	claim := b.claim("w1")
	require.Equal(t, queued.RunID, claim.Key().RunID)
	require.NoError(t, claim.Finish(b.ctx(), success()))
	b.sweepOnce(sweeper)
	require.Equal(t, 23, read(), "the status of the run that has ended")
	require.Len(t, ledger.Live(sweeper), 1)
	b.sweepOnce(sweeper)
	require.Equal(t, 23, read())

	require.NoError(t, b.js.DeleteStream(b.ctx(), "KV_kedge_runs"))
	require.NoError(t, b.topology.Setup(b.ctx(), b.js))
	b.submit(&messages.RunRequest{})
	b.sweepOnce(sweeper)
	require.Equal(t, 24, read(), "another stream is read from its beginning")
	require.Len(t, ledger.Live(sweeper), 1)
}

func TestSweepAsksNothingForWhatWaits(t *testing.T) {
	b := newBench(t)
	sweeper := b.later()
	const waiting = 30
	for range waiting {
		b.submit(&messages.RunRequest{})
	}
	reads := b.spy("$JS.API.STREAM.MSG.GET.>")
	b.sweepOnce(sweeper)
	require.Len(t, ledger.Live(sweeper), waiting)
	n, _, err := reads.Pending()
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestSweepForgetsRemovedStatuses(t *testing.T) {
	b := newBench(t)
	sweeper := b.later()
	key := b.submit(&messages.RunRequest{})
	b.sweepOnce(sweeper)
	require.Len(t, ledger.Live(sweeper), 1)
	_, err := b.js.PublishMsg(b.ctx(), natsx.Remove("kedge_runs", messages.StatusKey(key.Tenant, key.RunID), time.Second))
	require.NoError(t, err)
	require.NoError(t, b.next().DoubleAck(b.ctx()))
	b.sweepOnce(sweeper)
	require.Empty(t, ledger.Live(sweeper))
}
