package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/kedge-run/kedge/catalog"
)

// rowReader hands out the rows of a tabular file.
type rowReader interface {
	columns() []string
	// next returns the next row, valid until the following call, and io.EOF at the end.
	next() (row, error)
	close()
}

// row is one row: texts from formats that hold nothing else, values from the others.
type row struct {
	texts  []string
	values []any
	number int // as the file counts
}

// tableMaker is implemented by readers that know how to give columns of texts a type.
type tableMaker interface {
	// table types the columns of texts; the rows were copied from next, and numbers are theirs.
	table(rows [][]string, numbers []int) (*Table, error)
}

// textPlacer is implemented by readers that know how texts of a column are put into a field of type t.
type textPlacer interface {
	setter(column string, t reflect.Type) func(reflect.Value, string) bool
}

// tableFinisher is implemented by readers whose columns of values need one type each.
type tableFinisher interface {
	finish(t *Table, numbers []int) (*Table, error)
}

var (
	_ tableMaker    = (*csvReader)(nil)
	_ textPlacer    = (*csvReader)(nil)
	_ tableFinisher = (*excelReader)(nil)
	_ tableFinisher = (*sqlReader)(nil)
)

// columnFinder is implemented by readers that may have more columns than the first rows show. To find them takes a look at all rows, so
// that it's done only for those who need them: tables, mappings, and structs with a field that isn't among the columns so far.
type columnFinder interface{ findColumns() error }

func findColumns(r rowReader) error {
	if finder, ok := r.(columnFinder); ok {
		return finder.findColumns()
	}
	return nil
}

// chunkRows is how many rows a chunk of an iterator over tables or mappings holds.
const chunkRows = 8192

// decodeRows reads all rows as want: nil means a *Table.
func decodeRows(r rowReader, want reflect.Type) (any, error) {
	if want == nil || want.Kind() == reflect.Interface && want.NumMethod() == 0 {
		return readTable(r, -1)
	}
	if want.Kind() == reflect.Slice && isRecord(want.Elem()) {
		return decodeAll(r, want)
	}
	t, err := readTable(r, -1)
	if err != nil {
		return nil, err
	}
	return catalog.Convert(t, want)
}

// decodeAll reads all rows into a slice of structs.
func decodeAll(r rowReader, want reflect.Type) (any, error) {
	plan, err := newPlan(want.Elem(), r)
	if err != nil {
		return nil, err
	}
	out := reflect.MakeSlice(want, 0, 64)
	zero := reflect.Zero(want.Elem())
	for {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return out.Interface(), nil
		}
		if err != nil {
			return nil, err
		}
		out = reflect.Append(out, zero)
		if err := plan.decode(row, out.Index(out.Len()-1)); err != nil {
			return nil, err
		}
	}
}

// readTable reads up to limit rows, all when it is negative.
func readTable(r rowReader, limit int) (*Table, error) {
	var texts [][]string
	var numbers []int
	t := &Table{Columns: r.columns(), Rows: [][]any{}}
	for limit < 0 || len(texts)+len(t.Rows) < limit {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, row.number)
		if row.texts != nil {
			texts = append(texts, append([]string(nil), row.texts...))
		} else {
			t.Rows = append(t.Rows, append([]any(nil), row.values...))
		}
	}
	switch r := r.(type) {
	case tableMaker:
		return r.table(texts, numbers)
	case tableFinisher:
		return r.finish(t, numbers)
	}
	return t, nil
}

