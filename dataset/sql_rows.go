package dataset

import (
	"database/sql"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sqlReader hands out the rows of a query.
type sqlReader struct {
	rows   *sql.Rows
	names  []string
	kinds  []string // as the database names the types of the columns
	dates  []bool   // columns of texts that hold times
	number int
	cells  []any
	into   []any // pointers to cells
}

func newSQLReader(rows *sql.Rows, dates []string) (*sqlReader, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	kinds, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	r := &sqlReader{rows: rows, names: names, kinds: make([]string, len(names)), dates: make([]bool, len(names)),
		cells: make([]any, len(names)), into: make([]any, len(names))}
	for i, kind := range kinds {
		r.kinds[i], _, _ = strings.Cut(strings.ToUpper(kind.DatabaseTypeName()), "(")
		r.dates[i] = slices.Contains(dates, names[i])
		r.into[i] = &r.cells[i]
	}
	return r, nil
}

func (r *sqlReader) columns() []string { return r.names }

func (r *sqlReader) close() { _ = r.rows.Close() } // its error is that of next

func (r *sqlReader) next() (row, error) {
	if !r.rows.Next() {
		return row{}, firstError(r.rows.Err(), io.EOF)
	}
	if err := r.rows.Scan(r.into...); err != nil {
		return row{}, err
	}
	r.number++
	for i, cell := range r.cells {
		value, err := r.value(i, cell)
		if err != nil {
			return row{}, &PlaceError{Row: r.number, Column: r.names[i], Want: "a value that a table holds", Got: err.Error()}
		}
		r.cells[i] = value
	}
	return row{values: r.cells, number: r.number}, nil
}

func (r *sqlReader) value(i int, cell any) (any, error) {
	exact := r.kinds[i] == "NUMERIC" || r.kinds[i] == "DECIMAL" // becomes float, as in pandas
	switch v := cell.(type) {
	case string:
		if exact {
			f, ok := parseFloat(v)
			if !ok && v != "NaN" {
				return nil, errors.New("number " + strconv.Quote(v))
			}
			if !ok {
				return nil, nil
			}
			return f, nil
		}
		if t, ok := parseTime(v); ok && r.dates[i] {
			return t, nil
		}
		return v, nil
	case int64:
		switch {
		case exact:
			return float64(v), nil
		case r.kinds[i] == "BOOLEAN" || r.kinds[i] == "BOOL": // SQLite keeps numbers
			return v != 0, nil
		}
		return v, nil
	case []byte:
		if r.kinds[i] == "JSON" || r.kinds[i] == "JSONB" {
			return string(v), nil
		}
		return slices.Clone(v), nil
	case float32:
		return float64(v), nil
	case time.Time:
		if v.Location() == time.Local { // a TIMESTAMP WITH TIME ZONE; the other kind comes in time.UTC
			return inZone(v, time.UTC), nil
		}
		return v, nil
	}
	return cell, nil
}

// finish makes columns that mix whole numbers and floats, as SQLite allows, columns of floats.
func (r *sqlReader) finish(t *Table, _ []int) (*Table, error) {
	t.unifyNumbers()
	return t, nil
}
