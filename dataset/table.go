package dataset

import (
	"reflect"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kedge-run/kedge/catalog"
)

// Table is untyped tabular data: column names and rows. A missing value is nil; the others are int64, float64, bool,
// string, time.Time or []byte, one type per column as far as the source knows it. Formats that nest values (Parquet, Feather, JSON)
// also give []any and map[string]any; a map of Arrow whose keys are no texts is a map[any]any. A whole number
// above those of int64 is a uint64. A time in time.UTC names no zone; see UTC.
type Table struct {
	Columns []string
	Rows    [][]any
}

var (
	_ catalog.Copier    = (*Table)(nil)
	_ catalog.Converter = (*Table)(nil)
)

// Column returns the index of a column, or -1.
func (t *Table) Column(name string) int { return slices.Index(t.Columns, name) }

// DeepCopy returns an independent copy.
func (t *Table) DeepCopy() any {
	out := &Table{Columns: slices.Clone(t.Columns), Rows: make([][]any, len(t.Rows))}
	cells := make([]any, 0, len(t.Rows)*len(t.Columns)) // one block for all rows
	for i, row := range t.Rows {
		start := len(cells)
		for _, cell := range row {
			cells = append(cells, catalog.DeepCopy(cell))
		}
		out.Rows[i] = cells[start:len(cells):len(cells)]
	}
	return out
}

// Records returns the rows as mappings from column to value.
func (t *Table) Records() []map[string]any {
	records := make([]map[string]any, len(t.Rows))
	for i, row := range t.Rows {
		record := make(map[string]any, len(row))
		for j, name := range t.Columns {
			record[name] = row[j]
		}
		records[i] = record
	}
	return records
}

// ConvertTo makes the table a slice of structs or mappings, an Arrow table or record batch, or an iterator over rows.
func (t *Table) ConvertTo(want reflect.Type) (any, bool, error) {
	switch want {
	case tableType:
		return *t, true, nil
	case tablePointer:
		return t, true, nil
	case recordsType:
		return t.Records(), true, nil
	case rowsType:
		return t.Rows, true, nil
	case arrowTableType, arrowRecordType:
		batch, err := t.arrowRecord()
		if err != nil || want == arrowRecordType {
			return batch, true, err
		}
		return arrowTable(batch), true, nil
	}
	if item, _, ok := catalog.IteratorOf(want); ok {
		list, ok, err := t.ConvertTo(reflect.SliceOf(item))
		if err != nil || !ok {
			return nil, ok, err
		}
		out, err := catalog.Convert(list, want)
		return out, true, err
	}
	if want.Kind() == reflect.Slice && isRecord(want.Elem()) {
		rows, err := decodeAll(newTableReader(t), want)
		return rows, true, err
	}
	return nil, false, nil
}

// ConvertFrom fills the table with other tabular data: slices of structs or mappings, Arrow tables and batches.
func (t *Table) ConvertFrom(data any) error {
	f, err := frameOf(data)
	if err != nil {
		return err
	}
	made, err := f.table()
	if err == nil {
		*t = *made
	}
	return err
}

var (
	tableType       = reflect.TypeFor[Table]()
	tablePointer    = reflect.TypeFor[*Table]()
	recordsType     = reflect.TypeFor[[]map[string]any]()
	rowsType        = reflect.TypeFor[[][]any]()
	arrowTableType  = reflect.TypeFor[arrow.Table]()
	arrowRecordType = reflect.TypeFor[arrow.RecordBatch]()
)

// isRecord tells whether a row can be decoded into t: a struct or a pointer to one.
func isRecord(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && t != tableType && t != timeType
}
