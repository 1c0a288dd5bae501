package hosted_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
)

// TestRunsLeaveNothingToTheNext: what a run does to its process doesn't mislead or silence the run after it.
func TestRunsLeaveNothingToTheNext(t *testing.T) {
	s := more(t, hosted.Config{})
	for _, how := range []string{"folder", "descriptors", "outputs", "logging", "wrapped", "closed", "alarms"} {
		result, err := s.Run(t.Context(), with("spoil", how))
		require.NoError(t, err, how)
		value, err := result.Outputs["spoiled"].Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, how, value)
		var heard events
		opts := pipelineOf("where")
		opts.Observe = heard.observe
		result, err = s.Run(t.Context(), opts)
		require.NoError(t, err, how)
		folder, err := result.Outputs["folder"].Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, s.Project(), folder, how)
		require.ElementsMatch(t, []string{"where|info|here", "where|info|and there", "|info|program"}, heard.lines(), how)
	}
}

// TestProjectThatWrapsItsStreams, as many do at import: the wrapper closes what it wraps when it is collected.
func TestProjectThatWrapsItsStreams(t *testing.T) {
	dir := copyProject(t, "suite")
	appendTo(t, dir, "src/suite/rude.py", "\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')\n")
	s := more(t, hosted.Config{Project: dir})
	for range 2 {
		_, err := s.Run(t.Context(), pipelineOf("where"))
		require.NoError(t, err)
	}
}

// TestDescriptionThatIsNoJSON: a run whose nodes have succeeded is not lost for what a dataset says of itself.
func TestDescriptionThatIsNoJSON(t *testing.T) {
	dir := copyProject(t, "suite")
	appendTo(t, dir, "conf/base/catalog.yml", "\nspoiled:\n  type: suite.rude.Endless\n")
	result, err := more(t, hosted.Config{Project: dir}).Run(t.Context(), with("spoil", "nothing"))
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(result.Outputs["spoiled"].Describe()), "inf")
}

// TestStartErrorsHideSecrets that children before have told.
func TestStartErrorsHideSecrets(t *testing.T) {
	dir := copyProject(t, "suite")
	s := more(t, hosted.Config{Project: dir, Reload: true})
	_, err := s.Run(t.Context(), pipelineOf("secret"))
	require.ErrorContains(t, err, "login with <redacted> failed")
	appendTo(t, dir, "src/suite/rude.py", "\nraise RuntimeError('login with hunter22-is-secret failed')\n")
	_, err = s.Run(t.Context(), pipelineOf("where"))
	var start *hosted.StartError
	require.ErrorAs(t, err, &start)
	require.Contains(t, start.Message, "login with <redacted> failed")
	require.NotContains(t, start.Error(), "hunter22")
}

// TestObserverThatPanics: the child goes on with the run that has ended so, and serves no other.
func TestObserverThatPanics(t *testing.T) {
	s := more(t, hosted.Config{})
	opts := pipelineOf("results")
	opts.Observe = func(e session.Event) {
		if e.Kind == session.EventNodeStarted {
			panic("observer")
		}
	}
	require.PanicsWithValue(t, "observer", func() { _, _ = s.Run(t.Context(), opts) })
	result, err := s.Run(t.Context(), pipelineOf("where"))
	require.NoError(t, err)
	require.Contains(t, result.Outputs, "folder")
}

func appendTo(t *testing.T, dir, name, text string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, filepath.FromSlash(name)), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, errors.Join(err, file.Close()))
}

// TestNodesThatEndOddly: exceptions that mean the end of a process or task are the run's, when nobody cancels it.
func TestNodesThatEndOddly(t *testing.T) {
	s := more(t, hosted.Config{})
	for how, class := range map[string]string{"cancelled": "CancelledError", "interrupted": "KeyboardInterrupt"} {
		_, err := s.Run(t.Context(), with("spoil", how))
		var failed *session.RunError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "spoil "+class, failed.Node+" "+failed.Type)
	}
}

// TestLostRunsSayWhatTheyDid: the node, and the last lines of this run, not of others.
func TestLostRunsSayWhatTheyDid(t *testing.T) {
	s := more(t, hosted.Config{})
	_, err := s.Run(t.Context(), pipelineOf("chatter"))
	require.NoError(t, err)
	for _, test := range []struct {
		opts               session.RunOptions
		node, reason, last string
	}{
		{with("die", "signal"), "die", "ended: signal: killed, as the kernel does when memory runs out", "Running node: die"},
		{pipelineOf("hang_up"), "caller", "closed its connection to the worker", "good bye"},
	} {
		_, err := s.Run(t.Context(), test.opts)
		var lost *session.LostError
		require.ErrorAs(t, err, &lost)
		require.Equal(t, test.node, lost.Node)
		require.Equal(t, "the Python process of the run "+test.reason, lost.Reason)
		require.Contains(t, lost.Output, test.last)
		require.NotContains(t, lost.Output, "careful")
	}
}

