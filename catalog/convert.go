package catalog

import (
	"encoding"
	"fmt"
	"iter"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Converter is implemented by data that turns itself into other types, such as a table into a slice of structs.
type Converter interface {
	// ConvertTo returns the data as want; ok is false when it knows no way.
	ConvertTo(want reflect.Type) (value any, ok bool, err error)
}

// FromConverter is implemented by types that can be filled from data of other types, such as a table from a slice of structs.
type FromConverter interface{ ConvertFrom(value any) error }

// ConvertError tells which part of a value doesn't fit the wanted type.
type ConvertError struct {
	Path string // such as model.features[2]; "" is the value itself
	Want string // what was expected
	Got  string // what is there
}

// Error names the part, what was expected and what is there.
func (e *ConvertError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("expected %s, got %s", e.Want, e.Got)
	}
	return fmt.Sprintf("%s: expected %s, got %s", e.Path, e.Want, e.Got)
}

// Convert turns a value into the type that a node wants, without loss: what is assignable is returned as it is; numbers
// convert when the value stays the same; mappings become structs, with unknown keys and wrong types named; slices and
// mappings convert element by element; slices become iterators. Texts become numbers never, but any encoding.TextUnmarshaler and
// time.Duration.
func Convert(value any, want reflect.Type) (any, error) {
	if want == nil {
		return value, nil
	}
	out, err := convertValue(value, want, "")
	if err != nil {
		return nil, err
	}
	if !out.IsValid() {
		return nil, nil
	}
	return out.Interface(), nil
}

func convertValue(value any, want reflect.Type, at string) (reflect.Value, error) {
	if value == nil {
		return convertNil(want, at)
	}
	v := reflect.ValueOf(value)
	if v.Type().AssignableTo(want) {
		return v, nil
	}
	if out, ok, err := convertItself(value, want, at); ok || err != nil {
		return out, err
	}
	if plain, ok := value.(interface{ Plain() map[string]any }); ok {
		return convertValue(plain.Plain(), want, at)
	}
	if want.Implements(fromConverterType) && want.Kind() == reflect.Pointer {
		out := reflect.New(want.Elem())
		return out, out.Interface().(FromConverter).ConvertFrom(value)
	}
	if text, ok := value.(string); ok {
		if out, ok, err := convertText(text, want, at); ok {
			return out, err
		}
	}
	switch want.Kind() {
	case reflect.Pointer:
		return convertPointer(value, want, at)
	case reflect.Struct:
		return convertStruct(v, want, at)
	case reflect.Map:
		return convertMap(v, want, at)
	case reflect.Slice, reflect.Array:
		return convertList(v, want, at)
	case reflect.Func:
		return convertIterator(v, want, at)
	}
	return convertScalar(v, want, at)
}

func mismatch(at string, want reflect.Type, got any) error {
	return &ConvertError{Path: at, Want: want.String(), Got: shown(got)}
}

// shown describes a value in an error: its type and, when it is short, the value.
func shown(value any) string {
	if value == nil {
		return "nothing (null)"
	}
	t := reflect.TypeOf(value).String()
	switch v := value.(type) {
	case string:
		if len(v) <= 40 {
			return t + " " + strconv.Quote(v)
		}
	case bool, int, int64, float64:
		return fmt.Sprintf("%s %v", t, v)
	}
	return t
}

func convertNil(want reflect.Type, at string) (reflect.Value, error) {
	switch want.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return reflect.Zero(want), nil
	}
	return reflect.Value{}, mismatch(at, want, nil)
}

func convertItself(value any, want reflect.Type, at string) (reflect.Value, bool, error) {
	c, ok := value.(Converter)
	if !ok {
		return reflect.Value{}, false, nil
	}
	out, ok, err := c.ConvertTo(want)
	if err != nil {
		if at != "" {
			err = fmt.Errorf("%s: %w", at, err)
		}
		return reflect.Value{}, false, err
	}
	return reflect.ValueOf(out), ok, nil
}

var durationType = reflect.TypeFor[time.Duration]()

