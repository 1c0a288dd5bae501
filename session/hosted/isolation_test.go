package hosted_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/session/hosted"
)

// TestIsolation has 32 callers make runs whose output path is ${runtime_params:rid}: each finds its own value there, and
// nobody else's. KEDGE_HOSTED_RUNS=4000 makes it the measurement that docs quote.
func TestIsolation(t *testing.T) {
	runs := 400
	if n, err := strconv.Atoi(os.Getenv("KEDGE_HOSTED_RUNS")); err == nil {
		runs = n
	}
	s := open(t, hosted.Config{Project: copyProject(t, "suite"), Children: 4})
	var mu sync.Mutex // guards ids
	ids := map[string]int{}
	var callers sync.WaitGroup
	work := make(chan int)
	for range 32 {
		callers.Go(func() {
			for i := range work {
				result, err := s.Run(t.Context(), with("stored", fmt.Sprintf("r%d", i)))
				if err != nil {
					t.Errorf("run %d: %v", i, err)
					continue
				}
				mu.Lock()
				ids[result.RunID]++
				mu.Unlock()
			}
		})
	}
	for i := range runs {
		work <- i
	}
	close(work)
	callers.Wait()
	foreign, absent := 0, 0
	for i := range runs {
		found, err := filepath.Glob(filepath.Join(s.Project(), "data", fmt.Sprintf("r%d.json", i), "*", "*.json"))
		require.NoError(t, err)
		if len(found) != 1 {
			absent++
			continue
		}
		text, err := os.ReadFile(found[0])
		require.NoError(t, err)
		var value string
		require.NoError(t, json.Unmarshal(text, &value))
		if value != fmt.Sprintf("r%d", i) {
			foreign++
		}
	}
	t.Logf("%d runs: %d foreign values, %d absent files, %d duplicate run ids", runs, foreign, absent, runs-len(ids))
	require.Zero(t, foreign)
	require.Zero(t, absent)
	require.Len(t, ids, runs)
}
