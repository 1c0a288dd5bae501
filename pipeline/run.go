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
	return n.RunInto(ctx, inputs, nil)
}

// RunInto is Run for a caller that runs many nodes one by one: when into isn't nil, it is emptied and may serve as
// Values of the outputs.
func (n *Node) RunInto(ctx context.Context, inputs, into map[string]any) (Outputs, error) {
	values, err := n.bind(inputs)
	if err != nil {
		return Outputs{}, err
	}
	result, err := n.fn.Call(ctx, Inputs{Names: n.args, Values: values})
	if err != nil {
		return Outputs{}, err
	}
	if n.chunked {
		return n.chunks(result)
	}
	if n.out.kind == formNone && result != nil {
		return Outputs{Values: map[string]any{}, Warning: n.ignoredResult(result)}, nil
	}
	if into != nil && n.out.kind == formText {
		clear(into)
		into[n.out.names[0]] = result
		return Outputs{Values: into}, nil
	}
	out, err := n.distribute(result)
	return Outputs{Values: out}, err
}

// bind puts the inputs into binding order (PIP-032).
func (n *Node) bind(inputs map[string]any) ([]any, error) {
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
func (n *Node) distribute(result any) (map[string]any, error) {
	switch n.out.kind {
	case formNone:
		return map[string]any{}, nil
	case formText:
		return map[string]any{n.out.names[0]: result}, nil
	case formMapping:
		return n.distributeMapping(result)
	}
	parts, ok := items(result)
	if !ok {
		return nil, valueError("Failed to save outputs of node %s.\nThe node definition contains a list of outputs %s, whereas the node function returned a '%s'.",
			n, n.out.repr(), pyType(result))
	}
	if len(parts) != len(n.out.names) {
		return nil, valueError("Failed to save outputs of node %s.\nThe node function returned %d output(s), whereas the node definition contains %d output(s).",
			n, len(parts), len(n.out.names))
	}
	out := make(map[string]any, len(parts))
	for i, name := range n.out.names {
		out[name] = parts[i]
	}
	return out, nil
}

func (n *Node) distributeMapping(result any) (map[string]any, error) {
	parts, ok := entries(result)
	if !ok {
		return nil, valueError("Failed to save outputs of node %s.\nThe node output is a dictionary, whereas the function output is <class '%s'>.", n, pyType(result))
	}
	out := make(map[string]any, len(n.out.names))
	for i, key := range n.out.keys {
		if part, ok := parts[key]; ok {
			out[n.out.names[i]] = part
		}
	}
	if len(parts) != len(n.out.keys) || len(out) != len(n.out.keys) {
		return nil, valueError("Failed to save outputs of node %s.\nThe node's output keys %s do not match with the returned output's keys %s.",
			n, reprSet(slices.Collect(maps.Keys(parts))), reprSet(n.out.keys))
	}
	return out, nil
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
func (n *Node) chunks(result any) (Outputs, error) {
	stream, is := result.(iter.Seq2[any, error])
	if !is {
		return Outputs{}, typeError("generator function %s returned %T instead of an iterator", n.fn.Name(), result)
	}
	if n.out.kind == formText {
		return Outputs{Chunks: n.each(stream)}, nil
	}
	next, stop := iter.Pull2(stream)
	item, err, ok := next()
	var first map[string]any
	switch {
	case !ok:
		err = valueError("not enough values to unpack (expected 1, got 0)")
	case err == nil:
		first, err = n.distribute(item)
	}
	if err != nil {
		stop()
		return Outputs{}, err
	}
	rest := n.each(func(yield func(any, error) bool) {
		for {
			item, err, more := next()
			if !more || !yield(item, err) {
				return
			}
		}
	})
	chunks := func(yield func(map[string]any, error) bool) {
		defer stop()
		if yield(first, nil) {
			rest(yield)
		}
	}
	return Outputs{Chunks: chunks, stop: stop}, nil
}

// each distributes every item of a stream; the first error ends it.
func (n *Node) each(stream iter.Seq2[any, error]) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		for item, err := range stream {
			var chunk map[string]any
			if err == nil {
				chunk, err = n.distribute(item)
			}
			if !yield(chunk, err) || err != nil {
				return
			}
		}
	}
}
