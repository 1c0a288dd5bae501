package session

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What doesn't depend on the run is prepared once.
func TestRunsShareWhatDoesNotChange(t *testing.T) {
	dir := layOut(t, map[string]string{
		"conf/base/catalog.yml":     "out:\n  type: json.JSONDataset\n  filepath: data/out.json\n",
		"conf/base/parameters.yml":  "start: 1\n",
		"conf/base/credentials.yml": "dev: {key: value}\n",
	})
	s := service(t, dir, of("main", chain(2)...))
	keys := map[blueprintKey]bool{}
	prints := map[*blueprint]bool{}
	for range 5 {
		_, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
		require.NoError(t, err)
		entry := s.engine.blueprints.entry.Load()
		keys[entry.key], prints[entry.value] = true, true
	}
	require.Len(t, keys, 1)
	require.Len(t, prints, 1)
	require.Len(t, s.engine.slices.slices, 1)
}
