package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// TestCrashBetweenSteps lets an owner die after each step. Whoever gets the message
// next finishes the rest, or runs again; one reply is stored in any case.
func TestCrashBetweenSteps(t *testing.T) {
	tests := map[string]struct {
		die     func(context.Context, *ledger.Claim) error
		attempt int // of the reply
		owner   string
	}{
		"after the claim": {func(context.Context, *ledger.Claim) error { return nil }, 2, "w2"},
		"after a heartbeat": {func(ctx context.Context, c *ledger.Claim) error {
			return c.Beat(ctx, &messages.Progress{Done: 1, Total: 2})
		}, 2, "w2"},
		"after the reply": {func(ctx context.Context, c *ledger.Claim) error {
			return ledger.StoreDone(ctx, c, success())
		}, 1, "w1"},
		"after a heartbeat and the reply": {func(ctx context.Context, c *ledger.Claim) error {
			if err := c.Beat(ctx, nil); err != nil {
				return err
			}
			return ledger.StoreDone(ctx, c, success())
		}, 1, "w1"},
		"after the final status": {func(ctx context.Context, c *ledger.Claim) error {
			return ledger.StoreEnd(ctx, c, success())
		}, 1, "w1"},
		"after the status of a put-back": {func(ctx context.Context, c *ledger.Claim) error {
			return ledger.StoreRelease(ctx, c, ledger.Outcome{Reason: "draining"})
		}, 2, "w2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			key := b.submit(&messages.RunRequest{})
			require.NoError(t, test.die(b.ctx(), b.claim("w1")))
			l := b.another()
			require.Eventually(t, func() bool {
				msg := b.poll(time.Second)
				if msg == nil {
					return b.waiting() == 0
				}
				claim, err := l.Claim(b.ctx(), msg, "w2")
				require.NoError(t, err)
				if claim != nil {
					require.NoError(t, claim.Finish(b.ctx(), success()))
				}
				return b.waiting() == 0
			}, 15*time.Second, time.Millisecond)
			reply := b.requireEnd(key, messages.StateSucceeded)
			require.Equal(t, test.attempt, reply.Result.Attempt)
			require.Equal(t, test.owner, reply.Result.Worker)
		})
	}
}

// TestLostAnswers repeats steps that were stored although nobody said so.
func TestLostAnswers(t *testing.T) {
	t.Run("of the reply", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		require.NoError(t, ledger.StoreDone(b.ctx(), claim, success()))
		require.NoError(t, claim.Finish(b.ctx(), success()))
		b.requireStoredOnce(key)
	})
	t.Run("of reply and status", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		require.NoError(t, ledger.StoreEnd(b.ctx(), claim, success()))
		require.NoError(t, claim.Finish(b.ctx(), success()))
		b.requireStoredOnce(key)
	})
	t.Run("of the reply, then a cancel", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		require.NoError(t, ledger.StoreDone(b.ctx(), claim, success()))
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
		require.NoError(t, err)
		require.NoError(t, claim.Finish(b.ctx(), cancelled()))
		b.requireEnd(key, messages.StateSucceeded)
		require.NoError(t, claim.Finish(b.ctx(), success()))
		b.requireStoredOnce(key)
	})
	t.Run("of a status", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		key := b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		first, second, err := ledger.SwapTwice(b.ctx(), claim)
		require.NoError(t, err)
		require.True(t, first)
		require.True(t, second)
		require.NoError(t, claim.Finish(b.ctx(), success()))
		b.requireStoredOnce(key)
	})
}

// requireStoredOnce also checks that the stored reply is the first one of its
// subject: a second would have pushed it out.
func (b *bench) requireStoredOnce(key ledger.Key) {
	b.t.Helper()
	b.requireEnd(key, messages.StateSucceeded)
	stream, err := b.js.Stream(b.ctx(), "KV_kedge_runs")
	require.NoError(b.t, err)
	state := stream.CachedInfo().State
	done, err := natsx.LastFromLeader(b.ctx(), b.js, "KV_kedge_runs", messages.Subjects{}.Done(key.Tenant, key.RunID))
	require.NoError(b.t, err)
	require.EqualValues(b.t, 2, state.Msgs, "one status, one reply")
	require.Less(b.t, done.Sequence, state.LastSeq)
}

