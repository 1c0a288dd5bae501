package hosted_test

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
)

// more opens the project of the suite with the pipelines that only these tests use.
func more(t *testing.T, cfg hosted.Config) *hosted.Session {
	t.Helper()
	t.Setenv("SUITE_MORE", "1")
	if cfg.Project == "" {
		cfg.Project = copyProject(t, "suite")
	}
	if cfg.Grace == 0 {
		cfg.Grace = 200 * time.Millisecond
	}
	return open(t, cfg)
}

func pipelineOf(name string) session.RunOptions {
	return session.RunOptions{PipelineNames: []string{name}}
}

func with(name string, rid any) session.RunOptions {
	return session.RunOptions{PipelineNames: []string{name}, RuntimeParams: map[string]any{"rid": rid}}
}

// events collects what a run tells.
type events struct {
	mu   sync.Mutex // guards list
	list []session.Event
}

func (e *events) observe(event session.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

func (e *events) lines() []string {
	var lines []string
	for _, event := range e.list {
		if event.Kind == session.EventLog {
			lines = append(lines, event.Node+"|"+event.Level+"|"+event.Message)
		}
	}
	return lines
}

func TestValues(t *testing.T) {
	s := more(t, hosted.Config{})
	t.Run("JSON by value, others described", func(t *testing.T) {
		result, err := s.Run(t.Context(), pipelineOf("results"))
		require.NoError(t, err)
		value, err := result.Outputs["nested"].Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]any{"list": []any{1, 2.0, nil, "x"}}, value)
		for name, kind := range map[string]string{"nan": "float", "set": "set"} {
			_, err := result.Outputs[name].Load(t.Context())
			require.ErrorContains(t, err, "a value of type "+kind)
		}
		_, kind, shape := result.Outputs["set"].(session.EncodedOutput).Encoded()
		require.Equal(t, "set 2", kind+" "+shape)
		require.Equal(t, "kedro.io.memory_dataset.MemoryDataset", result.Outputs["set"].Describe().Type)
	})
	t.Run("large JSON as a file", func(t *testing.T) {
		result, err := s.Run(t.Context(), pipelineOf("results"))
		require.NoError(t, err)
		content, format := result.Outputs["long"].(session.FileOutput).File()
		text, err := io.ReadAll(content)
		require.NoError(t, err)
		require.Equal(t, "json", format)
		require.Equal(t, 300_002, len(text))
		value, err := result.Outputs["long"].Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("y", 300_000), value)
	})
	t.Run("tables as records or Arrow", func(t *testing.T) {
		opts := pipelineOf("frame")
		opts.RuntimeParams = map[string]any{"a": 2}
		result, err := s.Run(t.Context(), opts)
		require.NoError(t, err)
		value, kind, shape := result.Outputs["table"].(session.EncodedOutput).Encoded()
		require.JSONEq(t, `[{"n":0,"name":"row 0"},{"n":1,"name":"row 1"}]`, string(value))
		require.Contains(t, kind, "DataFrame")
		require.Equal(t, "2 x 2", shape)
		opts.RuntimeParams = map[string]any{"a": 100_000}
		result, err = s.Run(t.Context(), opts)
		require.NoError(t, err)
		content, format := result.Outputs["table"].(session.FileOutput).File()
		require.Equal(t, "arrow", format)
		magic := make([]byte, 6)
		_, err = io.ReadFull(content, magic)
		require.NoError(t, err)
		require.Equal(t, "ARROW1", string(magic))
	})
	t.Run("data in the request", func(t *testing.T) {
		opts := pipelineOf("total")
		opts.Inputs = map[string]any{"rows": []any{map[string]any{"n": 40}, map[string]any{"n": 2}}}
		result, err := s.Run(t.Context(), opts)
		require.NoError(t, err)
		value, err := result.Outputs["total"].Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]any{"type": "DataFrame", "n": 42}, value)
		_, err = s.Run(t.Context(), pipelineOf("total"))
		require.ErrorContains(t, err, "rows", "no other run sees it")
		opts.Inputs["total"] = 1
		_, err = s.Run(t.Context(), opts)
		var refused *session.DatasetNameError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "inputs total", refused.Field+" "+refused.Name)
	})
	t.Run("data in files", func(t *testing.T) {
		arrow, err := s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"frame"}, RuntimeParams: map[string]any{"a": 100_000}})
		require.NoError(t, err)
		content, _ := arrow.Outputs["table"].(session.FileOutput).File()
		table, err := io.ReadAll(content)
		require.NoError(t, err)
		for format, file := range map[string]struct {
			text string
			sum  int
		}{
			"json": {`[{"n": 40}, {"n": 2}]`, 42}, "csv": {"n\n40\n2\n", 42}, "arrow": {string(table), 100_000 * 99_999 / 2},
		} {
			path := filepath.Join(t.TempDir(), "rows")
			require.NoError(t, os.WriteFile(path, []byte(file.text), 0o644))
			opts := pipelineOf("total")
			opts.Inputs = map[string]any{"rows": session.File{Path: path, Format: format}}
			result, err := s.Run(t.Context(), opts)
			require.NoError(t, err, format)
			value, err := result.Outputs["total"].Load(t.Context())
			require.NoError(t, err)
			require.Equal(t, map[string]any{"type": "DataFrame", "n": file.sum}, value, format)
		}
		opts := pipelineOf("total")
		opts.Inputs = map[string]any{"rows": session.File{Path: "rows", Format: "pickle"}}
		_, err = s.Run(t.Context(), opts)
		var refused *session.OptionError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "inputs.rows", refused.Field)
		opts.Inputs = map[string]any{"other": session.File{Path: "rows", Format: "csv"}}
		_, err = s.Run(t.Context(), opts)
		require.ErrorContains(t, err, "no free input")
	})
	t.Run("outputs in between", func(t *testing.T) {
		opts := pipelineOf("chain")
		opts.Outputs = []string{"one", "two"}
		result, err := s.Run(t.Context(), opts)
		require.NoError(t, err)
		require.Equal(t, []string{"one", "three", "two"}, slices.Sorted(maps.Keys(result.Outputs)))
		value, err := result.Outputs["two"].Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, value)
	})
	t.Run("floats stay floats", func(t *testing.T) {
		opts := pipelineOf("add")
		opts.RuntimeParams = map[string]any{"a": 1.0, "b": 2}
		result, err := s.Run(t.Context(), opts)
		require.NoError(t, err)
		value, _, _ := result.Outputs["sum"].(session.EncodedOutput).Encoded()
		require.Equal(t, "3.0", string(value))
	})
}

