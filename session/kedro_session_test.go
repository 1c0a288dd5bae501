package session

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

// S-001, S-002, S-003, S-004, S-010, S-011, S-014, S-016: both kinds are sessions: made
// by a constructor, closed, run. S-005, S-006: stores and errors live in the package too.
func TestBothKindsAreSessions(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n"})
	for _, s := range []Session{classic(t, dir, Config{}, of("main", chain(1)...)), service(t, dir, of("main", chain(1)...))} {
		result, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
		require.NoError(t, err)
		require.Equal(t, 2, value(t, result, "d1"))
		require.NoError(t, s.Close())
	}
	var _ Store = new(BaseStore)
	var _ error = new(Error)
}

// S-012, S-013, S-015, S-030, S-033: the block gets the session, closes it, records the
// exception and passes it on.
func TestWith(t *testing.T) {
	dir := layOut(t, nil)
	boom := &pythonError{"KeyError", "boom"}
	var inner *KedroSession
	create := func(ctx context.Context) (Session, error) {
		s, err := Create(ctx, Config{ProjectPath: dir, Project: project.New("demo"), NewStore: NewFileStore})
		inner = s
		return s, err
	}
	err := With(t.Context(), create, func(s Session) error {
		require.Same(t, inner, s)
		return boom
	})
	require.ErrorIs(t, err, boom)
	stored, err := inner.store.Read()
	require.NoError(t, err)
	require.Equal(t, map[string]any{"type": "KeyError", "value": "boom", "traceback": []any{"*session.pythonError: boom"}}, stored["exception"])

	refused := errors.New("refused")
	require.ErrorIs(t, With(t.Context(), func(context.Context) (Session, error) { return nil, refused }, nil), refused)
}

// S-020, S-022, S-023, S-024, S-026, S-040, S-041, S-043, S-044, S-045, S-046: what a
// session is created with, and what comes of it.
func TestCreate(t *testing.T) {
	t.Setenv("KEDRO_ENV", "")
	dir := layOut(t, map[string]string{
		"conf/base/parameters.yml":  "start: 1\n",
		"conf/prod/parameters.yml":  "start: 10\n",
		"other/base/parameters.yml": "start: 100\n", "other/base/catalog.yml": "{}\n", "other/local/.gitkeep": "",
	})
	run := func(cfg Config) any {
		s := classic(t, dir, cfg, of("main", chain(1)...))
		require.Equal(t, dir, s.Store()["project_path"])
		require.Equal(t, s.ID(), s.Store()["session_id"])
		result, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
		require.NoError(t, err)
		require.Equal(t, s.ID(), result.RunID, "SES-002")
		return value(t, result, "d1")
	}
	require.Equal(t, 2, run(Config{}))
	require.Equal(t, 11, run(Config{Env: "prod"}))
	require.Equal(t, 6, run(Config{RuntimeParams: map[string]any{"start": 5}}))
	require.Equal(t, 101, run(Config{ConfSource: filepath.Join(dir, "other")}))
	t.Setenv("KEDRO_ENV", "prod") // SES-017
	require.Equal(t, 11, run(Config{}))
}

