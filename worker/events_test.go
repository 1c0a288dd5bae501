package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// A run that fails once, saves and loads a versioned dataset and logs tells all of it in order, with the versions, to a
// watcher from the start and to one that comes when all is over.
func TestEventsTellTheWholeRun(t *testing.T) {
	f := newFixture(t)
	var failed atomic.Bool
	build := func() (*pipeline.Pipeline, error) {
		return pipeline.New(
			pipeline.Define(func(ctx context.Context, x int) string {
				zerolog.Ctx(ctx).Warn().Msg("writing")
				runner.Progress(ctx, 1, 3)
				runner.Progress(ctx, 3, 3)
				return "text"
			}, "params:x", "stored", pipeline.Name("write")),
			pipeline.Define(func(text string) (string, error) {
				if failed.CompareAndSwap(false, true) {
					return "", pipeline.Transient(errors.New("not yet"))
				}
				return text, nil
			}, "stored", "answer", pipeline.Name("read")),
		)
	}
	catalog := "stored:\n  type: text.TextDataset\n  filepath: data/stored.txt\n  versioned: true\n"
	f.start(open(t, map[string]string{"conf/base/catalog.yml": catalog}, defaultPipeline(build)), nil)
	run := f.submit(messages.RunRequest{RuntimeParams: map[string]any{"x": 1}, MaxAttempts: 2})
	live, late := f.told(run), f.told(run)
	require.Equal(t, live, late)
	first, second := string(run), string(run)+".2"
	require.Equal(t, []string{
		"accepted", "claimed",
		"node_started write 1/2", "log warn writing", "progress write 1/3", "progress write 3/3", "dataset_saved stored " + first, "node_finished write 1/2",
		"node_started read 2/2", "dataset_loaded stored " + first, "node_failed read: not yet",
		"retrying: not yet", "claimed",
		"node_started write 1/2", "log warn writing", "progress write 1/3", "progress write 3/3", "dataset_saved stored " + second, "node_finished write 1/2",
		"node_started read 2/2", "dataset_loaded stored " + second, "node_finished read 2/2",
		"succeeded",
	}, live)
}

// told tells the events of a run to its end in words, log lines of nodes and versions too.
func (f *fixture) told(run messages.RunID) []string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), deadline)
	defer cancel()
	var lines []string
	for update, err := range f.client.Watch(ctx, run) {
		require.NoError(f.t, err)
		if update.Reply != nil {
			return append(lines, string(update.Reply.State()))
		}
		switch e := update.Event; {
		case e.Kind == messages.EventLog && e.Level != "warn": // the engine's own
		case e.Kind == messages.EventLog:
			lines = append(lines, "log "+e.Level+" "+e.Message)
		case e.Dataset != "":
			lines = append(lines, string(e.Kind)+" "+e.Dataset+" "+e.Version)
		case e.Error != nil && e.Node != "":
			lines = append(lines, string(e.Kind)+" "+e.Node+": "+e.Error.Message)
		case e.Error != nil:
			lines = append(lines, string(e.Kind)+": "+e.Error.Message)
		default:
			lines = append(lines, describe(e))
		}
	}
	f.t.Fatal("the run's history has no end")
	return nil
}
