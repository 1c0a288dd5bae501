package catalog

import (
	"reflect"
	"sync"
)

// Copier is implemented by data that knows how to copy itself deeply. Copy modes deepcopy and copy use it.
type Copier interface{ DeepCopy() any }

// copyWith copies data by a copy mode; "" is deepcopy (CAT-101). Values that can't change are not copied.
func copyWith(data any, mode string) (any, error) {
	switch mode {
	case "", "deepcopy":
		return DeepCopy(data), nil
	case "copy":
		return shallowCopy(data)
	case "assign":
		return data, nil
	}
	return nil, Errorf("Invalid copy mode: %s. Possible values are: deepcopy, copy, assign.", mode)
}

// shallowCopy copies the outermost container. Like Python's data.copy() it fails for values without one.
func shallowCopy(data any) (any, error) {
	if c, ok := data.(Copier); ok {
		return c.DeepCopy(), nil
	}
	v := reflect.ValueOf(data)
	switch v.Kind() {
	case reflect.Map:
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(it.Key(), it.Value())
		}
		return out.Interface(), nil
	case reflect.Slice:
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(out, v)
		return out.Interface(), nil
	case reflect.Struct, reflect.Array:
		return data, nil // a value is a copy already
	}
	return nil, raise("AttributeError", "'%s' object has no attribute 'copy'", typeName(data))
}

// DeepCopy copies mappings, slices, arrays, pointers and structs with all that they hold. A pointer to a struct without exported
// fields is taken for an object of its own (an Arrow table, a connection) and shared, so are functions and channels.
// A value that implements Copier copies itself. Data that refers to itself is copied once, as in Python.
func DeepCopy(data any) any {
	switch v := data.(type) {
	case nil, bool, string, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return data
	case []string:
		return append(v[:0:0], v...)
	case []byte:
		return append(v[:0:0], v...)
	case []float64:
		return append(v[:0:0], v...)
	case []int64:
		return append(v[:0:0], v...)
	}
	c := copier{}
	return c.any(data)
}

// copier remembers what was copied, by address, so that shared parts stay shared.
type copier struct {
	seen map[visit]reflect.Value
}

type visit struct {
	address uintptr
	length  int // of a slice: two slices of one array differ
	typ     reflect.Type
}

func (c *copier) any(data any) any {
	switch v := data.(type) {
	case nil, bool, string, int, int64, float64:
		return data
	case Copier:
		if rv := reflect.ValueOf(data); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return data
		}
		return v.DeepCopy()
	}
	return c.value(reflect.ValueOf(data)).Interface()
}

func (c *copier) value(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		out.Set(reflect.ValueOf(c.any(v.Elem().Interface())))
		return out
	case reflect.Map:
		return c.mapping(v)
	case reflect.Slice:
		return c.slice(v)
	case reflect.Array:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		c.elements(out, v)
		return out
	case reflect.Pointer:
		return c.pointer(v)
	case reflect.Struct:
		return c.structure(v)
	}
	return v
}

func (c *copier) remember(key visit, v reflect.Value) {
	if c.seen == nil {
		c.seen = map[visit]reflect.Value{}
	}
	c.seen[key] = v
}

func (c *copier) mapping(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	key := visit{address: v.Pointer(), typ: v.Type()}
	if done, ok := c.seen[key]; ok {
		return done
	}
	out := reflect.MakeMapWithSize(v.Type(), v.Len())
	c.remember(key, out)
	if m, ok := v.Interface().(map[string]any); ok {
		copied := out.Interface().(map[string]any)
		for k, item := range m {
			copied[k] = c.any(item)
		}
		return out
	}
	for it := v.MapRange(); it.Next(); {
		out.SetMapIndex(it.Key(), c.value(it.Value()))
	}
	return out
}

func (c *copier) slice(v reflect.Value) reflect.Value {
	if v.IsNil() {
		return v
	}
	key := visit{address: v.Pointer(), length: v.Len(), typ: v.Type()}
	if done, ok := c.seen[key]; ok && v.Len() > 0 {
		return done
	}
	out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	c.remember(key, out)
	c.elements(out, v)
	return out
}

func (c *copier) elements(out, v reflect.Value) {
	if isFlat(v.Type().Elem()) {
		reflect.Copy(out, v)
		return
	}
	for i := range v.Len() {
		out.Index(i).Set(c.value(v.Index(i)))
	}
}

var flatTypes sync.Map // reflect.Type -> bool; derived from types alone, so shared by all

// isFlat tells whether values of a type hold no references that a copy has to follow. What a struct doesn't export is shared.
func isFlat(t reflect.Type) bool {
	switch k := t.Kind(); {
	case k == reflect.Struct:
		if known, ok := flatTypes.Load(t); ok {
			return known.(bool)
		}
		flat := true
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !isFlat(f.Type) {
				flat = false
				break
			}
		}
		flatTypes.Store(t, flat)
		return flat
	case k == reflect.Array:
		return isFlat(t.Elem())
	case k == reflect.String:
		return true
	default:
		return k <= reflect.Complex128
	}
}

func (c *copier) pointer(v reflect.Value) reflect.Value {
	if v.IsNil() || opaque(v.Type().Elem()) {
		return v
	}
	key := visit{address: v.Pointer(), typ: v.Type()}
	if done, ok := c.seen[key]; ok {
		return done
	}
	out := reflect.New(v.Type().Elem())
	c.remember(key, out)
	if copied, ok := v.Interface().(Copier); ok {
		if made := reflect.ValueOf(copied.DeepCopy()); made.Type() == v.Type() {
			return made
		}
	}
	out.Elem().Set(c.value(v.Elem()))
	return out
}

// opaque tells whether a struct shows nothing of itself.
func opaque(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() == 0 {
		return false
	}
	for i := range t.NumField() {
		if t.Field(i).IsExported() && !t.Field(i).Anonymous {
			return false
		}
	}
	return true
}

func (c *copier) structure(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() && !isFlat(v.Field(i).Type()) {
			out.Field(i).Set(c.value(v.Field(i)))
		}
	}
	return out
}
