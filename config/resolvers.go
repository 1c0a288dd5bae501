package config

import (
	"os"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// arguments binds a resolver's arguments as Python binds parameters: the first is
// required, the second, if there may be one, has a default.
func arguments(args []any, name string, most int) (first, second any, given bool, err error) {
	switch {
	case len(args) == 0:
		return nil, nil, false, failf("TypeError", "missing a required argument: '%s'", name)
	case len(args) > most:
		return nil, nil, false, failf("TypeError", "too many positional arguments")
	case len(args) == 2:
		return args[0], args[1], true, nil
	}
	return args[0], nil, false, nil
}

// signature is the head of the Python function behind one of OmegaConf's resolvers.
type signature struct {
	function, argument string
	most               int    // arguments
	keywords           int    // that OmegaConf passes by name
	taken              string // the first of these when arguments beyond most would reach them; else ""
}

// bind gives the arguments, or says as Python does why they don't fit.
func (s signature) bind(args []any) (first, second any, err error) {
	switch {
	case len(args) == 0:
		return nil, nil, failf("TypeError", "%s() missing 1 required positional argument: '%s'", s.function, s.argument)
	case len(args) > s.most && s.taken != "":
		return nil, nil, failf("TypeError", "%s() got multiple values for argument '%s'", s.function, s.taken)
	case len(args) > s.most:
		plural := ""
		if s.keywords > 1 {
			plural = "s"
		}
		return nil, nil, failf("TypeError", "%s() takes from 1 to %d positional arguments but %d positional arguments (and %d keyword-only argument%s) were given",
			s.function, s.most, len(args), s.keywords, plural)
	case len(args) == 2:
		return args[0], args[1], nil
	}
	return args[0], nil, nil
}

func argumentText(value any) (string, error) {
	text, ok := value.(string)
	if n, container := value.(*node); container {
		return "", n.noAttribute("startswith")
	}
	if !ok {
		return "", failf("AttributeError", "'%s' object has no attribute 'startswith'", typeName(value))
	}
	return text, nil
}

// builtin are OmegaConf's own resolvers, without oc.env (CFG-057).
func builtin(name string) (resolver, bool) {
	switch name {
	case "oc.select":
		return ocSelect, true
	case "oc.decode":
		return ocDecode, true
	case "oc.create":
		return ocCreate, true
	case "oc.dict.keys":
		return ocDictKeys, true
	case "oc.dict.values":
		return ocDictValues, true
	case "oc.deprecated":
		return ocDeprecated, true
	}
	return nil, false
}

// selectKey finds a key text from a container on; nil when there is nothing. An
// absolute key without leading dots starts at the root.
func (r *resolution) selectKey(from *node, key string, absolute bool) (*selected, error) {
	rest := strings.TrimLeft(key, ".")
	dots := len(key) - len(rest)
	if !absolute && dots == 0 {
		dots = 1
	}
	from, _, ok := start(from, keyPath{raw: key, dots: dots})
	if !ok {
		return nil, nil
	}
	var keys []string
	if rest != "" {
		keys = splitKey(rest)
	}
	found, err := r.selectFrom(from, keys, false)
	if isError(err, "ConfigTypeError") {
		return nil, nil
	}
	return found, err
}

func ocSelect(r *resolution, parent, _ *node, args []any) (any, error) {
	key, def, err := signature{function: "select", argument: "key", most: 2, keywords: 1}.bind(args)
	if err != nil {
		return nil, err
	}
	text, err := argumentText(key)
	if err != nil {
		return nil, err
	}
	found, err := r.selectKey(parent, text, true)
	if err != nil {
		return nil, err
	}
	if found == nil || found.missing {
		return def, nil
	}
	return found.value, nil
}

func ocDecode(r *resolution, parent, self *node, args []any) (any, error) {
	value, _, err := signature{function: "decode", argument: "expr", most: 1, taken: "_parent_"}.bind(args)
	if err != nil || value == nil {
		return nil, err
	}
	text, ok := value.(string)
	if !ok {
		return nil, failf("TypeError", "`oc.decode` can only take strings or None as input, but `%s` is of type %s", textOf(value), typeName(value))
	}
	e, err := parseElement(text)
	if err != nil {
		return nil, failf("GrammarParseError", "%s", err.Error())
	}
	return r.element(e, parent, self)
}

func ocCreate(r *resolution, parent, _ *node, args []any) (any, error) {
	value, _, err := signature{function: "create", argument: "obj", most: 1, taken: "_parent_"}.bind(args)
	if err != nil || value == nil {
		return nil, err
	}
	if text, ok := value.(string); ok {
		if value, err = pyyaml.Decode([]byte(text), pyyaml.Options{Name: "<unicode string>"}); err != nil {
			return nil, err
		}
		switch value.(type) {
		case nil:
			value = pyyaml.NewMap()
		case string:
			value = pyyaml.NewMap(pyyaml.Pair{Key: value})
		}
	}
	plain, err := r.withoutNodes(value)
	if err != nil {
		return nil, err
	}
	switch plain.(type) {
	case *pyyaml.Map, []any:
		return newNode(parent, nil, plain)
	}
	return nil, place(failf("ValidationError", "Object of unsupported type: '%s'", typeName(plain)), "", "None")
}

// dictInput is the mapping that the argument of oc.dict.keys or oc.dict.values names.
func (r *resolution) dictInput(parent *node, args []any, name string) (string, *node, error) {
	function := strings.TrimPrefix(name, "oc.dict.")
	taken := "_parent_"
	if function == "values" && len(args) == 2 {
		taken = "_root_"
	}
	value, _, err := signature{function: function, argument: "key", most: 1, taken: taken}.bind(args)
	if err != nil {
		return "", nil, err
	}
	key, ok := value.(string)
	if !ok {
		return "", nil, failf("TypeError", "`%s` requires a string as input, but obtained `%s` of type: %s", name, textOf(value), typeName(value))
	}
	found, err := r.selectKey(parent, key, true)
	if err != nil {
		return "", nil, err
	}
	if found == nil {
		return "", nil, failf("ConfigKeyError", "Key not found: '%s'", key)
	}
	dict, ok := found.value.(*node)
	if !ok || dict.kind != dictNode {
		return "", nil, failf("TypeError", "`%s` cannot be applied to objects of type: %s", name, typeName(found.value))
	}
	return key, dict, nil
}

func ocDictKeys(r *resolution, parent, _ *node, args []any) (any, error) {
	_, dict, err := r.dictInput(parent, args, "oc.dict.keys")
	if err != nil {
		return nil, err
	}
	return newNode(parent, nil, append([]any{}, dict.keys...))
}

func ocDictValues(r *resolution, parent, _ *node, args []any) (any, error) {
	key, dict, err := r.dictInput(parent, args, "oc.dict.values")
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(key, ".") {
		key = "." + key // the list is one more level
	}
	refs := make([]any, len(dict.keys))
	var b builder
	for i, k := range dict.keys {
		ref := "${" + key + "." + pyyaml.Str(k) + "}"
		if _, err := b.template(ref); err != nil {
			return nil, err
		}
		refs[i] = ref
	}
	return newNode(parent, nil, refs)
}

// ocDeprecated follows a renamed key. Python warns about it; here the name is enough,
// since a run must not warn again for each of thousands of runs.
func ocDeprecated(r *resolution, parent, self *node, args []any) (any, error) {
	key, message, err := signature{function: "deprecated", argument: "key", most: 2, keywords: 2}.bind(args)
	if err != nil {
		return nil, err
	}
	text, ok := key.(string)
	if !ok {
		return nil, failf("TypeError", "oc.deprecated: interpolation key type is not a string (%s)", typeName(key))
	}
	if _, ok := message.(string); !ok && len(args) == 2 {
		return nil, failf("TypeError", "oc.deprecated: interpolation message type is not a string (%s)", typeName(message))
	}
	found, err := r.selectKey(parent, text, true)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, failf("ConfigKeyError", "In oc.deprecated resolver at '%s': Key not found: '%s'", self.fullKey(nil), text)
	}
	return found.value, nil
}

