package project_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

func one(name, in, out string) func() (*pipeline.Pipeline, error) {
	return func() (*pipeline.Pipeline, error) {
		return pipeline.New(pipeline.Define(func(any) any { return nil }, in, out, pipeline.Name(name)))
	}
}

func nodeNames(t *testing.T, p *pipeline.Pipeline) []string {
	t.Helper()
	var names []string
	for _, n := range p.Nodes() {
		names = append(names, n.Name())
	}
	return names
}

func TestDefaultIsTheSum(t *testing.T) {
	r := project.New("p", project.WithPipeline("second", one("n2", "b", "c")), project.WithPipeline("first", one("n1", "a", "b"))).Pipelines()
	require.Equal(t, []string{"__default__", "second", "first"}, r.Names())
	sum, err := r.Get(project.Default)
	require.NoError(t, err)
	require.Equal(t, []string{"n1", "n2"}, nodeNames(t, sum))

	empty, err := project.New("p").Pipelines().Get(project.Default)
	require.NoError(t, err)
	require.Empty(t, empty.Nodes())
}

func TestDefaultMayBeGiven(t *testing.T) {
	r := project.New("p", project.WithPipeline("a", one("n1", "a", "b")), project.WithPipeline(project.Default, one("only", "a", "b"))).Pipelines()
	require.Equal(t, []string{"__default__", "a"}, r.Names())
	given, err := r.Get(project.Default)
	require.NoError(t, err)
	require.Equal(t, []string{"only"}, nodeNames(t, given))
	require.NoError(t, r.Load())
}

// TestErrorsSurfaceAtFirstAccess covers SES-094 and the effect of SES-092: a broken pipeline breaks nothing but itself
// and the sum.
func TestErrorsSurfaceAtFirstAccess(t *testing.T) {
	cause := errors.New("no such file")
	r := project.New("p",
		project.WithPipeline("fine", one("n1", "a", "b")),
		project.WithPipeline("broken", func() (*pipeline.Pipeline, error) { return nil, cause }),
		project.WithPipeline("panics", func() (*pipeline.Pipeline, error) { panic("oh no") }),
		project.WithPipeline("nothing", func() (*pipeline.Pipeline, error) { return nil, nil }),
	).Pipelines()
	require.True(t, r.Has("broken"))

	_, err := r.Get("fine")
	require.NoError(t, err)
	for name, text := range map[string]string{
		"broken":        `pipeline "broken": no such file`,
		"panics":        `pipeline "panics": panic: oh no`,
		"nothing":       `pipeline "nothing": the function returned no pipeline`,
		project.Default: `pipeline "broken": no such file`,
	} {
		_, err := r.Get(name)
		require.EqualError(t, err, text)
		var failed *project.BuildError
		require.ErrorAs(t, err, &failed)
	}
	_, err = r.Get("broken")
	require.ErrorIs(t, err, cause)
	require.EqualError(t, r.Load(), "pipeline \"broken\": no such file\npipeline \"panics\": panic: oh no\npipeline \"nothing\": the function returned no pipeline")

	_, err = r.Get("unknown")
	require.ErrorIs(t, err, project.ErrNotRegistered)
	require.EqualError(t, err, `pipeline is not registered: "unknown"`)
}

func TestTheSumIsChecked(t *testing.T) {
	r := project.New("p", project.WithPipeline("a", one("n1", "a", "b")), project.WithPipeline("b", one("n2", "c", "b"))).Pipelines()
	require.EqualError(t, r.Load(), `pipeline "__default__": Output(s) ['b'] are returned by more than one nodes. Node outputs must be unique.`)
}

