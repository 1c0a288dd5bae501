package dataset

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// localTime is a time without a zone, which is what pandas makes of times that name none.
var localTime = &arrow.TimestampType{Unit: arrow.Microsecond}

// fieldType gives the Arrow type of a struct field; nil when it depends on the values.
func fieldType(t reflect.Type) arrow.DataType {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch k := t.Kind(); {
	case t == bytesType:
		return arrow.BinaryTypes.Binary
	case k == reflect.String:
		return arrow.BinaryTypes.String
	case k == reflect.Bool:
		return arrow.FixedWidthTypes.Boolean
	case k == reflect.Float32 || k == reflect.Float64:
		return arrow.PrimitiveTypes.Float64
	case k >= reflect.Int && k <= reflect.Uint64:
		return arrow.PrimitiveTypes.Int64
	}
	return nil
}

// cellType gives the Arrow type of a cell.
func cellType(cell any) (arrow.DataType, bool) {
	switch v := cell.(type) {
	case int64:
		return arrow.PrimitiveTypes.Int64, true
	case float64:
		return arrow.PrimitiveTypes.Float64, true
	case bool:
		return arrow.FixedWidthTypes.Boolean, true
	case string:
		return arrow.BinaryTypes.String, true
	case []byte:
		return arrow.BinaryTypes.Binary, true
	case time.Time:
		if v.Location() == time.UTC || v.Location() == time.Local {
			return localTime, true
		}
		return arrow.FixedWidthTypes.Timestamp_us, true
	}
	return nil, false
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
		for i := 0; i < len(t.Rows) && (types == nil || fieldType(types[j]) == nil); i++ {
			var err error
			if kind, err = widen(kind, t.Rows[i][j]); err != nil {
				return nil, &PlaceError{Row: i + 1, Column: name, Want: err.Error(), Got: shownCell(t.Rows[i][j])}
			}
		}
		if kind == nil {
			kind = arrow.BinaryTypes.String
			if types != nil && (types[j] == timeType || types[j] == reflect.PointerTo(timeType)) {
				kind = localTime
			}
		}
		fields[j] = arrow.Field{Name: name, Type: kind, Nullable: true}
	}
	return arrow.NewSchema(fields, nil), nil
}

// widen returns the type that holds both the column so far and one more cell.
func widen(kind arrow.DataType, cell any) (arrow.DataType, error) {
	if cell == nil {
		return kind, nil
	}
	one, ok := cellType(cell)
	if !ok {
		return nil, fmt.Errorf("a number, text, boolean, time or bytes (write other values as JSON text)")
	}
	switch {
	case kind == nil || arrow.TypeEqual(kind, one):
		return one, nil
	case numeric(kind) && numeric(one):
		return arrow.PrimitiveTypes.Float64, nil
	}
	return nil, fmt.Errorf("%s as in the rows before", kind)
}

func numeric(t arrow.DataType) bool { return t.ID() == arrow.INT64 || t.ID() == arrow.FLOAT64 }

// arrowRecord copies the table into a record batch.
func (t *Table) arrowRecord() (arrow.RecordBatch, error) {
	schema, err := t.schemaOf(nil)
	if err != nil {
		return nil, err
	}
	return t.record(schema)
}

func (t *Table) record(schema *arrow.Schema) (arrow.RecordBatch, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for j := range t.Columns {
		if err := appendColumn(b.Field(j), t, j); err != nil {
			return nil, err
		}
	}
	return b.NewRecordBatch(), nil
}

func appendColumn(b array.Builder, t *Table, j int) error {
	b.Reserve(len(t.Rows))
	for i, row := range t.Rows {
		cell := row[j]
		if cell == nil {
			b.AppendNull()
			continue
		}
		if !appendCell(b, cell) {
			return &PlaceError{Row: i + 1, Column: t.Columns[j], Want: b.Type().String(), Got: shownCell(cell)}
		}
	}
	return nil
}

func appendCell(b array.Builder, cell any) bool {
	switch b := b.(type) {
	case *array.Int64Builder:
		n, ok := cell.(int64)
		b.Append(n)
		return ok
	case *array.Float64Builder:
		switch v := cell.(type) {
		case float64:
			b.Append(v)
		case int64:
			b.Append(float64(v))
		default:
			return false
		}
		return true
	case *array.BooleanBuilder:
		v, ok := cell.(bool)
		b.Append(v)
		return ok
	case *array.StringBuilder:
		v, ok := cell.(string)
		b.Append(v)
		return ok
	case *array.BinaryBuilder:
		v, ok := cell.([]byte)
		b.Append(v)
		return ok
	case *array.TimestampBuilder:
		v, ok := cell.(time.Time)
		b.Append(arrow.Timestamp(v.UnixMicro()))
		return ok
	}
	return false
}

// arrowTableOf makes an Arrow table of tabular data.
func arrowTableOf(data any) (arrow.Table, error) {
	switch v := data.(type) {
	case arrow.Table:
		return v, nil
	case arrow.RecordBatch:
		return arrowTable(v), nil
	}
	f, err := frameOf(data)
	if err != nil {
		return nil, err
	}
	t, err := f.table()
	if err != nil {
		return nil, err
	}
	schema, err := t.schemaOf(f.types)
	if err != nil {
		return nil, err
	}
	batch, err := t.record(schema)
	if err != nil {
		return nil, err
	}
	return arrowTable(batch), nil
}

func arrowTable(batch arrow.RecordBatch) arrow.Table {
	return array.NewTableFromRecords(batch.Schema(), []arrow.RecordBatch{batch})
}

// tableOfArrow copies an Arrow table.
func tableOfArrow(table arrow.Table) (*Table, error) {
	reader := array.NewTableReader(table, chunkRows)
	defer reader.Release()
	out := &Table{Columns: columnNames(table.Schema()), Rows: [][]any{}}
	for reader.Next() {
		chunk, err := tableOfRecord(reader.RecordBatch())
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, chunk.Rows...)
	}
	return out, reader.Err()
}

func columnNames(schema *arrow.Schema) []string {
	names := make([]string, schema.NumFields())
	for i, f := range schema.Fields() {
		names[i] = f.Name
	}
	return names
}

// tableOfRecord copies a record batch.
func tableOfRecord(batch arrow.RecordBatch) (*Table, error) {
	columns := int(batch.NumCols())
	t := &Table{Columns: columnNames(batch.Schema()), Rows: make([][]any, batch.NumRows())}
	cells := make([]any, len(t.Rows)*columns)
	for i := range t.Rows {
		t.Rows[i] = cells[i*columns : (i+1)*columns : (i+1)*columns]
	}
	for j := range columns {
		column := batch.Column(j)
		for i := range t.Rows {
			if column.IsNull(i) {
				continue
			}
			cell, err := arrowCell(column, i)
			if err != nil {
				return nil, &PlaceError{Row: i + 1, Column: t.Columns[j], Want: "a supported value", Got: err.Error()}
			}
			t.Rows[i][j] = cell
		}
	}
	return t, nil
}

// arrowCell reads one value. Types without a place in a Table (lists, structs, decimals) come as JSON-like values.
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
		return float64(a.Value(i)), nil
	case *array.Binary:
		return append([]byte{}, a.Value(i)...), nil
	case *array.Dictionary:
		return arrowCell(a.Dictionary(), a.GetValueIndex(i))
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
		return nil, fmt.Errorf("%s, which is larger than an int64", strconv.FormatUint(a.Value(i), 10))
	}
	return column.GetOneForMarshal(i), nil
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
	return t.In(zone), nil
}
