package ledger

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

func TestForsaken(t *testing.T) {
	now := time.Now()
	require.False(t, forsaken(true, now.Add(-365*24*time.Hour), now, time.Hour), "the run is known")
	require.False(t, forsaken(false, now.Add(-59*time.Minute), now, time.Hour), "its submit may be under way")
	require.False(t, forsaken(false, now.Add(time.Minute), now, time.Hour), "a clock that is behind")
	require.True(t, forsaken(false, now.Add(-time.Hour), now, time.Hour))
}

// Objects go when nobody knows their run any more and their submit can't be under way: the clock is moved, not waited for.
func TestCollectRemovesObjectsOfExpiredRuns(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{Queues: []string{"q"}})
	now := time.Now()
	l, err := New(js, Config{DataGrace: time.Hour, Now: func() time.Time { return now }})
	require.NoError(t, err)
	defer l.Close()
	put := func(run messages.RunID) {
		name := messages.ObjectName{Tenant: "default", RunID: run, ID: "1-1"}
		_, err := l.Objects().Put(t.Context(), name, strings.NewReader("data of "+string(run)), natsx.PutOptions{})
		require.NoError(t, err)
	}
	objects := func() (runs []messages.RunID) {
		marks, err := l.Objects().Marks(t.Context())
		require.NoError(t, err)
		for _, name := range marks {
			runs = append(runs, name.RunID)
		}
		return runs
	}
	collect := func(want int) {
		removed, err := l.Collect(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, removed)
	}
	put("known")
	put("orphan")
	_, err = l.Submit(t.Context(), Submission{Queue: "q", Request: &messages.RunRequest{RunID: "known"}})
	require.NoError(t, err)

	collect(0)
	require.ElementsMatch(t, []messages.RunID{"known", "orphan"}, objects(), "within the grace all stay")

	now = now.Add(time.Hour + time.Minute)
	collect(1)
	require.Equal(t, []messages.RunID{"known"}, objects(), "a submit that never came to an end has left an orphan")

	// The record expires: what the server does after the retention.
	stream, err := js.Stream(t.Context(), "KV_kedge_runs")
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSubject("$KV.kedge_runs.default.known")))
	collect(1)
	require.Empty(t, objects())
	bucket, err := js.Stream(t.Context(), "OBJ_kedge_data")
	require.NoError(t, err)
	info, err := bucket.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.State.Msgs, "no piece is left")
}
