package pyyaml_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// TestSyntaxIsThatOfLibyaml asks what OmegaConf 2.4.0 with PyYAML 6.0.3 and libyaml 0.2.5
// was asked: what each part of the scanner and composer takes, and how it refuses the rest.
func TestSyntaxIsThatOfLibyaml(t *testing.T) {
	lines, err := os.ReadFile("testdata/libyaml.jsonl")
	require.NoError(t, err)
	for line := range strings.Lines(string(lines)) {
		var asked struct{ Text, Kind, Answer string }
		require.NoError(t, json.Unmarshal([]byte(line), &asked))
		t.Run(asked.Text, func(t *testing.T) {
			value, err := pyyaml.Decode([]byte(asked.Text), pyyaml.Options{})
			if asked.Kind == "value" {
				require.NoError(t, err)
				require.Equal(t, asked.Answer, pyyaml.Repr(value))
				return
			}
			require.EqualError(t, err, asked.Answer)
			require.Equal(t, asked.Kind, err.(interface{ ErrorType() string }).ErrorType())
		})
	}
}

func TestSetsAndOrderedMaps(t *testing.T) {
	require.Equal(t, []any{"a", 1}, decode(t, "!!set {a, 1}", pyyaml.Safe))
	value, err := pyyaml.Decode([]byte("!!set {a, b}"), pyyaml.Options{})
	require.NoError(t, err)
	require.Equal(t, pyyaml.Set{"a", "b"}, value, "configuration tells it from a list, to refuse it")
	require.Equal(t, []any{[]any{"b", 1}, []any{"a", 2}}, decode(t, "!!omap [b: 1, a: 2]", pyyaml.OmegaConf))
}
