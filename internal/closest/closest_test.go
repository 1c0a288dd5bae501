package closest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFindAnswersAsDifflib compares with answers recorded by testdata/record.py.
func TestFindAnswersAsDifflib(t *testing.T) {
	text, err := os.ReadFile("testdata/difflib.json")
	require.NoError(t, err)
	var cases []struct {
		Word    string    `json:"word"`
		Targets []string  `json:"targets"`
		Cutoff  float64   `json:"cutoff"`
		Limit   int       `json:"limit"`
		Matches []string  `json:"matches"`
		Ratios  []float64 `json:"ratios"`
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	for i, c := range cases {
		for k, target := range c.Targets {
			require.Equal(t, c.Ratios[k], Ratio(c.Word, target), "case %d: %q and %q", i, c.Word, target)
		}
		require.Equal(t, c.Matches, Find(c.Word, c.Targets, c.Limit, c.Cutoff), "case %d: %q", i, c.Word)
	}
}

func TestMatchesAnyNamesEachMatchOnceAndThreeInAll(t *testing.T) {
	targets := []string{"alpha", "alphb", "beta", "betb", "gamma"}
	require.Equal(t, []string{"alphb", "alpha", "betb"}, MatchesAny([]string{"alph", "alphc", "bet"}, targets))
	require.Empty(t, MatchesAny(nil, targets))
	require.Empty(t, Matches("zzz", targets))
	require.Equal(t, []string{"model"}, Matches("modl", []string{"model", "data"}))
}

// FuzzMatches checks the laws that hold whatever the words are.
func FuzzMatches(f *testing.F) {
	f.Add("modl", "model mode data")
	f.Add("", " a")
	f.Add(strings.Repeat("ab", 120), strings.Repeat("ba", 130)+" x")
	f.Add("\xff\xfe", "\xff")
	f.Fuzz(func(t *testing.T, word, text string) {
		if len(word)+len(text) > 2000 {
			t.Skip("longer texts only take longer")
		}
		targets := strings.Split(text, " ")
		found := Matches(word, targets)
		require.LessOrEqual(t, len(found), suggestions)
		last := 1.0
		for _, match := range found {
			require.Contains(t, targets, match)
			ratio := Ratio(word, match)
			require.GreaterOrEqual(t, ratio, cutoff)
			require.LessOrEqual(t, ratio, last)
			last = ratio
		}
		for _, target := range targets {
			ratio := Ratio(word, target)
			require.True(t, ratio >= 0 && ratio <= 1)
			if word == target {
				require.True(t, ratio == 1 || len([]rune(word)) >= popularFrom)
			}
		}
	})
}