// TestServerDiesWithRunsInFlight kills the server, with every write synced, under
// submits and claims; all of them go on when it is back.
func TestServerDiesWithRunsInFlight(t *testing.T) {
	process := newProcess(t)
	const runs = 30
	ended := make(chan error, runs)
	for i := range runs {
		go func() {
			ended <- process.oneRun(t.Context(), messages.RunID("r"+string(rune('a'+i%26))+string(rune('a'+i/26))))
		}()
	}
	for i := range runs {
		if i == 5 || i == 15 {
			process.server.Restart()
		}
		require.NoError(t, <-ended)
	}
	require.EqualValues(t, runs, process.replies(t))
}

func TestSweep(t *testing.T) {
	past := func(_ *natsx.Topology, cfg *ledger.Config) {
		cfg.PublishTimeout = time.Second
		start := time.Now()
		// A sweeper whose clock runs fast sees every run as old.
		cfg.Now = func() time.Time { return start.Add(100 * time.Since(start)) }
	}
	t.Run("cancelled and never met", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		key := b.submit(&messages.RunRequest{})
		_, err := b.Cancel(b.ctx(), key, messages.Cancel{})
		require.NoError(t, err)
		b.sweep(1)
		b.requireEnd(key, messages.StateCancelled)
		b.sweep(0)
	})
	t.Run("start_by has passed", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		key := b.submit(&messages.RunRequest{StartBy: time.Now().Add(time.Millisecond).UTC()})
		b.sweep(1)
		require.Equal(t, messages.CodeStartByPassed, b.requireEnd(key, messages.StateTimedOut).Error.Code)
	})
	t.Run("the request is gone", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		key := b.submit(&messages.RunRequest{Labels: map[string]string{"a": "b"}})
		lost := b.next()
		_, err := b.Claim(b.ctx(), lost, "w1")
		require.NoError(t, err)
		require.NoError(t, lost.DoubleAck(b.ctx()))
		b.sweep(1)
		claim := b.claim("w2")
		require.Equal(t, "b", claim.Request().Labels["a"])
		require.Equal(t, 1, claim.Status().Losses)
		require.NoError(t, claim.Finish(b.ctx(), success()))
		b.requireEnd(key, messages.StateSucceeded)
	})
	t.Run("the request is stranded", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		key := b.submit(&messages.RunRequest{Labels: map[string]string{"a": "b"}})
		claim := b.claim("w1")
		require.NoError(t, claim.Beat(b.ctx(), nil))
		before := claim.Status().RequestSequence
		ledger.PassAll(b.Ledger, queue)
		b.sweep(1)
		again := b.claim("w2")
		require.Greater(t, again.Status().RequestSequence, before)
		require.Equal(t, "b", again.Request().Labels["a"])
		require.NoError(t, again.Finish(b.ctx(), success()))
		b.requireEnd(key, messages.StateSucceeded)
	})
	t.Run("the request of a run that nobody has claimed is stranded", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		b.submit(&messages.RunRequest{Labels: map[string]string{"a": "b"}})
		ledger.PassAll(b.Ledger, queue)
		b.sweep(1)
		require.Equal(t, "b", b.claim("w1").Request().Labels["a"])
	})
	t.Run("a stranded request that can't be stored again is kept", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		b.submit(&messages.RunRequest{Labels: map[string]string{"a": "b"}})
		restore := b.refuse("KEDGE_RUNS")
		ledger.PassAll(b.Ledger, queue)
		_, err := b.Sweep(b.ctx(), "sweeper")
		require.Error(t, err)
		require.Zero(t, b.waiting())
		restore()
		b.sweep(1)
		require.Equal(t, "b", b.claim("w1").Request().Labels["a"])
	})
	t.Run("who may not submit leaves a stranded request alone", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past, func(_ *natsx.Topology, cfg *ledger.Config) { cfg.NoDispatch = true })
		key := b.submit(&messages.RunRequest{})
		ledger.PassAll(b.Ledger, queue)
		require.Never(t, func() bool {
			mended, err := b.Sweep(b.ctx(), "sweeper")
			return err != nil || mended > 0
		}, 500*time.Millisecond, 10*time.Millisecond)
		require.EqualValues(t, 1, b.waiting())
		require.Zero(t, b.status(key).Epoch)
	})
	t.Run("the request of an ended run is stranded", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		b.submit(&messages.RunRequest{})
		require.NoError(t, ledger.StoreEnd(b.ctx(), b.claim("w1"), success()))
		require.EqualValues(t, 1, b.waiting())
		ledger.PassAll(b.Ledger, queue)
		b.sweep(0)
		require.EqualValues(t, 0, b.waiting())
	})
	t.Run("request and event are gone", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		key := b.submit(&messages.RunRequest{})
		events, err := b.js.Stream(b.ctx(), "KEDGE_EVENTS")
		require.NoError(t, err)
		require.NoError(t, events.Purge(b.ctx()))
		require.NoError(t, b.next().DoubleAck(b.ctx()))
		b.sweep(1)
		require.Equal(t, messages.CodeInternal, b.requireEnd(key, messages.StateFailed).Error.Code)
	})
	t.Run("only the final status is missing", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, past)
		key := b.submit(&messages.RunRequest{})
		msg := b.next()
		claim, err := b.Claim(b.ctx(), msg, "w1")
		require.NoError(t, err)
		require.NoError(t, ledger.StoreDone(b.ctx(), claim, success()))
		require.NoError(t, msg.DoubleAck(b.ctx()))
		b.sweep(1)
		require.Equal(t, "w1", b.requireEnd(key, messages.StateSucceeded).Result.Worker)
	})
	t.Run("nothing to do", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.submit(&messages.RunRequest{})
		claim := b.claim("w1")
		b.submit(&messages.RunRequest{})
		b.sweep(0)
		require.NoError(t, claim.Beat(b.ctx(), nil))
		b.sweep(0)
	})
}

