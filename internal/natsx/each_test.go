package natsx_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
)

// TestEachDoesNotWaitForWhatIsRemoved: what was counted and is gone would not come, however long one waits.
func TestEachDoesNotWaitForWhatIsRemoved(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{})
	const total = 1000
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "X", Subjects: []string{"x.>"}, MaxMsgsPerSubject: 1})
	require.NoError(t, err)
	put := func(i int) {
		_, err := js.Publish(t.Context(), fmt.Sprintf("x.%d", i), []byte("1"))
		require.NoError(t, err)
	}
	for i := range total {
		put(i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	seen := map[string]bool{}
	require.NoError(t, natsx.Each(ctx, js, "X", "x.>", func(msg jetstream.Msg) { seen[msg.Subject()] = true }))
	require.Len(t, seen, total)

	clear(seen)
	require.NoError(t, natsx.Each(ctx, js, "X", "x.>", func(msg jetstream.Msg) {
		if len(seen) == 0 { // one moves to the end, many go
			put(total - 1)
			require.NoError(t, stream.Purge(ctx, jetstream.WithPurgeSequence(total-10)))
		}
		seen[msg.Subject()] = true
	}))
	require.GreaterOrEqual(t, len(seen), 10)
	for i := total - 10; i < total; i++ {
		require.Contains(t, seen, fmt.Sprintf("x.%d", i))
	}
	require.NoError(t, natsx.Each(ctx, js, "X", "y", func(jetstream.Msg) { t.Error("nothing is there") }))

	first, err := natsx.First(ctx, js, "X", "x.>")
	require.NoError(t, err)
	require.EqualValues(t, total-10, first.Sequence)
	require.NoError(t, stream.Purge(ctx))
	_, err = natsx.First(ctx, js, "X", "x.>")
	require.ErrorIs(t, err, natsx.ErrNoRecord)
}
