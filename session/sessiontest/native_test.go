package sessiontest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/sessiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func of(name string, parts ...pipeline.Part) project.Option {
	return project.WithPipeline(name, func() (*pipeline.Pipeline, error) { return pipeline.New(parts...) })
}

// nativeProject is the suite's project in Go.
func nativeProject() *project.Project {
	next := func(a int) int { return a + 1 }
	add := pipeline.Define(func(a, b int) int { return a + b }, []string{"params:a", "params:b"}, "sum", pipeline.Name("add"))
	return project.New("suite",
		of("__default__", add),
		of("add", add),
		of("chain",
			pipeline.Define(next, "params:a", "one", pipeline.Name("first")),
			pipeline.Define(next, "one", "two", pipeline.Name("second"), pipeline.Tags("middle")),
			pipeline.Define(next, "two", "three", pipeline.Name("third"))),
		of("fail",
			pipeline.Define(next, "params:a", "one", pipeline.Name("first")),
			pipeline.Define(func(int) (int, error) { return 0, errors.New("boom") }, "one", "never", pipeline.Name("bad"))),
		of("stored", pipeline.Define(func(rid string) string { return rid }, "params:rid", "stored", pipeline.Name("store"))),
		of("wait", pipeline.Define(func(ctx context.Context, a int) (int, error) { <-ctx.Done(); return a, ctx.Err() },
			"params:a", "waited", pipeline.Name("waiter"))),
		of("log", pipeline.Define(func(ctx context.Context, a int) int { zerolog.Ctx(ctx).Info().Msg("half way"); return a },
			"params:a", "logged", pipeline.Name("logger"))),
	)
}

func TestServiceSession(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) session.Session {
		dir := t.TempDir()
		for name, text := range map[string]string{
			"conf/base/parameters.yml": "a: 1\nb: 2\nrid: none\n",
			"conf/base/catalog.yml":    "stored:\n  type: json.JSONDataset\n  filepath: data/${runtime_params:rid,none}.json\n  versioned: true\n",
			"conf/local/.gitkeep":      "",
		} {
			path := filepath.Join(dir, filepath.FromSlash(name))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		s, err := session.CreateService(t.Context(), session.ServiceConfig{ProjectPath: dir, Project: nativeProject()})
		require.NoError(t, err)
		return s
	}, sessiontest.Features{})
}