func (b *bench) sweep(want int) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		mended, err := b.Sweep(b.ctx(), "sweeper")
		require.NoError(b.t, err)
		return mended == want
	}, 10*time.Second, 10*time.Millisecond)
}

// refuse lets a stream take no messages until the function that it gives is called.
func (b *bench) refuse(stream string) (restore func()) {
	b.t.Helper()
	s, err := b.js.Stream(b.ctx(), stream)
	require.NoError(b.t, err)
	usual := s.CachedInfo().Config
	change := func(cfg jetstream.StreamConfig) {
		_, err := b.js.UpdateStream(b.ctx(), cfg)
		require.NoError(b.t, err)
	}
	broken := usual
	broken.MaxMsgSize = 1
	change(broken)
	return func() { change(usual) }
}

// TestRunThatCannotBeReadIsNotLost: a claim that is stored and can't go on, since a stream has no leader for instance, is
// undone, and counts neither as an attempt nor as a loss.
func TestRunThatCannotBeReadIsNotLost(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	require.NoError(t, b.claim("w1").PutBack(b.ctx(), ledger.Outcome{Reason: "its worker stopped"}))
	require.NoError(t, b.js.DeleteStream(b.ctx(), "KEDGE_EVENTS"))
	for range 3 {
		claim, err := b.Claim(b.ctx(), b.next(), "w2")
		require.NoError(t, err)
		require.Nil(t, claim)
		status := b.status(key)
		require.Equal(t, messages.StateQueued, status.State)
		require.Contains(t, status.Waiting, "could not read")
		require.Equal(t, 1, status.Attempt)
		require.Zero(t, status.Losses)
	}
	b.server.JetStream(b.topology)
	claim := b.claim("w2")
	require.Equal(t, 2, claim.Status().Attempt)
	require.NoError(t, claim.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}

// TestEventsGoOnAfterOneThatWasNotStored, also of a run that tells many.
func TestEventsGoOnAfterOneThatWasNotStored(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	claim := b.claim("w1")
	restore := b.refuse("KEDGE_EVENTS")
	require.NoError(t, claim.Publish(b.ctx(), messages.Event{Kind: messages.EventLog, Message: "refused"}))
	require.Error(t, ledger.LetGo(b.ctx(), claim))
	restore()
	for i := range 200 {
		require.NoError(t, claim.Publish(b.ctx(), messages.Event{Kind: messages.EventLog, Message: fmt.Sprint(i)}))
		require.NoError(t, ledger.LetGo(b.ctx(), claim))
	}
	require.NoError(t, claim.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
	events, err := b.js.Stream(b.ctx(), "KEDGE_EVENTS")
	require.NoError(t, err)
	last, err := events.GetLastMsgForSubject(b.ctx(), messages.Subjects{}.Events(key.Tenant, key.RunID))
	require.NoError(t, err)
	require.Contains(t, string(last.Data), `"199"`)
}

// TestCopyOfAReplyWithoutAClaim: who waits for a copy of the reply gets it also when a sweep ends the run.
func TestCopyOfAReplyWithoutAClaim(t *testing.T) {
	for name, at := range map[string]time.Time{"queued": {}, "delayed": time.Now().Add(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			copies := b.spy("_INBOX.mine")
			request := &messages.RunRequest{RunID: "r", ReplySubject: "_INBOX.mine"}
			receipt, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: request, At: at})
			require.NoError(t, err)
			_, err = b.Cancel(b.ctx(), receipt.Key, messages.Cancel{})
			require.NoError(t, err)
			require.NoError(t, b.Mend(b.ctx(), receipt.Key, "w1"))
			b.requireEnd(receipt.Key, messages.StateCancelled)
			msg, err := copies.NextMsg(10 * time.Second)
			require.NoError(t, err)
			reply, err := messages.DecodeReply(msg.Data)
			require.NoError(t, err)
			require.Equal(t, messages.StateCancelled, reply.State())
		})
	}
}