// eachRow decodes rows one by one, or chunk by chunk when item is a table or a mapping, until yield returns false.
func eachRow(ctx context.Context, r rowReader, item reflect.Type, yield func(any) bool) error {
	if isRecord(item) {
		return eachStruct(ctx, r, item, yield)
	}
	if err := findColumns(r); err != nil {
		return err
	}
	for {
		chunk, err := readTable(r, chunkRows)
		if err != nil || len(chunk.Rows) == 0 {
			return err
		}
		if item == recordsType.Elem() {
			for _, record := range chunk.Records() {
				if !yield(record) {
					return nil
				}
			}
			continue
		}
		converted, err := catalog.Convert(chunk, item)
		if err != nil || ctx.Err() != nil || !yield(converted) {
			return firstError(err, ctx.Err())
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func eachStruct(ctx context.Context, r rowReader, item reflect.Type, yield func(any) bool) error {
	plan, err := newPlan(item, r)
	if err != nil {
		if err := findColumns(r); err != nil {
			return err
		}
		if plan, err = newPlan(item, r); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		if n%chunkRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		value := reflect.New(item).Elem()
		if err := plan.decode(row, value); err != nil {
			return err
		}
		if !yield(value.Interface()) {
			return nil
		}
	}
}

// plan says which column goes into which field of a struct.
type plan struct {
	pointer bool
	steps   []step
}

type step struct {
	column  int
	name    string
	index   []int
	setText func(reflect.Value, string) bool
	want    reflect.Type
}

// newPlan matches fields with columns. Columns without a field are left out; a field without a column is an error
// unless it is a pointer.
func newPlan(item reflect.Type, r rowReader) (*plan, error) {
	p, columns := &plan{}, r.columns()
	setter := func(_ string, t reflect.Type) func(reflect.Value, string) bool { return textSetter(t) }
	if own, ok := r.(textPlacer); ok {
		setter = own.setter
	}
	if item.Kind() == reflect.Pointer {
		p.pointer, item = true, item.Elem()
	}
	found := map[string]bool{}
	for i, name := range columns {
		f, ok := catalog.FieldNamed(item, name)
		if !ok || found[f.Name] {
			continue
		}
		found[f.Name] = true
		p.steps = append(p.steps, step{column: i, name: name, index: f.Index, want: f.Type, setText: setter(name, f.Type)})
	}
	for _, f := range catalog.Fields(item) {
		if !found[f.Name] && f.Type.Kind() != reflect.Pointer {
			return nil, &PlaceError{Column: f.Name, Want: fmt.Sprintf("a column for field %s of %s", f.Name, item), Got: "columns " + strings.Join(columns, ", ")}
		}
	}
	return p, nil
}

func (p *plan) decode(r row, into reflect.Value) error {
	if p.pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	for i := range p.steps {
		s := &p.steps[i]
		dst := into.FieldByIndex(s.index)
		if r.texts != nil {
			if !s.setText(dst, r.texts[s.column]) {
				return &PlaceError{Row: r.number, Column: s.name, Want: wanted(s.want), Got: quoted(r.texts[s.column])}
			}
			continue
		}
		if err := setValue(dst, r.values[s.column]); err != nil {
			return &PlaceError{Row: r.number, Column: s.name, Want: wanted(s.want), Got: shownCell(r.values[s.column])}
		}
	}
	return nil
}

// wanted names a type in an error, and says how to allow missing values.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer, reflect.String, reflect.Float32, reflect.Float64, reflect.Interface:
		return strings.TrimPrefix(t.String(), "*")
	}
	return t.String() + " (*" + t.String() + " allows blanks)"
}

func shownCell(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case string:
		return quoted(v)
	case time.Time:
		return v.String()
	}
	switch reflect.TypeOf(value).Kind() {
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Struct, reflect.Pointer: // may be large, or refer to itself
		return fmt.Sprintf("a %T", value)
	}
	return fmt.Sprintf("%v (%T)", value, value)
}

// tableReader reads the rows of a Table.
type tableReader struct {
	t  *Table
	at int
}

func newTableReader(t *Table) *tableReader { return &tableReader{t: t} }

func (r *tableReader) columns() []string { return r.t.Columns }
func (r *tableReader) close()            {}

func (r *tableReader) next() (row, error) {
	if r.at == len(r.t.Rows) {
		return row{}, io.EOF
	}
	r.at++
	return row{values: r.t.Rows[r.at-1], number: r.at}, nil
}
