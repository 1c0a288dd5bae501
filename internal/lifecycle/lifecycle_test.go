package lifecycle_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/internal/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal notes the order in which loops end.
type journal struct {
	mu    sync.Mutex
	names []string
}

func (j *journal) loop(name string) lifecycle.Loop {
	return lifecycle.Loop{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.names = append(j.names, name)
		return context.Cause(ctx)
	}}
}

func TestRunStopsInTheOrderGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- lifecycle.Run(ctx, j.loop("fetch"), j.loop("execute"), j.loop("heartbeat")) }()
		synctest.Wait()
		cancel(errors.New("asked to"))
		require.NoError(t, <-done)
		require.Equal(t, []string{"fetch", "execute", "heartbeat"}, j.names)
	})
}

func TestRunEndsWhenALoopFails(t *testing.T) {
	var j journal
	broken := errors.New("no connection")
	failing := lifecycle.Loop{Name: "report", Run: func(context.Context) error { return broken }}
	err := lifecycle.Run(t.Context(), j.loop("fetch"), failing)
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "report: no connection")
	require.Equal(t, []string{"fetch"}, j.names)
}

func TestSignals(t *testing.T) {
	hard := make(chan os.Signal, 1)
	ctx, stop := lifecycle.WithSignals(t.Context(), func(s os.Signal) { hard <- s }, syscall.SIGUSR1, syscall.SIGUSR2)
	defer stop()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	<-ctx.Done()
	var cause *lifecycle.SignalError
	require.ErrorAs(t, context.Cause(ctx), &cause)
	require.Equal(t, syscall.SIGUSR1, cause.Signal)
	require.Empty(t, hard)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR2))
	require.Equal(t, os.Signal(syscall.SIGUSR2), <-hard)
}

// TestSignalThatComesTwice: at once it is one request to stop, later it is the second.
func TestSignalThatComesTwice(t *testing.T) {
	hard := make(chan time.Time, 1)
	ctx, stop := lifecycle.WithSignals(t.Context(), func(os.Signal) { hard <- time.Now() }, syscall.SIGUSR1)
	defer stop()
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	<-ctx.Done()
	began := time.Now()
	require.Eventually(t, func() bool {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
		return len(hard) > 0
	}, 10*time.Second, 10*time.Millisecond)
	require.Greater(t, (<-hard).Sub(began), 100*time.Millisecond)
}
