package ledger_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// submitBrief submits a run whose end the caller will hear.
func (b *bench) submitBrief(l *ledger.Ledger, change ...func(*messages.RunRequest)) ledger.Key {
	b.t.Helper()
	request := &messages.RunRequest{RunID: messages.NewRunID(time.Now())}
	for _, c := range change {
		c(request)
	}
	receipt, err := l.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request, Brief: true})
	require.NoError(b.t, err)
	require.False(b.t, receipt.Existing)
	return receipt.Key
}

// never is a ledger that never stores by itself what it owes.
func (b *bench) never() *ledger.Ledger {
	b.t.Helper()
	l := b.another()
	ledger.OweForEver(l)
	return l
}

// allStatuses are sent here to be stored.
const allStatuses = "$KV.kedge_runs.>"

func (b *bench) nextStatus(sub *nats.Subscription) messages.Status {
	b.t.Helper()
	msg, err := sub.NextMsg(10 * time.Second)
	require.NoError(b.t, err)
	status, err := ledger.DecodeStatus(msg.Data)
	require.NoError(b.t, err)
	return status
}

func TestBriefRunHasNoStatusBeforeItsClaim(t *testing.T) {
	b := newBench(t)
	l := b.never()
	sub := b.spy(allStatuses)
	key := b.submitBrief(l)
	claim := b.claim("w1")
	require.NoError(t, claim.Finish(b.ctx(), success()))
	l.Heard(key, time.Millisecond)
	l.Close()
	b.requireEnd(key, messages.StateSucceeded)

	first, second := b.nextStatus(sub), b.nextStatus(sub)
	require.Equal(t, messages.StateRunning, first.State)
	require.EqualValues(t, 1, first.Epoch)
	require.False(t, first.SubmittedAt.IsZero())
	require.Equal(t, messages.StateSucceeded, second.State)
	pending, _, err := sub.Pending()
	require.NoError(t, err)
	require.Zero(t, pending)
}

func TestBriefRunThatIsNotBrief(t *testing.T) {
	b := newBench(t)
	l := b.another()
	defer l.Close()
	sub := b.spy(allStatuses)
	// end tells whether the status of the next run came before its request.
	end := func() (before bool) {
		msg := b.next()
		claim, err := b.Claim(b.ctx(), msg, "w1")
		require.NoError(t, err)
		require.NoError(t, claim.Finish(b.ctx(), success()))
		return msg.Headers().Get(messages.RevisionHeader) != ""
	}
	key := b.submitBrief(l)
	require.Equal(t, messages.StateQueued, b.nextStatus(sub).State, "it is stored when the run is still there")
	require.Equal(t, messages.StateQueued, b.status(key).State)

	next := b.submitBrief(l)
	require.False(t, end())
	require.True(t, end(), "that of the next run comes first")
	b.requireEnd(key, messages.StateSucceeded)
	b.requireEnd(next, messages.StateSucceeded)

	l.Heard(next, time.Hour)
	b.submitBrief(l)
	require.True(t, end())
	l.Heard(next, time.Millisecond)
	b.submitBrief(l)
	require.False(t, end(), "runs are brief again")
}

func TestOwedStatusIsThereForWhoAsks(t *testing.T) {
	questions := map[string]func(b *bench, l *ledger.Ledger, key ledger.Key) messages.Status{
		"status": func(b *bench, l *ledger.Ledger, key ledger.Key) messages.Status {
			status, err := l.Status(b.ctx(), key)
			require.NoError(b.t, err)
			return status
		},
		"list": func(b *bench, l *ledger.Ledger, _ ledger.Key) messages.Status {
			all, err := l.List(b.ctx(), messages.DefaultTenant)
			require.NoError(b.t, err)
			require.Len(b.t, all, 1)
			return all[0]
		},
		"cancel": func(b *bench, l *ledger.Ledger, key ledger.Key) messages.Status {
			status, err := l.Cancel(b.ctx(), key, messages.Cancel{By: "somebody"})
			require.NoError(b.t, err)
			return status
		},
		"the end of the submitter": func(b *bench, l *ledger.Ledger, key ledger.Key) messages.Status {
			l.Close()
			return b.status(key)
		},
	}
	for name, ask := range questions {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			l := b.never()
			key := b.submitBrief(l)
			require.Equal(t, key.RunID, ask(b, l, key).RunID)
			if name == "cancel" {
				claim, err := b.Claim(b.ctx(), b.next(), "w1")
				require.NoError(t, err)
				require.Nil(t, claim, "it never starts")
				b.requireEnd(key, messages.StateCancelled)
			}
		})
	}
	t.Run("by a stranger", func(t *testing.T) {
		b := newBench(t)
		l := b.another()
		defer l.Close()
		key := b.submitBrief(l)
		require.Equal(t, messages.StateQueued, b.status(key).State)
	})
	t.Run("cancelled by a stranger", func(t *testing.T) {
		b := newBench(t)
		l := b.another()
		defer l.Close()
		key := b.submitBrief(l)
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
		require.NoError(t, err)
	})
}

func TestOnlyPlainRunsAreBrief(t *testing.T) {
	changes := map[string]func(*messages.RunRequest){
		"start by":        func(r *messages.RunRequest) { r.StartBy = time.Now().Add(time.Hour) },
		"concurrency key": func(r *messages.RunRequest) { r.ConcurrencyKey = "k" },
		"unique key":      func(r *messages.RunRequest) { r.UniqueKey = "k" },
		"idempotency key": func(r *messages.RunRequest) { r.IdempotencyKey = "k" },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			l := b.never()
			key := b.submitBrief(l, change)
			require.Equal(t, messages.StateQueued, b.status(key).State)
		})
	}
}

func TestRequestWithoutStatusIsAdopted(t *testing.T) {
	b := newBench(t)
	key := b.submitBrief(b.never())
	_, err := b.Status(b.ctx(), key)
	require.ErrorIs(t, err, ledger.ErrNotFound, "its submitter is gone")
	b.sweepOnce(b.later())
	status := b.status(key)
	require.Equal(t, messages.StateQueued, status.State)
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}

func TestFullQueueOwesNothing(t *testing.T) {
	b := newBench(t, func(topology *natsx.Topology, _ *ledger.Config) { topology.MaxQueueBytes = 1000 })
	l := b.never()
	var err error
	for err == nil {
		_, err = l.Submit(b.ctx(), ledger.Submission{Queue: queue, Brief: true, Request: &messages.RunRequest{RunID: messages.NewRunID(time.Now())}})
	}
	require.ErrorIs(t, err, ledger.ErrFull)
	queued := b.waiting()
	require.NotZero(t, queued)
	all, err := l.List(b.ctx(), messages.DefaultTenant)
	require.NoError(t, err)
	require.Len(t, all, int(queued))
}

func TestOwedStatusThatCannotBeStored(t *testing.T) {
	b := newBench(t, func(topology *natsx.Topology, _ *ledger.Config) { topology.MaxRecordBytes = 100 })
	l := b.never()
	key := b.submitBrief(l)
	status, err := l.Status(b.ctx(), key)
	require.NoError(t, err)
	require.Equal(t, messages.StateQueued, status.State)
	require.Equal(t, key.RunID, status.RunID)
}
