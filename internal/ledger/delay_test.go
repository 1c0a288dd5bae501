package ledger_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// delayed submits a run that waits for a time.
func (b *bench) delayed(at time.Time) ledger.Key {
	b.t.Helper()
	receipt, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, At: at, Request: &messages.RunRequest{
		RunID: messages.NewRunID(time.Now()), Labels: map[string]string{"a": "<b>"},
	}})
	require.NoError(b.t, err)
	return receipt.Key
}

// due waits for what is due next.
func (b *bench) due() jetstream.Msg {
	b.t.Helper()
	consumer, err := b.topology.Dispatcher(b.ctx(), b.js)
	require.NoError(b.t, err)
	batch, err := consumer.Fetch(1, jetstream.FetchMaxWait(10*time.Second))
	require.NoError(b.t, err)
	msg := <-batch.Messages()
	require.NoError(b.t, batch.Error())
	require.NotNil(b.t, msg, "nothing is due")
	return msg
}

func (b *bench) dispatch() {
	b.t.Helper()
	require.NoError(b.t, b.Dispatch(b.ctx(), b.due(), "dispatcher"))
}

// timers counts what KEDGE_SCHEDULES holds: timers, and what is due.
func (b *bench) timers() uint64 {
	b.t.Helper()
	stream, err := b.js.Stream(b.ctx(), "KEDGE_SCHEDULES")
	require.NoError(b.t, err)
	return stream.CachedInfo().State.Msgs
}

func TestDelayedRun(t *testing.T) {
	b := newBench(t)
	at := time.Now().Add(time.Second)
	key := b.delayed(at)
	status := b.status(key)
	require.Equal(t, messages.StateScheduled, status.State)
	require.True(t, status.NotBefore.Equal(at))
	require.JSONEq(t, `{"run_id":"`+string(key.RunID)+`","labels":{"a":"<b>"}}`, string(status.Request))
	require.Zero(t, b.waiting())

	due := b.due()
	require.False(t, time.Now().Before(at), "fired early")
	require.NoError(t, b.Dispatch(b.ctx(), due, "dispatcher"))
	require.Equal(t, messages.StateQueued, b.status(key).State)
	claim := b.claim("w1")
	require.Equal(t, "<b>", claim.Request().Labels["a"])
	require.Empty(t, b.status(key).Request)
	require.NoError(t, claim.Finish(b.ctx(), success()))
	reply := b.requireEnd(key, messages.StateSucceeded)
	require.Less(t, time.Duration(reply.Result.QueuedFor), time.Until(at)+10*time.Second)
	require.Eventually(t, func() bool { return b.timers() == 0 }, 5*time.Second, time.Millisecond)
}

func TestDelayIsOneRun(t *testing.T) {
	b := newBench(t)
	s := ledger.Submission{Queue: queue, At: time.Now().Add(time.Hour), Request: &messages.RunRequest{RunID: "r"}}
	_, err := b.Submit(b.ctx(), s)
	require.NoError(t, err)
	again, err := b.Submit(b.ctx(), s)
	require.NoError(t, err)
	require.True(t, again.Existing)
	require.EqualValues(t, 1, b.timers())
	s.Request = &messages.RunRequest{RunID: "r", Tags: []string{"other"}}
	_, err = b.Submit(b.ctx(), s)
	require.ErrorIs(t, err, ledger.ErrConflict)

	// A plain publish of the same run waits for the time, too.
	require.Equal(t, messages.StateScheduled, b.status(again.Key).State)
	_, err = b.js.Publish(b.ctx(), b.status(again.Key).RequestSubject, []byte(`{"run_id":"r"}`))
	require.NoError(t, err)
	claim, err := b.Claim(b.ctx(), b.next(), "w1")
	require.NoError(t, err)
	require.Nil(t, claim)
	require.Equal(t, messages.StateScheduled, b.status(again.Key).State)
}

func TestDelayRefuses(t *testing.T) {
	b := newBench(t)
	tests := map[string]struct {
		at      time.Time
		request messages.RunRequest
		field   string
		reason  string
	}{
		"start_by before": {time.Now().Add(time.Hour), messages.RunRequest{StartBy: time.Now().Add(time.Minute)}, "start_by", "is not after"},
		"too far":         {time.Now().Add(farAway), messages.RunRequest{}, "at", "100 years"},
		"too large": {time.Now().Add(time.Hour), messages.RunRequest{
			RuntimeParams: map[string]any{"a": strings.Repeat("x", 250<<10)},
			RunnerParams:  map[string]any{"a": strings.Repeat("x", 250<<10)},
			Inputs: map[string]messages.Data{
				"a": {Value: json.RawMessage(`"` + strings.Repeat("x", 250<<10) + `"`)},
				"b": {Value: json.RawMessage(`"` + strings.Repeat("x", 250<<10) + `"`)},
			},
			Labels: map[string]string{"a": strings.Repeat("x", 6000)}, // in the status twice
		}, "", "the status that keeps the request"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.request.RunID = "r"
			var field *messages.FieldError
			_, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, At: test.at, Request: &test.request})
			require.ErrorAs(t, err, &field)
			require.Equal(t, test.field, field.Field)
			require.ErrorContains(t, err, test.reason)
		})
	}
	require.Zero(t, b.timers())
}

