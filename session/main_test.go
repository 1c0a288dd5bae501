package session

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// layOut writes a project folder: path below it to text. conf/base and conf/local
// always exist.
func layOut(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for _, folder := range []string{"conf/base", "conf/local"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o755))
	}
	if _, ok := files["conf/base/catalog.yml"]; !ok {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "conf/base/catalog.yml"), []byte("{}\n"), 0o644))
	}
	if _, ok := files["conf/base/parameters.yml"]; !ok {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "conf/base/parameters.yml"), []byte("{}\n"), 0o644))
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// of registers a pipeline of parts.
func of(name string, parts ...pipeline.Part) project.Option {
	return project.WithPipeline(name, func() (*pipeline.Pipeline, error) { return pipeline.New(parts...) })
}

func service(t testing.TB, dir string, options ...project.Option) *ServiceSession {
	t.Helper()
	s, err := CreateService(t.Context(), ServiceConfig{ProjectPath: dir, Project: project.New("demo", options...)})
	require.NoError(t, err)
	return s
}

func classic(t testing.TB, dir string, cfg Config, options ...project.Option) *KedroSession {
	t.Helper()
	cfg.ProjectPath, cfg.Project = dir, project.New("demo", options...)
	s, err := Create(t.Context(), cfg)
	require.NoError(t, err)
	return s
}

func increment(a int) int { return a + 1 }

// chain is n nodes in a row, from the parameter "start" to the memory dataset "d<n>".
func chain(n int) []pipeline.Part {
	parts := make([]pipeline.Part, n)
	from := "params:start"
	for i := range n {
		to := fmt.Sprintf("d%d", i+1)
		parts[i] = pipeline.Define(increment, from, to, pipeline.Name(fmt.Sprintf("n%d", i+1)))
		from = to
	}
	return parts
}

// value loads an output of a run.
func value(t testing.TB, result *Result, name string) any {
	t.Helper()
	out, ok := result.Outputs[name]
	require.True(t, ok, "no output %s in %v", name, result.Outputs)
	v, err := out.Load(context.Background())
	require.NoError(t, err)
	return v
}

func nodeNames(p *pipeline.Pipeline) []string {
	names := make([]string, len(p.Nodes()))
	for i, n := range p.Nodes() {
		names[i] = n.Name()
	}
	return names
}
