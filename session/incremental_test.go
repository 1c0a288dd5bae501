package session

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/stretchr/testify/require"
)

// A node that confirms its input sees each partition once, over runs; one that arrives while a run works waits for the next.
func TestIncrementalRuns(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/catalog.yml": `
inbox: {type: partitions.IncrementalDataset, path: data/inbox, dataset: text.TextDataset, filename_suffix: .txt}
`})
	arrives := func(name string) {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "data/inbox"), 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "data/inbox", name), []byte(name), 0o600))
	}
	fails := true
	read := pipeline.Define(func(inbox map[string]string) ([]string, error) {
		arrives("c.txt")
		if fails {
			return nil, os.ErrClosed
		}
		return slices.Sorted(maps.Keys(inbox)), nil
	}, "inbox", "seen", pipeline.Name("read"), pipeline.Confirms("inbox"))
	s := service(t, dir, of("main", read))
	arrives("a.txt")
	arrives("b.txt")
	_, err := s.Run(t.Context(), RunOptions{})
	require.ErrorIs(t, err, os.ErrClosed)
	require.NoError(t, os.Remove(filepath.Join(dir, "data/inbox/c.txt")))
	fails = false
	for _, want := range [][]string{{"a", "b"}, {"c"}, {}} {
		result, err := s.Run(t.Context(), RunOptions{})
		require.NoError(t, err)
		require.ElementsMatch(t, want, value(t, result, "seen"))
	}
}