// S-021, S-041: the project of the nearest folder at or above the working one; outside
// of a project nothing is found (SES-011, SES-012).
func TestCreateFindsTheProject(t *testing.T) {
	dir := layOut(t, map[string]string{project.FileName: "name: found\n", "deep/er/file": ""})
	t.Chdir(filepath.Join(dir, "deep", "er"))
	s, err := Create(t.Context(), Config{})
	require.NoError(t, err)
	require.Equal(t, dir, s.engine.path)
	require.Equal(t, "found", s.engine.project.Name())
	t.Chdir(t.TempDir())
	_, err = Create(t.Context(), Config{})
	require.Error(t, err)
	_, err = Create(t.Context(), Config{ProjectPath: filepath.Join(dir, "absent"), Project: project.New("demo")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// S-025, S-034, S-042: the store is saved on close, unless told otherwise (SES-030).
func TestCloseSavesTheStore(t *testing.T) {
	dir := layOut(t, nil)
	kept := classic(t, dir, Config{NewStore: NewFileStore, RuntimeParams: map[string]any{"a": 1}, Command: &Command{Name: "run"}})
	require.NoError(t, kept.Close())
	require.NoError(t, kept.Close())
	content, err := kept.store.Read()
	require.NoError(t, err)
	require.Equal(t, kept.ID(), content["session_id"])
	require.Equal(t, map[string]any{"a": 1.0}, content["runtime_params"])
	require.Contains(t, content, "cli")
	dropped := classic(t, dir, Config{NewStore: NewFileStore, DiscardOnClose: true})
	require.NoError(t, dropped.Close())
	content, err = dropped.store.Read()
	require.NoError(t, err)
	require.Empty(t, content)
}

// S-031, S-050: a new loader and context at each call; the hook fires each time (SES-042).
func TestLoadContext(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n", "conf/base/credentials.yml": "dev: {key: secret}\n"})
	fired := 0
	s := classic(t, dir, Config{RuntimeParams: map[string]any{"more": true}}, project.WithHooks(
		hook.AfterContextCreatedFunc(func(_ context.Context, info hook.ContextInfo) error {
			fired++
			info.Context.SetConfig("credentials", map[string]any{"dev": map[string]any{"key": "from the vault"}})
			return nil
		})))
	c, err := s.LoadContext(t.Context())
	require.NoError(t, err)
	params, err := c.Params()
	require.NoError(t, err)
	require.Equal(t, map[string]any{"start": 1, "more": true}, params)
	creds, err := c.Config("credentials")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"dev": map[string]any{"key": "from the vault"}}, creds)
	require.Equal(t, dir, c.ProjectPath())
	other, err := s.LoadContext(t.Context())
	require.NoError(t, err)
	require.NotSame(t, c, other)
	require.Equal(t, 2, fired)
	cat, err := c.Catalog(t.Context())
	require.NoError(t, err)
	again, err := c.Catalog(t.Context())
	require.NoError(t, err)
	require.NotSame(t, cat, again, "SES-045")
	loader, err := s.ConfigLoader(t.Context())
	require.NoError(t, err)
	conf, err := loader.Get("parameters")
	require.NoError(t, err)
	require.Equal(t, params, conf.Plain())
}

// S-060 to S-072: every argument of run. The pipeline is a diamond with a tail:
// a -> (left, right) -> join -> tail.
func TestRunArguments(t *testing.T) {
	// S-060 S-061 S-062 S-063 S-064 S-065 S-066 S-067 S-068 S-069 S-070 S-071 S-072
	dir := layOut(t, map[string]string{
		"conf/base/parameters.yml": "start: 1\n",
		"conf/base/catalog.yml":    "a: {type: json.JSONDataset, filepath: data/a.json}\nleft: {type: json.JSONDataset, filepath: data/left.json}\nright: {type: json.JSONDataset, filepath: data/right.json}\njoined: {type: json.JSONDataset, filepath: data/joined.json}\nold: {type: json.JSONDataset, filepath: data/old.json, versioned: true}\n",
		"data/a.json":              "1", "data/left.json": "2", "data/right.json": "3", "data/joined.json": "5",
		"data/old.json/2023-01-01T00.00.00.000Z/old.json": "7", "data/old.json/2024-01-01T00.00.00.000Z/old.json": "8",
	})
	sum := func(a, b int) int { return a + b }
	parts := []pipeline.Part{
		pipeline.Define(increment, "params:start", "a", pipeline.Name("first"), pipeline.Tags("etl")),
		pipeline.Define(increment, "a", "left", pipeline.Name("to_left"), pipeline.Tags("etl", "side")),
		pipeline.Define(increment, "a", "right", pipeline.Name("to_right"), pipeline.Tags("side"), pipeline.Namespace("ns")),
		pipeline.Define(sum, []string{"left", "right"}, "joined", pipeline.Name("join")),
		pipeline.Define(increment, "joined", "end", pipeline.Name("tail")),
	}
	options := []project.Option{of("main", parts...), of("versions", pipeline.Define(increment, "old", "new", pipeline.Name("v")))}
	main := []string{"main"}
	for _, test := range []struct {
		name string
		opts RunOptions
		want []string
	}{
		{"pipeline_name", RunOptions{PipelineName: "main", PipelineNames: []string{"versions"}}, []string{"first", "to_left", "ns.to_right", "join", "tail"}},
		{"pipeline_names", RunOptions{PipelineNames: []string{"versions"}}, []string{"v"}},
		{"tags", RunOptions{PipelineNames: main, Tags: []string{"etl", "side"}}, []string{"first", "to_left", "ns.to_right"}},
		{"runner", RunOptions{PipelineNames: []string{"versions"}, Runner: runner.Thread{}}, []string{"v"}},
		{"runner by name", RunOptions{PipelineNames: []string{"versions"}, RunnerName: "ThreadRunner", RunnerParams: map[string]any{"max_workers": 2}}, []string{"v"}},
		{"node_names", RunOptions{PipelineNames: main, NodeNames: []string{"join"}}, []string{"join"}},
		{"from_nodes", RunOptions{PipelineNames: main, FromNodes: []string{"join"}}, []string{"join", "tail"}},
		{"to_nodes", RunOptions{PipelineNames: main, ToNodes: []string{"to_left"}}, []string{"first", "to_left"}},
		{"from_inputs", RunOptions{PipelineNames: main, FromInputs: []string{"joined"}}, []string{"tail"}},
		{"to_outputs", RunOptions{PipelineNames: main, ToOutputs: []string{"left"}}, []string{"first", "to_left"}},
		{"load_versions", RunOptions{PipelineNames: []string{"versions"}, LoadVersions: map[string]string{"old": "2023-01-01T00.00.00.000Z"}}, []string{"v"}},
		{"namespaces", RunOptions{PipelineNames: main, Namespaces: []string{"ns"}}, []string{"ns.to_right"}},
		{"only_missing_outputs", RunOptions{PipelineNames: main, OnlyMissingOutputs: true}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ran []string
			test.opts.Observe = func(e Event) {
				if e.Kind == EventRunStarted {
					ran = e.Nodes
				}
			}
			s := classic(t, dir, Config{}, options...)
			plan, err := s.Plan(t.Context(), test.opts)
			require.NoError(t, err)
			result, err := s.Run(t.Context(), test.opts)
			require.NoError(t, err)
			if test.opts.OnlyMissingOutputs {
				require.Zero(t, result.NodesRun)
				require.Equal(t, 5, result.NodesSkipped)
				require.Len(t, plan.Skipped, 5)
				return
			}
			require.ElementsMatch(t, test.want, ran)
			require.Len(t, plan.Nodes, len(ran))
			if test.name == "load_versions" {
				require.Equal(t, 8, value(t, result, "new"))
			}
		})
	}
}

