package pipeline

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// givesFunc is a function that takes anything and gives one result.
type givesFunc struct {
	result any
	chunks bool
}

func (givesFunc) Name() string                                { return "gives" }
func (givesFunc) Module() string                              { return "" }
func (f givesFunc) Generator() bool                           { return f.chunks }
func (f givesFunc) Call(context.Context, Inputs) (any, error) { return f.result, nil }

func TestInputsMustBeThoseOfTheNode(t *testing.T) { // PIP-032
	for _, c := range []struct {
		inputs  any
		given   map[string]any
		message string
	}{
		{nil, map[string]any{"b": 1, "a": 2}, "Node n: gives(None) -> [out] expected no inputs, but got the following 2 input(s) instead: ['a', 'b']."},
		{"x", nil, "Node n: gives([x]) -> [out] expected one input named 'x', but got the following 0 input(s) instead: []."},
		{"x", map[string]any{"y": 1}, "Node n: gives([x]) -> [out] expected one input named 'x', but got the following 1 input(s) instead: ['y']."},
		{[]string{"x", "y"}, map[string]any{"y": 1}, "Node n: gives([x;y]) -> [out] expected 2 input(s) ['x', 'y'], but got the following 1 input(s) instead: ['y']."},
		{Args{{"q", "y"}, {"p", "x"}}, map[string]any{"x": 1, "y": 2, "z": 3}, "Node n: gives([y;x]) -> [out] expected 2 input(s) ['x', 'y'], but got the following 3 input(s) instead: ['x', 'y', 'z']."},
	} {
		_, err := mustNode(t, givesFunc{}, c.inputs, "out", Name("n")).Run(context.Background(), c.given)
		require.EqualError(t, err, c.message)
	}
}

func TestResultsMustFitTheOutputs(t *testing.T) { // PIP-033 to PIP-036
	list, both := []string{"a", "b"}, Args{{"k", "a"}, {"l", "b"}}
	for _, c := range []struct {
		outputs, result any
		want            map[string]any
		message         string
	}{
		{"a", []any{1, 2}, map[string]any{"a": []any{1, 2}}, ""},
		{"a", nil, map[string]any{"a": nil}, ""},
		{list, []any{1, nil}, map[string]any{"a": 1, "b": nil}, ""},
		{list, [2]int{1, 2}, map[string]any{"a": 1, "b": 2}, ""},
		{list, nil, nil, "Failed to save outputs of node n: gives([x]) -> [a;b].\nThe node definition contains a list of outputs ['a', 'b'], whereas the node function returned a 'NoneType'."},
		{list, []byte("ab"), nil, "Failed to save outputs of node n: gives([x]) -> [a;b].\nThe node definition contains a list of outputs ['a', 'b'], whereas the node function returned a 'bytes'."},
		{list, []any{1}, nil, "Failed to save outputs of node n: gives([x]) -> [a;b].\nThe node function returned 1 output(s), whereas the node definition contains 2 output(s)."},
		{both, map[string]any{"k": 1, "l": 2}, map[string]any{"a": 1, "b": 2}, ""},
		{both, []any{}, nil, "Failed to save outputs of node n: gives([x]) -> [a;b].\nThe node output is a dictionary, whereas the function output is <class 'list'>."},
		{both, map[string]int{"m": 1, "k": 2}, nil, "Failed to save outputs of node n: gives([x]) -> [a;b].\nThe node's output keys {'k', 'm'} do not match with the returned output's keys {'k', 'l'}."},
		{both, map[string]any{}, nil, "Failed to save outputs of node n: gives([x]) -> [a;b].\nThe node's output keys set() do not match with the returned output's keys {'k', 'l'}."},
	} {
		out, err := mustNode(t, givesFunc{result: c.result}, "x", c.outputs, Name("n")).Run(context.Background(), map[string]any{"x": 1})
		if c.message != "" {
			require.EqualError(t, err, c.message)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, out.Values)
		require.Empty(t, out.Warning)
	}
}

func TestAResultWithoutOutputsIsWarnedOf(t *testing.T) { // PIP-033
	out, err := mustNode(t, givesFunc{result: 5}, "x", nil).Run(context.Background(), map[string]any{"x": 1})
	require.NoError(t, err)
	require.Equal(t, map[string]any{}, out.Values)
	require.Contains(t, out.Warning, "Node 'gives' returned a value of type 'int', but the node is defined with outputs=None. Kedro ignores")

	out, err = mustNode(t, givesFunc{}, "x", nil).Run(context.Background(), map[string]any{"x": 1})
	require.NoError(t, err)
	require.Empty(t, out.Warning)
}

