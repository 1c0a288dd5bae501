package pyproject_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/pyproject"
)

func TestProject(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "src", "demo")
	require.NoError(t, os.MkdirAll(inside, 0o755))
	require.Empty(t, pyproject.Find(inside))
	require.Empty(t, pyproject.PackageName(dir))
	for _, file := range []struct{ text, name string }{
		{"[project]\nname = \"x\"\n", ""},
		{"[tool.kedro]\nproject_name = \"Demo\"\npackage_name = \"demo\"\n", "demo"},
		{"[tool.other]\npackage_name = 'no'\n[tool.kedro]\npackage_name='demo' # comment", "demo"},
		{"[tool.kedro]\nproject_name = \"Demo\"\n[tool.kedro.more]\npackage_name = \"no\"", ""},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, pyproject.File), []byte(file.text), 0o644))
		require.Equal(t, file.name, pyproject.PackageName(dir), file.text)
		require.Equal(t, file.text[:2] != "[p", pyproject.Is(dir), file.text)
	}
	require.Equal(t, dir, pyproject.Find(inside))
	require.True(t, pyproject.Is(dir))
	require.False(t, pyproject.Is(inside))
}