// TestStatusThatIsTooLarge: a request may be small enough and the status that tells of it not, since that escapes some
// characters.
func TestStatusThatIsTooLarge(t *testing.T) {
	b := newBench(t)
	body := `{"run_id":"r","labels":{"a":"` + strings.Repeat("<", 200_000) + `"}}`
	_, err := b.js.PublishMsg(b.ctx(), &nats.Msg{Subject: messages.Subjects{}.Request(messages.DefaultPriority, queue, messages.DefaultTenant, "r"), Data: []byte(body)})
	require.NoError(t, err)
	claim, err := b.Claim(b.ctx(), b.next(), "w1")
	require.NoError(t, err)
	require.Nil(t, claim)
	require.Equal(t, messages.CodeTooLarge, b.requireEnd(ledger.Key{Tenant: messages.DefaultTenant, RunID: "r"}, messages.StateRejected).Error.Code)
}

func TestUnreadableSubjectIsTerminated(t *testing.T) {
	b := newBench(t)
	_, err := b.js.PublishMsg(b.ctx(), &nats.Msg{Subject: "kedge.run.p1." + queue + ".default.a$b", Data: []byte("{}")})
	require.NoError(t, err)
	_, err = b.Claim(b.ctx(), b.next(), "w1")
	require.ErrorIs(t, err, messages.ErrInvalidID)
	require.Eventually(t, func() bool { return b.waiting() == 0 }, 5*time.Second, time.Millisecond)
}

// TestLeaseThatIsKeptTooLong: a server may come back from a crash without what makes leases run out.
func TestLeaseThatIsKeptTooLong(t *testing.T) {
	b := newBench(t)
	key := b.submit(&messages.RunRequest{})
	b.claim("w1")
	lease := natsx.Put("kedge_leases", messages.StatusKey(key.Tenant, key.RunID)+".1", []byte("w1"), 0)
	_, err := b.js.PublishMsg(b.ctx(), lease)
	require.NoError(t, err)

	heir := b.another()
	var claim *ledger.Claim
	tries := 0
	for ; claim == nil; tries++ {
		claim, err = heir.Claim(b.ctx(), b.next(), "w2")
		require.NoError(t, err)
	}
	require.Greater(t, tries, 1, "it is believed for a while")
	require.EqualValues(t, 2, claim.Status().Epoch)
	require.NoError(t, claim.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}
