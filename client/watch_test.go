package client_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
)

// patience is how long a test waits for what must happen.
const patience = 40 * time.Second

// TestWatchEndsWithItsContext also while the iterator below it tries to reach a stream that is away.
func TestWatchEndsWithItsContext(t *testing.T) {
	b := newBench(t, client.Config{})
	run := b.submit()
	ctx, cancel := context.WithCancel(t.Context())
	ended, first := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		seen := 0
		for range b.Watch(ctx, run) {
			if seen++; seen == 1 {
				close(first)
			}
		}
	}()
	<-first
	require.NoError(t, b.js.DeleteStream(t.Context(), "KEDGE_EVENTS"))
	tries := func() bool { return strings.Contains(stacks(), "resetMessages") }
	require.Eventually(t, tries, patience, 10*time.Millisecond)
	cancel()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	require.Eventually(t, func() bool { return !tries() }, patience, 10*time.Millisecond, "its reader goes on")
}

// stacks shows what all goroutines do.
func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// TestWaitEndsWithItsConnection: an outage ends, a connection that is closed doesn't.
func TestWaitEndsWithItsConnection(t *testing.T) {
	b := newBench(t, client.Config{Poll: 10 * time.Millisecond})
	run := b.submit()
	waited := make(chan error, 1)
	go func() {
		_, err := b.Wait(context.WithoutCancel(t.Context()), run)
		waited <- err
	}()
	require.NoError(t, b.Close())
	select {
	case err := <-waited:
		require.ErrorIs(t, err, nats.ErrConnectionClosed)
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
}
