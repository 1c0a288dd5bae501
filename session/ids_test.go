package session

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// SES-001: milliseconds are cut.
func TestTimestamp(t *testing.T) {
	at := time.Date(2026, 11, 23, 19, 36, 1, 166_999_999, time.FixedZone("", 3600))
	require.Equal(t, "2026-11-23T18.36.01.166Z", Timestamp(at))
	require.Regexp(t, regexp.MustCompile(`^2026-11-23T18\.36\.01\.166Z-[0-9a-f]{6}$`), NewRunID(at))
	require.NoError(t, CheckRunID(NewRunID(at)))
}

func TestCheckRunID(t *testing.T) {
	for _, id := range []string{"a", "A_1.b-c", strings.Repeat("x", 128)} {
		require.NoError(t, CheckRunID(id))
	}
	for _, id := range []string{"", "..", "a..b", "a/b", "a b", "é", "a\x00", "*", ">", strings.Repeat("x", 129)} {
		var invalid *InvalidRunIDError
		require.ErrorAs(t, CheckRunID(id), &invalid)
		require.Equal(t, "ValueError", invalid.ErrorType())
	}
}

func FuzzCheckRunID(f *testing.F) {
	for _, id := range []string{"2026-11-23T18.36.01.166Z-5f0c2a", "..", "../x", "a/b", ""} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if CheckRunID(id) == nil && (strings.Contains(id, "..") || strings.ContainsAny(id, "/\\ *>\x00") || len(id) > 128) {
			t.Errorf("%q passes", id)
		}
	})
}

// Every id of the public API of kedro.framework.session is named by the test that shows it.
func TestEveryIDIsShown(t *testing.T) {
	ranges := [][2]int{{1, 6}, {10, 16}, {20, 26}, {30, 34}, {40, 46}, {50, 50}, {60, 76}, {80, 91}, {100, 103}, {110, 111}}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	var text strings.Builder
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), "_test.go") {
			source, err := os.ReadFile(entry.Name())
			require.NoError(t, err)
			text.Write(source)
		}
	}
	for _, r := range ranges {
		for id := r[0]; id <= r[1]; id++ {
			require.Contains(t, text.String(), fmt.Sprintf("S-%03d", id))
		}
	}
}
