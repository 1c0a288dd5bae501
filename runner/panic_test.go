package runner_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// explosive is a dataset that panics where the runner itself calls it, not a node.
type explosive struct {
	*catalog.MemoryDataset
	released chan struct{}
}

func (e explosive) Release(context.Context) error {
	close(e.released)
	panic("release")
}

// TestPanicLeavesNoNode: a panic outside of nodes passes through the runner, when no node runs any more.
func TestPanicLeavesNoNode(t *testing.T) {
	for _, r := range []runner.Runner{runner.Thread{MaxWorkers: 4}, runner.Parallel{MaxWorkers: 4}} {
		released, ended := make(chan struct{}), false
		slow := func(x int) int {
			<-released
			ended = true
			return x
		}
		p := newPipeline(t,
			pipeline.Define(func(x int) int { return x }, "x", "m", pipeline.Name("a")),
			pipeline.Define(func(m int) int { return m }, "m", "o", pipeline.Name("b")),
			pipeline.Define(slow, "x", "p", pipeline.Name("c")))
		cat := catalogOf(t, map[string]any{"x": 1})
		require.NoError(t, cat.Set(t.Context(), "m", explosive{new(catalog.MemoryDataset), released}))
		require.PanicsWithValue(t, "release", func() { _, _ = r.Run(t.Context(), runner.Request{Pipeline: p, Catalog: cat}) }, r.Name())
		require.True(t, ended, r.Name())
	}
}
