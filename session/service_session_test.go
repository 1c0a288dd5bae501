package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

// S-080, S-081, S-083, S-084, S-085, S-087, S-088: what a service session is created
// with (SES-003, SES-035).
func TestCreateService(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n", "conf/prod/parameters.yml": "start: 10\n",
		"other/base/parameters.yml": "start: 100\n", "other/base/catalog.yml": "{}\n", "other/local/.gitkeep": ""})
	var log bytes.Buffer
	logger := zerolog.New(&log)
	open := func(cfg ServiceConfig) *ServiceSession {
		cfg.ProjectPath, cfg.Project = dir, project.New("demo", of("main", chain(1)...))
		s, err := CreateService(logger.WithContext(t.Context()), cfg)
		require.NoError(t, err)
		return s
	}
	run := func(s *ServiceSession) any {
		result, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
		require.NoError(t, err)
		require.Equal(t, s.ID(), result.SessionID)
		return value(t, result, "d1")
	}
	s := open(ServiceConfig{})
	require.Len(t, s.ID(), 36)
	require.Equal(t, 2, run(s))
	require.Equal(t, 11, run(open(ServiceConfig{Env: "prod"})))
	require.Equal(t, 101, run(open(ServiceConfig{ConfSource: filepath.Join(dir, "other")})))
	named := open(ServiceConfig{SessionID: "mine"})
	require.NoError(t, named.Close())
	require.Contains(t, log.String(), "Closing session mine")
	require.Equal(t, 2, run(named), "a later run still works")
}

// S-082, S-013 (SES-013): the package name of messages is the project's name.
func TestPackageName(t *testing.T) {
	snapshot, err := service(t, layOut(t, nil)).Snapshot(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "demo", snapshot.Metadata.PackageName)
}

// S-086, S-089: loader and context with the runtime parameters applied.
func TestServiceContext(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\nnested: {a: 1, b: 2}\n"})
	s := service(t, dir)
	params := map[string]any{"nested": map[string]any{"a": 5}}
	c, err := s.LoadContext(t.Context(), params)
	require.NoError(t, err)
	got, err := c.Params()
	require.NoError(t, err)
	require.Equal(t, map[string]any{"start": 1, "nested": map[string]any{"a": 5, "b": 2}}, got)
	loader, err := s.ConfigLoader(t.Context(), params)
	require.NoError(t, err)
	conf, err := loader.Get("parameters")
	require.NoError(t, err)
	require.Equal(t, got, conf.Plain())
}

// S-090, S-091: run ids, and runs with different runtime parameters in one session.
func TestServiceRuns(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n"})
	s := service(t, dir, of("main", chain(1)...))
	ids := map[string]bool{}
	for i := range 3 {
		result, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}, RuntimeParams: map[string]any{"start": 10 * i}})
		require.NoError(t, err)
		require.Equal(t, 10*i+1, value(t, result, "d1"))
		ids[result.RunID] = true
	}
	require.Len(t, ids, 3)
	result, err := s.Run(t.Context(), RunOptions{RunID: "given", SaveVersion: "given.2"})
	require.NoError(t, err)
	require.Equal(t, "given", result.RunID)
	require.Equal(t, []string{"__default__"}, result.Pipelines)
	for _, wrong := range []RunOptions{{RunID: "../x"}, {SaveVersion: "a/b"}} {
		_, err = s.Run(t.Context(), wrong)
		var invalid *InvalidRunIDError
		require.ErrorAs(t, err, &invalid)
	}
	_, err = s.Run(t.Context(), RunOptions{PipelineName: "main"})
	require.Error(t, err)
}

// SES-080, SES-082: serving mode builds all pipelines at once and guards the types of datasets.
func TestServingMode(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/catalog.yml": "d1: {type: \"${runtime_params:kind,json.JSONDataset}\", filepath: data/d1.json}\n"})
	broken := errors.New("broken")
	build := func() (*pipeline.Pipeline, error) { return nil, broken }
	_, err := CreateService(t.Context(), ServiceConfig{ProjectPath: dir, ServingMode: true, Project: project.New("demo", project.WithPipeline("bad", build))})
	require.ErrorIs(t, err, broken)
	lazy := service(t, dir, project.WithPipeline("bad", build), of("good", chain(1)...))
	require.False(t, lazy.engine.restrictTypes)
	s, err := CreateService(t.Context(), ServiceConfig{ProjectPath: dir, ServingMode: true, Project: project.New("demo", of("main", chain(1)...))})
	require.NoError(t, err)
	_, err = s.Run(t.Context(), RunOptions{RuntimeParams: map[string]any{"start": 1, "kind": "MemoryDataset"}})
	require.Error(t, err)
}

