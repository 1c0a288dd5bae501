package dataset

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// valueAt reads one value, nil where there is none.
func valueAt(column arrow.Array, i int) (any, error) {
	if column.IsNull(i) {
		return nil, nil
	}
	return arrowCell(column, i)
}

// arrowCell reads one value that isn't null. The frequent types come first, since the order is that of the comparisons.
func arrowCell(column arrow.Array, i int) (any, error) {
	switch a := column.(type) {
	case *array.Int64:
		return a.Value(i), nil
	case *array.Float64:
		return a.Value(i), nil
	case *array.String:
		return strings.Clone(a.Value(i)), nil // the array's memory may be reused
	case *array.LargeString:
		return strings.Clone(a.Value(i)), nil
	case *array.Boolean:
		return a.Value(i), nil
	case *array.Int8:
		return int64(a.Value(i)), nil
	case *array.Int16:
		return int64(a.Value(i)), nil
	case *array.Int32:
		return int64(a.Value(i)), nil
	case *array.Uint8:
		return int64(a.Value(i)), nil
	case *array.Uint16:
		return int64(a.Value(i)), nil
	case *array.Uint32:
		return int64(a.Value(i)), nil
	case *array.Float32:
		return wideFloat(a.Value(i)), nil
	case *array.Dictionary:
		return valueAt(a.Dictionary(), a.GetValueIndex(i))
	case *array.Date32:
		return a.Value(i).ToTime(), nil
	case *array.Date64:
		return a.Value(i).ToTime(), nil
	case *array.Timestamp:
		return timestamp(a, i)
	case *array.Uint64:
		if n := a.Value(i); n <= 1<<63-1 {
			return int64(n), nil
		}
		return a.Value(i), nil
	}
	return nestedCell(column, i)
}

// nestedCell reads a list as []any, a struct as map[string]any and a map as mapCell does.
func nestedCell(column arrow.Array, i int) (any, error) {
	switch a := column.(type) {
	case *array.Map: // before the lists, one of which it is
		return mapCell(a, i)
	case array.ListLike:
		return listCell(a, i)
	case *array.Struct:
		return structCell(a, i)
	case array.ExtensionArray:
		return valueAt(a.Storage(), i)
	}
	return rareCell(column, i)
}

func listCell(a array.ListLike, i int) (any, error) {
	start, end := a.ValueOffsets(i)
	list := make([]any, 0, end-start)
	for at := start; at < end; at++ {
		item, err := valueAt(a.ListValues(), int(at))
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, nil
}

func structCell(a *array.Struct, i int) (any, error) {
	fields := a.DataType().(*arrow.StructType).Fields()
	out := make(map[string]any, len(fields))
	for j, field := range fields {
		item, err := valueAt(a.Field(j), i)
		if err != nil {
			return nil, err
		}
		out[field.Name] = item
	}
	return out, nil
}

// mapCell reads a map: a map[string]any when its keys are texts, as nearly always, else a map[any]any.
func mapCell(a *array.Map, i int) (any, error) {
	texts, others := map[string]any{}, map[any]any{}
	start, end := a.ValueOffsets(i)
	for at := int(start); at < int(end); at++ {
		key, err := valueAt(a.Keys(), at)
		if err != nil {
			return nil, err
		}
		item, err := valueAt(a.Items(), at)
		if err != nil {
			return nil, err
		}
		switch key := key.(type) {
		case string:
			texts[key] = item
		case []byte, []any, map[string]any, map[any]any:
			return nil, fmt.Errorf("a map with keys of type %s", a.DataType().(*arrow.MapType).KeyType())
		default:
			others[key] = item
		}
	}
	if len(others) > 0 {
		return others, nil
	}
	return texts, nil
}

// rareCell reads the types that are left. Decimals are texts with all their digits, as pandas writes them, times of day the texts that
// clockText makes; most others come as what the library makes of them for JSON.
func rareCell(column arrow.Array, i int) (any, error) {
	switch a := column.(type) {
	case *array.Decimal32:
		return a.Value(i).ToString(scaleOf(a)), nil
	case *array.Decimal64:
		return a.Value(i).ToString(scaleOf(a)), nil
	case *array.Decimal128:
		return a.Value(i).ToString(scaleOf(a)), nil
	case *array.Decimal256:
		return a.Value(i).ToString(scaleOf(a)), nil
	case *array.Time32:
		return clockText(time.Duration(a.Value(i)) * a.DataType().(*arrow.Time32Type).Unit.Multiplier()), nil
	case *array.Time64:
		return clockText(time.Duration(a.Value(i)) * a.DataType().(*arrow.Time64Type).Unit.Multiplier()), nil
	}
	switch v := column.GetOneForMarshal(i).(type) {
	case []byte:
		return append([]byte{}, v...), nil // the array's memory may be reused
	case string:
		return strings.Clone(v), nil
	case float32:
		return wideFloat(v), nil
	case nil, bool, int64, float64:
		return v, nil
	}
	return nil, fmt.Errorf("a value of type %s", column.DataType())
}

func scaleOf(column arrow.Array) int32 { return column.DataType().(arrow.DecimalType).GetScale() }

// wideFloat makes a float32 the float64 that is written alike: 0.1 stays 0.1, not 0.10000000149011612. As a float32 it is the same again.
func wideFloat(f float32) float64 {
	wide := float64(f)
	if wide == math.Trunc(wide) && math.Abs(wide) < 1<<24 { // written alike anyway
		return wide
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(wide, 'g', -1, 32), 64)
	if err != nil {
		return wide
	}
	return short
}

func timestamp(a *array.Timestamp, i int) (any, error) {
	kind := a.DataType().(*arrow.TimestampType)
	t := a.Value(i).ToTime(kind.Unit)
	if kind.TimeZone == "" {
		return t, nil
	}
	zone, err := kind.GetZone()
	if err != nil {
		return nil, err
	}
	return inZone(t, zone), nil
}