func convertText(text string, want reflect.Type, at string) (reflect.Value, bool, error) {
	if want == durationType {
		d, err := time.ParseDuration(text)
		if err != nil {
			return reflect.Value{}, true, &ConvertError{Path: at, Want: "a duration such as 1m30s", Got: shown(text)}
		}
		return reflect.ValueOf(d), true, nil
	}
	if want.Kind() == reflect.Pointer || !reflect.PointerTo(want).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return reflect.Value{}, false, nil
	}
	out := reflect.New(want)
	if err := out.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		return reflect.Value{}, true, fmt.Errorf("%w: %w", mismatch(at, want, text), err)
	}
	return out.Elem(), true, nil
}

func convertPointer(value any, want reflect.Type, at string) (reflect.Value, error) {
	inner, err := convertValue(value, want.Elem(), at)
	if err != nil {
		return reflect.Value{}, err
	}
	out := reflect.New(want.Elem())
	out.Elem().Set(inner)
	return out, nil
}

func convertStruct(v reflect.Value, want reflect.Type, at string) (reflect.Value, error) {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		return convertValue(v.Elem().Interface(), want, at)
	}
	if v.Kind() == reflect.Struct {
		return convertStruct(structToMap(v), want, at)
	}
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String {
		return reflect.Value{}, mismatch(at, want, v.Interface())
	}
	fields := Fields(want)
	out := reflect.New(want).Elem()
	for _, key := range sortedKeys(v) {
		f, ok := fieldNamed(fields, want, key.String())
		if !ok {
			return reflect.Value{}, unknownKey(at, key.String(), want, fields)
		}
		item, err := convertValue(v.MapIndex(key).Interface(), f.Type, join(at, key.String()))
		if err != nil {
			return reflect.Value{}, err
		}
		out.FieldByIndex(f.Index).Set(item)
	}
	return out, nil
}

func unknownKey(at, key string, want reflect.Type, fields []Field) error {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return &ConvertError{Path: at, Want: fmt.Sprintf("the keys of %s (%s)", want, strings.Join(names, ", ")), Got: "unknown key " + strconv.Quote(key)}
}

func structToMap(v reflect.Value) reflect.Value {
	out := map[string]any{}
	for _, f := range Fields(v.Type()) {
		out[f.Name] = v.FieldByIndex(f.Index).Interface()
	}
	return reflect.ValueOf(out)
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return keys
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func convertMap(v reflect.Value, want reflect.Type, at string) (reflect.Value, error) {
	if v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct {
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		v = structToMap(v)
	}
	if v.Kind() != reflect.Map {
		return reflect.Value{}, mismatch(at, want, v.Interface())
	}
	out := reflect.MakeMapWithSize(want, v.Len())
	for _, key := range sortedKeys(v) {
		path := join(at, fmt.Sprint(key))
		k, err := convertValue(key.Interface(), want.Key(), path)
		if err != nil {
			return reflect.Value{}, err
		}
		item, err := convertValue(v.MapIndex(key).Interface(), want.Elem(), path)
		if err != nil {
			return reflect.Value{}, err
		}
		out.SetMapIndex(k, item)
	}
	return out, nil
}

func convertList(v reflect.Value, want reflect.Type, at string) (reflect.Value, error) {
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return reflect.Value{}, mismatch(at, want, v.Interface())
	}
	var out reflect.Value
	if want.Kind() == reflect.Slice {
		out = reflect.MakeSlice(want, v.Len(), v.Len())
	} else if out = reflect.New(want).Elem(); out.Len() != v.Len() {
		return reflect.Value{}, &ConvertError{Path: at, Want: want.String(), Got: fmt.Sprintf("%d elements", v.Len())}
	}
	for i := range v.Len() {
		item, err := convertValue(v.Index(i).Interface(), want.Elem(), fmt.Sprintf("%s[%d]", at, i))
		if err != nil {
			return reflect.Value{}, err
		}
		out.Index(i).Set(item)
	}
	return out, nil
}

