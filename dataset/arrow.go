package dataset

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

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
		if !appendCell(b, row[j]) {
			return &PlaceError{Row: i + 1, Column: t.Columns[j], Want: b.Type().String(), Got: shownCell(row[j])}
		}
	}
	return nil
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
			cell, err := valueAt(column, i)
			if err != nil {
				return nil, &PlaceError{Row: i + 1, Column: t.Columns[j], Want: "a supported value", Got: err.Error()}
			}
			t.Rows[i][j] = cell
		}
	}
	return t, nil
}
