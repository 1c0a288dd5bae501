package pipeline

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInterruptionsAreToldAsKedroDoes compares the texts with those recorded by
// testdata/record_interruptions.py (PIP-048).
func TestInterruptionsAreToldAsKedroDoes(t *testing.T) {
	text, err := os.ReadFile("testdata/interruptions.json")
	require.NoError(t, err)
	var cases []struct {
		Nodes []struct {
			Name, Namespace string
			Inputs, Outputs []string
		}
		Warnings []string
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	for i, c := range cases {
		parts := make([]Part, len(c.Nodes))
		for k, n := range c.Nodes {
			parts[k] = Define(givesFunc{}, n.Inputs, n.Outputs, Name(n.Name), Namespace(n.Namespace))
		}
		p, err := New(parts...)
		require.NoError(t, err)
		warnings := slices.Clone(p.interruptions())
		slices.Sort(warnings)
		require.Len(t, warnings, len(c.Warnings), "case %d", i)
		for k := range warnings {
			require.Equal(t, c.Warnings[k], warnings[k], "case %d", i)
		}
	}
}
