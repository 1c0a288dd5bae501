package pipeline

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// Arg binds a function's argument, or a key of its result, to a dataset.
type Arg struct{ Name, Dataset string }

// Args is Kedro's mapping form of inputs and outputs; the order counts.
type Args []Arg

type formKind uint8

const (
	formNone formKind = iota
	formText
	formList
	formMapping
)

// form is one side of a node as it was declared: nothing, one name, a list of
// names or a mapping. Kedro treats ["x"] and "x" differently, so the kind stays.
type form struct {
	kind  formKind
	keys  []string // of a mapping: arguments or result keys
	names []string // dataset names in declaration order
}

// empty tells whether the declaration is false in Python's sense.
func (f form) empty() bool {
	return len(f.names) == 0 || f.kind == formText && f.names[0] == ""
}

// repr is the declaration in Python's notation.
func (f form) repr() string {
	switch f.kind {
	case formText:
		return pyyaml.Repr(f.names[0])
	case formList:
		return reprNames(f.names)
	case formMapping:
		items := make([]string, len(f.names))
		for i, name := range f.names {
			items[i] = pyyaml.Repr(f.keys[i]) + ": " + pyyaml.Repr(name)
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return "None"
}

// text is Python's str() of the declaration: as repr, but a single name stands bare.
func (f form) text() string {
	if f.kind == formText {
		return f.names[0]
	}
	return f.repr()
}

// key is equal for equal declarations: mappings are compared without order (PIP-025).
func (f form) key() string {
	if f.kind == formList && len(f.names) == 0 {
		return "{}" // Kedro's key is the empty tuple for [] and for {}
	}
	if f.kind != formMapping {
		return f.repr()
	}
	items := make([]string, len(f.names))
	for i, name := range f.names {
		items[i] = pyyaml.Repr(f.keys[i]) + ": " + pyyaml.Repr(name)
	}
	slices.Sort(items)
	return "{" + strings.Join(items, ", ") + "}"
}

// rename gives the same form with other names.
func (f form) rename(to func(string) string) form {
	f.names = mapped(f.names, to)
	return f
}

func mapped(names []string, to func(string) string) []string {
	if names == nil {
		return nil
	}
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = to(name)
	}
	return out
}

// parseForm reads one side of a node's declaration; side is "inputs" or "outputs" (PIP-002, PIP-003).
func parseForm(side string, declared any) (form, error) {
	switch declared := declared.(type) {
	case nil:
		return form{}, nil
	case string:
		return form{kind: formText, names: []string{declared}}, nil
	case []string:
		return form{kind: formList, names: slices.Clone(declared)}, nil
	case Args:
		f := form{kind: formMapping}
		for _, arg := range declared {
			if slices.Contains(f.keys, arg.Name) {
				return form{}, invalid("%s name %s twice.", pyyaml.Repr(side), pyyaml.Repr(arg.Name))
			}
			f.keys, f.names = append(f.keys, arg.Name), append(f.names, arg.Dataset)
		}
		return f, nil
	case []any:
		f := form{kind: formList}
		return f.fill(side, declared, declared)
	case map[string]string:
		f := form{kind: formMapping, keys: slices.Sorted(maps.Keys(declared))}
		f.names = mapped(f.keys, func(key string) string { return declared[key] })
		return f, nil
	case map[string]any:
		f := form{kind: formMapping, keys: slices.Sorted(maps.Keys(declared))}
		values := make([]any, len(f.keys))
		for i, key := range f.keys {
			values[i] = declared[key]
		}
		return f.fill(side, declared, values)
	}
	return form{}, invalid("'%s' type must be one of [String, List, Dict, None], not '%s'.", side, pyType(declared))
}

// fill takes names of any type, all of which must be text.
func (f form) fill(side string, declared any, values []any) (form, error) {
	direction := map[string]string{"inputs": "inputs to", "outputs": "outputs of"}[side]
	for _, value := range values {
		name, ok := value.(string)
		if !ok {
			return form{}, invalid("names of variables used as %s the function must be of 'String' type, but %s from %s is '<class '%s'>'.",
				direction, pyStr(value), pyStr(declared), pyType(value))
		}
		f.names = append(f.names, name)
	}
	return f, nil
}

// invalid is Kedro's error for a declaration that is no node.
func invalid(format string, args ...any) *Error {
	err := valueError(format, args...)
	err.Message = "Invalid Node definition: " + err.Message + "\nFormat should be: node(function, inputs, outputs)"
	return err
}

// reprNames is a list of names in Python's notation.
func reprNames(names []string) string { return "[" + joinReprs(names) + "]" }

// reprSet is a set of names in Python's notation, sorted.
func reprSet(names []string) string {
	if len(names) == 0 {
		return "set()"
	}
	return "{" + joinReprs(unique(names)) + "}"
}

func joinReprs(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(pyyaml.Repr(name))
	}
	return b.String()
}

// unique sorts names and drops repeats; the argument stays as it is.
func unique(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}

// pyStr is Python's str() of a declaration's value.
func pyStr(value any) string {
	if m, ok := value.(map[string]any); ok {
		items := make([]string, 0, len(m))
		for _, key := range slices.Sorted(maps.Keys(m)) {
			items = append(items, pyyaml.Repr(key)+": "+pyyaml.Repr(m[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return pyyaml.Str(value)
}

// pyType is the name of the Python type that a Go value stands for; other values have the name of their Go type.
func pyType(value any) string {
	if value == nil {
		return "NoneType"
	}
	t := reflect.TypeOf(value)
	switch t.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.String:
		return "str"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "list"
	case reflect.Map:
		return "dict"
	case reflect.Func:
		return "function"
	}
	return t.String()
}
