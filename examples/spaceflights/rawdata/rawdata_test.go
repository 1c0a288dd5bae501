package rawdata_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/examples/spaceflights/rawdata"
)

func TestTheSameSeedMakesTheSameData(t *testing.T) {
	size := rawdata.Size{Companies: 50, Shuttles: 80}
	made := map[string]string{}
	for run, seed := range map[string]uint64{"a": 1, "b": 1, "c": 2} {
		dir := filepath.Join(t.TempDir(), "raw")
		require.NoError(t, rawdata.Write(dir, size, seed))
		require.FileExists(t, filepath.Join(dir, "shuttles.xlsx"))
		for _, name := range []string{"companies.csv", "reviews.csv"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			made[run] += string(text)
		}
	}
	require.Equal(t, made["a"], made["b"])
	require.NotEqual(t, made["a"], made["c"])
	require.Equal(t, 1+50+1+80, strings.Count(made["a"], "\n"))
	for _, dirt := range []string{"%,", ",,", ",t\n", ",f\n"} {
		require.Contains(t, made["a"], dirt)
	}
}
