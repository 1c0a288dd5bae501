package hosted_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
)

func python(t *testing.T) string { return kedrotest.Python(t, "1.7") }

// bare is an interpreter without Kedro.
func bare(t *testing.T) string { return kedrotest.Environment(t) }

func writeSource(t *testing.T, project, name, code string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(project, "src", "suite", name), []byte(code), 0o644))
}

// eventually waits until something is so.
func eventually(t *testing.T, so func() bool, what string) {
	t.Helper()
	require.Eventually(t, so, 30*time.Second, 10*time.Millisecond, what)
}

// alive reports whether a process runs; one that waits to be collected by its parent doesn't.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// pidsIn reads the process ids that the stubborn node has written: its own, and that of a program which it started.
func pidsIn(path string) (pids []int) {
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(string(text), "\n") {
		return nil
	}
	pids = make([]int, 2)
	if _, err := fmt.Sscan(string(text), &pids[0], &pids[1]); err != nil {
		return nil
	}
	return pids
}

func TestCancelKillsWhatIgnoresIt(t *testing.T) {
	s := more(t, hosted.Config{})
	file := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("somebody cancelled")
	go func() {
		for pidsIn(file) == nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
		cancel(why)
	}()
	_, err := s.Run(ctx, with("stubborn", file))
	require.ErrorIs(t, err, why)
	for _, pid := range pidsIn(file) {
		eventually(t, func() bool { return !alive(pid) }, "a process of the run lives on")
	}
	_, err = s.Run(t.Context(), pipelineOf("add"))
	require.NoError(t, err)
}

func TestCrashFailsItsOwnRunOnly(t *testing.T) {
	s := more(t, hosted.Config{Children: 2})
	var others sync.WaitGroup
	for range 4 {
		others.Go(func() {
			_, err := s.Run(t.Context(), pipelineOf("chain"))
			require.NoError(t, err)
		})
	}
	for _, how := range []string{"signal", "os"} {
		_, err := s.Run(t.Context(), with("die", how))
		var lost *session.LostError
		require.ErrorAs(t, err, &lost, how)
		require.Contains(t, lost.Reason, map[string]string{"signal": "signal: killed", "os": "exit status 7"}[how])
	}
	others.Wait()
	_, err := s.Run(t.Context(), with("die", "exit"))
	var failed *session.RunError
	require.ErrorAs(t, err, &failed, "sys.exit is an error of the node")
	require.Equal(t, "SystemExit", failed.Type)
}

// TestExceptionsSayWhetherToTryAgain: the attribute retryable of an exception, or of its cause.
func TestExceptionsSayWhetherToTryAgain(t *testing.T) {
	s := more(t, hosted.Config{})
	for how, want := range map[string][2]bool{
		"later": {true, false}, "caused": {true, false}, "never": {false, true}, "plain": {false, false},
	} {
		_, err := s.Run(t.Context(), with("flaky", how))
		var said interface {
			Retryable() bool
			Permanent() bool
		}
		require.ErrorAs(t, err, &said, how)
		require.Equal(t, want, [2]bool{said.Retryable(), said.Permanent()}, how)
	}
}

// A worn process goes on while its successor starts, so it may have more runs than it should.
func TestRecycling(t *testing.T) {
	for name, cfg := range map[string]hosted.Config{
		"by runs":   {MaxRuns: 2},
		"by memory": {MaxMemory: 1}, // MiB, less than any Python
	} {
		t.Run(name, func(t *testing.T) {
			s := more(t, cfg)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			pids := map[any]bool{}
			for len(pids) <= 2 { // two are there from the start
				result, err := s.Run(ctx, pipelineOf("pids"))
				require.NoError(t, err)
				pid, err := result.Outputs["pid"].Load(ctx)
				require.NoError(t, err)
				pids[pid] = true
			}
		})
	}
}

func TestReload(t *testing.T) {
	s := more(t, hosted.Config{Reload: true})
	_, err := s.Run(t.Context(), pipelineOf("later"))
	require.ErrorAs(t, err, new(*session.PipelineNotFoundError))
	dir := s.Project()
	old, err := os.ReadFile(filepath.Join(dir, "src", "suite", "pipeline_registry.py"))
	require.NoError(t, err)
	writeSource(t, dir, "pipeline_registry.py", strings.Replace(string(old), `"add": Pipeline(`, `"later": Pipeline([Node(increment, params, "one")]), "add": Pipeline(`, 1))
	_, err = s.Run(t.Context(), pipelineOf("later"))
	require.NoError(t, err)
	writeSource(t, dir, "pipeline_registry.py", "no Python")
	_, err = s.Run(t.Context(), pipelineOf("add"))
	var start *hosted.StartError
	require.ErrorAs(t, err, &start)
	require.Contains(t, start.Traceback, "SyntaxError")
	writeSource(t, dir, "pipeline_registry.py", string(old))
	_, err = s.Run(t.Context(), pipelineOf("add"))
	require.NoError(t, err)
}

// TestKilledWorkerLeavesNothing kills a process that holds a session: alone, and with its whole group.
func TestKilledWorkerLeavesNothing(t *testing.T) {
	if file := os.Getenv("HOSTED_VICTIM"); file != "" {
		victim(t, file)
		return
	}
	kedrotest.Python(t, "1.7")
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("group %v", whole), func(t *testing.T) {
			for _, node := range []string{"stubborn", "daemon"} {
				for _, pid := range killVictim(t, whole, "HOSTED_NODE="+node) {
					eventually(t, func() bool { return !alive(pid) }, "an orphan is left")
				}
			}
		})
	}
}

// killVictim kills a process that holds a session with a run under way, and gives the processes of the run.
func killVictim(t *testing.T, whole bool, env ...string) []int {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pids")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWorkerLeavesNothing$")
	cmd.Env = append(append(os.Environ(), "HOSTED_VICTIM="+file), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said := bufio.NewScanner(out)
	eventually(t, func() bool { return pidsIn(file) != nil }, "the run doesn't start")
	pids := pidsIn(file)
	target := cmd.Process.Pid
	if whole {
		target = -target
	}
	require.NoError(t, syscall.Kill(target, syscall.SIGKILL))
	for said.Scan() {
	}
	require.Error(t, cmd.Wait())
	return pids
}

// victim holds a session with a run that never ends.
func victim(t *testing.T, file string) {
	s := more(t, hosted.Config{})
	_, err := s.Run(t.Context(), with(cmp.Or(os.Getenv("HOSTED_NODE"), "stubborn"), file))
	require.NoError(t, err)
}