// SES-083, SES-084: 32 submitters, 4,000 runs whose output path comes from a runtime
// parameter: nobody reads or writes another one's value.
func TestRunsAreIsolated(t *testing.T) {
	const submitters, runs = 32, 4000
	dir := layOut(t, map[string]string{
		"conf/base/parameters.yml": "rid: none\nvalue: ${runtime_params:value}\n",
		"conf/base/catalog.yml":    "out: {type: json.JSONDataset, filepath: \"data/${runtime_params:rid}.json\"}\n",
	})
	s := service(t, dir, of("main", pipeline.Define(func(rid string, value int) map[string]any {
		return map[string]any{"rid": rid, "value": value}
	}, []string{"params:rid", "params:value"}, "out", pipeline.Name("write"))))
	jobs := make(chan int, runs)
	for i := range runs {
		jobs <- i
	}
	close(jobs)
	var mu sync.Mutex
	ids := map[string]bool{}
	var failures []string
	var workers sync.WaitGroup
	for range submitters {
		workers.Go(func() {
			for i := range jobs {
				id, err := isolatedRun(s, i)
				mu.Lock()
				ids[id] = true
				if err != nil {
					failures = append(failures, err.Error())
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	require.Empty(t, failures)
	require.Len(t, ids, runs)
	files, err := os.ReadDir(filepath.Join(dir, "data"))
	require.NoError(t, err)
	require.Len(t, files, runs)
	for i := range runs {
		text, err := os.ReadFile(filepath.Join(dir, "data", fmt.Sprintf("r%d.json", i)))
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"rid": "r%d", "value": %d}`, i, i), string(text))
	}
}

func isolatedRun(s *ServiceSession, i int) (string, error) {
	rid := fmt.Sprintf("r%d", i)
	result, err := s.Run(context.Background(), RunOptions{RuntimeParams: map[string]any{"rid": rid, "value": i}})
	if err != nil {
		return "", err
	}
	got, err := result.Outputs["out"].Load(context.Background())
	if err != nil {
		return "", err
	}
	if m, _ := got.(map[string]any); m["rid"] != rid || m["value"] != i {
		return "", fmt.Errorf("run %s got %v", rid, got)
	}
	return result.RunID, nil
}

// SES-079: a cancelled run calls no error hooks, saves nothing more, and says why.
func TestCancelledRun(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n",
		"conf/base/catalog.yml": "out: {type: json.JSONDataset, filepath: data/out.json}\n"})
	cause := errors.New("cancelled by its submitter")
	ctx, cancel := context.WithCancelCause(t.Context())
	called := false
	s := service(t, dir,
		of("main", pipeline.Define(func(a int) int { cancel(cause); return a }, "params:start", "out", pipeline.Name("stubborn"))),
		project.WithHooks(hook.OnPipelineErrorFunc(func(context.Context, hook.PipelineErrorInfo) error { called = true; return nil })))
	_, err := s.Run(ctx, RunOptions{})
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, context.Canceled)
	var failed *RunError
	require.False(t, errors.As(err, &failed))
	require.False(t, called)
	require.NoFileExists(t, filepath.Join(dir, "data/out.json"))
}

// Data for free inputs, and outputs beyond the free ones.
func TestInputsAndOutputs(t *testing.T) {
	dir := layOut(t, nil)
	s := service(t, dir, of("main",
		pipeline.Define(increment, "x", "y", pipeline.Name("one")), pipeline.Define(increment, "y", "z", pipeline.Name("two"))))
	result, err := s.Run(t.Context(), RunOptions{Inputs: map[string]any{"x": 1}, Outputs: []string{"y"}})
	require.NoError(t, err)
	require.Equal(t, 2, value(t, result, "y"))
	require.Equal(t, 3, value(t, result, "z"))
	for _, wrong := range []RunOptions{
		{Inputs: map[string]any{"y": 1}}, {Inputs: map[string]any{"params:a": 1}}, {Outputs: []string{"x"}}, {Outputs: []string{"nope"}},
	} {
		_, err = s.Run(t.Context(), wrong)
		var name *DatasetNameError
		require.ErrorAs(t, err, &name)
	}
	plan, err := s.Plan(t.Context(), RunOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, plan.Missing)
	require.Equal(t, []string{"z"}, plan.Outputs)
}

// Events tell what happens, in order; what stays in memory is not told.
func TestObserve(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n",
		"conf/base/catalog.yml": "d1: {type: json.JSONDataset, filepath: data/d1.json, versioned: true}\n"})
	var got []string
	s := service(t, dir, of("main", append(chain(2), pipeline.Define(func(ctx context.Context, a int) (int, error) {
		zerolog.Ctx(ctx).Warn().Msg("about to fail")
		return 0, errors.New("boom")
	}, "d2", "d3", pipeline.Name("bad")))...))
	_, err := s.Run(t.Context(), RunOptions{RunID: "r1", PipelineNames: []string{"main"}, Observe: func(e Event) {
		require.False(t, e.Time.IsZero())
		got = append(got, fmt.Sprintf("%s %s %d/%d %s%s %s%s", e.Kind, e.Node, e.Index, e.Total, e.Dataset, e.Version, e.Level, e.Message))
	}})
	require.EqualError(t, err, "boom")
	require.Equal(t, []string{
		"run_started  0/3  ",
		"node_started n1 1/3  ", "dataset_saved n1 0/3 d1r1 ", "node_finished n1 1/3  ",
		"node_started n2 2/3  ", "dataset_loaded n2 0/3 d1r1 ", "node_finished n2 2/3  ",
		"node_started bad 3/3  ", "log bad 0/3  warnabout to fail", "node_failed bad 0/3  ",
	}, got)
}

// PIP-110: the names of datasets are checked, those of patterns are not.
func TestNamesOfTheCatalog(t *testing.T) {
	for name, want := range map[string]string{"{n}@x@y": "", "a@x@y": "Expected maximum 1 transcoding separator, found 2 instead: 'a@x@y'."} {
		dir := layOut(t, map[string]string{"conf/base/catalog.yml": "'" + name + "': {type: MemoryDataset}\n", "conf/base/parameters.yml": "start: 1\n"})
		_, err := service(t, dir, of("main", chain(1)...)).Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}

// SRV-031, SRV-032: runners by name, as far as the project allows.
func TestRunnerAllowlist(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "start: 1\n"})
	own := func(map[string]any) (runner.Runner, error) { return runner.Thread{MaxWorkers: 1}, nil }
	s := service(t, dir, of("main", chain(1)...), project.WithRunner("own", own),
		project.WithSettings(project.Settings{RunnerAllowlist: []string{"own", "SequentialRunner"}}))
	for _, name := range []string{"own", "SequentialRunner", ""} {
		_, err := s.Run(t.Context(), RunOptions{RunnerName: name})
		require.NoError(t, err)
	}
	_, err := s.Run(t.Context(), RunOptions{RunnerName: "ThreadRunner"})
	var refused *RunnerNotAllowedError
	require.ErrorAs(t, err, &refused)
	_, err = service(t, dir, of("main", chain(1)...)).Run(t.Context(), RunOptions{RunnerName: "os.System"})
	require.EqualError(t, err, "module 'kedro.runner' has no attribute 'os.System'")
}

// A panic of a hook around the run is an error of the run, in which no credentials show.
func TestPanicOfPipelineHook(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/credentials.yml": "dev: {password: h0rse-battery}\n", "conf/base/parameters.yml": "start: 1\n"})
	for moment, panics := range map[string]any{
		"before": hook.BeforePipelineRunFunc(func(context.Context, hook.PipelineInfo) error { panic("password h0rse-battery") }),
		"after":  hook.AfterPipelineRunFunc(func(context.Context, hook.PipelineResultInfo) error { panic("password h0rse-battery") }),
	} {
		t.Run(moment, func(t *testing.T) {
			s := service(t, dir, of("main", chain(1)...), project.WithHooks(panics))
			_, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
			require.EqualError(t, err, "panic: password <redacted>")
			var panicked *runner.PanicError
			require.ErrorAs(t, err, &panicked)
			require.Empty(t, panicked.Node)
			require.Contains(t, string(panicked.Stack), "service_session_test.go")
		})
	}
}
