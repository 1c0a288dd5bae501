package session

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/pipeline"
)

// BenchmarkServiceSession measures an observed run that does nothing: what a session costs, for
// nodes that read a parameter, and for nodes that hand an integer on in memory.
func BenchmarkServiceSession(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("empty-%d", n), func(b *testing.B) {
			parts := make([]pipeline.Part, n)
			for i := range parts {
				parts[i] = pipeline.Define(func(int) {}, "params:start", nil, pipeline.Name(fmt.Sprintf("n%d", i)))
			}
			benchmarkRun(b, parts)
		})
		b.Run(fmt.Sprintf("chain-%d", n), func(b *testing.B) { benchmarkRun(b, chain(n)) })
	}
}

func benchmarkRun(b *testing.B, parts []pipeline.Part) {
	dir := layOut(b, map[string]string{"conf/base/parameters.yml": "start: 1\n"})
	s := service(b, dir, of("main", parts...))
	ctx := context.Background()
	opts := RunOptions{PipelineNames: []string{"main"}, Observe: func(Event) {}}
	_, err := s.Run(ctx, opts)
	require.NoError(b, err)
	b.ReportAllocs()
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		if _, err := s.Run(ctx, opts); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	// On a busy machine the mean tells about the neighbours; the best tells about the code.
	b.ReportMetric(float64(best.Nanoseconds()), "best-ns")
}

// BenchmarkRuntimeParams measures a run whose catalog and parameters hang on it: nothing
// that was resolved for another run may be used again.
func BenchmarkRuntimeParams(b *testing.B) {
	dir := layOut(b, map[string]string{
		"conf/base/parameters.yml": "rid: none\n",
		"conf/base/catalog.yml":    "out: {type: MemoryDataset, metadata: \"${runtime_params:rid}\"}\n\"{name}_csv\": {type: pandas.CSVDataset, filepath: \"data/{name}.csv\"}\n",
	})
	s := service(b, dir, of("main", pipeline.Define(func(rid string) string { return rid }, "params:rid", "out", pipeline.Name("write"))))
	ctx := context.Background()
	i := 0
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		i++
		start := time.Now()
		if _, err := s.Run(ctx, RunOptions{RuntimeParams: map[string]any{"rid": fmt.Sprint(i)}}); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(float64(best.Nanoseconds()), "best-ns")
}
