package runner_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// all are the runners that must behave alike.
func all() []runner.Runner {
	return []runner.Runner{runner.Sequential{}, runner.Thread{MaxWorkers: 4}, runner.Parallel{MaxWorkers: 4}}
}

func newPipeline(t testing.TB, parts ...pipeline.Part) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.New(parts...)
	require.NoError(t, err)
	return p
}

// stored is a dataset whose data outlives a run, as far as a runner can tell.
type stored struct{ *catalog.MemoryDataset }

func (stored) Ephemeral() bool { return false }

// alone is a dataset that may be used by one process only.
type alone struct{ *catalog.MemoryDataset }

func (alone) SingleProcess() bool { return true }

// catalogOf gives a catalog with values in memory.
func catalogOf(t testing.TB, values map[string]any) *catalog.DataCatalog {
	t.Helper()
	c := catalog.New()
	for name, value := range values {
		require.NoError(t, c.Set(t.Context(), name, value))
	}
	return c
}

func load(t testing.TB, result *runner.Result, name string) any {
	t.Helper()
	ds, ok := result.Outputs[name]
	require.True(t, ok, "no output %s", name)
	value, err := ds.Load(context.Background())
	require.NoError(t, err)
	return value
}
