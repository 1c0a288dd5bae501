package pipeline

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// goInputs says how a node's inputs become the arguments of a Go function:
// one for each parameter, or all in one struct or map (mapping inputs).
type goInputs struct {
	params  []reflect.Type // of each input when positional; the field's type in a struct
	keys    []string       // argument names of a mapping, in the order of the struct's fields
	fields  []int          // field of the struct for each key
	mapping reflect.Type   // the struct (or pointer to it) or map type of a mapping; nil when positional
}

func bindGoInputs(params []reflect.Type, variadic bool, in form) (goInputs, error) {
	if in.kind == formMapping && len(in.names) > 0 {
		return bindGoMapping(params, variadic, in)
	}
	var names []string
	if !in.empty() {
		names = in.names
	}
	if last := len(params) - 1; variadic {
		if len(names) < last {
			return goInputs{}, fmt.Errorf("takes at least %s, but the node declares %s", paramList(params[:last]), inputList(in))
		}
		more := params[last].Elem()
		for params = params[:last:last]; len(params) < len(names); {
			params = append(params, more)
		}
	}
	if len(names) != len(params) {
		return goInputs{}, fmt.Errorf("takes %s, but the node declares %s", paramList(params), inputList(in))
	}
	for i, name := range names {
		j := slices.Index(names, name)
		if params[i] != params[j] && !isAny(params[i]) && !isAny(params[j]) {
			return goInputs{}, fmt.Errorf("takes input '%s' as %s (parameter %d) and as %s (parameter %d): one type must do for both", name, params[j], j+1, params[i], i+1)
		}
	}
	return goInputs{params: params}, nil
}

func bindGoMapping(params []reflect.Type, variadic bool, in form) (goInputs, error) {
	g := goInputs{}
	if len(params) != 1 || variadic {
		return g, fmt.Errorf("takes %s, but the node maps arguments by name (%s): that needs one struct parameter with these fields, or one map", paramList(params), in.repr())
	}
	g.mapping = params[0]
	if t := params[0]; t.Kind() == reflect.Map && t.Key().Kind() == reflect.String {
		g.keys = in.keys
		for range in.keys {
			g.params = append(g.params, t.Elem())
		}
		return g, nil
	}
	t := structType(params[0])
	if t == nil {
		return g, fmt.Errorf("takes parameter 1 as %s, but the node maps arguments by name (%s): that needs a struct with these fields, or a map", params[0], in.repr())
	}
	fields, err := matchFields(t, in.keys, "argument")
	if err != nil {
		return g, fmt.Errorf("takes parameter 1 as %s, which %w", params[0], err)
	}
	for i := range t.NumField() {
		if k := slices.Index(fields, i); k >= 0 {
			g.keys, g.fields, g.params = append(g.keys, in.keys[k]), append(g.fields, i), append(g.params, t.Field(i).Type)
		}
	}
	return g, nil
}

// wanted is the type for input i; nil is any.
func (g *goInputs) wanted(i int) reflect.Type {
	if i >= len(g.params) || isAny(g.params[i]) {
		return nil
	}
	return g.params[i]
}

// arguments appends the function's arguments to args.
func (g *goInputs) arguments(args []reflect.Value, in Inputs) ([]reflect.Value, error) {
	var target reflect.Value
	switch {
	case g.mapping == nil:
	case g.mapping.Kind() == reflect.Map:
		target = reflect.MakeMapWithSize(g.mapping, len(in.Values))
		args = append(args, target)
	default:
		target = reflect.New(structType(g.mapping)).Elem()
		if g.mapping.Kind() == reflect.Pointer {
			args = append(args, target.Addr())
		}
	}
	for i, value := range in.Values {
		arg, ok := argument(value, g.params[i])
		if !ok {
			return nil, g.mismatch(i, value)
		}
		switch {
		case g.mapping == nil:
			args = append(args, arg)
		case g.mapping.Kind() == reflect.Map:
			target.SetMapIndex(reflect.ValueOf(g.keys[i]).Convert(g.mapping.Key()), arg)
		default:
			target.Field(g.fields[i]).Set(arg)
		}
	}
	if g.mapping != nil && g.mapping.Kind() == reflect.Struct {
		args = append(args, target)
	}
	return args, nil
}

func (g *goInputs) mismatch(i int, value any) error {
	what := fmt.Sprintf("parameter %d", i+1)
	if g.mapping != nil {
		what = fmt.Sprintf("argument '%s'", g.keys[i])
	}
	return fmt.Errorf("%s wants %s, but got %T", what, g.params[i], value)
}

// argument is a value as an argument of type t, if it can be assigned.
func argument(value any, t reflect.Type) (reflect.Value, bool) {
	if value == nil {
		switch t.Kind() {
		case reflect.Interface, reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan:
			return reflect.Zero(t), true
		}
		return reflect.Value{}, false
	}
	v := reflect.ValueOf(value)
	return v, v.Type() == t || v.Type().AssignableTo(t)
}

func isAny(t reflect.Type) bool { return t.Kind() == reflect.Interface && t.NumMethod() == 0 }

// structType is t, or what t points to, when that is a struct; else nil.
func structType(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

// matchFields finds the struct's field for each key. Every key needs a field
// and every exported field a key, unless it is tagged `kedge:"-"` or, for
// arguments that may be absent, `kedge:"name,optional"`.
func matchFields(t reflect.Type, keys []string, what string) ([]int, error) {
	out := make([]int, len(keys))
	found := 0
	for i := range t.NumField() {
		field := t.Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("kedge"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		k := slices.IndexFunc(keys, func(key string) bool {
			return key == name || name == "" && (key == field.Name || key == snakeCase(field.Name))
		})
		switch {
		case k >= 0 && !slices.Contains(out, i+1):
			out[k] = i + 1
			found++
		case option != "optional":
			return nil, fmt.Errorf("has the field %s, but the node has no %s '%s' (only %s)", field.Name, what, fieldKey(field), reprNames(keys))
		}
	}
	if k := slices.Index(out, 0); k >= 0 {
		return nil, fmt.Errorf("has no field for the %s '%s': it needs an exported field %s, or one tagged `kedge:\"%s\"`", what, keys[k], camelCase(keys[k]), keys[k])
	}
	for k := range out {
		out[k]--
	}
	return out, nil
}

// fieldKey is the key that a field stands for.
func fieldKey(field reflect.StructField) string {
	if name, _, _ := strings.Cut(field.Tag.Get("kedge"), ","); name != "" {
		return name
	}
	return snakeCase(field.Name)
}

// snakeCase writes TestSize as test_size and RawURL as raw_url.
func snakeCase(name string) string {
	runes := []rune(name)
	var b strings.Builder
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) && runes[i-1] != '_' {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// camelCase writes test_size as TestSize.
func camelCase(key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(key, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

func paramList(params []reflect.Type) string {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.String()
	}
	return count(len(params), "parameter") + list(names)
}

func inputList(in form) string {
	if in.empty() {
		return "no inputs"
	}
	return count(len(in.names), "input") + " " + in.text()
}

func count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func list(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}
