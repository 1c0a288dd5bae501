package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "500000": 500000, "64KiB": 64 << 10, "1.5 GiB": 3 << 29, "2GB": 2e9, "10B": 10, "1TiB": 1 << 40,
	} {
		var b Bytes
		require.NoError(t, b.Set(text), text)
		require.EqualValues(t, want, b, text)
		var again Bytes
		require.NoError(t, again.Set(b.String()), b.String())
		require.Equal(t, b, again)
	}
	for _, text := range []string{"", "0", "-1", "1 parsec", "GiB", "NaN", "Inf", "0.1B", "9999999999TiB"} {
		require.Error(t, new(Bytes).Set(text), text)
	}
	for size, want := range map[Bytes]string{2 << 30: "2GiB", 1: "1", 1 << 40: "1TiB", 3 << 19: "1536KiB"} {
		require.Equal(t, want, size.String())
	}
}
