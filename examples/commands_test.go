// Package examples_test runs the example projects that hold no Go code.
package examples_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/session"
)

// copyProject copies an example without what runs of it left behind.
func copyProject(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for _, part := range []string{"conf", "pipelines", "scripts", "data/01_raw"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(name, part))))
	}
	settings, err := os.ReadFile(filepath.Join(name, "kedge.yml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kedge.yml"), settings, 0o644))
	return dir
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(text)
}

func TestCommands(t *testing.T) {
	dir := copyProject(t, "commands")
	var lines bytes.Buffer
	ctx := zerolog.New(zerolog.SyncWriter(&lines)).WithContext(t.Context())
	s, err := session.CreateService(ctx, session.ServiceConfig{ProjectPath: dir})
	require.NoError(t, err)
	defer s.Close()

	for _, runnerName := range []string{"SequentialRunner", "ThreadRunner"} {
		result, err := s.Run(ctx, session.RunOptions{RunID: "run-" + runnerName, RunnerName: runnerName})
		require.NoError(t, err, lines.String())
		require.Equal(t, 7, result.NodesRun)
		require.Equal(t, map[string]string{"report": "run-" + runnerName}, result.Versions)
		require.Equal(t, `# Orders of the first week of March

## Europe

- chair: 6
- lamp: 3
- desk: 2

## Asia

- lamp: 18
- chair: 6
- desk: 3

4 orders were rejected.
`, readFile(t, dir, "data/08_reporting/report.md", "run-"+runnerName, "report.md"))
	}
	require.Contains(t, readFile(t, dir, "data/02_intermediate/clean_orders.csv"), "1002,2026-03-02,Japan,desk,1,1249.0\n")
	require.Contains(t, lines.String(), `"stream":"stderr","node":"clean_orders","message":"order 1006 rejected: no country"`)

	var left []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if filepath.Base(path)[0] == '.' {
			left = append(left, path)
		}
		return err
	}))
	require.Equal(t, []string{filepath.Join(dir, "conf/local/.gitkeep")}, left, "no temporary file is left")
}

// TestCommandsAnswerToRuntimeParameters shows that a parameter of a request reaches a command as data.
func TestCommandsAnswerToRuntimeParameters(t *testing.T) {
	dir := copyProject(t, "commands")
	s, err := session.CreateService(t.Context(), session.ServiceConfig{ProjectPath: dir})
	require.NoError(t, err)
	defer s.Close()

	const title = `$(touch HACKED); "quoted" & more`
	_, err = s.Run(t.Context(), session.RunOptions{RunID: "r", RuntimeParams: map[string]any{
		"title": title, "europe": map[string]any{"countries": []any{"France"}},
	}})
	require.NoError(t, err)
	report := readFile(t, dir, "data/08_reporting/report.md/r/report.md")
	require.Contains(t, report, "# "+title+"\n")
	require.Contains(t, report, "## Europe\n\n- chair: 2\n- desk: 1\n- lamp: 1\n")
	require.NoFileExists(t, filepath.Join(dir, "HACKED"))
}