// S-073: unknown pipelines, with suggestions (SES-060 to SES-062).
func TestUnknownPipeline(t *testing.T) {
	dir := layOut(t, nil)
	s := classic(t, dir, Config{}, of("data_processing", chain(1)...), of("data_science", chain(1)...))
	_, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"data_procesing"}})
	var missing *PipelineNotFoundError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "ValueError", ErrorType(err))
	require.EqualError(t, err, "Failed to find the pipeline named 'data_procesing'. It needs to be generated and returned by the "+
		"'register_pipelines' function. Did you mean one of these instead?\n    data_processing")
	_, err = s.Run(t.Context(), RunOptions{PipelineNames: []string{"zzz"}})
	require.EqualError(t, err, "Failed to find the pipeline named 'zzz'. It needs to be generated and returned by the 'register_pipelines' function. ")
}

// S-074: only errors of the runner go to on_pipeline_error, and are raised again (SES-070 to SES-078).
func TestFailurePaths(t *testing.T) {
	boom := &pythonError{"ValueError", "boom"}
	no := &pythonError{"RuntimeError", "no"}
	failing := pipeline.Define(func(int) (int, error) { return 0, boom }, "params:start", "out", pipeline.Name("bad"))
	for _, test := range []struct {
		name  string
		node  pipeline.Part
		hook  any
		want  error
		fired []string
		done  bool
	}{
		{"SES-070 node", failing, nil, boom, []string{"node", "pipeline"}, false},
		{"SES-071 load", pipeline.Define(increment, "lost", "out"), nil, nil, []string{"pipeline"}, false},
		{"SES-072 inputs", pipeline.Define(increment, "nowhere", "out"), nil, nil, []string{"pipeline"}, false},
		{"SES-073 dataset hook", failing, hook.BeforeDatasetLoadedFunc(func(context.Context, hook.DatasetInfo) error { return no }), no, []string{"pipeline"}, false},
		{"SES-074 before_node_run", failing, hook.BeforeNodeRunFunc(func(context.Context, hook.NodeInfo) (map[string]any, error) { return hook.Replacement(5) }), nil, []string{"pipeline"}, false},
		{"SES-075 on_node_error", failing, hook.OnNodeErrorFunc(func(context.Context, hook.NodeErrorInfo) error { return no }), no, []string{"pipeline"}, false},
		{"SES-076 on_pipeline_error", failing, hook.OnPipelineErrorFunc(func(context.Context, hook.PipelineErrorInfo) error { return no }), no, []string{"node"}, false},
		{"SES-077 context", failing, hook.AfterContextCreatedFunc(func(context.Context, hook.ContextInfo) error { return no }), no, nil, false},
		{"SES-077 catalog", failing, hook.AfterCatalogCreatedFunc(func(context.Context, hook.CatalogInfo) error { return no }), no, nil, false},
		{"SES-077 before_pipeline_run", failing, hook.BeforePipelineRunFunc(func(context.Context, hook.PipelineInfo) error { return no }), no, nil, false},
		{"SES-078 after_pipeline_run", chain(1)[0], hook.AfterPipelineRunFunc(func(context.Context, hook.PipelineResultInfo) error { return no }), no, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n",
				"conf/base/catalog.yml": "lost: {type: json.JSONDataset, filepath: data/lost.json}\n"})
			var fired []string
			hooks := []any{
				hook.OnNodeErrorFunc(func(context.Context, hook.NodeErrorInfo) error { fired = append(fired, "node"); return nil }),
				hook.OnPipelineErrorFunc(func(_ context.Context, info hook.PipelineErrorInfo) error {
					fired = append(fired, "pipeline")
					require.NotNil(t, info.Error)
					return nil
				}),
			}
			if test.hook != nil {
				hooks = append(hooks, test.hook) // last registered, first called
			}
			s := classic(t, dir, Config{}, of("main", test.node), project.WithHooks(hooks...))
			_, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
			require.Error(t, err)
			if test.want != nil {
				require.ErrorIs(t, err, test.want)
			}
			require.Equal(t, test.fired, fired)
			require.Equal(t, test.done, s.done)
		})
	}
}

