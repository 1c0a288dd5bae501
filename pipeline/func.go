package pipeline

import (
	"context"
	"reflect"
	"slices"
)

// Func is what a node runs. Plain Go functions given to [NewNode] are adapted
// to it; command nodes and other interpreted functions implement it.
//
// A Func may also implement these methods:
//
//	Params() []string                              // parameter names: inputs must fit them (PIP-005), and mapping
//	                                               // inputs are bound in their order (PIP-024); nil takes any inputs
//	Generator() bool                               // true: Call returns an iter.Seq2[any, error]
//	InputType(i int, name string) reflect.Type     // the Go type wanted for input i (name is the argument of a
//	                                               // mapping input, "" otherwise); nil is any
//	Source() (file string, first, last int)        // where it is written, for a snapshot of the project; "" is unknown
//
// A Func is shared by all copies of its node and must be safe for concurrent use.
type Func interface {
	// Name is the readable name, used in messages and in automatic node names.
	Name() string
	// Module qualifies Name in the key of automatic node names. It may be empty.
	Module() string
	// Call runs the function. Its result has the shape of the node's outputs: the
	// value itself for one name, a slice for a list, a map for a mapping, nil for none.
	Call(ctx context.Context, in Inputs) (any, error)
}

// Inputs are the values of a node's inputs, in the order of [Node.Inputs].
type Inputs struct {
	Names  []string // argument names of mapping inputs; nil when the inputs are positional
	Values []any    // one value for each input; the slice is used again after the call, a generator's when its stream ends
}

type paramsFunc interface{ Params() []string }

type generatorFunc interface{ Generator() bool }

type typedFunc interface {
	InputType(i int, name string) reflect.Type
}

// paramsOf lists the parameter names of a function; nil when it takes anything.
func paramsOf(fn Func) []string {
	if f, ok := fn.(paramsFunc); ok {
		return f.Params()
	}
	return nil
}

// adapt makes a Func of what was given to NewNode and checks that the node's
// declared inputs and outputs fit it (PIP-005).
func adapt(fn any, n *Node) (Func, error) {
	f, ok := fn.(Func)
	if !ok {
		return adaptGo(fn, n)
	}
	params := paramsOf(f)
	if params == nil {
		return f, nil
	}
	fits := len(params) == len(n.in.names)
	if n.in.kind == formMapping {
		fits = fits && !slices.ContainsFunc(n.in.keys, func(key string) bool { return !slices.Contains(params, key) })
	}
	if !fits {
		return nil, typeError("Inputs of '%s' function expected %s, but got %s", f.Name(), reprNames(params), n.in.text())
	}
	return f, nil
}
