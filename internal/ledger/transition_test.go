package ledger

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedge-run/kedge/messages"
)

func TestDecide(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	const quiet = 6 * time.Second
	d := delivery{
		address: messages.RequestAddress{Priority: messages.P1, Queue: "q", Tenant: "t", RunID: "r"},
		subject: "kedge.run.p1.q.t.r", sequence: 7, request: &messages.RunRequest{RunID: "r"},
	}
	invalid := d
	invalid.request, invalid.invalid = nil, &messages.FieldError{Field: "tags"}
	with := func(change func(*messages.Status)) *messages.Status {
		s := queued(d)
		change(&s)
		return &s
	}
	running := func(age time.Duration) *messages.Status {
		return with(func(s *messages.Status) {
			s.State, s.Epoch, s.Owner, s.StartedAt = messages.StateRunning, 1, "w", now.Add(-age)
		})
	}
	suspect := func(state messages.State, losses int, alone bool) *messages.Status {
		s := running(time.Minute)
		s.State, s.Losses, s.Alone = state, losses, alone
		return s
	}
	lone := d
	lone.alone = true
	cancelled := func(owner string) *messages.Status {
		s := running(time.Minute)
		s.State, s.Owner = messages.StateCancelling, owner
		return s
	}
	tests := map[string]struct {
		status *messages.Status
		alive  bool
		d      delivery
		want   action
		delay  time.Duration
	}{
		"no status":              {nil, false, d, actRun, 0},
		"queued":                 {with(func(*messages.Status) {}), false, d, actRun, 0},
		"invalid":                {nil, false, invalid, actClose, 0},
		"before its time":        {with(func(s *messages.Status) { s.NotBefore = now.Add(time.Second) }), false, d, actWait, time.Second},
		"long before its time":   {with(func(s *messages.Status) { s.NotBefore = now.Add(time.Hour) }), false, d, actWait, longestWait},
		"in its time":            {with(func(s *messages.Status) { s.NotBefore = now.Add(-time.Minute) }), false, d, actRun, 0},
		"start_by has passed":    {with(func(s *messages.Status) { s.StartBy = now.Add(-time.Second) }), false, d, actClose, 0},
		"retried after start_by": {with(func(s *messages.Status) { s.StartBy, s.Attempt = now.Add(-time.Second), 1 }), false, d, actRun, 0},
		"start_by to come":       {with(func(s *messages.Status) { s.StartBy = now.Add(time.Second) }), false, d, actRun, 0},
		"elsewhere":              {with(func(s *messages.Status) { s.RequestSubject = "other" }), false, d, actDrop, 0},
		"older message":          {with(func(s *messages.Status) { s.RequestSequence = 8 }), false, d, actDrop, 0},
		"newer message":          {with(func(s *messages.Status) { s.RequestSequence = 6 }), false, d, actRun, 0},
		"owner lives":            {running(time.Minute), true, d, actWait, ownerPoll},
		"owner is young":         {running(time.Second), false, d, actWait, ownerPoll},
		"owner is lost":          {running(time.Minute), false, d, actRun, 0},
		"owner a bit ahead":      {running(-time.Second), false, d, actWait, ownerPoll},
		"owner from the future":  {running(-time.Minute), false, d, actRun, 0},
		"late start_by":          {with(func(s *messages.Status) { *s = *running(time.Minute); s.StartBy = now.Add(-time.Second) }), false, d, actRun, 0},
		"cancelled, owner lives": {cancelled("w"), true, d, actWait, ownerPoll},
		"cancelled, owner lost":  {cancelled("w"), false, d, actClose, 0},
		"cancelled, queued":      {cancelled(""), false, d, actClose, 0},
		"cancelled and invalid":  {cancelled(""), false, invalid, actClose, 0},
		"lost once":              {running(time.Minute), false, d, actRun, 0},
		"lost twice":             {suspect(messages.StateRunning, 1, false), false, d, actAlone, 0},
		"lost twice, alone":      {suspect(messages.StateRunning, 1, false), false, lone, actRun, 0},
		"lost twice, put back":   {suspect(messages.StateQueued, 2, false), false, d, actAlone, 0},
		"lost twice, cancelled":  {suspect(messages.StateCancelling, 2, true), false, d, actClose, 0},
		"lost while alone":       {suspect(messages.StateRunning, 2, true), false, d, actClose, 0},
		"alone and alive":        {suspect(messages.StateRunning, 2, true), true, d, actWait, ownerPoll},
		"lost often beside":      {suspect(messages.StateRunning, 9, false), false, d, actAlone, 0},
		"ended":                  {with(func(s *messages.Status) { s.State = messages.StateFailed }), true, d, actDrop, 0},
		"ended and invalid":      {with(func(s *messages.Status) { s.State = messages.StateRejected }), false, invalid, actDrop, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := decide(test.status, test.alive, test.d, now, quiet)
			require.Equal(t, test.want, got.action, got.reason)
			require.Equal(t, test.delay, got.delay)
			require.Equal(t, test.want == actClose, got.reply != nil)
			require.True(t, test.want == actRun || got.reason != "")
		})
	}
}