const farAway = 200 * 365 * 24 * time.Hour

func TestCancelOfADelayedRun(t *testing.T) {
	b := newBench(t)
	key := b.delayed(time.Now().Add(time.Hour))
	status, err := b.Cancel(b.ctx(), key, messages.Cancel{By: "me"})
	require.NoError(t, err)
	require.Equal(t, messages.StateCancelling, status.State)
	b.dispatch()
	require.Contains(t, b.requireEnd(key, messages.StateCancelled).Error.Message, "by me")
	require.Eventually(t, func() bool { return b.timers() == 0 }, 5*time.Second, time.Millisecond)
}

// TestCrashWhileDispatching lets a dispatcher die after each of its steps. The due message
// comes again, or is lost and the sweeper looks: one run is queued in any case.
func TestCrashWhileDispatching(t *testing.T) {
	deaths := map[string]func(*bench, ledger.Key) error{
		"before the status": func(*bench, ledger.Key) error { return nil },
		"after the status": func(b *bench, key ledger.Key) error {
			return ledger.StorePromotion(b.ctx(), b.Ledger, key)
		},
		"after the request": func(b *bench, key ledger.Key) error {
			return ledger.Promote(b.ctx(), b.Ledger, key, time.Now())
		},
	}
	for name, die := range deaths {
		t.Run(name+", redelivered", func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			key := b.delayed(time.Now().Add(10 * time.Millisecond))
			b.due()
			require.NoError(t, die(b, key))
			b.dispatch()
			b.requireOneRun(key)
		})
		t.Run(name+", lost", func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			key := b.delayed(time.Now().Add(10 * time.Millisecond))
			require.NoError(t, b.due().DoubleAck(b.ctx()))
			require.NoError(t, die(b, key))
			b.cfg.Now = func() time.Time { return time.Now().Add(time.Hour) }
			sweeper := b.another()
			require.Eventually(t, func() bool {
				_, err := sweeper.Sweep(b.ctx(), "sweeper")
				require.NoError(t, err)
				return b.waiting() == 1
			}, 10*time.Second, 10*time.Millisecond)
			b.requireOneRun(key)
		})
	}
}

// requireOneRun runs what is queued, and lets a dispatcher come late.
func (b *bench) requireOneRun(key ledger.Key) {
	b.t.Helper()
	require.EqualValues(b.t, 1, b.waiting())
	claim := b.claim("w1")
	require.NoError(b.t, ledger.Promote(b.ctx(), b.Ledger, key, time.Now()))
	require.NoError(b.t, claim.Finish(b.ctx(), success()))
	require.NoError(b.t, ledger.Promote(b.ctx(), b.Ledger, key, time.Now()))
	b.requireEnd(key, messages.StateSucceeded)
}

// TestTimerThatFiresEarlyIsSetAgain covers a timer that somebody else set.
func TestTimerThatFiresEarlyIsSetAgain(t *testing.T) {
	b := newBench(t)
	at := time.Now().Add(1500 * time.Millisecond)
	key := b.delayed(at)
	_, err := b.js.Publish(b.ctx(), b.cfg.Subjects.Due(messages.Timed{Tenant: key.Tenant, Run: key.RunID}), nil)
	require.NoError(t, err)
	b.dispatch()
	require.Equal(t, messages.StateScheduled, b.status(key).State)
	b.dispatch()
	require.False(t, time.Now().Before(at))
	b.requireOneRun(key)
}

// TestForeignDueMessages covers what anybody may store who may set timers.
func TestForeignDueMessages(t *testing.T) {
	b := newBench(t)
	for _, subject := range []string{"kedge.due.default.run.nobody", "kedge.due.default.cron.nothing"} {
		_, err := b.js.Publish(b.ctx(), subject, []byte("anything"))
		require.NoError(t, err)
		b.dispatch()
	}
	_, err := b.js.Publish(b.ctx(), "kedge.due.a$b.run.r", nil)
	require.NoError(t, err)
	require.ErrorIs(t, b.Dispatch(b.ctx(), b.due(), "dispatcher"), messages.ErrInvalidID)
	require.Eventually(t, func() bool { return b.timers() == 0 }, 5*time.Second, time.Millisecond)
}

// TestFullQueueKeepsWhatIsDue fills the queue before a delayed run enters it.
func TestFullQueueKeepsWhatIsDue(t *testing.T) {
	b := newBench(t, func(topology *natsx.Topology, _ *ledger.Config) { topology.MaxQueueBytes = 64 << 10 })
	large := func(run messages.RunID) *messages.RunRequest {
		return &messages.RunRequest{RunID: run, RuntimeParams: map[string]any{"a": strings.Repeat("x", 40<<10)}}
	}
	receipt, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, At: time.Now().Add(10 * time.Millisecond), Request: large("delayed")})
	require.NoError(t, err)
	key := receipt.Key
	b.submit(large("filler"))
	require.ErrorIs(t, b.Dispatch(b.ctx(), b.due(), "dispatcher"), ledger.ErrFull)
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	require.NoError(t, ledger.Promote(b.ctx(), b.Ledger, key, time.Now()))
	b.requireOneRun(key)
}
