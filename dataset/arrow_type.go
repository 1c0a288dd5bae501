package dataset

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

var textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()

// fieldType gives the Arrow type of a struct field; nil when it depends on the values.
func fieldType(t reflect.Type) arrow.DataType {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch k := t.Kind(); {
	case t == bytesType:
		return arrow.BinaryTypes.Binary
	case t == timeType:
		return nil
	case k == reflect.String || t.Implements(textMarshaler): // plainCell makes texts of the latter
		return arrow.BinaryTypes.String
	case k == reflect.Bool:
		return arrow.FixedWidthTypes.Boolean
	case k == reflect.Float32 || k == reflect.Float64:
		return arrow.PrimitiveTypes.Float64
	case k == reflect.Uint || k == reflect.Uint64:
		return arrow.PrimitiveTypes.Uint64
	case k >= reflect.Int && k <= reflect.Uint32:
		return arrow.PrimitiveTypes.Int64
	case k == reflect.Slice || k == reflect.Array:
		if item := fieldType(t.Elem()); item != nil {
			return arrow.ListOf(item)
		}
	}
	return nil
}

// cellType gives the Arrow type of a cell at a depth of lists and mappings; that of nothing is null. As pyarrow does, it takes a mapping
// for a struct.
func cellType(cell any, depth int) (arrow.DataType, error) {
	switch v := cell.(type) {
	case nil:
		return arrow.Null, nil
	case int64:
		return arrow.PrimitiveTypes.Int64, nil
	case float64:
		return arrow.PrimitiveTypes.Float64, nil
	case uint64:
		return arrow.PrimitiveTypes.Uint64, nil
	case bool:
		return arrow.FixedWidthTypes.Boolean, nil
	case string:
		return arrow.BinaryTypes.String, nil
	case []byte:
		return arrow.BinaryTypes.Binary, nil
	case time.Time:
		return timestampType(v), nil
	case []any:
		return listType(v, depth+1)
	case map[string]any:
		return structType(v, depth+1)
	}
	plain, ok := plainNested(cell)
	if !ok {
		return nil, errors.New("a number, text, boolean, time, bytes, list or mapping with texts as keys (write other values as JSON text)")
	}
	return cellType(plain, depth)
}

// errDeep ends data that refers to itself.
var errDeep = fmt.Errorf("lists and mappings at most %d deep", maxJSONDepth)

func listType(list []any, depth int) (arrow.DataType, error) {
	if depth > maxJSONDepth {
		return nil, errDeep
	}
	kind := arrow.Null
	for _, item := range list {
		var err error
		if kind, err = widen(kind, item, depth); err != nil {
			return nil, err
		}
	}
	return arrow.ListOf(kind), nil
}

// structType orders the fields by name, since mappings have no order.
func structType(mapping map[string]any, depth int) (arrow.DataType, error) {
	if depth > maxJSONDepth {
		return nil, errDeep
	}
	fields := make([]arrow.Field, 0, len(mapping))
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		kind, err := cellType(mapping[name], depth)
		if err != nil {
			return nil, err
		}
		fields = append(fields, arrow.Field{Name: name, Type: kind, Nullable: true})
	}
	return arrow.StructOf(fields...), nil
}

// schemaOf finds the type of each column: that of the struct's field, else that of the values. A column of whole numbers and
// floats is one of floats; one without values is one of texts.
func (t *Table) schemaOf(types []reflect.Type) (*arrow.Schema, error) {
	fields := make([]arrow.Field, len(t.Columns))
	for j, name := range t.Columns {
		var kind arrow.DataType
		if types != nil {
			kind = fieldType(types[j])
		}
		if kind == nil {
			var err error
			if kind, err = t.columnType(j); err != nil {
				return nil, err
			}
			if kind.ID() == arrow.NULL && types != nil && (types[j] == timeType || types[j] == reflect.PointerTo(timeType)) {
				kind = localTime
			}
		}
		settled, err := settle(kind)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		fields[j] = arrow.Field{Name: name, Type: settled, Nullable: true}
	}
	return arrow.NewSchema(fields, nil), nil
}

