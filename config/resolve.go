package config

import (
	"slices"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// maxResolveDepth bounds chains of references; longer ones are taken for a cycle.
const maxResolveDepth = 1000

// resolution is one pass over trees: it resolves references and remembers what it
// found. It isn't safe for concurrent use.
type resolution struct {
	resolvers func(name string) (resolver, bool)
	// keep stores untainted results in the trees, for the passes of later runs.
	keep bool

	refs   map[*node]*result
	plains map[*node]*result
	active []*node // values being selected, innermost last
	open   []*node // nodes being converted, innermost last
	depth  int
	taint  taint
}

// resolver computes ${name:args} for the node self below parent.
type resolver func(r *resolution, parent, self *node, args []any) (any, error)

func newResolution(resolvers func(string) (resolver, bool), keep bool) *resolution {
	return &resolution{resolvers: resolvers, keep: keep, refs: map[*node]*result{}, plains: map[*node]*result{}}
}

// begin starts to note on what a value hangs; end gives that and adds it to what was.
func (r *resolution) begin() (before taint) {
	before, r.taint = r.taint, 0
	return before
}

func (r *resolution) end(before taint) taint {
	own := r.taint
	r.taint |= before
	return own
}

// recall takes a remembered result.
func (r *resolution) recall(remembered map[*node]*result, n *node, kept *result) (any, bool) {
	if r.keep && kept != nil {
		return kept.value, true
	}
	if res, ok := remembered[n]; ok {
		r.taint |= res.taint
		return res.value, true
	}
	return nil, false
}

func errRecursive() error {
	return failf("InterpolationResolutionError", "Recursive interpolation detected")
}

// plain is the resolved value of the tree at n, without nodes.
func (r *resolution) plain(n *node) (any, error) {
	if n.kind == scalarNode && n.template == nil {
		return n.value, nil
	}
	if value, ok := r.recall(r.plains, n, n.settledPlain.Load()); ok {
		return value, nil
	}
	if slices.Contains(r.open, n) {
		return nil, errRecursive()
	}
	r.open = append(r.open, n)
	before := r.begin()
	value, err := r.convert(n)
	res := result{value, r.end(before)}
	r.open = r.open[:len(r.open)-1]
	if err != nil {
		return nil, err
	}
	if r.keep && res.taint == 0 {
		n.settledPlain.Store(&res)
	} else {
		r.plains[n] = &res
	}
	return value, nil
}

func (r *resolution) convert(n *node) (any, error) {
	switch n.kind {
	case dictNode:
		pairs := make([]pyyaml.Pair, len(n.items))
		for i, item := range n.items {
			value, err := r.plain(item)
			if err != nil {
				return nil, n.place(n.keys[i], err)
			}
			pairs[i] = pyyaml.Pair{Key: n.keys[i], Value: value}
		}
		return pyyaml.NewMap(pairs...), nil
	case listNode:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			value, err := r.plain(item)
			if err != nil {
				return nil, n.place(i, err)
			}
			list[i] = value
		}
		return list, nil
	}
	ref, err := r.deref(n)
	if err != nil {
		return nil, err
	}
	return r.withoutNodes(ref)
}

// withoutNodes turns the nodes inside a value into plain values.
func (r *resolution) withoutNodes(value any) (any, error) {
	switch value := value.(type) {
	case *node:
		return r.plain(value)
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			plain, err := r.withoutNodes(item)
			if err != nil {
				return nil, err
			}
			list[i] = plain
		}
		return list, nil
	case *literalDict:
		return value.plain(r)
	}
	return value, nil
}

// literalDict is a mapping written as an argument; its values may be nodes.
type literalDict struct {
	keys   []any
	values []any
}

func (d *literalDict) plain(r *resolution) (any, error) {
	pairs := make([]pyyaml.Pair, len(d.keys))
	for i, key := range d.keys {
		value, err := r.withoutNodes(d.values[i])
		if err != nil {
			return nil, err
		}
		pairs[i] = pyyaml.Pair{Key: key, Value: value}
	}
	return pyyaml.NewMap(pairs...), nil
}

