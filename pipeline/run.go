package pipeline

import (
	"context"
	"iter"
	"maps"
	"reflect"
	"slices"
)

// Outputs is the result of one run of a node.
type Outputs struct {
	Values  map[string]any                   // dataset to value; nil for generator nodes
	Chunks  iter.Seq2[map[string]any, error] // generator nodes: each step has one chunk for every output; can be ranged over once
	Warning string                           // what Kedro warns of after this run (PIP-033); "" is nothing

	stop func()
}

// Close frees a generator whose Chunks are not ranged over. It is harmless otherwise.
func (o Outputs) Close() {
	if o.stop != nil {
		o.stop()
	}
}

// Run calls the function with the datasets given, exactly the node's inputs
// (PIP-030 to PIP-037). Values must be assignable to the types that
// [Node.InputType] names. An error of the function is returned as it is; inputs
// or results that do not fit the declaration are an [*Error]. Of a generator
// whose node declares a list or a mapping of outputs, the first chunk is drawn
// and checked at once.
//
// Run neither logs nor recovers panics: that is the runner's business.
func (n *Node) Run(ctx context.Context, inputs map[string]any) (Outputs, error) {
	in, err := n.Bind(inputs)
	if err != nil {
		return Outputs{}, err
	}
	out := make([]any, len(n.out.names))
	called, err := n.Call(ctx, in, out)
	if err != nil {
		return Outputs{}, err
	}
	outputs := Outputs{Warning: called.Warning, stop: called.stop}
	if called.Chunks == nil {
		outputs.Values = n.byName(out)
		return outputs, nil
	}
	outputs.Chunks = func(yield func(map[string]any, error) bool) {
		for values, err := range called.Chunks {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(n.byName(values), nil) {
				return
			}
		}
	}
	return outputs, nil
}

func (n *Node) byName(values []any) map[string]any {
	named := make(map[string]any, len(values))
	for i, name := range n.out.names {
		named[name] = values[i]
	}
	return named
}

// Called is what [Node.Call] leaves besides the values.
type Called struct {
	Chunks  iter.Seq2[[]any, error] // generator nodes: each step has one chunk for every output, in a slice used again; can be ranged over once
	Warning string                  // as in Outputs

	stop func()
}

// Close frees a generator whose Chunks are not ranged over. It is harmless otherwise.
func (c Called) Close() {
	if c.stop != nil {
		c.stop()
	}
}

// Call is [Node.Run] by position, for those who run many nodes: in has a value for each of
// [Node.Inputs], and out takes one for each of [Node.Outputs], unless they come in chunks. Both
// may be used again when the call, or the last chunk, is done.
func (n *Node) Call(ctx context.Context, in, out []any) (Called, error) {
	result, err := n.fn.Call(ctx, Inputs{Names: n.args, Values: in})
	switch {
	case err != nil:
		return Called{}, err
	case n.chunked:
		return n.chunks(result, out)
	case n.out.kind == formNone && result != nil:
		return Called{Warning: n.ignoredResult(result)}, nil
	}
	return Called{}, n.distribute(result, out)
}

// Bind puts the inputs of a node into the order of [Node.Inputs] (PIP-032).
func (n *Node) Bind(inputs map[string]any) ([]any, error) {
	wanted, fits := n.inputs, len(inputs) == n.distinct
	if n.in.empty() {
		wanted, fits = nil, len(inputs) == 0
	}
	values := make([]any, len(wanted))
	for i, name := range wanted {
		value, ok := inputs[name]
		if !ok {
			fits = false
		}
		values[i] = value
	}
	if fits {
		return values, nil
	}
	got := slices.Sorted(maps.Keys(inputs))
	const instead = "but got the following %d input(s) instead: %s."
	switch {
	case n.in.empty():
		return nil, valueError("Node %s expected no inputs, "+instead, n, len(got), reprNames(got))
	case n.in.kind == formText:
		return nil, valueError("Node %s expected one input named '%s', "+instead, n, n.inputs[0], len(got), reprNames(got))
	case n.in.kind == formMapping:
		wanted = unique(n.inputs)
	}
	return nil, valueError("Node %s expected %d input(s) %s, "+instead, n, len(wanted), reprNames(wanted), len(got), reprNames(got))
}

