package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
)

// fileArguments are what the constructors of all file datasets take besides filepath.
var fileArguments = []string{"version", "credentials", "fs_args", "metadata"}

// args are the load_args or save_args of an entry. Reading them marks what is known; done names the rest.
type args struct {
	name    string
	values  map[string]any
	known   []string
	ignored []string
	err     error
}

// argsOf returns load_args or save_args; ignored are arguments that only choose between engines of pandas.
func argsOf(spec buildSpec, name string, ignored ...string) *args {
	a := &args{name: name, ignored: ignored}
	switch v := spec.Args[name].(type) {
	case nil:
	case map[string]any:
		a.values = v
	default:
		a.fail("", "must be a mapping, got %v", v)
	}
	return a
}

func (a *args) fail(key, format string, values ...any) {
	if a.err == nil {
		a.err = &catalog.ArgumentError{Message: strings.TrimSuffix(a.name+"."+key, ".") + " " + fmt.Sprintf(format, values...)}
	}
}

// get returns a value; false when it is absent or null.
func (a *args) get(key string) (any, bool) {
	a.known = append(a.known, key)
	v, ok := a.values[key]
	return v, ok && v != nil
}

func (a *args) text(key, otherwise string) string {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	text, ok := v.(string)
	if !ok {
		a.fail(key, "must be a text, got %v", v)
	}
	return text
}

func (a *args) boolean(key string, otherwise bool) bool {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		a.fail(key, "must be true or false, got %v", v)
	}
	return b
}

// number returns a whole number; otherwise when it is absent.
func (a *args) number(key string, otherwise int) int {
	v, ok := a.get(key)
	if !ok {
		return otherwise
	}
	n, ok := wholeNumber(v)
	if !ok || n < 0 {
		a.fail(key, "must be a whole number that isn't negative, got %v", v)
	}
	return n
}

func wholeNumber(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case int64:
		return int(n), true
	case float64:
		return int(n), n == float64(int(n))
	}
	return 0, false
}

// texts returns a list of texts; a single text is a list of one.
func (a *args) texts(key string) []string {
	v, ok := a.get(key)
	if !ok {
		return nil
	}
	if text, ok := v.(string); ok {
		return []string{text}
	}
	list, ok := v.([]any)
	if !ok {
		a.fail(key, "must be a list of texts, got %v", v)
		return nil
	}
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = fmt.Sprint(item)
	}
	return out
}

// choice returns one of the given texts.
func (a *args) choice(key, otherwise string, choices ...string) string {
	text := a.text(key, otherwise)
	if text != otherwise && !slices.Contains(choices, text) {
		a.fail(key, "must be one of %s, got %q", strings.Join(choices, ", "), text)
	}
	return text
}

// done returns the first error: a wrong value, or an argument that isn't known, with the list of those that are.
func (a *args) done() error {
	if a.err != nil {
		return a.err
	}
	for _, key := range slices.Sorted(maps.Keys(a.values)) {
		if !slices.Contains(a.known, key) && !slices.Contains(a.ignored, key) {
			known := slices.Compact(slices.Sorted(slices.Values(a.known)))
			return &catalog.ArgumentError{Message: fmt.Sprintf("%s.%s isn't supported; supported are: %s", a.name, key, strings.Join(known, ", "))}
		}
	}
	return nil
}

// shown merges defaults and given arguments, as Kedro describes them; nil when Kedro shows nothing.
func shown(spec buildSpec, name string, defaults map[string]any) catalog.DescribedArg {
	merged := maps.Clone(defaults)
	if merged == nil {
		merged = map[string]any{}
	}
	given, _ := spec.Args[name].(map[string]any)
	maps.Copy(merged, given)
	return catalog.DescribedArg{Name: name, Value: merged}
}

// checkFileArguments refuses arguments that no file dataset of this kind takes, and fs_args that would change what is read or
// written: a file is UTF-8 and is replaced as a whole.
func checkFileArguments(spec buildSpec, extra ...string) error {
	if err := spec.Arguments([]string{"filepath"}, append(slices.Clone(fileArguments), extra...)...); err != nil {
		return err
	}
	a := argsOf(spec, "fs_args", "project", "client_kwargs", "anon")
	a.boolean("auto_mkdir", true)
	for _, key := range openArguments[1:] {
		v, _ := a.get(key)
		values, ok := v.(map[string]any)
		if !ok && v != nil {
			a.fail(key, "must be a mapping, got %v", v)
		}
		if err := checkOpenArgs(&args{name: "fs_args." + key, values: values}); err != nil {
			return err
		}
	}
	if name, _ := spec.Args["filepath"].(string); strings.Contains(name, "://") && !strings.HasPrefix(name, "file:") {
		return a.err // the store knows its own
	}
	return a.done()
}

// openArguments are the fs_args that no store takes.
var openArguments = []string{"auto_mkdir", "open_args_load", "open_args_save"}

func checkOpenArgs(a *args) error {
	if mode := a.text("mode", "w"); strings.ContainsAny(mode, "ax+") {
		a.fail("mode", "must be r or w: files are replaced as a whole, got %q", mode)
	}
	checkEncoding(a)
	a.choice("errors", "strict", "strict")
	if newline, ok := a.get("newline"); ok && (newline != "" && newline != "\n" || strings.HasSuffix(a.name, "load")) {
		a.fail("newline", "isn't supported: every end of a line is read as a line feed, which is written as it is, got %q", newline)
	}
	return a.done()
}