// TestCancelKillsDaemons: a program in a session of its own is not in the group that is killed.
func TestCancelKillsDaemons(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("processes that have left their group are found on Linux only")
	}
	s := more(t, hosted.Config{})
	file := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("somebody cancelled")
	go func() {
		defer cancel(why)
		for pidsIn(file) == nil {
			select {
			case <-t.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	_, err := s.Run(ctx, with("daemon", file))
	require.ErrorIs(t, err, why)
	for _, pid := range pidsIn(file) {
		eventually(t, func() bool { return !alive(pid) }, "a process of the run lives on")
	}
}

func TestIndexesThatSaySomething(t *testing.T) {
	s := more(t, hosted.Config{})
	opts := pipelineOf("indexed")
	opts.RuntimeParams = map[string]any{"a": 4}
	result, err := s.Run(t.Context(), opts)
	require.NoError(t, err)
	for name, want := range map[string]string{
		"sums":  `[{"kind":"a","n":2},{"kind":"b","n":4}]`,
		"named": `[{"index":"first","n":1}]`,
		"odd":   `[{"n":1},{"n":3}]`,
	} {
		value, _, _ := result.Outputs[name].(session.EncodedOutput).Encoded()
		require.JSONEq(t, want, string(value), name)
	}
}

// TestStartTellsOfTrouble: what doesn't keep a project from being opened, but will make runs fail, is told at the start.
func TestStartTellsOfTrouble(t *testing.T) {
	dir := copyProject(t, "suite")
	catalog := filepath.Join(dir, "conf", "base", "catalog.yml")
	text, err := os.ReadFile(catalog)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(catalog, append(text, "\nsecured:\n  type: json.JSONDataset\n  filepath: x.json\n  credentials: nobodys\n"...), 0o644))
	var log bytes.Buffer
	ctx := zerolog.New(zerolog.SyncWriter(&log)).WithContext(t.Context())
	s, err := hosted.Open(ctx, hosted.Config{Project: dir, Python: python(t)})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("every run fails until the catalog is mended: KeyError")), log.String())
	require.Contains(t, log.String(), "nobodys")
}

func TestInterpreterHints(t *testing.T) {
	dir := copyProject(t, "suite")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".venv", "bin"), 0o755))
	require.NoError(t, os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, ".venv", "bin", "python")))
	_, err := hosted.Open(t.Context(), hosted.Config{Project: dir})
	var start *hosted.StartError
	require.ErrorAs(t, err, &start)
	require.Contains(t, start.Message, "may have gone")
	require.Contains(t, start.Hint, "python3 -m venv --clear")

	t.Setenv("PATH", filepath.Dir(bare(t)))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".venv")))
	_, err = hosted.Open(t.Context(), hosted.Config{Project: dir})
	require.ErrorAs(t, err, &start)
	require.Contains(t, start.Message, "has no Kedro")
	require.Contains(t, start.Hint, "the project has no .venv")
}

// TestKilledWorkerLeavesNoFiles: the folder of large values goes with the worker that made it.
func TestKilledWorkerLeavesNoFiles(t *testing.T) {
	kedrotest.Python(t, "1.7")
	folder := t.TempDir()
	killVictim(t, false, "TMPDIR="+folder)
	eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(folder, "kedge-hosted-*"))
		return err == nil && len(left) == 0
	}, "a folder is left")
}

// TestParallelRunnerThatSpawns: where processes don't fork, the run works, a log line says what is missing.
func TestParallelRunnerThatSpawns(t *testing.T) {
	t.Setenv("KEDRO_MP_CONTEXT", "spawn")
	s := more(t, hosted.Config{})
	var heard events
	opts := pipelineOf("chain")
	opts.RunnerName, opts.Observe = "ParallelRunner", heard.observe
	opts.RunnerParams = map[string]any{"max_workers": 1}
	result, err := s.Run(t.Context(), opts)
	require.NoError(t, err)
	value, err := result.Outputs["three"].Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, value)
	require.Contains(t, heard.lines(), "|warn|ParallelRunner does not fork its processes here: no events of nodes and datasets")
	for _, e := range heard.list {
		require.NotEqual(t, session.EventNodeStarted, e.Kind)
	}
}
