package worker_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

// threeNodes computes 3 * (x + 1) from parameter x.
func threeNodes() (*pipeline.Pipeline, error) {
	return pipeline.New(
		pipeline.Define(func(x int) int { return x }, "params:x", "read", pipeline.Name("read")),
		pipeline.Define(func(x int) int { return x + 1 }, "read", "grown", pipeline.Name("grow")),
		pipeline.Define(func(x int) int { return 3 * x }, "grown", "answer", pipeline.Name("answer")),
	)
}

func defaultPipeline(build func() (*pipeline.Pipeline, error)) project.Option {
	return project.WithPipeline("__default__", build)
}

func TestRunEndToEnd(t *testing.T) {
	f := newFixture(t)
	w := f.start(open(t, nil, defaultPipeline(threeNodes)), nil)
	run := f.submit(messages.RunRequest{RuntimeParams: map[string]any{"x": 13}})

	reply := f.wait(run)
	require.Nil(t, reply.Error)
	result := reply.Result
	require.Equal(t, messages.StateSucceeded, result.State)
	require.Equal(t, run, result.RunID)
	require.Equal(t, w.ID(), result.Worker)
	require.Equal(t, 1, result.Attempt)
	require.Equal(t, 3, result.NodesRun)
	require.Equal(t, []string{"__default__"}, result.Pipelines)
	require.JSONEq(t, "42", string(result.Outputs["answer"].Value))

	f.emptyQueue()
	status, err := f.client.Status(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, messages.StateSucceeded, status.State)

	require.Equal(t, []string{
		"accepted", "claimed",
		"node_started read 1/3", "node_finished read 1/3",
		"node_started grow 2/3", "node_finished grow 2/3",
		"node_started answer 3/3", "node_finished answer 3/3",
		"succeeded",
	}, f.history(run))
}

// history tells the events of a run in words; log lines depend on the engine's wording and are left out.
func (f *fixture) history(run messages.RunID) []string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), deadline)
	defer cancel()
	var lines []string
	for update, err := range f.client.Watch(ctx, run) {
		require.NoError(f.t, err)
		if update.Reply != nil {
			return append(lines, string(update.Reply.State()))
		}
		if e := update.Event; e.Kind != messages.EventLog {
			lines = append(lines, describe(e))
		}
	}
	f.t.Fatal("the run's history has no end")
	return nil
}

func describe(e *messages.Event) string {
	line := string(e.Kind)
	if e.Node != "" && e.Dataset == "" {
		line += " " + e.Node
	}
	if e.Dataset != "" {
		line += " " + e.Dataset
	}
	if e.Total > 0 {
		line += fmt.Sprintf(" %d/%d", e.Index, e.Total)
	}
	return line
}

func TestKilledWorkersRunStartsElsewhere(t *testing.T) {
	f := newFixture(t)
	victim := startWorker(t, roleWork, f.server.URL(), 4)
	run := f.submit(messages.RunRequest{RuntimeParams: map[string]any{"x": 13}})
	f.awaitEvent(run, messages.EventNodeStarted)
	victim.kill()
	heir := startWorker(t, roleWork, f.server.URL(), 4)

	reply := f.wait(run)
	require.Nil(t, reply.Error)
	require.JSONEq(t, "42", string(reply.Result.Outputs["answer"].Value))
	require.Equal(t, heir.id, reply.Result.Worker)
	require.Greater(t, reply.Result.Epoch, uint64(1))
	f.emptyQueue()
}

// awaitEvent waits until a run has an event of a kind.
func (f *fixture) awaitEvent(run messages.RunID, kind messages.EventKind) messages.Event {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), deadline)
	defer cancel()
	consumer, err := f.js.OrderedConsumer(ctx, messages.Subjects{}.Stream("EVENTS"), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{messages.Subjects{}.Events(messages.DefaultTenant, run)},
	})
	require.NoError(f.t, err)
	it, err := consumer.Messages()
	require.NoError(f.t, err)
	defer it.Stop()
	for {
		msg, err := it.Next(jetstream.NextContext(ctx))
		require.NoError(f.t, err, "no event %s", kind)
		events, err := messages.DecodeEvents(msg.Data())
		require.NoError(f.t, err)
		for _, event := range events {
			if event.Kind == kind {
				return event
			}
		}
	}
}
