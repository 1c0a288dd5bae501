package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// Description says what a dataset is: its class, as Kedro names it, and the arguments it was made with.
type Description struct {
	Type string // full class name, such as kedro_datasets.json.json_dataset.JSONDataset
	Args []DescribedArg
}

// DescribedArg is one constructor argument of a Description. A nil Value is left out of the text.
type DescribedArg struct {
	Name  string
	Value any
}

// PathValue is an argument that Kedro shows as a path.
type PathValue string

// String returns Kedro's representation, module.Class(arg=value, ...), with credentials masked (CAT-015).
func (d Description) String() string {
	var args []string
	for _, arg := range d.Args {
		if arg.Value != nil {
			args = append(args, arg.Name+"="+repr(masked(arg.Value), 0))
		}
	}
	return d.Type + "(" + strings.Join(args, ", ") + ")"
}

// Class returns the class name without its module.
func (d Description) Class() string { return d.Type[strings.LastIndex(d.Type, ".")+1:] }

// masked hides credentials in URLs. A path that needs it becomes a text, as in Kedro.
func masked(value any) any {
	switch v := value.(type) {
	case string:
		return mask.URL(v)
	case PathValue:
		if text := mask.URL(string(v)); text != string(v) {
			return text
		}
		return v
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = masked(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = masked(item)
		}
		return out
	}
	return value
}

// maxReprDepth is where Python's pprint stops in a dataset's representation.
const maxReprDepth = 2

// repr writes a value as Python's repr does.
func repr(value any, depth int) string {
	switch v := value.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return pyString(v)
	case PathValue:
		return "PurePosixPath(" + pyString(string(v)) + ")"
	case *Version:
		return "Version(load=" + orNone(v.Load) + ", save=" + orNone(v.Save) + ")"
	case float64:
		return pyFloat(v)
	case *big.Int:
		return v.String()
	case map[string]any:
		return reprMap(v, depth)
	case []any:
		return reprList(v, depth)
	}
	return fmt.Sprint(value)
}

func orNone(text string) string {
	if text == "" {
		return "None"
	}
	return pyString(text)
}

func reprMap(m map[string]any, depth int) string {
	if len(m) > 0 && depth >= maxReprDepth {
		return "{...}"
	}
	items := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		items = append(items, pyString(k)+": "+repr(m[k], depth+1))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

func reprList(list []any, depth int) string {
	if len(list) > 0 && depth >= maxReprDepth {
		return "[...]"
	}
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = repr(item, depth+1)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// pyString quotes a text as Python does.
func pyString(text string) string { return pyyaml.Repr(text) }

// pyFloat writes a number as Python does.
func pyFloat(f float64) string { return pyyaml.Repr(f) }

// TypeName names the type of a value as Python would, for messages that mirror Python's.
func TypeName(value any) string { return typeName(value) }

func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case []byte:
		return "bytes"
	case error:
		return reflect.TypeOf(value).String()
	}
	t := reflect.TypeOf(value)
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return plainName(t, "int")
	case reflect.Float32, reflect.Float64:
		return plainName(t, "float")
	case reflect.Slice, reflect.Array:
		return plainName(t, "list")
	case reflect.Map:
		return plainName(t, "dict")
	case reflect.Func:
		return "function"
	case reflect.Pointer:
		return cmp.Or(t.Elem().Name(), t.String())
	}
	return cmp.Or(t.Name(), t.String())
}

// plainName is the Python name of a builtin type, and the Go name of a type with a name of its own.
func plainName(t reflect.Type, python string) string {
	if t.PkgPath() == "" {
		return python
	}
	return t.Name()
}
