package dataset

import (
	"reflect"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/kedge-run/kedge/catalog"
)

// appendCell adds a cell to a column; false when it doesn't fit.
func appendCell(b array.Builder, cell any) bool {
	if cell == nil {
		b.AppendNull()
		return true
	}
	switch b := b.(type) {
	case *array.Int64Builder:
		if v, ok := cell.(int64); ok {
			b.Append(v)
			return true
		}
	case *array.Float64Builder:
		switch v := cell.(type) {
		case float64:
			b.Append(v)
			return true
		case int64:
			b.Append(float64(v))
			return true
		case uint64:
			b.Append(float64(v))
			return true
		}
	case *array.Uint64Builder:
		switch v := cell.(type) {
		case uint64:
			b.Append(v)
			return true
		case int64:
			b.Append(uint64(v))
			return v >= 0
		}
	case *array.BooleanBuilder:
		if v, ok := cell.(bool); ok {
			b.Append(v)
			return true
		}
	case *array.StringBuilder:
		if v, ok := cell.(string); ok {
			b.Append(v)
			return true
		}
	case *array.BinaryBuilder:
		if v, ok := cell.([]byte); ok {
			b.Append(v)
			return true
		}
	case *array.TimestampBuilder:
		if v, ok := cell.(time.Time); ok {
			at, ok := arrowTime(v, b.Type().(*arrow.TimestampType))
			b.Append(at)
			return ok
		}
	}
	return appendNested(b, cell)
}

// appendNested adds a list, a mapping, or a value of a type that a cell of a Table doesn't have.
func appendNested(b array.Builder, cell any) bool {
	plain, ok := plainNested(cell)
	if !ok {
		return false
	}
	if plain == nil {
		b.AppendNull()
		return true
	}
	switch b := b.(type) {
	case *array.ListBuilder:
		list, ok := plain.([]any)
		return ok && appendList(b, list)
	case *array.StructBuilder:
		mapping, ok := plain.(map[string]any)
		return ok && appendStruct(b, mapping)
	}
	return reflect.TypeOf(plain) != reflect.TypeOf(cell) && appendCell(b, plain)
}

func appendList(b *array.ListBuilder, list []any) bool {
	b.Append(true)
	for _, item := range list {
		if !appendCell(b.ValueBuilder(), item) {
			return false
		}
	}
	return true
}

func appendStruct(b *array.StructBuilder, mapping map[string]any) bool {
	b.Append(true)
	for i, field := range b.Type().(*arrow.StructType).Fields() {
		if !appendCell(b.FieldBuilder(i), mapping[field.Name]) {
			return false
		}
	}
	return true
}

// plainNested makes a slice or array []any, and a struct or a mapping with texts as keys map[string]any; what they hold may be of any
// type. A nil slice or mapping is a missing value. Numbers and texts of other types become those of a Table, as in lists that JSON gave;
// what is as plain as it can be gives false.
func plainNested(cell any) (any, bool) {
	switch cell.(type) {
	case []any, map[string]any:
		return cell, true
	}
	v := reflect.ValueOf(cell)
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return nil, true
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainCell(v.Index(i))
		}
		return list, true
	case reflect.Map:
		if v.IsNil() {
			return nil, true
		}
		if v.Type().Key().Kind() != reflect.String {
			return nil, false
		}
		mapping := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			mapping[it.Key().String()] = plainCell(it.Value())
		}
		return mapping, true
	case reflect.Struct:
		fields := catalog.Fields(v.Type())
		mapping := make(map[string]any, len(fields))
		for _, f := range fields {
			mapping[f.Name] = plainCell(v.FieldByIndex(f.Index))
		}
		return mapping, len(fields) > 0
	}
	plain := plainCell(v)
	return plain, reflect.TypeOf(plain) != v.Type()
}
