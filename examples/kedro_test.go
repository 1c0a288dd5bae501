package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
)

// copyKedro copies the Python example without what runs of it left behind.
func copyKedro(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kedro")
	for _, part := range []string{"conf", "src", "data/01_raw"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join("kedro", part))))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte(readFile(t, "kedro", "pyproject.toml")), 0o644))
	return dir
}

// stored reads what runs left: bytes by path, of versioned datasets without the version.
func stored(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, pattern := range []string{"data/02_clean/*", "data/03_report/*/*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, path := range found {
			files[filepath.Base(path)] = readFile(t, path)
		}
	}
	return files
}

// TestKedroProject runs the example by kedro run and by the hosted engine: what they leave is the same.
func TestKedroProject(t *testing.T) {
	t.Setenv("KEDRO_DISABLE_TELEMETRY", "1")
	defer kedrotest.Report()
	python := kedrotest.Environment(t, strings.Fields(readFile(t, "kedro", "requirements.txt"))...)

	plain := copyKedro(t)
	kedro := exec.Command(python, "-m", "kedro", "run")
	kedro.Dir = plain
	out, err := kedro.CombinedOutput()
	require.NoError(t, err, string(out))
	want := stored(t, plain)
	require.Len(t, want, 2)

	s, err := hosted.Open(t.Context(), hosted.Config{Project: copyKedro(t), Python: python})
	require.NoError(t, err)
	defer s.Close()
	var lines []string
	result, err := s.Run(t.Context(), session.RunOptions{RunID: "first", Observe: func(e session.Event) {
		if e.Kind == session.EventLog && e.Node == "clean" {
			lines = append(lines, e.Message)
		}
	}})
	require.NoError(t, err)
	require.Equal(t, want, stored(t, s.Project()))
	require.Equal(t, 4, result.NodesRun)
	require.Equal(t, map[string]string{"report": "first"}, result.Versions)
	best, err := result.Outputs["best_region"].Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Europe", best)
	require.Len(t, lines, 2)
	require.Equal(t, "6 of 7 orders are left", lines[0])
	require.Contains(t, lines[1], "clean took", "the project's hook")

	snapshot, err := s.Snapshot(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, "Orders", snapshot.Metadata.ProjectName)
	plan, err := s.Plan(t.Context(), session.RunOptions{ToNodes: []string{"by_region"}})
	require.NoError(t, err)
	require.Len(t, plan.Nodes, 2)
}