// deref is the value of a scalar, or what its template refers to: a value or, for a
// container, its node.
func (r *resolution) deref(n *node) (any, error) {
	if n.container() {
		return n, nil
	}
	if n.template == nil {
		return n.value, nil
	}
	if value, ok := r.recall(r.refs, n, n.settledRef.Load()); ok {
		return value, nil
	}
	if r.depth++; r.depth > maxResolveDepth {
		return nil, failf("InterpolationResolutionError", "Recursive interpolation detected: a chain of more than %d references", maxResolveDepth)
	}
	before := r.begin()
	value, err := r.template(n.template, n.parent, n)
	if err != nil {
		err = wrapResolution(err)
	} else {
		value, err = settleText(value)
	}
	res := &result{value, r.end(before)}
	if r.depth--; err != nil {
		return nil, err
	}
	if r.keep && res.taint == 0 {
		n.settledRef.Store(res)
	} else {
		r.refs[n] = res
	}
	return value, nil
}

// settleText refuses a text that means "missing", and unescapes one that doesn't.
func settleText(value any) (any, error) {
	text, ok := value.(string)
	if !ok {
		return value, nil
	}
	if text == missing {
		return nil, failf("InterpolationToMissingValueError", "Interpolation resolved to a missing value")
	}
	return unescapeMissing(text), nil
}

// template evaluates a text: a single reference keeps its type, all else is text.
func (r *resolution) template(t *template, parent, self *node) (any, error) {
	if len(t.parts) == 1 && t.parts[0].inter != nil {
		return r.interpolation(t.parts[0].inter, parent, self)
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.inter == nil {
			b.WriteString(p.text)
			continue
		}
		value, err := r.interpolation(p.inter, parent, self)
		if err != nil {
			return nil, err
		}
		b.WriteString(textOf(value))
	}
	return b.String(), nil
}

// textOf is Python's str of a value; a container shows its unresolved content.
func textOf(value any) string {
	switch value := value.(type) {
	case *node:
		return pyyaml.Repr(value.raw())
	case *literalDict:
		pairs := make([]pyyaml.Pair, len(value.keys))
		for i, key := range value.keys {
			pairs[i] = pyyaml.Pair{Key: key, Value: value.values[i]}
		}
		return pyyaml.Repr(pyyaml.NewMap(pairs...))
	}
	return pyyaml.Str(value)
}

func (r *resolution) interpolation(inter *interpolation, parent, self *node) (any, error) {
	if inter.resolver {
		return r.call(inter, parent, self)
	}
	path, err := r.path(inter, parent, self)
	if err != nil {
		return nil, err
	}
	return r.reference(path, parent)
}

// call evaluates ${name:args}.
func (r *resolution) call(inter *interpolation, parent, self *node) (any, error) {
	var names []string
	for _, p := range inter.name {
		if p.inter == nil {
			names = append(names, p.text)
			continue
		}
		value, err := r.interpolation(p.inter, parent, self)
		if err != nil {
			return nil, err
		}
		name, ok := value.(string)
		if !ok {
			return nil, failf("InterpolationResolutionError", "The name of a resolver must be a string, but the interpolation %s resolved to `%s` which is of type %s",
				p.inter.source, textOf(value), pythonClass(value))
		}
		names = append(names, name)
	}
	args := inter.values
	if args == nil {
		args = make([]any, len(inter.args))
		for i, arg := range inter.args {
			value, err := r.element(arg, parent, self)
			if err != nil {
				return nil, err
			}
			args[i] = value
		}
	}
	name := strings.Join(names, ".")
	resolve, ok := r.resolvers(name)
	if !ok {
		return nil, failf("UnsupportedInterpolationType", "Unsupported interpolation type %s", name)
	}
	value, err := resolve(r, parent, self, args)
	if err != nil {
		return nil, err
	}
	return settleText(value)
}

func (r *resolution) element(e *element, parent, self *node) (any, error) {
	switch e.kind {
	case elemText:
		return r.template(&e.text, parent, self)
	case elemList:
		list := make([]any, len(e.list))
		for i, item := range e.list {
			value, err := r.element(item, parent, self)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case elemDict:
		dict := &literalDict{keys: e.keys, values: make([]any, len(e.values))}
		for i, item := range e.values {
			value, err := r.element(item, parent, self)
			if err != nil {
				return nil, err
			}
			dict.values[i] = value
		}
		return dict, nil
	}
	return e.value, nil
}

// pythonClass is type(value) as Python prints it.
func pythonClass(value any) string {
	if n, ok := value.(*node); ok {
		return "<class 'omegaconf." + strings.ToLower(n.className()) + "." + n.className() + "'>"
	}
	return "<class '" + typeName(value) + "'>"
}

// typeName is type(value).__name__.
func typeName(value any) string {
	switch value := value.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case float64:
		return "float"
	case []any:
		return "list"
	case []byte:
		return "bytes"
	case *literalDict, *pyyaml.Map:
		return "dict"
	case *node:
		return value.className()
	}
	return "int"
}
