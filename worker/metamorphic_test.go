package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
)

// randomPipeline draws a pipeline of n nodes that add up some earlier datasets; the first reads parameter x.
func randomPipeline(t *rapid.T) func() (*pipeline.Pipeline, error) {
	n := rapid.IntRange(1, 12).Draw(t, "nodes")
	inputs := make([][]string, n)
	for i := 1; i < n; i++ {
		for _, from := range rapid.SliceOfNDistinct(rapid.IntRange(0, i-1), 1, min(i, 3), rapid.ID).Draw(t, "inputs") {
			inputs[i] = append(inputs[i], fmt.Sprintf("d%d", from))
		}
	}
	inputs[0] = []string{"params:x"}
	return func() (*pipeline.Pipeline, error) {
		parts := make([]pipeline.Part, n)
		for i := range n {
			parts[i] = pipeline.Define(sums[len(inputs[i])], inputs[i], fmt.Sprintf("d%d", i),
				pipeline.Name(fmt.Sprintf("n%d", i)), pipeline.Tags([]string{"even", "odd"}[i%2]))
		}
		return pipeline.New(parts...)
	}
}

// sums are node functions by their number of inputs.
var sums = map[int]any{
	1: func(a int) int { return a + 1 },
	2: func(a, b int) int { return a + 2*b },
	3: func(a, b, c int) int { return a + 2*b + 3*c },
}

// hookLog takes down the hook calls of runs: what was called for what, without times and ids.
type hookLog struct {
	mu    sync.Mutex // guards the field below
	calls []string
}

func (l *hookLog) add(parts ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, fmt.Sprintln(parts...))
}

// take gives the calls since the last one as a multiset.
func (l *hookLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := slices.Sorted(slices.Values(l.calls))
	l.calls = nil
	return calls
}

func (l *hookLog) AfterCatalogCreated(_ context.Context, info hook.CatalogInfo) error {
	l.add("catalog", len(info.ConfCatalog), info.Parameters["params:x"])
	return nil
}

func (l *hookLog) BeforePipelineRun(_ context.Context, info hook.PipelineInfo) error {
	l.add("before pipeline", info.RunParams.ToNodes, info.RunParams.RuntimeParams, len(info.Pipeline.Nodes()))
	return nil
}

func (l *hookLog) AfterPipelineRun(_ context.Context, info hook.PipelineResultInfo) error {
	l.add("after pipeline", slices.Sorted(maps.Keys(info.RunResult)))
	return nil
}

func (l *hookLog) BeforeNodeRun(_ context.Context, info hook.NodeInfo) (map[string]any, error) {
	l.add("before node", info.Node.Name(), info.Inputs)
	return nil, nil
}

func (l *hookLog) AfterNodeRun(_ context.Context, info hook.NodeResultInfo) error {
	l.add("after node", info.Node.Name(), info.Inputs, info.Outputs)
	return nil
}

func (l *hookLog) BeforeDatasetLoaded(_ context.Context, info hook.DatasetInfo) error {
	l.add("before load", info.DatasetName, info.Node.Name())
	return nil
}

func (l *hookLog) AfterDatasetLoaded(_ context.Context, info hook.DatasetDataInfo) error {
	l.add("after load", info.DatasetName, info.Node.Name(), info.Data)
	return nil
}

func (l *hookLog) BeforeDatasetSaved(_ context.Context, info hook.DatasetDataInfo) error {
	l.add("before save", info.DatasetName, info.Node.Name(), info.Data)
	return nil
}

func (l *hookLog) AfterDatasetSaved(_ context.Context, info hook.DatasetDataInfo) error {
	l.add("after save", info.DatasetName, info.Node.Name(), info.Data)
	return nil
}

// A pipeline gives equal results and equal multisets of hook calls in a session of its own and through a worker, with each
// runner, whatever the pipeline, the filter, the parameter, and which datasets are files.
func TestEveryWayToRunGivesTheSame(t *testing.T) {
	f := newFixture(t)
	rapid.Check(t, func(rt *rapid.T) {
		build := randomPipeline(rt)
		log := new(hookLog)
		catalog := ""
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 11), 0, 4, rapid.ID).Draw(rt, "files") {
			catalog += fmt.Sprintf("d%d: {type: json.JSONDataset, filepath: data/d%[1]d.json}\n", i)
		}
		sess := open(t, map[string]string{"conf/base/parameters.yml": "x: 1\n", "conf/base/catalog.yml": catalog},
			defaultPipeline(build), project.WithHooks(log))
		w := f.start(sess, nil)
		defer w.stop()
		request := messages.RunRequest{RuntimeParams: map[string]any{"x": rapid.IntRange(-9, 9).Draw(rt, "x")}}
		if rapid.Bool().Draw(rt, "filtered") {
			request.ToNodes = []string{"n0"}
		}
		log.take()
		var wantValues map[string]string
		var wantCalls []string
		for _, run := range []func(runner string) map[string]string{
			func(runner string) map[string]string { return inSession(t, sess, request, runner) },
			func(runner string) map[string]string { return throughWorker(t, f, request, runner) },
		} {
			for _, runner := range []string{"SequentialRunner", "ThreadRunner", "ParallelRunner"} {
				values, calls := run(runner), log.take()
				if wantCalls == nil {
					wantValues, wantCalls = values, calls
				}
				require.Equal(t, wantValues, values, runner)
				require.Equal(t, wantCalls, calls, runner)
			}
		}
		require.NotEmpty(t, wantCalls)
	})
}

// inSession runs a request in the session itself and gives the outputs as JSON.
func inSession(t *testing.T, sess session.Session, request messages.RunRequest, runner string) map[string]string {
	result, err := sess.Run(t.Context(), session.RunOptions{RuntimeParams: request.RuntimeParams, RunnerName: runner, ToNodes: request.ToNodes})
	require.NoError(t, err)
	values := map[string]string{}
	for name, output := range result.Outputs {
		value, err := output.Load(t.Context())
		require.NoError(t, err)
		text, err := json.Marshal(value)
		require.NoError(t, err)
		values[name] = string(text)
	}
	return values
}

// throughWorker hands a request in and gives the outputs: those of the reply, and the files that it names.
func throughWorker(t *testing.T, f *fixture, request messages.RunRequest, runner string) map[string]string {
	request.Runner = runner
	reply := f.wait(f.submit(request))
	require.Nil(t, reply.Error)
	values := map[string]string{}
	for name, output := range reply.Result.Outputs {
		if values[name] = string(output.Value); output.Path != "" {
			text, err := os.ReadFile(output.Path)
			require.NoError(t, err)
			values[name] = strings.TrimSpace(string(text))
		}
	}
	return values
}
