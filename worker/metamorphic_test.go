package worker_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
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

// A run through a worker gives what the same run gives in a session of its own, whatever the pipeline and filter.
func TestWorkerGivesWhatASessionGives(t *testing.T) {
	f := newFixture(t)
	rapid.Check(t, func(rt *rapid.T) {
		build := randomPipeline(rt)
		sess := open(t, map[string]string{"conf/base/parameters.yml": "x: 1\n"}, defaultPipeline(build))
		w := f.start(sess, nil)
		defer w.stop()
		request := messages.RunRequest{
			RuntimeParams: map[string]any{"x": rapid.IntRange(-9, 9).Draw(rt, "x")},
			Runner:        rapid.SampledFrom([]string{"", "SequentialRunner", "ThreadRunner"}).Draw(rt, "runner"),
		}
		if rapid.Bool().Draw(rt, "filtered") {
			request.ToNodes = []string{"n0"}
		}
		direct, err := sess.Run(t.Context(), session.RunOptions{
			RuntimeParams: request.RuntimeParams, RunnerName: request.Runner, ToNodes: request.ToNodes,
		})
		require.NoError(t, err)
		reply := f.wait(f.submit(request))
		require.Nil(t, reply.Error)
		require.Equal(t, direct.NodesRun, reply.Result.NodesRun)
		require.Len(t, reply.Result.Outputs, len(direct.Outputs))
		for name, output := range direct.Outputs {
			value, err := output.Load(t.Context())
			require.NoError(t, err)
			want, err := json.Marshal(value)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(reply.Result.Outputs[name].Value), name)
		}
	})
}