// TestWithoutDefault: what Kedro's register_pipelines may leave out (SES-060).
func TestWithoutDefault(t *testing.T) {
	r := project.New("p", project.WithoutDefault(), project.WithPipeline("a", one("n1", "a", "b"))).Pipelines()
	require.Equal(t, []string{"a"}, r.Names())
	require.NoError(t, r.Load())
	_, err := r.Get(project.Default)
	require.ErrorIs(t, err, project.ErrNotRegistered)

	r = project.New("p", project.WithoutDefault(), project.WithPipeline("a", one("n1", "a", "b")), project.WithPipeline(project.Default, one("n2", "c", "d"))).Pipelines()
	require.Equal(t, []string{project.Default, "a"}, r.Names())
	require.NoError(t, r.Load())
}

// TestPipelinesAreBuiltOnce covers SES-095.
func TestPipelinesAreBuiltOnce(t *testing.T) {
	var built atomic.Int64
	r := project.New("p", project.WithPipeline("a", func() (*pipeline.Pipeline, error) {
		built.Add(1)
		return one("n1", "a", "b")()
	})).Pipelines()
	require.Zero(t, built.Load(), "nothing is built before the first access")

	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, err := r.Get("a")
			_, sumErr := r.Get(project.Default)
			require.NoError(t, errors.Join(err, sumErr))
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, built.Load())
}

func TestMistakesInOptions(t *testing.T) {
	p := project.New("no blanks",
		project.WithPipeline("a", one("n", "a", "b")), project.WithPipeline("a", one("n", "a", "b")),
		project.WithFunc("f", func() {}), project.WithFunc("f", func() {}),
		project.WithRunner("R", nil), project.WithRunner("R", nil),
		project.WithParamsType("model", struct{}{}), project.WithParamsType("model", struct{}{}), project.WithParamsType("other", nil),
		project.WithSettings(project.Settings{MergeStrategy: map[string]string{"catalog": "hard"}, RunnerAllowlist: []string{"R"}, CommandGrace: -1}),
	)
	require.EqualError(t, p.Validate(), `pipeline "a" is registered twice: by Go code and by Go code
function "f" is registered twice
runner "R" is registered twice
the type of parameter "model" is registered twice
the type of parameter "other" is nil
the project's name: expected 1 to 128 letters, digits, hyphens, underscores and full stops, got "no blanks"
merge_strategy.catalog: unknown merge strategy "hard"; known: soft, destructive
command_grace: expected a duration above zero, got -1ns`)
}

func TestWhatAProjectHolds(t *testing.T) {
	type options struct{ Size int }
	p := project.New("p",
		project.WithRunner("Mine", func(map[string]any) (runner.Runner, error) { return runner.Sequential{}, nil }),
		project.WithParamsType("model.options", options{}),
		project.WithType("example.Thing", func(catalog.Spec) (catalog.Dataset, error) { return nil, errors.New("no things") }, "Thing"),
	)
	require.NoError(t, p.Validate())
	require.Empty(t, p.Dir())
	require.Contains(t, p.Runners(), "Mine")
	require.Equal(t, "options", p.ParamsTypes()["model.options"].Name())
	_, err := p.Types().New("x", map[string]any{"type": "Thing"}, catalog.Version{})
	require.ErrorContains(t, err, "no things")
	_, err = project.New("q").Types().New("x", map[string]any{"type": "Thing"}, catalog.Version{})
	require.Error(t, err, "types belong to one project")

	s := p.Settings()
	require.True(t, s.RunnerAllowed("Mine"))
	s.RunnerAllowlist = []string{"ThreadRunner"}
	require.False(t, s.RunnerAllowed("Mine"))
	require.True(t, s.RunnerAllowed("ThreadRunner"))
}

func TestFind(t *testing.T) {
	top := t.TempDir()
	below := filepath.Join(top, "a", "b")
	require.NoError(t, os.MkdirAll(below, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(top, "a", project.FileName), 0o755), "a folder of that name is no project")
	_, err := project.Find(below)
	require.ErrorIs(t, err, project.ErrNoProject)

	require.NoError(t, os.WriteFile(filepath.Join(top, project.FileName), nil, 0o644))
	found, err := project.Find(below)
	require.NoError(t, err)
	require.Equal(t, top, found)
}
