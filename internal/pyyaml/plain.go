package pyyaml

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxPlainDepth bounds FromPlain, which may be given a map that holds itself.
const maxPlainDepth = 1000

// Plain is a deep copy as map[string]any. A key that isn't text is written as Python
// prints it; PlainValue keeps such keys.
func (m *Map) Plain() map[string]any {
	plain := make(map[string]any, m.Len())
	for pair := range m.entries() {
		plain[Str(pair.Key)] = PlainValue(pair.Value)
	}
	return plain
}

// PlainValue is a deep copy of any value: *Map becomes map[string]any, or map[any]any
// where a key isn't text; lists become fresh []any.
func PlainValue(value any) any {
	switch value := value.(type) {
	case *Map:
		return value.plainMap()
	case Set:
		return PlainValue([]any(value))
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = PlainValue(item)
		}
		return list
	}
	return shareable(value)
}

func (m *Map) plainMap() any {
	for _, pair := range m.pairs {
		if _, ok := pair.Key.(string); !ok {
			mixed := make(map[any]any, len(m.pairs))
			for pair := range m.entries() {
				mixed[hashable(pair.Key)] = PlainValue(pair.Value)
			}
			return mixed
		}
	}
	return m.Plain()
}

// hashable is a key that a Go map may hold.
func hashable(key any) any {
	if raw, ok := key.([]byte); ok {
		return string(raw)
	}
	return key
}

// FromPlain turns maps (keys sorted by their text) and slices into *Map and []any,
// deeply, and Go's other integer and float types into int and float64. A value of
// another type, or a nesting without end, is an error that names the place.
func FromPlain(value any) (any, error) { return fromPlain(value, "", 0) }

func fromPlain(value any, path string, depth int) (any, error) {
	if depth > maxPlainDepth {
		return nil, fmt.Errorf("convert value at %q: nested more than %d levels deep", head(path), maxPlainDepth)
	}
	switch value := value.(type) {
	case nil, bool, int, float64, string, *Map, time.Time:
		return value, nil
	case []byte, *big.Int:
		return shareable(value), nil
	}
	return fromReflected(reflect.ValueOf(value), path, depth)
}

func fromReflected(v reflect.Value, path string, depth int) (any, error) {
	switch v.Kind() {
	case reflect.Map:
		return fromMap(v, path, depth)
	case reflect.Slice, reflect.Array:
		list := make([]any, v.Len())
		for i := range list {
			item, err := fromPlain(v.Index(i).Interface(), fmt.Sprintf("%s[%d]", path, i), depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		return fromPlain(v.Elem().Interface(), path, depth+1)
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.String:
		return fromText(v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if u := v.Uint(); u > math.MaxInt {
			return new(big.Int).SetUint64(u), nil
		}
		return int(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	}
	return nil, fmt.Errorf("convert value at %q: %s is no configuration value", head(path), v.Type())
}

// fromText keeps the number behind a json.Number, and the text of other text types.
func fromText(v reflect.Value) (any, error) {
	text := v.String()
	if v.Type().PkgPath() == "encoding/json" && v.Type().Name() == "Number" {
		return jsonNumber(text)
	}
	return text, nil
}

func jsonNumber(text string) (any, error) {
	if strings.ContainsAny(text, ".eE") {
		return parseFloat(text)
	}
	return parseInt(text, 10)
}

func fromMap(v reflect.Value, path string, depth int) (any, error) {
	pairs := make([]Pair, 0, v.Len())
	for iter := v.MapRange(); iter.Next(); {
		key, err := fromPlain(iter.Key().Interface(), path, depth+1)
		if err != nil {
			return nil, err
		}
		value, err := fromPlain(iter.Value().Interface(), strings.TrimPrefix(path+"."+Str(key), "."), depth+1)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{key, value})
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(Str(a.Key), Str(b.Key)) })
	return NewMap(pairs...), nil
}

// head keeps messages about very deep values readable.
func head(path string) string {
	if len(path) > 100 {
		return path[:100] + "..."
	}
	return path
}