func TestTexts(t *testing.T) {
	s := more(t, hosted.Config{})
	t.Run("whatever the project prints", func(t *testing.T) {
		var heard events
		opts := pipelineOf("chatter")
		opts.Observe = heard.observe
		_, err := s.Run(t.Context(), opts)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{
			"chatter|info|printed", "|info|raw", "|info|program", "chatter|info|unfinished", "chatter|warn|careful: 1",
		}, heard.lines())
	})
	t.Run("credentials are hidden", func(t *testing.T) {
		var heard events
		opts := pipelineOf("secret")
		opts.Observe = heard.observe
		_, err := s.Run(t.Context(), opts)
		var failed *session.RunError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "login with <redacted> failed", failed.Message)
		require.Equal(t, "RuntimeError secret", failed.Type+" "+failed.Node)
		require.Contains(t, failed.Traceback, "in secret")
		require.NotContains(t, failed.Traceback, "<kedge>")
		require.Equal(t, []string{"secret|info|the password is <redacted>"}, heard.lines())
	})
	t.Run("events of forked processes", func(t *testing.T) {
		var heard events
		opts := pipelineOf("chain")
		opts.RunnerName, opts.Observe = "ParallelRunner", heard.observe
		result, err := s.Run(t.Context(), opts)
		require.NoError(t, err)
		value, err := result.Outputs["three"].Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, 4, value)
		var nodes []string
		for _, e := range heard.list {
			if e.Kind == session.EventNodeStarted || e.Kind == session.EventNodeFinished {
				nodes = append(nodes, e.Node)
			}
		}
		require.Equal(t, []string{"first", "first", "second", "second", "third", "third"}, nodes)
		opts.PipelineNames = []string{"fail"}
		_, err = s.Run(t.Context(), opts)
		var failed *session.RunError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "bad boom", failed.Node+" "+failed.Message)
	})
	t.Run("a dataset that can't be read names its node", func(t *testing.T) {
		_, err := s.Run(t.Context(), pipelineOf("broken"))
		var failed *session.RunError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "reader", failed.Node)
		require.True(t, errors.As(err, new(*catalog.DatasetError)))
	})
	t.Run("refusals", func(t *testing.T) {
		opts := pipelineOf("add")
		opts.RunnerName = "suite.rude.Patient" // the project's own
		_, err := s.Run(t.Context(), opts)
		require.NoError(t, err)
		opts.RunnerName = "os.path.join"
		_, err = s.Run(t.Context(), opts)
		require.ErrorAs(t, err, new(*session.RunnerNotAllowedError))
		require.ErrorContains(t, err, "Runner module 'os.path' is not allowed.")
		opts.RunnerName, opts.RunnerParams = "ThreadRunner", map[string]any{"max_workers": 0}
		_, err = s.Run(t.Context(), opts)
		require.Equal(t, "ValueError", session.ErrorType(err))
	})
}

func TestStartErrors(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  hosted.Config
		code string // of pipeline_registry.py
		want string
	}{
		"import":      {code: "import nowhere_at_all\n", want: "No module named 'nowhere_at_all'"},
		"interpreter": {cfg: hosted.Config{Python: filepath.Join(t.TempDir(), "python")}, want: "Python interpreter"},
		"no Kedro":    {cfg: hosted.Config{Python: bare(t)}, want: "has no Kedro"},
		"old Kedro":   {cfg: hosted.Config{Python: kedrotest.Environment(t, "kedro==1.1.*")}, want: "has Kedro 1.1"},
		"hangs":       {cfg: hosted.Config{StartTimeout: 5 * time.Second}, code: "import time\nprint('thinking')\ntime.sleep(600)\n", want: "\nthinking"},
		"dies":        {code: "import os\nos._exit(3)\n", want: "exit status 3"},
		"hook": {
			code: "from kedro.framework.hooks import hook_impl\nfrom kedro.framework.project import settings\n\nclass Hook:\n" +
				"    @hook_impl\n    def after_context_created(self, context):\n        raise RuntimeError('the hook says no')\n" +
				"def register_pipelines():\n    return {}\n",
			want: "the hook says no",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Project = copyProject(t, "suite")
			if test.code != "" {
				writeSource(t, test.cfg.Project, "pipeline_registry.py", test.code)
			}
			if name == "hook" {
				writeSource(t, test.cfg.Project, "settings.py", "from suite.pipeline_registry import Hook\nHOOKS = (Hook(),)\n")
			}
			if test.cfg.Python == "" {
				test.cfg.Python = python(t)
			}
			_, err := hosted.Open(t.Context(), test.cfg)
			var start *hosted.StartError
			require.ErrorAs(t, err, &start)
			require.Contains(t, err.Error(), test.want)
			if name == "import" || name == "hook" {
				require.Contains(t, start.Traceback, "pipeline_registry.py")
			}
		})
	}
}
