package runner_test

import (
	"bytes"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// diskLike gives stored datasets: those with a value exist.
func diskLike(t *testing.T, c *catalog.DataCatalog, values map[string]any, empty ...string) {
	t.Helper()
	for name, value := range values {
		memory, err := catalog.NewMemory(value, "")
		require.NoError(t, err)
		require.NoError(t, c.Set(t.Context(), name, stored{memory}))
	}
	for _, name := range empty {
		require.NoError(t, c.Set(t.Context(), name, stored{new(catalog.MemoryDataset)}))
	}
}

// RUN-070 to RUN-076.
func TestOnlyMissingOutputs(t *testing.T) {
	chain := func() *pipeline.Pipeline {
		return newPipeline(t,
			pipeline.Define(double, "a", "b", pipeline.Name("to_b")),
			pipeline.Define(double, "b", "c", pipeline.Name("to_c")),
			pipeline.Define(double, "c", "d", pipeline.Name("to_d")),
		)
	}
	for _, test := range []struct {
		name    string
		stored  map[string]any
		empty   []string
		run     int
		logged  []string
		outputs int
	}{
		{"RUN-073: children of a rebuilt node don't run", map[string]any{"c": 1, "d": 1}, []string{"b"}, 1,
			[]string{"Skipping 2 nodes with existing outputs: to_c, to_d", "Running 1 out of 3 nodes"}, 1},
		{"RUN-072: memory outputs are never missing", map[string]any{"b": 1, "c": 1}, nil, 0,
			[]string{"Skipping all 3 nodes (all persistent outputs exist)"}, 0},
		{"RUN-070 c: what a chosen child reads from memory is made", nil, []string{"d"}, 3, []string{"Running 3 out of 3 nodes"}, 1},
		{"RUN-070 b: missing in the middle", map[string]any{"b": 1}, []string{"c", "d"}, 2,
			[]string{"Skipping 1 nodes with existing outputs: to_b", "Running 2 out of 3 nodes"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, r := range all() {
				c := catalogOf(t, map[string]any{"a": 1})
				diskLike(t, c, test.stored, test.empty...)
				var log bytes.Buffer
				logger := zerolog.New(&log)
				result, err := r.Run(logger.WithContext(t.Context()), runner.Request{Pipeline: chain(), Catalog: c, OnlyMissingOutputs: true})
				require.NoError(t, err)
				require.Equal(t, test.run, result.NodesRun)
				require.Equal(t, 3-test.run, result.NodesSkipped)
				require.Len(t, result.Outputs, test.outputs)
				for _, line := range test.logged {
					require.Contains(t, log.String(), line)
				}
			}
		})
	}
}

// RUN-070 a: a node without outputs always runs.
func TestOnlyMissingOutputsRunsNodesWithoutOutputs(t *testing.T) {
	p := newPipeline(t, pipeline.Define(func(int) {}, "a", nil))
	result, err := runner.Sequential{}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"a": 1}), OnlyMissingOutputs: true})
	require.NoError(t, err)
	require.Equal(t, 1, result.NodesRun)
}
