package worker_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/worker"
)

const (
	submitters = 32
	manyRuns   = 4000
)

// 32 submitters, 4,000 runs of one project whose output path comes from a runtime parameter: every file is there and
// holds its own run's value, and no two runs share an id. (kedro server 1.7.0 fails this from two callers up.)
func TestConcurrentRunsDontSeeEachOther(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"conf/base/catalog.yml": "" +
		"answer:\n  type: json.JSONDataset\n  filepath: data/${runtime_params:rid}.json\n"})
	sess, err := openIn(t.Context(), dir, defaultPipeline(func() (*pipeline.Pipeline, error) {
		return pipeline.New(
			pipeline.Define(func(rid string, x int) string { return fmt.Sprintf("%s=%d", rid, x) }, []string{"params:rid", "params:x"}, "text"),
			pipeline.Define(func(text string) map[string]any { return map[string]any{"text": text} }, "text", "answer"),
		)
	}))
	require.NoError(t, err)
	f.start(sess, func(cfg *worker.Config) { cfg.Concurrency = submitters })

	var group sync.WaitGroup
	ids := make([]messages.RunID, manyRuns)
	problems := make(chan string, manyRuns)
	for s := range submitters {
		c := newClient(t, f.server)
		group.Go(func() {
			for i := s; i < manyRuns; i += submitters {
				request := &messages.RunRequest{RuntimeParams: map[string]any{"rid": fmt.Sprintf("r%d", i), "x": i}}
				receipt, err := c.Submit(t.Context(), request)
				if err != nil {
					problems <- err.Error()
					return
				}
				ids[i] = receipt.RunID
				if reply, err := c.Wait(t.Context(), receipt.RunID); err != nil || reply.Error != nil {
					problems <- fmt.Sprintf("run %d: %v, %+v", i, err, reply)
				}
			}
		})
	}
	group.Wait()
	close(problems)
	require.Empty(t, <-problems)

	seen := map[messages.RunID]bool{}
	for i, id := range ids {
		require.False(t, seen[id], "run id %s was given twice", id)
		seen[id] = true
		text, err := os.ReadFile(filepath.Join(dir, "data", fmt.Sprintf("r%d.json", i)))
		require.NoError(t, err, "absent file")
		var got map[string]string
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, fmt.Sprintf("r%d=%d", i, i), got["text"], "foreign value")
	}
	f.emptyQueue()
}

func namedPipeline(name string, build func() (*pipeline.Pipeline, error)) project.Option {
	return project.WithPipeline(name, build)
}
