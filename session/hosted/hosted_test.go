package hosted_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
	"github.com/kedge-run/kedge/session/sessiontest"
)

func TestMain(m *testing.M) {
	os.Setenv("KEDRO_DISABLE_TELEMETRY", "1") // a plugin that Kedro brings along would call home at every run
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		kedrotest.Report()
		os.Exit(code)
	}))
}

// copyProject puts a project of testdata into a fresh folder.
func copyProject(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))))
	return dir
}

// open opens a project, and closes it at the end of the test.
func open(t *testing.T, cfg hosted.Config) *hosted.Session {
	t.Helper()
	if cfg.Python == "" {
		cfg.Python = kedrotest.Python(t, "1.7")
	}
	s, err := hosted.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// shared is a session that several tests use: the suite closes what it was given, and starting Python takes a second.
type shared struct{ *hosted.Session }

func (shared) Close() error { return nil }

func TestSuite(t *testing.T) {
	for _, version := range kedrotest.Versions() {
		t.Run("kedro "+version, func(t *testing.T) {
			if version != "1.7" && os.Getenv("CI") != "true" && os.Getenv("KEDGE_KEDRO") != "all" {
				t.Skip("older releases of Kedro are tested in CI, and with KEDGE_KEDRO=all")
			}
			s := open(t, hosted.Config{Project: copyProject(t, "suite"), Python: kedrotest.Python(t, version), Children: 2})
			sessiontest.Exercise(t, func(*testing.T) session.Session { return shared{s} }, sessiontest.Features{})
		})
	}
}
