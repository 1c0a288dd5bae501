package catalog

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// MissingError says which fields of a struct a mapping gives no value. It is what a Python dataclass says of arguments
// without a default.
type MissingError struct {
	Path   string       // of the mapping within the value; "" for the value itself
	Type   reflect.Type // the struct
	Fields []string     // in the order of the struct
}

// Error is Python's text, behind the path.
func (e *MissingError) Error() string {
	text := e.Type.Name() + ".__init__() missing " + pythonArguments(e.Fields)
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	return text
}

// CheckComplete reports, with a *[MissingError], the first struct within a value that [Convert] accepts to which the
// value doesn't give all fields. A pointer may be left out, and so may a field whose tag says so: `kedge:"name,optional"`,
// `json:"name,omitempty"`.
func CheckComplete(value any, want reflect.Type) error {
	return checkComplete(reflect.ValueOf(value), want, "")
}

func checkComplete(v reflect.Value, want reflect.Type, at string) error {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	for want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch {
	case want.Kind() == reflect.Struct && v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		return checkFields(v, want, at)
	case want.Kind() == reflect.Slice && v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if err := checkComplete(v.Index(i), want.Elem(), join(at, strconv.Itoa(i))); err != nil {
				return err
			}
		}
	case want.Kind() == reflect.Map && v.Kind() == reflect.Map:
		for _, key := range sortedKeys(v) {
			if err := checkComplete(v.MapIndex(key), want.Elem(), join(at, fmt.Sprint(key))); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkFields(v reflect.Value, want reflect.Type, at string) error {
	fields, given := Fields(want), map[string]reflect.Value{}
	for _, key := range v.MapKeys() {
		if f, ok := fieldNamed(fields, want, key.String()); ok {
			given[f.Name] = v.MapIndex(key)
		}
	}
	missing := &MissingError{Path: at, Type: want}
	for _, f := range fields {
		if _, ok := given[f.Name]; !ok && !f.Optional && f.Type.Kind() != reflect.Pointer {
			missing.Fields = append(missing.Fields, f.Name)
		}
	}
	if len(missing.Fields) > 0 {
		return missing
	}
	for _, f := range fields {
		if value, ok := given[f.Name]; ok {
			if err := checkComplete(value, f.Type, join(at, f.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pythonArguments counts and lists arguments as Python does.
func pythonArguments(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = "'" + name + "'"
	}
	switch n := len(quoted); n {
	case 1:
		return "1 required positional argument: " + quoted[0]
	case 2:
		return "2 required positional arguments: " + quoted[0] + " and " + quoted[1]
	default:
		return strconv.Itoa(n) + " required positional arguments: " + strings.Join(quoted[:n-1], ", ") + ", and " + quoted[n-1]
	}
}
