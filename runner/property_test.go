package runner_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// mix is a node function of any arity: its value tells its name and inputs.
type mix struct{ name string }

func (m mix) Name() string   { return m.name }
func (m mix) Module() string { return "property" }
func (m mix) Call(_ context.Context, in pipeline.Inputs) (any, error) {
	return fmt.Sprint(m.name, in.Values), nil
}

// randomPipeline draws an acyclic pipeline: each node reads datasets made before it.
func randomPipeline(rt *rapid.T) *pipeline.Pipeline {
	made := []string{"free"}
	var parts []pipeline.Part
	for i := range rapid.IntRange(1, 12).Draw(rt, "nodes") {
		inputs := rapid.SliceOfNDistinct(rapid.SampledFrom(made), 1, min(3, len(made)), rapid.ID[string]).Draw(rt, "inputs")
		out := fmt.Sprintf("d%d", i)
		name := fmt.Sprintf("n%d", i)
		parts = append(parts, pipeline.Define(mix{name}, inputs, out, pipeline.Name(name)))
		made = append(made, out)
	}
	p, err := pipeline.New(parts...)
	if err != nil {
		rt.Fatal(err)
	}
	return p
}

// Any pipeline gives equal results and equal multisets of hooks and releases, whichever runner runs it.
func TestRunnersAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := randomPipeline(rt)
		var wantValues, wantLines string
		for i, r := range append(all(), runner.Sequential{IsAsync: true}) {
			tr := new(trace)
			result, err := r.Run(t.Context(), runner.Request{
				Pipeline: p, Catalog: catalogOf(t, map[string]any{"free": "x"}), Hooks: tr.hooks(t), Observe: tr.observe,
			})
			require.NoError(t, err)
			var values []string
			for name := range result.Outputs {
				values = append(values, fmt.Sprint(name, load(t, result, name)))
			}
			slices.Sort(values)
			slices.Sort(tr.lines)
			if i == 0 {
				wantValues, wantLines = strings.Join(values, "\n"), strings.Join(tr.lines, "\n")
				continue
			}
			require.Equal(t, wantValues, strings.Join(values, "\n"))
			require.Equal(t, wantLines, strings.Join(tr.lines, "\n"))
		}
	})
}
