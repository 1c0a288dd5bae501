package pipeline

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

type row struct {
	ID int
}

type splitOptions struct {
	TestSize float64
	Seed     int      `kedge:"random_state"`
	Verbose  bool     `kedge:",optional"`
	Ignored  chan int `kedge:"-"`
}

type splitArgs struct {
	Data    []row
	Options splitOptions
}

type splitResult struct {
	Train []row
	Test  []row
}

func splitData(_ []row, _ splitOptions) (train, test []row) { return nil, nil }

func plainNode(in any) any { return in }

type method struct{}

func (*method) Train(in any) any { return in }

func (method) Test(in any) any { return in }

func TestFunctionsThatDoNotFitAreNamed(t *testing.T) {
	two := []string{"a", "b"}
	for name, c := range map[string]struct {
		fn              any
		inputs, outputs any
		message         string
	}{
		"too few inputs": {splitData, "a", two,
			"node 'n': function splitData takes 2 parameters ([]pipeline.row, pipeline.splitOptions), but the node declares 1 input a"},
		"too many inputs": {plainNode, two, "c",
			"node 'n': function plainNode takes 1 parameter (interface {}), but the node declares 2 inputs ['a', 'b']"},
		"no inputs": {plainNode, nil, "c",
			"node 'n': function plainNode takes 1 parameter (interface {}), but the node declares no inputs"},
		"variadic with too few": {func(int, ...string) int { return 0 }, []string{}, "c",
			"takes at least 1 parameter (int), but the node declares no inputs"},
		"one dataset as two types": {func(int, string) int { return 0 }, []string{"a", "a"}, "c",
			"takes input 'a' as int (parameter 1) and as string (parameter 2): one type must do for both"},
		"too few results": {plainNode, "a", []string{"b", "c", "d"}, ""},
		"too few typed results": {func(int) int { return 0 }, "a", []string{"b", "c"},
			"returns 1 result (int), but the node declares 2 outputs ['b', 'c']"},
		"too many results": {splitData, two, "c",
			"node 'n': function splitData returns 2 results ([]pipeline.row, []pipeline.row), but the node declares 1 output 'c'"},
		"no result": {func(int) error { return nil }, "a", "c",
			"returns no results, but the node declares 1 output 'c'"},
		"a result too many": {func(int) (int, error) { return 0, nil }, "a", nil,
			"returns 1 result (int), but the node declares no outputs"},
		"mapping to two parameters": {splitData, Args{{"data", "a"}}, two,
			"takes 2 parameters ([]pipeline.row, pipeline.splitOptions), but the node maps arguments by name ({'data': 'a'}): that needs one struct parameter with these fields, or one map"},
		"mapping to a number": {func(int) int { return 0 }, Args{{"data", "a"}}, "c",
			"takes parameter 1 as int, but the node maps arguments by name ({'data': 'a'}): that needs a struct with these fields, or a map"},
		"no field for an argument": {func(splitArgs) int { return 0 }, Args{{"data", "a"}, {"options", "b"}, {"more_rows", "x"}}, "c",
			"takes parameter 1 as pipeline.splitArgs, which has no field for the argument 'more_rows': it needs an exported field MoreRows, or one tagged `kedge:\"more_rows\"`"},
		"no argument for a field": {func(splitArgs) int { return 0 }, Args{{"data", "a"}}, "c",
			"takes parameter 1 as pipeline.splitArgs, which has the field Options, but the node has no argument 'options' (only ['data'])"},
		"no output for a field": {func(int) splitResult { return splitResult{} }, "a", Args{{"train", "b"}},
			"returns pipeline.splitResult, which has the field Test, but the node has no output 'test' (only ['train'])"},
		"mapping from two results": {splitData, two, Args{{"train", "c"}, {"test", "d"}},
			"returns 2 results ([]pipeline.row, []pipeline.row), but the node maps outputs by name ({'train': 'c', 'test': 'd'}): that needs one struct with these fields, or one map"},
		"mapping from a number": {func(int) int { return 0 }, "a", Args{{"train", "b"}},
			"returns int, but the node maps outputs by name ({'train': 'b'}): that needs a struct with these fields, or a map"},
		"iterator without outputs": {func(int) iter.Seq[int] { return nil }, "a", nil,
			"yields int, but the node declares no outputs"},
		"iterator of single values for a list": {func(int) iter.Seq[int] { return nil }, "a", []string{"b", "c"},
			"yields int, but the node declares 2 outputs ['b', 'c']: that needs an iterator of slices"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewNode(c.fn, c.inputs, c.outputs, Name("n"))
			if c.message == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.message)
			var typed *Error
			require.ErrorAs(t, err, &typed)
			require.Equal(t, TypeError, typed.ErrorType())
			require.Equal(t, []string{"Exception"}, typed.ErrorBases())
		})
	}
}

