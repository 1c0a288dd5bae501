//go:build unix

package project

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// shell is a process that runs a script.
func shell(t *testing.T, script string) *process {
	return &process{name: "sh", argv: []string{"/bin/sh", "-c", script}, env: os.Environ(), dir: t.TempDir(), grace: 10 * time.Second}
}

// logged collects the log lines of a context.
func logged(t *testing.T) (context.Context, *bytes.Buffer) {
	var lines bytes.Buffer
	return zerolog.New(zerolog.SyncWriter(&lines)).WithContext(t.Context()), &lines
}

func TestProcessGetsItsInputAndIsLogged(t *testing.T) {
	ctx, lines := logged(t)
	p := shell(t, `cat; echo "careful" >&2; pwd > where`)
	p.stdin = []byte("{\"a\":1}\n")
	require.NoError(t, p.run(ctx))

	require.Contains(t, lines.String(), `{"level":"info","stream":"stdout","message":"{\"a\":1}"}`)
	require.Contains(t, lines.String(), `{"level":"info","stream":"stderr","message":"careful"}`)
	where, err := os.ReadFile(filepath.Join(p.dir, "where"))
	require.NoError(t, err)
	require.Equal(t, filepath.Base(p.dir), filepath.Base(strings.TrimSpace(string(where))))
}

func TestProcessIgnoringItsInputIsNoError(t *testing.T) {
	p := shell(t, `exit 0`)
	p.stdin = bytes.Repeat([]byte("x"), 1<<20)
	require.NoError(t, p.run(t.Context()))
}

func TestProcessErrorHoldsStatusAndEndOfStderr(t *testing.T) {
	p := shell(t, `i=0; while [ $i -lt 2000 ]; do echo "line $i" >&2; i=$((i+1)); done; echo "no such column: prize" >&2; exit 3`)
	err := p.run(t.Context())
	var failed *CommandError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 3, failed.ExitCode)
	require.Equal(t, "exit status 3", failed.Status)
	require.LessOrEqual(t, len(failed.Stderr), tailLines)
	require.True(t, strings.HasSuffix(err.Error(), "line 1999\nno such column: prize"), err)
	require.Equal(t, "CalledProcessError", failed.ErrorType())
	require.Equal(t, []string{"SubprocessError", "Exception"}, failed.ErrorBases())
}

func TestProcessThatCannotStart(t *testing.T) {
	for name, argv := range map[string][]string{
		"unknown program":   {"kedge-no-such-program"},
		"missing script":    {"scripts/none.sh"},
		"not an executable": {"/etc/passwd"},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&process{name: argv[0], argv: argv, dir: t.TempDir(), grace: time.Second}).run(t.Context())
			require.ErrorContains(t, err, "command \""+argv[0]+"\" can't be started: ")
		})
	}
}

func TestProcessLinesAreReadable(t *testing.T) {
	ctx, lines := logged(t)
	p := shell(t, `printf 'caf\351\r\n'; head -c 100000 /dev/zero | tr '\0' x`)
	require.NoError(t, p.run(ctx))
	got := strings.Split(strings.TrimSpace(lines.String()), "\n")
	require.Len(t, got, 3, "one short line, one long line in two pieces")
	require.Contains(t, got[0], `"message":"caf�"`)
	require.Contains(t, got[1], strings.Repeat("x", longestLine))
}

// TestProcessIsStopped shows that the whole group ends: with SIGTERM where it listens, with SIGKILL where it doesn't.
func TestProcessIsStopped(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		grace  time.Duration
		said   string // what it says when it is told to stop
	}{
		"listens":        {`trap 'echo bye; exit 0' TERM; echo $$ > ready; while :; do sleep 0.01; done`, time.Minute, "bye"},
		"doesn't listen": {`trap '' TERM; sleep 600 & echo $! > ready; while :; do sleep 0.01; done`, 50 * time.Millisecond, ""},
		"child listens":  {`(trap 'echo bye; exit 0' TERM; echo $$ > ready; while :; do sleep 0.01; done) & wait; sleep 600`, time.Minute, "bye"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, lines := logged(t)
			ctx, cancel := context.WithCancelCause(ctx)
			cause := errors.New("the user said so")
			p := shell(t, test.script)
			p.grace = test.grace
			done := make(chan error, 1)
			go func() { done <- p.run(ctx) }()
			pid := awaitPid(t, filepath.Join(p.dir, "ready"))
			cancel(cause)
			err := <-done
			require.ErrorIs(t, err, cause)
			require.Contains(t, lines.String(), test.said)
			awaitEnd(t, pid)
		})
	}
}

// TestProcessLeavesNothingBehind shows that a child in the background ends with its parent.
func TestProcessLeavesNothingBehind(t *testing.T) {
	p := shell(t, `sleep 600 >/dev/null 2>&1 & echo $! > ready`)
	require.NoError(t, p.run(t.Context()))
	pid := awaitPid(t, filepath.Join(p.dir, "ready"))
	awaitEnd(t, pid)
}

func TestProcessIsNotStartedAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := shell(t, `echo > started`)
	require.ErrorIs(t, p.run(ctx), context.Canceled)
	require.NoFileExists(t, filepath.Join(p.dir, "started"))
}

func TestEnvironmentIsPicked(t *testing.T) {
	t.Setenv("KEDGE_NATS_CREDS", "secret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("OMP_NUM_THREADS", "2")
	t.Setenv("LC_TIME", "C")
	env := inherited([]string{"OMP_NUM_THREADS"})
	require.NotContains(t, strings.Join(env, "\n"), "secret")
	require.Contains(t, env, "OMP_NUM_THREADS=2")
	require.Contains(t, env, "LC_TIME=C")
	require.Contains(t, env, "PATH="+os.Getenv("PATH"))
}

// awaitPid waits until a script has written a process id.
func awaitPid(t *testing.T, file string) int {
	t.Helper()
	pid := 0
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.HasSuffix(text, []byte("\n")) {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	}, 10*time.Second, time.Millisecond)
	return pid
}

// awaitEnd waits until a process that was killed is gone, or only waits to be reaped by init, which a container may not have.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return errors.Is(unix.Kill(pid, 0), unix.ESRCH) || err == nil && bytes.Contains(stat, []byte(") Z "))
	}, 10*time.Second, time.Millisecond)
}