// columnType finds the type that holds all values of a column.
func (t *Table) columnType(j int) (kind arrow.DataType, err error) {
	kind = arrow.Null
	for i, row := range t.Rows {
		if kind, err = widen(kind, row[j], 0); err != nil {
			return nil, &PlaceError{Row: i + 1, Column: t.Columns[j], Want: err.Error(), Got: shownCell(row[j])}
		}
	}
	return kind, nil
}

// widen returns the type that holds both the column so far and one more cell.
func widen(kind arrow.DataType, cell any, depth int) (arrow.DataType, error) {
	if t, ok := cell.(time.Time); ok && holdsTime(kind, t) {
		return kind, nil
	}
	one, err := cellType(cell, depth)
	if err != nil {
		return nil, err
	}
	return merge(kind, one)
}

// merge returns the type that holds the values of two types.
func merge(a, b arrow.DataType) (arrow.DataType, error) {
	switch {
	case a == b || b.ID() == arrow.NULL:
		return a, nil
	case a.ID() == arrow.NULL:
		return b, nil
	case whole(a) && whole(b):
		return arrow.PrimitiveTypes.Uint64, nil // which a number is only that is too large for the other
	case numeric(a) && numeric(b):
		return arrow.PrimitiveTypes.Float64, nil
	case a.ID() == arrow.LIST && b.ID() == arrow.LIST:
		item, err := merge(a.(*arrow.ListType).Elem(), b.(*arrow.ListType).Elem())
		if err != nil {
			return nil, err
		}
		return arrow.ListOf(item), nil
	case a.ID() == arrow.STRUCT && b.ID() == arrow.STRUCT:
		return mergeStructs(a.(*arrow.StructType), b.(*arrow.StructType))
	case arrow.TypeEqual(a, b):
		return a, nil
	case a.ID() == arrow.TIMESTAMP && b.ID() == arrow.TIMESTAMP:
		if kind, ok := mergeTimes(a.(*arrow.TimestampType), b.(*arrow.TimestampType)); ok {
			return kind, nil
		}
	}
	return nil, fmt.Errorf("%s as in the rows before", a)
}

// mergeStructs returns a struct with the fields of both, ordered by name.
func mergeStructs(a, b *arrow.StructType) (arrow.DataType, error) {
	fields := slices.Clone(a.Fields())
	for _, field := range b.Fields() {
		at, found := slices.BinarySearchFunc(fields, field.Name, func(f arrow.Field, name string) int { return strings.Compare(f.Name, name) })
		if !found {
			fields = slices.Insert(fields, at, field)
			continue
		}
		kind, err := merge(fields[at].Type, field.Type)
		if err != nil {
			return nil, err
		}
		fields[at].Type = kind
	}
	return arrow.StructOf(fields...), nil
}

func whole(t arrow.DataType) bool   { return t.ID() == arrow.INT64 || t.ID() == arrow.UINT64 }
func numeric(t arrow.DataType) bool { return whole(t) || t.ID() == arrow.FLOAT64 }

// settle makes what no value gave a type one of texts. Files hold no struct without fields.
func settle(kind arrow.DataType) (arrow.DataType, error) {
	switch kind := kind.(type) {
	case *arrow.NullType:
		return arrow.BinaryTypes.String, nil
	case *arrow.ListType:
		item, err := settle(kind.Elem())
		if err != nil {
			return nil, err
		}
		return arrow.ListOf(item), nil
	case *arrow.StructType:
		if kind.NumFields() == 0 {
			return nil, errors.New("all its mappings are empty, which Parquet and Feather can't hold: give one a key, or write them as JSON text")
		}
		fields := slices.Clone(kind.Fields())
		for i := range fields {
			var err error
			if fields[i].Type, err = settle(fields[i].Type); err != nil {
				return nil, err
			}
		}
		return arrow.StructOf(fields...), nil
	}
	return kind, nil
}