func TestWhatIsNoFunctionIsRefused(t *testing.T) {
	var none func()
	for _, fn := range []any{nil, 5, "f", none, (*goFunc)(nil)} {
		_, err := NewNode(fn, "a", "b")
		require.ErrorContains(t, err, "first argument must be a function, not '")
	}
}

func TestFunctionNames(t *testing.T) {
	for _, c := range []struct {
		fn           any
		module, name string
	}{
		{splitData, "github.com/kedge-run/kedge/pipeline", "splitData"},
		{(&method{}).Train, "github.com/kedge-run/kedge/pipeline.method", "Train"},
		{method{}.Test, "github.com/kedge-run/kedge/pipeline.method", "Test"},
		{(*method).Train, "github.com/kedge-run/kedge/pipeline", "method.Train"},
		{generic[int], "github.com/kedge-run/kedge/pipeline", "generic"},
		{func(any) any { return nil }, "github.com/kedge-run/kedge/pipeline", "TestFunctionNames.func1"},
	} {
		module, name := funcName(reflect.ValueOf(c.fn))
		require.Equal(t, c.module, module)
		require.Equal(t, c.name, name)
	}
}

func generic[T any](v T) T { return v }

// run makes a node and runs it.
func run(t *testing.T, fn any, inputs, outputs any, given map[string]any) (map[string]any, error) {
	t.Helper()
	n, err := NewNode(fn, inputs, outputs, Name("n"))
	require.NoError(t, err)
	out, err := n.Run(context.Background(), given)
	return out.Values, err
}

func TestGoFunctionsRun(t *testing.T) {
	broken := errors.New("broken")
	type key struct{}
	for name, c := range map[string]struct {
		fn              any
		inputs, outputs any
		given, want     map[string]any
		err             string
	}{
		"context and error": {func(ctx context.Context, a, b int) (int, error) { return a + b, ctx.Err() }, []string{"a", "b"}, "c",
			map[string]any{"a": 1, "b": 2}, map[string]any{"c": 3}, ""},
		"error":            {func(int) (int, error) { return 0, broken }, "a", "c", map[string]any{"a": 1}, nil, "broken"},
		"error only":       {func(int) error { return broken }, "a", nil, map[string]any{"a": 1}, nil, "broken"},
		"no outputs":       {func(int) {}, "a", nil, map[string]any{"a": 1}, map[string]any{}, ""},
		"empty outputs":    {func(int) {}, "a", []string{}, map[string]any{"a": 1}, map[string]any{}, ""},
		"no inputs":        {func() int { return 7 }, nil, "c", nil, map[string]any{"c": 7}, ""},
		"one in a list":    {func(a int) int { return a }, []string{"a"}, []string{"c"}, map[string]any{"a": 7}, map[string]any{"c": 7}, ""},
		"same input twice": {func(a, b int) int { return a * b }, []string{"a", "a"}, "c", map[string]any{"a": 3}, map[string]any{"c": 9}, ""},
		"several results": {func(a int) (int, string) { return a, "x" }, "a", []string{"c", "d"},
			map[string]any{"a": 1}, map[string]any{"c": 1, "d": "x"}, ""},
		"a slice for several outputs": {func(a int) []int { return []int{a, a + 1} }, "a", []string{"c", "d"},
			map[string]any{"a": 1}, map[string]any{"c": 1, "d": 2}, ""},
		"a slice of another length": {func(int) []int { return []int{1} }, "a", []string{"c", "d"}, map[string]any{"a": 1}, nil,
			"Failed to save outputs of node n: func1([a]) -> [c;d].\nThe node function returned 1 output(s), whereas the node definition contains 2 output(s)."},
		"any instead of a list": {func(any) any { return "text" }, "a", []string{"c", "d"}, map[string]any{"a": 1}, nil,
			"The node definition contains a list of outputs ['c', 'd'], whereas the node function returned a 'str'."},
		"variadic": {func(first int, more ...int) int { return first + len(more) }, []string{"a", "b", "c"}, "d",
			map[string]any{"a": 1, "b": 2, "c": 3}, map[string]any{"d": 3}, ""},
		"variadic any": {func(all ...any) any { return len(all) }, []string{"a", "b"}, "d", map[string]any{"a": 1, "b": 2}, map[string]any{"d": 2}, ""},
		"struct": {func(in splitArgs) float64 { return in.Options.TestSize * float64(len(in.Data)) }, Args{{"options", "o"}, {"data", "d"}}, "c",
			map[string]any{"o": splitOptions{TestSize: 0.5}, "d": []row{{1}, {2}}}, map[string]any{"c": 1.0}, ""},
		"tagged struct": {func(in *splitOptions) int { return in.Seed }, Args{{"test_size", "s"}, {"random_state", "r"}}, "c",
			map[string]any{"s": 0.1, "r": 4}, map[string]any{"c": 4}, ""},
		"map parameter": {func(in map[string]int) int { return in["x"] - in["y"] }, Args{{"x", "a"}, {"y", "b"}}, "c",
			map[string]any{"a": 5, "b": 3}, map[string]any{"c": 2}, ""},
		"struct result": {func(a int) splitResult { return splitResult{[]row{{a}}, nil} }, "a", Args{{"train", "c"}, {"test", "d"}},
			map[string]any{"a": 1}, map[string]any{"c": []row{{1}}, "d": []row(nil)}, ""},
		"map result": {func(a int) map[string]int { return map[string]int{"x": a} }, "a", Args{{"x", "c"}},
			map[string]any{"a": 1}, map[string]any{"c": 1}, ""},
		"other keys": {func(int) map[string]int { return map[string]int{"y": 1} }, "a", Args{{"x", "c"}}, map[string]any{"a": 1}, nil,
			"The node's output keys {'y'} do not match with the returned output's keys {'x'}."},
		"no map": {func(any) (any, error) { return nil, nil }, "a", Args{{"x", "c"}}, map[string]any{"a": 1}, nil,
			"The node output is a dictionary, whereas the function output is <class 'NoneType'>."},
		"nil for a pointer": {func(p *row) bool { return p == nil }, "a", "c", map[string]any{"a": nil}, map[string]any{"c": true}, ""},
		"nil for a number":  {func(int) int { return 1 }, "a", "c", map[string]any{"a": nil}, nil, "parameter 1 wants int, but got <nil>"},
		"another type":      {func(_ int, _ []row) int { return 1 }, []string{"a", "b"}, "c", map[string]any{"a": 1, "b": "x"}, nil, "parameter 2 wants []pipeline.row, but got string"},
		"another type in a struct": {func(splitArgs) int { return 1 }, Args{{"options", "o"}, {"data", "d"}}, "c", map[string]any{"o": splitOptions{}, "d": 5}, nil,
			"argument 'data' wants []pipeline.row, but got int"},
		"context value": {func(ctx context.Context) any { return ctx.Value(key{}) }, nil, "c", nil, map[string]any{"c": nil}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := run(t, c.fn, c.inputs, c.outputs, c.given)
			if c.err != "" {
				require.ErrorContains(t, err, lastLine(c.err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, out)
		})
	}
}

// lastLine leaves out the line that names the function literal, whose number changes.
func lastLine(text string) string {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			return text[i+1:]
		}
	}
	return text
}