// S-075: a second run after success (SES-052); a failed run may be repeated (SES-053).
func TestOneSuccessfulRun(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n"})
	fail := true
	s := classic(t, dir, Config{}, of("main", pipeline.Define(func(a int) (int, error) {
		if fail {
			return 0, errors.New("not yet")
		}
		return a, nil
	}, "params:start", "out", pipeline.Name("moody"))))
	opts := RunOptions{PipelineNames: []string{"main"}}
	_, err := s.Run(t.Context(), opts)
	var failed *RunError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "moody", failed.Node)
	require.Equal(t, "not yet", failed.Message)
	require.Equal(t, "No nodes ran. Repeat the previous command to attempt a new run.", failed.Resume)
	fail = false
	_, err = s.Run(t.Context(), opts)
	require.NoError(t, err)
	_, err = s.Run(t.Context(), opts)
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.EqualError(t, err, "A run has already been completed as part of the active KedroSession. KedroSession has a 1-1 mapping "+
		"with runs, and thus only one run should be executed per session.")
	for _, wrong := range []RunOptions{{RuntimeParams: map[string]any{"a": 1}}, {RunID: "another"}} {
		_, err = classic(t, dir, Config{}, of("main", chain(1)...)).Run(t.Context(), wrong)
		require.ErrorAs(t, err, &refused)
	}
}

// S-076: outputs are datasets; their values are not loaded.
func TestOutputsAreDatasets(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n",
		"conf/base/catalog.yml": "d1: {type: json.JSONDataset, filepath: data/d1.json, versioned: true}\n"})
	s := classic(t, dir, Config{newRunID: func() string { return frozen }}, of("main", chain(1)...))
	result, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
	require.NoError(t, err)
	require.Contains(t, result.Outputs["d1"].Describe().Type, "JSONDataset")
	require.Equal(t, map[string]string{"d1": frozen}, result.Versions)
	require.FileExists(t, filepath.Join(dir, "data/d1.json", frozen, "d1.json"))
}

// S-110, S-111: KedroSessionError is raised by both kinds (SES-052, SES-065).
func TestError(t *testing.T) {
	dir := layOut(t, nil)
	var none *pointerRunner
	for kind, s := range map[string]Session{
		"KedroSession": classic(t, dir, Config{}, of("main", chain(1)...)), "KedroServiceSession": service(t, dir, of("main", chain(1)...)),
	} {
		_, err := s.Run(t.Context(), RunOptions{Runner: none})
		var refused *Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "KedroSessionError", ErrorType(err))
		require.Equal(t, []string{"Exception"}, refused.ErrorBases())
		require.EqualError(t, err, kind+" expect an instance of Runner instead of a class.Have you forgotten the `()` at the end of the statement?")
	}
}

type pointerRunner struct{ runner.Sequential }

// Lines that Kedro logs when a session runs.
func TestLogOfARun(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n"})
	var log bytes.Buffer
	logger := zerolog.New(&log)
	s := classic(t, dir, Config{}, of("main", chain(1)...))
	_, err := s.Run(logger.WithContext(t.Context()), RunOptions{PipelineName: "main"})
	require.NoError(t, err)
	require.Contains(t, log.String(), "`pipeline_name` is deprecated and will be removed in a future release.")
	require.Contains(t, log.String(), `"run_id":"`+s.ID()+`"`)
	require.Contains(t, log.String(), "Kedro project demo")
}
