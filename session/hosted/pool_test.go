package hosted

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/session"
)

// TestChildThatDiesBeforeItIsGivenBack serves nobody.
func TestChildThatDiesBeforeItIsGivenBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "suite")
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "suite"))))
	s, err := Open(t.Context(), Config{Project: dir, Python: kedrotest.Python(t, "1.7")})
	require.NoError(t, err)
	defer s.Close()
	c, giveBack, err := s.borrow(t.Context(), s.runs)
	require.NoError(t, err)
	c.kill()
	<-c.exited
	giveBack()
	for range 2 {
		_, err = s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"__default__"}})
		require.NoError(t, err)
	}
}
