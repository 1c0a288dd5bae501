package client_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/messages"
)

func TestWhyARunWaits(t *testing.T) {
	now := time.Now()
	queued := messages.Status{State: messages.StateQueued, Queue: "q", Tenant: "t"}
	with := func(change func(*messages.Status)) messages.Status {
		s := queued
		change(&s)
		return s
	}
	free := messages.Worker{Queue: "q", Slots: 2, Busy: 1}
	full, stopped, foreign := free, free, free
	full.Busy, stopped.Paused, foreign.Tenants = 2, "worker", []string{"other"}
	fleet := func(workers ...messages.Worker) client.Fleet { return client.Fleet{Workers: workers} }
	paused := client.Fleet{Workers: []messages.Worker{free}, Pauses: map[string]messages.Pause{"q": {By: "me", Reason: "moving"}}}
	keyed := with(func(s *messages.Status) { s.ConcurrencyKey, s.Waiting = "k", "as of then" })
	keys := func(limits messages.Limits, holders ...messages.RunID) client.Fleet {
		f := fleet(free)
		f.Keys.Limits = limits
		for _, run := range holders {
			f.Keys.Holders = append(f.Keys.Holders, client.KeyHolder{Key: "k", RunID: run}, client.KeyHolder{Key: "other", RunID: "x"})
		}
		return f
	}
	two := messages.Limits{Limits: map[string]messages.Limit{"k*": {Concurrency: 2}}}
	stop := messages.Limits{Pauses: map[string]messages.KeyPause{"k": {Pause: messages.Pause{By: "me"}}}}
	for name, c := range map[string]struct {
		fleet  client.Fleet
		status messages.Status
		want   string
	}{
		"running":       {fleet(), with(func(s *messages.Status) { s.State = messages.StateRunning }), ""},
		"paused":        {paused, queued, "queue q to be resumed: paused by me (moving)"},
		"its own words": {fleet(free), with(func(s *messages.Status) { s.Waiting = "a slot" }), ""},
		"a time":        {fleet(free), with(func(s *messages.Status) { s.NotBefore = now.Add(time.Hour) }), ""},
		"nobody":        {fleet(), queued, "a worker: no live one serves queue q for tenant t"},
		"not for it":    {fleet(foreign), queued, "a worker: no live one serves queue q for tenant t"},
		"all stopped":   {fleet(stopped), queued, "a worker: all that serve the queue are paused or stop"},
		"all full":      {fleet(full, stopped), queued, "a free worker: all slots are taken"},
		"suspected":     {fleet(free), with(func(s *messages.Status) { s.Losses = 2 }), "a worker to itself: it was lost 2 times"},
		"a key":         {keys(messages.Limits{}, "a"), keyed, `concurrency key "k": 1 of at most 1 at a time under way (a)`},
		"both places":   {keys(two, "b", "a"), keyed, `concurrency key "k": 2 of at most 2 at a time under way (a, b)`},
		"a free place":  {keys(two, "a"), keyed, ""},
		"a paused key":  {keys(stop), keyed, `concurrency key "k" to be resumed: paused by me`},
		"its turn":      {fleet(full, free), queued, "its turn"},
	} {
		require.Equal(t, c.want, c.fleet.Why(&c.status, now), name)
	}
}

func TestRetryAndRedrive(t *testing.T) {
	b := newBench(t, client.Config{})
	request := &messages.RunRequest{Labels: map[string]string{"a": "b"}, StartBy: time.Now().Add(time.Hour).UTC()}
	first, err := b.Submit(t.Context(), request, client.ToQueue("a"))
	require.NoError(t, err)
	_, err = b.Retry(t.Context(), first.RunID)
	require.ErrorIs(t, err, client.ErrNotEnded)
	_, err = b.Retry(t.Context(), "nobody")
	require.ErrorIs(t, err, client.ErrNotFound)
	require.NoError(t, b.claim().Finish(t.Context(), &messages.Reply{Error: &messages.RunError{
		Ended: messages.Ended{State: messages.StateDead}, Code: messages.CodePoison, Message: "lost",
	}}))
	again, err := b.Retry(t.Context(), first.RunID)
	require.NoError(t, err)
	require.Equal(t, "a", again.Queue)
	status, err := b.Status(t.Context(), again.RunID)
	require.NoError(t, err)
	require.Equal(t, first.RunID, status.RetryOf)
	require.Equal(t, "b", status.Labels["a"])
	require.Zero(t, status.StartBy)

	letters, err := b.DeadLetters(t.Context())
	require.NoError(t, err)
	require.Len(t, letters, 1)
	once, err := b.Redrive(t.Context(), &letters[0])
	require.NoError(t, err)
	twice, err := b.Redrive(t.Context(), &letters[0])
	require.NoError(t, err)
	require.Equal(t, once.RunID, twice.RunID, "a redrive that was cut off and repeated is one run")
	require.True(t, twice.Existing)
	letters, err = b.DeadLetters(t.Context())
	require.NoError(t, err)
	require.Empty(t, letters)
	_, err = b.Redrive(t.Context(), &messages.DeadLetter{RunID: "r", Tenant: "default", Queue: "a"})
	require.ErrorIs(t, err, client.ErrNoRequest)
}
