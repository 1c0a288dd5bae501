package pipeline

import (
	"fmt"
	"iter"
	"reflect"
)

// goOutputs says how the results of a Go function become a node's outputs.
type goOutputs struct {
	kind    formKind
	keys    []string     // of a mapping
	fields  []int        // field for each key, when the result is a struct
	elem    reflect.Type // what an iterator yields; nil when the function is no generator
	spread  bool         // a list's outputs stand in one slice
	single  bool         // an iterator yields the only output of a list bare
	failing bool         // the iterator yields errors too
}

func bindGoOutputs(results []reflect.Type, out form) (goOutputs, error) {
	g := goOutputs{kind: out.kind, keys: out.keys}
	result := results
	if len(results) == 1 {
		if elem, failing, ok := iteratorOf(results[0]); ok {
			if out.empty() {
				return g, fmt.Errorf("yields %s, but the node declares no outputs", elem)
			}
			g.elem, g.failing, result = elem, failing, []reflect.Type{elem}
		}
	}
	switch out.kind {
	case formText:
		if len(result) != 1 {
			return g, fmt.Errorf("returns %s, but the node declares 1 output '%s'", resultList(results), out.names[0])
		}
		return g, nil
	case formMapping:
		return g.bindMapping(result, out)
	}
	several := len(out.names) > 1
	g.single = g.elem != nil && !several
	g.spread = several && len(result) == 1 && (isList(result[0]) || isAny(result[0]))
	switch {
	case g.single || g.spread || g.elem == nil && len(result) == len(out.names):
		return g, nil
	case g.elem != nil:
		return g, fmt.Errorf("yields %s, but the node declares %s: that needs an iterator of slices", g.elem, outputList(out))
	}
	return g, fmt.Errorf("returns %s, but the node declares %s", resultList(results), outputList(out))
}

func (g goOutputs) verb() string {
	if g.elem != nil {
		return "yields"
	}
	return "returns"
}

func (g goOutputs) bindMapping(result []reflect.Type, out form) (goOutputs, error) {
	if len(out.names) == 0 && len(result) == 0 {
		return g, nil
	}
	if len(result) != 1 {
		return g, fmt.Errorf("%s %s, but the node maps outputs by name (%s): that needs one struct with these fields, or one map", g.verb(), resultList(result), out.repr())
	}
	t := result[0]
	if isAny(t) || t.Kind() == reflect.Map && t.Key().Kind() == reflect.String {
		return g, nil
	}
	s := structType(t)
	if s == nil {
		return g, fmt.Errorf("%s %s, but the node maps outputs by name (%s): that needs a struct with these fields, or a map", g.verb(), t, out.repr())
	}
	fields, err := matchFields(s, out.keys, "output")
	if err != nil {
		return g, fmt.Errorf("%s %s, which %w", g.verb(), t, err)
	}
	g.fields = fields
	return g, nil
}

// iteratorOf tells whether t is an iter.Seq[T] or an iter.Seq2[T, error], and gives T.
func iteratorOf(t reflect.Type) (elem reflect.Type, failing, ok bool) {
	if t.Kind() != reflect.Func || t.NumIn() != 1 || t.NumOut() != 0 {
		return nil, false, false
	}
	yield := t.In(0)
	if yield.Kind() != reflect.Func || yield.NumOut() != 1 || yield.Out(0).Kind() != reflect.Bool {
		return nil, false, false
	}
	switch {
	case yield.NumIn() == 1:
		return yield.In(0), false, true
	case yield.NumIn() == 2 && yield.In(1) == errorType:
		return yield.In(0), true, true
	}
	return nil, false, false
}

// isList tells whether values of t are what Kedro takes for a list.
func isList(t reflect.Type) bool {
	return (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() != reflect.Uint8
}

// result gives the results of a call the shape that a Func returns.
func (g *goOutputs) result(results []reflect.Value) any {
	if g.elem != nil {
		return g.iterator(results[0])
	}
	switch {
	case g.kind == formNone:
		return nil
	case g.kind == formText || g.spread:
		return results[0].Interface()
	case g.kind == formMapping:
		if len(results) == 0 {
			return map[string]any{}
		}
		return g.shape(results[0])
	}
	out := make([]any, len(results))
	for i, result := range results {
		out[i] = result.Interface()
	}
	return out
}

// shape turns a struct into the mapping that it stands for and the only output
// of a list into a list; other values stay.
func (g *goOutputs) shape(v reflect.Value) any {
	if g.single {
		return []any{v.Interface()}
	}
	if g.fields == nil {
		return v.Interface()
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	out := make(map[string]any, len(g.keys))
	for i, key := range g.keys {
		out[key] = v.Field(g.fields[i]).Interface()
	}
	return out
}

// iterator gives a function's iterator the type that a generator Func returns.
func (g *goOutputs) iterator(v reflect.Value) any {
	if v.IsNil() {
		return iter.Seq2[any, error](func(func(any, error) bool) {})
	}
	return iter.Seq2[any, error](func(yield func(any, error) bool) {
		if !g.failing {
			for item := range v.Seq() {
				if !yield(g.shape(item), nil) {
					return
				}
			}
			return
		}
		for item, failure := range v.Seq2() {
			err, _ := failure.Interface().(error)
			if !yield(g.shape(item), err) || err != nil {
				return
			}
		}
	})
}

func resultList(results []reflect.Type) string {
	names := make([]string, len(results))
	for i, r := range results {
		names[i] = r.String()
	}
	return count(len(results), "result") + list(names)
}

func outputList(out form) string {
	if out.empty() {
		return "no outputs"
	}
	return count(len(out.names), "output") + " " + out.text()
}