func TestAnEmptyNameIsNoInput(t *testing.T) {
	n := mustNode(t, func() int { return 1 }, "", "x")
	require.Nil(t, n.InputType(""))
	out, err := n.Run(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"x": 1}, out.Values)
}

func TestInputTypesComeFromTheSignature(t *testing.T) {
	n, err := NewNode(splitData, []string{"rows", "params:split"}, []string{"train", "test"})
	require.NoError(t, err)
	require.Equal(t, reflect.TypeFor[[]row](), n.InputType("rows"))
	require.Equal(t, reflect.TypeFor[splitOptions](), n.InputType("params:split"))
	require.Nil(t, n.InputType("train"))

	n, err = NewNode(func(splitArgs) any { return nil }, Args{{"options", "o"}, {"data", "d"}}, "x")
	require.NoError(t, err)
	require.Equal(t, []string{"d", "o"}, n.Inputs(), "in the order of the struct's fields (PIP-024)")
	require.Equal(t, reflect.TypeFor[splitOptions](), n.InputType("o"))

	n, err = NewNode(func(any, int) any { return nil }, []string{"a", "a"}, "x")
	require.NoError(t, err)
	require.Equal(t, reflect.TypeFor[int](), n.InputType("a"))
	require.Nil(t, mustNode(t, plainNode, "a", "b").InputType("a"))
}

func TestSnakeAndCamelCase(t *testing.T) {
	for field, key := range map[string]string{"TestSize": "test_size", "RawURL": "raw_url", "URLOfX": "url_of_x", "X": "x", "ID2": "id2", "Ab_Cd": "ab_cd"} {
		require.Equal(t, key, snakeCase(field))
	}
	require.Equal(t, "TestSize", camelCase("test_size"))
}

func mustNode(t testing.TB, fn any, inputs, outputs any, opts ...NodeOption) *Node {
	t.Helper()
	n, err := NewNode(fn, inputs, outputs, opts...)
	require.NoError(t, err)
	return n
}