// TestTransitionsAreLawful walks a run through random steps: each changes the state
// only as messages allows, epochs never fall, a final status is never left, and a
// status survives its encoding.
func TestTransitionsAreLawful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		d := delivery{
			address: messages.RequestAddress{Priority: messages.P1, Queue: "q", Tenant: "t", RunID: "r"},
			subject: "s", sequence: 1, storedAt: now, request: &messages.RunRequest{RunID: "r"},
		}
		s := queued(d)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "seconds")) * time.Second)
			next := randomStep(t, s, d, now)
			require.True(t, next.State == s.State || s.State.CanBecome(next.State), "%s -> %s", s.State, next.State)
			require.GreaterOrEqual(t, next.Epoch, s.Epoch)
			require.False(t, s.State.Terminal())
			require.False(t, next.UpdatedAt.Before(s.UpdatedAt))
			if next.State == messages.StateRunning {
				require.NotEmpty(t, next.Owner)
			}
			text, err := json.Marshal(next)
			require.NoError(t, err)
			var read messages.Status
			require.NoError(t, json.Unmarshal(text, &read))
			require.True(t, sameWrite(next, read))
			if s = next; s.State.Terminal() {
				require.Equal(t, actDrop, decide(&s, false, d, now, time.Second).action)
				require.Equal(t, leave, mend(s, inspection{}, now.Add(time.Hour), time.Minute))
				return
			}
		}
	})
}

func randomStep(t *rapid.T, s messages.Status, d delivery, now time.Time) messages.Status {
	alive := rapid.Bool().Draw(t, "alive")
	switch rapid.SampledFrom([]string{"deliver", "cancel", "progress", "finish", "put back", "sweep"}).Draw(t, "step") {
	case "deliver":
		switch what := decide(&s, alive, d, now, time.Second); what.action {
		case actRun:
			return claimed(s, d.sequence, "w", now)
		case actClose:
			s = seized(s, d.sequence, "w", now)
			return ended(s, sealed(what.reply, s, now), now)
		}
	case "cancel":
		if s.State != messages.StateCancelling {
			return cancelling(s, messages.Cancel{At: now}, now)
		}
	case "progress":
		if s.State == messages.StateRunning {
			return progressed(s, messages.Progress{Done: 1, Total: 2}, now)
		}
	case "finish":
		if s.State == messages.StateRunning {
			return ended(s, sealed(&messages.Reply{Result: &messages.RunResult{}}, s, now), now)
		}
	case "put back":
		if s.State == messages.StateRunning {
			return released(s, Outcome{Delay: time.Second, Error: &messages.Failure{Code: messages.CodeTransient}}, now)
		}
	case "sweep":
		switch mend(s, inspection{alive: alive, message: rapid.Bool().Draw(t, "message")}, now, time.Minute) {
		case requeue:
			return requeued(seized(s, 0, "w", now), now)
		case endIt:
			reply := closing(&s)
			s = seized(s, 0, "w", now)
			return ended(s, sealed(reply, s, now), now)
		}
	}
	return s
}

func TestRetried(t *testing.T) {
	failure := &messages.Failure{Code: messages.CodeNodeFailed, Message: "no"}
	policy := messages.RetryPolicy{MaxAttempts: 3, Backoff: &messages.Backoff{Initial: messages.Duration(10 * time.Second), Factor: 3}}
	// Losses and drains before spend nothing.
	s := messages.Status{State: messages.StateRunning, Attempt: 7, Losses: 2}
	for i, want := range []time.Duration{10 * time.Second, 30 * time.Second} {
		outcome, again := retried(s, policy, failure, 0)
		require.True(t, again)
		require.Equal(t, want, outcome.Delay)
		require.Equal(t, fmt.Sprintf("an error, attempt %d of 3 follows", i+2), outcome.Reason)
		half, _ := retried(s, policy, failure, 0.5)
		require.Equal(t, want*3/4, half.Delay)
		now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
		s = released(s, outcome, now)
		require.Equal(t, []any{messages.StateQueued, i + 1, 2, now.Add(want), failure, outcome.Reason},
			[]any{s.State, s.Retries, s.Losses, s.NotBefore, s.LastError, s.Waiting})
		s = claimed(s, 1, "w", now)
	}
	_, again := retried(s, policy, failure, 0)
	require.False(t, again)
	_, again = retried(messages.Status{}, policy, &messages.Failure{Code: messages.CodeNotAllowed}, 0)
	require.False(t, again)
}

func TestReleasedCountsLossesApart(t *testing.T) {
	now := time.Now().UTC()
	s := released(messages.Status{State: messages.StateRunning, Epoch: 1, Owner: "w"}, Outcome{Lost: true, Reason: "its process was killed"}, now)
	require.Equal(t, []any{messages.StateQueued, 1, 0, ""}, []any{s.State, s.Losses, s.Retries, s.Owner})
	require.Equal(t, messages.Failure{Code: messages.CodeWorkerLost, Message: "its process was killed"}, *s.LastError)
	s = claimed(s, 1, "w2", now)
	require.Equal(t, 1, s.Losses, "a loss that its worker told is not counted again")
	s = released(s, Outcome{Reason: "draining"}, now)
	require.Equal(t, []any{1, 0}, []any{s.Losses, s.Retries})
}

func TestClaimedCountsLosses(t *testing.T) {
	now := time.Now().UTC()
	s := claimed(messages.Status{State: messages.StateQueued}, 1, "w1", now)
	require.Equal(t, []any{1, uint64(1), 0, "w1"}, []any{s.Attempt, s.Epoch, s.Losses, s.Owner})
	s = claimed(s, 1, "w2", now)
	require.Equal(t, []any{2, uint64(2), 1, "w2"}, []any{s.Attempt, s.Epoch, s.Losses, s.Owner})
	require.Equal(t, messages.CodeWorkerLost, s.LastError.Code)
	s = released(s, Outcome{Reason: "draining"}, now)
	s = claimed(s, 1, "w3", now)
	require.Equal(t, []any{3, uint64(3), 1, 0}, []any{s.Attempt, s.Epoch, s.Losses, s.Retries})
}
