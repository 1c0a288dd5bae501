package pipeline

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryCombinationBuildsOrSaysWhy fits many functions to many declarations:
// each gives a node or a TypeError, and a node runs on zero values of the types
// that it asks for.
func TestEveryCombinationBuildsOrSaysWhy(t *testing.T) {
	type pair struct{ K, L int }
	funcs := []any{
		func() {}, func() error { return nil }, func() int { return 1 }, func() (int, int) { return 1, 2 },
		func(int) int { return 1 }, func(any) any { return nil }, func(any) (any, error) { return []any{1, 2}, nil },
		func(context.Context) error { return nil }, func(context.Context, any) (any, error) { return map[string]any{"k": 1, "l": 2}, nil },
		func(int, string) (int, string, error) { return 1, "", nil }, func(...int) int { return 1 }, func(int, ...any) any { return 1 },
		func(...any) any { return 1 }, func(...any) (any, error) { return 1, nil }, func(context.Context, ...string) {},
		func(pair) pair { return pair{} }, func(*pair) *pair { return nil }, func(map[string]int) map[string]int { return nil },
		func(any) []int { return []int{1, 2} }, func(any) [2]int { return [2]int{} }, func(any) []byte { return nil },
		func(any) iter.Seq[int] { return nil }, func() iter.Seq[[]any] { return nil }, func(any) iter.Seq2[pair, error] { return nil },
		func(any) iter.Seq2[any, error] { return func(yield func(any, error) bool) { yield([]any{1, 2}, nil) } },
		func(any) iter.Seq2[int, int] { return nil }, func(any) func(int) bool { return nil },
		givesFunc{}, givesFunc{chunks: true}, vectorFunc{name: "f", params: []string{"k", "l"}}, vectorFunc{name: "f", params: []string{}},
	}
	sides := []any{
		nil, "", "a", []string{}, []string{"a"}, []string{"a", "b"}, []string{"a", "a"}, []string{"a", "b", "c"},
		Args{}, Args{{"k", "a"}}, Args{{"l", "b"}, {"k", "a"}}, Args{{"k", "a"}, {"l", "a"}},
	}
	built := 0
	for _, fn := range funcs {
		for _, in := range sides {
			for _, out := range sides {
				if tryCombination(t, fn, in, out) {
					built++
				}
			}
		}
	}
	require.Greater(t, built, len(funcs))
}

// tryCombination tells whether there is such a node, after having run it.
func tryCombination(t *testing.T, fn, in, out any) bool {
	what := fmt.Sprintf("%T with %v -> %v", fn, in, out)
	prefixed, err := parseForm("outputs", out)
	require.NoError(t, err)
	prefixed = prefixed.rename(func(name string) string { return "out_" + name })
	var outputs any = prefixed.names
	switch prefixed.kind {
	case formNone:
		outputs = nil
	case formText:
		outputs = prefixed.names[0]
	case formMapping:
		args := Args{}
		for i, key := range prefixed.keys {
			args = append(args, Arg{key, prefixed.names[i]})
		}
		outputs = args
	}
	n, err := NewNode(fn, in, outputs)
	if err != nil {
		var typed *Error
		require.ErrorAs(t, err, &typed, what)
		return false
	}
	given := map[string]any{}
	for _, name := range n.Inputs() {
		if want := n.InputType(name); want != nil {
			given[name] = reflect.Zero(want).Interface()
		} else if !n.in.empty() {
			given[name] = 0
		}
	}
	result, err := n.Run(context.Background(), given)
	if err != nil {
		require.NotEmpty(t, err.Error(), what)
		return true
	}
	if result.Chunks != nil {
		for _, err := range result.Chunks {
			if err != nil {
				break
			}
		}
	}
	result.Close()
	return true
}
