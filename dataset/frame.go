package dataset

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/kedge-run/kedge/catalog"
)

// frame is tabular data to be saved, whatever shape it came in.
type frame struct {
	columns []string
	types   []reflect.Type // of the columns, where the data says so; nil otherwise
	// each yields the rows; a row is valid until yield returns. It returns the first error of the source.
	each func(yield func(cells []any) bool) error
}

// frameOf reads the shapes that nodes give: *Table, slices and iterators of structs or mappings, Arrow tables and batches.
func frameOf(data any) (*frame, error) {
	switch v := data.(type) {
	case *Table:
		return tableFrame(v), nil
	case Table:
		return tableFrame(&v), nil
	case []map[string]any:
		return recordFrame(v), nil
	case arrow.RecordBatch:
		t, err := tableOfRecord(v)
		if err != nil {
			return nil, err
		}
		return tableFrame(t), nil
	case arrow.Table:
		t, err := tableOfArrow(v)
		if err != nil {
			return nil, err
		}
		return tableFrame(t), nil
	}
	v := reflect.ValueOf(data)
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Array {
		return sliceFrame(v)
	}
	if item, withError, ok := catalog.IteratorOf(v.Type()); ok {
		return iteratorFrame(v, item, withError)
	}
	return nil, fmt.Errorf("tabular data is a *dataset.Table, a slice or iterator of structs or map[string]any, an arrow.Table or an arrow.RecordBatch, not %T", data)
}

func tableFrame(t *Table) *frame {
	return &frame{columns: t.Columns, each: func(yield func([]any) bool) error {
		for i, row := range t.Rows {
			if len(row) != len(t.Columns) {
				return &PlaceError{Row: i + 1, Want: fmt.Sprintf("%d values", len(t.Columns)), Got: fmt.Sprint(len(row))}
			}
			if !yield(row) {
				return nil
			}
		}
		return nil
	}}
}

// recordFrame orders the columns by name, since mappings have no order.
func recordFrame(records []map[string]any) *frame {
	names := map[string]bool{}
	for _, record := range records {
		for name := range record {
			names[name] = true
		}
	}
	f := &frame{columns: slices.Sorted(maps.Keys(names))}
	f.each = func(yield func([]any) bool) error {
		cells := make([]any, len(f.columns))
		for _, record := range records {
			for i, name := range f.columns {
				cells[i] = nil
				if value := record[name]; value != nil {
					cells[i] = plainCell(reflect.ValueOf(value))
				}
			}
			if !yield(cells) {
				return nil
			}
		}
		return nil
	}
	return f
}

func sliceFrame(v reflect.Value) (*frame, error) {
	item := v.Type().Elem()
	if isRecord(item) {
		return structFrame(item, func(yield func(reflect.Value) bool) error {
			for i := range v.Len() {
				if !yield(v.Index(i)) {
					return nil
				}
			}
			return nil
		}), nil
	}
	records, err := catalog.Convert(v.Interface(), recordsType)
	if err != nil {
		return nil, fmt.Errorf("rows must be structs or mappings: %w", err)
	}
	return recordFrame(records.([]map[string]any)), nil
}

// iteratorFrame streams structs; chunks of other shapes are gathered, since their columns are known at the end only.
func iteratorFrame(v reflect.Value, item reflect.Type, withError bool) (*frame, error) {
	if isRecord(item) {
		return structFrame(item, func(yield func(reflect.Value) bool) error { return iterate(v, withError, yield) }), nil
	}
	if item == recordsType.Elem() {
		var records []map[string]any
		err := iterate(v, withError, func(value reflect.Value) bool {
			records = append(records, value.Interface().(map[string]any))
			return true
		})
		return recordFrame(records), err
	}
	return chunkFrame(v, withError)
}

func chunkFrame(v reflect.Value, withError bool) (*frame, error) {
	all := &Table{}
	var failed error
	err := iterate(v, withError, func(chunk reflect.Value) bool {
		var part *frame
		if part, failed = frameOf(chunk.Interface()); failed != nil {
			return false
		}
		if all.Columns == nil {
			all.Columns = part.columns
		}
		if !slices.Equal(all.Columns, part.columns) {
			failed = fmt.Errorf("columns differ between chunks: %s and %s", strings.Join(all.Columns, ", "), strings.Join(part.columns, ", "))
			return false
		}
		failed = part.each(func(cells []any) bool { all.Rows = append(all.Rows, slices.Clone(cells)); return true })
		return failed == nil
	})
	return tableFrame(all), firstError(failed, err)
}

// iterate ranges over an iterator by reflection; it returns the error that the iterator yields.
func iterate(v reflect.Value, withError bool, yield func(reflect.Value) bool) (err error) {
	step := func(args []reflect.Value) []reflect.Value {
		if withError && !args[1].IsNil() {
			err = args[1].Interface().(error)
			return []reflect.Value{reflect.ValueOf(false)}
		}
		return []reflect.Value{reflect.ValueOf(yield(args[0]))}
	}
	v.Call([]reflect.Value{reflect.MakeFunc(v.Type().In(0), step)})
	return err
}

func structFrame(item reflect.Type, items func(yield func(reflect.Value) bool) error) *frame {
	structure := item
	if item.Kind() == reflect.Pointer {
		structure = item.Elem()
	}
	fields := catalog.Fields(structure)
	f := &frame{}
	for _, field := range fields {
		f.columns = append(f.columns, field.Name)
		f.types = append(f.types, field.Type)
	}
	f.each = func(yield func([]any) bool) error {
		cells := make([]any, len(fields))
		var failed error
		err := items(func(v reflect.Value) bool {
			if v.Kind() == reflect.Pointer {
				if v.IsNil() {
					failed = fmt.Errorf("a row of type %s is nil", item)
					return false
				}
				v = v.Elem()
			}
			for i, field := range fields {
				cells[i] = plainCell(v.FieldByIndex(field.Index))
			}
			return yield(cells)
		})
		return firstError(failed, err)
	}
	return f
}

// table gathers the rows.
func (f *frame) table() (*Table, error) {
	t := &Table{Columns: f.columns, Rows: [][]any{}}
	err := f.each(func(cells []any) bool { t.Rows = append(t.Rows, slices.Clone(cells)); return true })
	return t, err
}