// drain ranges over all chunks.
func drain(out Outputs) (chunks []map[string]any, err error) {
	for chunk, err := range out.Chunks {
		if err != nil {
			return chunks, err
		}
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

func TestGeneratorsGiveChunks(t *testing.T) { // PIP-037
	broken := errors.New("broken")
	type pair struct{ Left, Right int }
	numbers := func(n int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(i, nil) {
					return
				}
			}
			yield(0, broken)
		}
	}
	for name, c := range map[string]struct {
		fn      any
		outputs any
		want    []map[string]any
		err     string // of the run or of a later chunk
	}{
		"one output":           {func(int) iter.Seq[int] { return slices.Values([]int{1, 2}) }, "a", []map[string]any{{"a": 1}, {"a": 2}}, ""},
		"one output in a list": {func(int) iter.Seq[[]int] { return slices.Values([][]int{{1, 2}}) }, []string{"a"}, []map[string]any{{"a": []int{1, 2}}}, ""},
		"a later error":        {numbers, "a", []map[string]any{{"a": 0}, {"a": 1}}, "broken"},
		"several outputs":      {func(int) iter.Seq[[]int] { return slices.Values([][]int{{1, 2}, {3, 4}}) }, []string{"a", "b"}, []map[string]any{{"a": 1, "b": 2}, {"a": 3, "b": 4}}, ""},
		"a mapping":            {func(int) iter.Seq[pair] { return slices.Values([]pair{{1, 2}}) }, Args{{"left", "a"}, {"right", "b"}}, []map[string]any{{"a": 1, "b": 2}}, ""},
		"first of wrong size":  {func(int) iter.Seq[[]int] { return slices.Values([][]int{{1}}) }, []string{"a", "b"}, nil, "The node function returned 1 output(s)"},
		"later of wrong size":  {func(int) iter.Seq[[]int] { return slices.Values([][]int{{1, 2}, {3}}) }, []string{"a", "b"}, []map[string]any{{"a": 1, "b": 2}}, "The node function returned 1 output(s)"},
		"nothing for several":  {func(int) iter.Seq[[]int] { return nil }, []string{"a", "b"}, nil, "not enough values to unpack (expected 1, got 0)"},
		"nothing for one":      {func(int) iter.Seq[int] { return nil }, "a", nil, ""},
		"no iterator":          {givesFunc{result: 5, chunks: true}, "a", nil, "generator function gives returned int instead of an iterator"},
	} {
		t.Run(name, func(t *testing.T) {
			n := mustNode(t, c.fn, "x", c.outputs)
			require.True(t, n.Generator())
			out, err := n.Run(context.Background(), map[string]any{"x": 2})
			var chunks []map[string]any
			if err == nil {
				require.Nil(t, out.Values)
				chunks, err = drain(out)
			}
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.want, chunks)
			out.Close()
		})
	}
}

func TestAnUnusedGeneratorIsFreedByClose(t *testing.T) {
	ended := false
	fn := func(any) iter.Seq[[]int] {
		return func(yield func([]int) bool) {
			defer func() { ended = true }()
			for yield([]int{1, 2}) {
			}
		}
	}
	out, err := mustNode(t, fn, "x", []string{"a", "b"}).Run(context.Background(), map[string]any{"x": nil})
	require.NoError(t, err)
	require.False(t, ended)
	out.Close()
	require.True(t, ended)

	ended = false
	out, err = mustNode(t, fn, "x", []string{"a", "b"}).Run(context.Background(), map[string]any{"x": nil})
	require.NoError(t, err)
	for range out.Chunks {
		break
	}
	require.True(t, ended)
	Outputs{}.Close()
}

func TestPanicsReachTheRunner(t *testing.T) {
	n := mustNode(t, func(int) int { panic("boom") }, "x", "y")
	require.PanicsWithValue(t, "boom", func() { n.Run(context.Background(), map[string]any{"x": 1}) })
}

func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name string
		fn   any
	}{
		{"any", func(v any) any { return v }},
		{"typed", func(v int) (int, error) { return v, nil }},
		{"func", givesFunc{result: 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := mustNode(b, c.fn, "x", "y")
			in := map[string]any{"x": 1}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := n.Run(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