// convertIterator makes an iter.Seq or iter.Seq2[T, error] of a list; an element that doesn't fit is yielded as the error.
func convertIterator(v reflect.Value, want reflect.Type, at string) (reflect.Value, error) {
	item, withError, ok := IteratorOf(want)
	if !ok || (v.Kind() != reflect.Slice && v.Kind() != reflect.Array) {
		return reflect.Value{}, mismatch(at, want, v.Interface())
	}
	if !withError { // no way to tell an error later: convert all now
		list, err := convertList(v, reflect.SliceOf(item), at)
		if err != nil {
			return reflect.Value{}, err
		}
		v = list
	}
	return NewIterator(want, func(yield func(any, error) bool) {
		for i := range v.Len() {
			converted, err := convertValue(v.Index(i).Interface(), item, fmt.Sprintf("%s[%d]", at, i))
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(converted.Interface(), nil) {
				return
			}
		}
	}), nil
}

var (
	errorType         = reflect.TypeFor[error]()
	fromConverterType = reflect.TypeFor[FromConverter]()
)

// IteratorOf tells whether t is an iter.Seq[T] or an iter.Seq2[T, error], and what it yields.
func IteratorOf(t reflect.Type) (item reflect.Type, withError, ok bool) {
	if t.Kind() != reflect.Func || t.NumIn() != 1 || t.NumOut() != 0 || t.In(0).Kind() != reflect.Func {
		return nil, false, false
	}
	yield := t.In(0)
	if yield.NumOut() != 1 || yield.Out(0).Kind() != reflect.Bool {
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

// NewIterator makes a value of iterator type t (see IteratorOf) from a sequence of items of its type.
func NewIterator(t reflect.Type, items iter.Seq2[any, error]) reflect.Value {
	item, withError, _ := IteratorOf(t)
	return reflect.MakeFunc(t, func(args []reflect.Value) []reflect.Value {
		in := make([]reflect.Value, 1, 2)
		for value, err := range items {
			in = in[:1]
			in[0] = reflect.Zero(item)
			if value != nil {
				in[0] = reflect.ValueOf(value)
			}
			if withError {
				in = append(in, reflect.Zero(errorType))
				if err != nil {
					in[1] = reflect.ValueOf(&err).Elem()
				}
			}
			if !args[0].Call(in)[0].Bool() {
				break
			}
		}
		return nil
	})
}

func convertScalar(v reflect.Value, want reflect.Type, at string) (reflect.Value, error) {
	fail := func() (reflect.Value, error) { return reflect.Value{}, mismatch(at, want, v.Interface()) }
	if big, ok := v.Interface().(*big.Int); ok {
		if !big.IsInt64() {
			return fail()
		}
		v = reflect.ValueOf(big.Int64())
	}
	switch {
	case v.Kind() == want.Kind() && v.CanConvert(want):
		return v.Convert(want), nil // a named type of the same kind
	case !isNumber(v.Kind()) || !isNumber(want.Kind()):
		return fail()
	case lossless(v, want):
		return v.Convert(want), nil
	}
	return fail()
}

func isNumber(k reflect.Kind) bool {
	return k >= reflect.Int && k <= reflect.Float64 && k != reflect.Uintptr
}

func isFloat(k reflect.Kind) bool { return k == reflect.Float32 || k == reflect.Float64 }

// lossless tells whether a number keeps its value as another type of number.
func lossless(v reflect.Value, want reflect.Type) bool {
	if isFloat(v.Kind()) && isFloat(want.Kind()) {
		f := v.Float()
		return want.Kind() == reflect.Float64 || math.IsNaN(f) || !reflect.Zero(want).OverflowFloat(f) // precision is the wanted type's
	}
	if isFloat(v.Kind()) {
		f := v.Float()
		if f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			return false
		}
		v = reflect.ValueOf(int64(f))
	}
	if isFloat(want.Kind()) {
		back := v.Convert(want).Convert(v.Type())
		return back.Equal(v)
	}
	converted := v.Convert(want)
	return converted.Convert(v.Type()).Equal(v) && negative(v) == negative(converted)
}

func negative(v reflect.Value) bool { return v.CanInt() && v.Int() < 0 }