func (n *Node) ignoredResult(result any) string {
	name := n.given
	if name == "" {
		name = n.fn.Name()
	}
	return "Node '" + name + "' returned a value of type '" + pyType(result) + "', but the node is defined with outputs=None. " +
		"Kedro ignores return values for nodes without declared outputs. If this return value is intentional, " +
		"declare outputs in the node definition to include it in the pipeline."
}

// distribute gives the parts of a result to the outputs (PIP-033 to PIP-036).
func (n *Node) distribute(result any, out []any) error {
	switch n.out.kind {
	case formNone:
		return nil
	case formText:
		out[0] = result
		return nil
	case formMapping:
		return n.distributeMapping(result, out)
	}
	parts, ok := items(result)
	if !ok {
		return valueError("Failed to save outputs of node %s.\nThe node definition contains a list of outputs %s, whereas the node function returned a '%s'.",
			n, n.out.repr(), pyType(result))
	}
	if len(parts) != len(n.out.names) {
		return valueError("Failed to save outputs of node %s.\nThe node function returned %d output(s), whereas the node definition contains %d output(s).",
			n, len(parts), len(n.out.names))
	}
	copy(out, parts)
	return nil
}

func (n *Node) distributeMapping(result any, out []any) error {
	parts, ok := entries(result)
	if !ok {
		return valueError("Failed to save outputs of node %s.\nThe node output is a dictionary, whereas the function output is <class '%s'>.", n, pyType(result))
	}
	fits := len(parts) == len(n.out.keys)
	for i, key := range n.out.keys {
		part, ok := parts[key]
		out[i], fits = part, fits && ok
	}
	if !fits {
		return valueError("Failed to save outputs of node %s.\nThe node's output keys %s do not match with the returned output's keys %s.",
			n, reprSet(slices.Collect(maps.Keys(parts))), reprSet(n.out.keys))
	}
	return nil
}

// items lists the elements of a slice or array; ok is false for anything else.
func items(value any) (list []any, ok bool) {
	if list, ok := value.([]any); ok {
		return list, true
	}
	v := reflect.ValueOf(value)
	if !v.IsValid() || !isList(v.Type()) {
		return nil, false
	}
	for i := range v.Len() {
		list = append(list, v.Index(i).Interface())
	}
	return list, true
}

// entries gives a map with text keys as a plain map; ok is false for anything else.
func entries(value any) (m map[string]any, ok bool) {
	if m, ok := value.(map[string]any); ok {
		return m, m != nil
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String || v.IsNil() {
		return nil, false
	}
	m = make(map[string]any, v.Len())
	for each := v.MapRange(); each.Next(); {
		m[each.Key().String()] = each.Value().Interface()
	}
	return m, true
}

// chunks makes the parallel streams of a generator node (PIP-037).
func (n *Node) chunks(result any, out []any) (Called, error) {
	stream, is := result.(iter.Seq2[any, error])
	if !is {
		return Called{}, typeError("generator function %s returned %T instead of an iterator", n.fn.Name(), result)
	}
	if n.out.kind == formText {
		return Called{Chunks: n.each(stream, out)}, nil
	}
	next, stop := iter.Pull2(stream)
	item, err, ok := next()
	switch {
	case !ok:
		err = valueError("not enough values to unpack (expected 1, got 0)")
	case err == nil:
		err = n.distribute(item, out)
	}
	if err != nil {
		stop()
		return Called{}, err
	}
	rest := n.each(func(yield func(any, error) bool) {
		for {
			item, err, more := next()
			if !more || !yield(item, err) {
				return
			}
		}
	}, out)
	chunks := func(yield func([]any, error) bool) {
		defer stop()
		if yield(out, nil) {
			rest(yield)
		}
	}
	return Called{Chunks: chunks, stop: stop}, nil
}

// each distributes every item of a stream; the first error ends it.
func (n *Node) each(stream iter.Seq2[any, error], out []any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for item, err := range stream {
			if err == nil {
				err = n.distribute(item, out)
			}
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}