// environment is oc.env, registered for credentials alone (CFG-055).
func environment(lookup func(string) (string, bool)) resolver {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	return func(r *resolution, _, _ *node, args []any) (any, error) {
		r.taint |= taintOutside
		name, def, given, err := arguments(args, "key", 2)
		if err != nil {
			return nil, err
		}
		text, ok := name.(string)
		if !ok {
			return nil, failf("TypeError", "str expected, not %s", typeName(name))
		}
		switch value, found := lookup(text); {
		case found:
			return value, nil
		case !given:
			return nil, failf("KeyError", "Environment variable '%s' not found", text)
		case def == nil:
			return nil, nil
		}
		return textOf(def), nil
	}
}

// custom runs a resolver of the user's (CFG-058).
func custom(resolve Resolver) resolver {
	return func(r *resolution, _, _ *node, args []any) (any, error) {
		r.taint |= taintOutside
		plain := make([]any, len(args))
		for i, arg := range args {
			value, err := r.withoutNodes(arg)
			if err != nil {
				return nil, err
			}
			plain[i] = value
		}
		value, err := resolve(plain)
		if err != nil {
			return nil, err
		}
		return pyyaml.FromPlain(value)
	}
}

// fromTree looks a variable up in the tree of globals or of runtime parameters.
func (r *resolution) fromTree(tree *node, variable string) (*selected, error) {
	found, err := r.selectKey(tree, variable, false)
	if err != nil {
		return nil, place(err, variable, tree.typeName())
	}
	if found != nil && found.missing {
		return nil, nil
	}
	return found, nil
}

// globals answers ${globals:path} (CFG-052).
func (l *Loader) globalsValue(r *resolution, _, _ *node, args []any) (any, error) {
	value, def, given, err := arguments(args, "variable", 2)
	if err != nil {
		return nil, err
	}
	variable, err := argumentText(value)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(variable, "_") {
		return nil, failf("InterpolationResolutionError", "Keys starting with '_' are not supported for globals.")
	}
	if l.globals == nil {
		return nil, failf("AttributeError", "'OmegaConfigLoader' object has no attribute '_globals'")
	}
	r.taint |= l.globals.taint
	found, err := r.fromTree(l.globals.tree, variable)
	switch {
	case err != nil:
		return nil, err
	case found != nil:
		return found.value, nil
	case given:
		return def, nil
	}
	return nil, failf("InterpolationResolutionError", "Globals key '%s' not found and no default value provided.", variable)
}

// runtimeValue answers ${runtime_params:path} (CFG-053).
func (l *Loader) runtimeValue(r *resolution, _, _ *node, args []any) (any, error) {
	r.taint |= taintRuntime
	value, def, given, err := arguments(args, "variable", 2)
	if err != nil {
		return nil, err
	}
	variable, err := argumentText(value)
	if err != nil {
		name := textOf(value)
		switch value.(type) {
		case nil, []any, *literalDict, *node:
			name = "" // they can't be keys, so they have no place
		}
		return nil, place(err, name, "dict")
	}
	tree, err := l.runtimeTree()
	if err != nil {
		return nil, err
	}
	found, err := r.fromTree(tree, variable)
	switch {
	case err != nil:
		return nil, err
	case found != nil:
		l.hits++
		return found.value, nil
	case given:
		return def, nil
	}
	return nil, failf("InterpolationResolutionError", "Runtime parameter '%s' not found and no default value provided.", variable)
}
