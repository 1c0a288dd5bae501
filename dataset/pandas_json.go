package dataset

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

const pandasJSONClass = "kedro_datasets.pandas.json_dataset.JSONDataset"

// buildPandasJSON keeps a table as JSON: a list of records, or columns as pandas writes them.
func buildPandasJSON(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "load_args", "save_args"); err != nil {
		return nil, err
	}
	c := pandasJSON{jsonCodec: jsonCodec{indent: -1, ascii: true, itemSep: ",", keySep: ":"}}
	load := argsOf(spec, "load_args", "engine", "convert_axes", "storage_options")
	c.readOrient = load.choice("orient", "columns", "records", "columns")
	c.readLines = load.boolean("lines", false)
	c.charset = readCharset(load)
	c.dates = readJSONDates(load)
	if load.values["dtype"] == false {
		load.known = append(load.known, "dtype") // types are never guessed
	} else {
		c.typing.dtypes = readDtypes(load)
	}
	saved := argsOf(spec, "save_args", "index", "storage_options")
	c.times = readJSONTimes(saved)
	checkPrecision(saved)
	if mode := saved.text("mode", "w"); mode != "w" {
		saved.fail("mode", "must be %q: files are replaced as a whole, got %q", "w", mode)
	}
	c.writeOrient = saved.choice("orient", "columns", "records", "columns")
	c.writeLines = saved.boolean("lines", false)
	c.ascii = saved.boolean("force_ascii", true)
	if c.writeLines && c.writeOrient != "records" {
		saved.fail("lines", "needs orient records")
	}
	if n := saved.number("indent", 0); n > 0 {
		c.indent = n
	}
	if err := firstError(load.done(), saved.done()); err != nil {
		return nil, err
	}
	return newFile(spec, c, shown(spec, "load_args", nil), shown(spec, "save_args", nil))
}

// pandasJSON is a table as JSON.
type pandasJSON struct {
	jsonCodec
	readOrient, writeOrient string
	readLines, writeLines   bool
	charset                 charset
	typing                  typing // of which only the dtypes count
	dates                   jsonDates
	times                   jsonTimes
}

func (c pandasJSON) decode(_ context.Context, src storage.Object, want reflect.Type) (any, error) {
	text, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	if text, err = c.charset.text(text); err != nil {
		return nil, err
	}
	t, err := c.table(text)
	if err != nil {
		return nil, err
	}
	if err := firstError(t.declare(c.typing, nil, nil), c.dates.apply(t, want)); err != nil {
		return nil, err
	}
	return decodeRows(newTableReader(t), want)
}

func (c pandasJSON) table(text []byte) (*Table, error) {
	if c.readLines {
		list := []byte{'['}
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				list = append(append(list, line...), ',')
			}
		}
		text = append(bytes.TrimSuffix(list, []byte{','}), ']')
	}
	data, keys, err := decodeOrdered(text, 1)
	if err != nil {
		return nil, err
	}
	switch v := data.(type) {
	case []any:
		return recordsTable(v, keys)
	case map[string]any:
		_, columns, err := decodeOrdered(text, 0)
		if err != nil {
			return nil, err
		}
		return columnsTable(v, columns)
	}
	return nil, fmt.Errorf("expected a list of records or a mapping of columns, got %s", catalog.TypeName(data))
}

func recordsTable(list []any, columns []string) (*Table, error) {
	t := &Table{Columns: columns, Rows: make([][]any, len(list))}
	for i, item := range list {
		record, ok := item.(map[string]any)
		if !ok {
			return nil, &PlaceError{Row: i + 1, Want: "a mapping from column to value", Got: catalog.TypeName(item)}
		}
		t.Rows[i] = make([]any, len(columns))
		for j, name := range columns {
			if value := record[name]; value != nil {
				t.Rows[i][j] = plainCell(reflect.ValueOf(value))
			}
		}
	}
	t.unifyNumbers()
	return t, nil
}

// columnsTable reads {column: {index: value}}.
func columnsTable(columns map[string]any, names []string) (*Table, error) {
	t := &Table{Columns: names, Rows: [][]any{}}
	index := map[string]int{}
	for j, name := range t.Columns {
		cells, ok := columns[name].(map[string]any)
		if !ok {
			return nil, &PlaceError{Column: name, Want: "a mapping from index to value", Got: catalog.TypeName(columns[name])}
		}
		for _, key := range slices.SortedFunc(maps.Keys(cells), compareIndex) {
			at, ok := index[key]
			if !ok {
				at = len(t.Rows)
				index[key] = at
				t.Rows = append(t.Rows, make([]any, len(t.Columns)))
			}
			if value := cells[key]; value != nil {
				t.Rows[at][j] = plainCell(reflect.ValueOf(value))
			}
		}
	}
	t.unifyNumbers()
	return t, nil
}

// compareIndex orders row labels: numbers by value, before texts.
func compareIndex(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	if errX == nil && errY == nil {
		return x - y
	}
	return strings.Compare(a, b)
}

func (c pandasJSON) encode(ctx context.Context, w io.Writer, data any) error {
	f, err := frameOf(data)
	if err != nil {
		return err
	}
	t, err := f.table()
	if err != nil {
		return err
	}
	c.times.plain(t)
	if c.writeLines {
		for i := range t.Rows {
			if err := c.jsonCodec.encode(ctx, w, t.ordered(i)); err != nil {
				return err
			}
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		return nil
	}
	if c.writeOrient == "records" {
		return c.jsonCodec.encode(ctx, w, t)
	}
	return c.jsonCodec.encode(ctx, w, t.byColumn())
}

// byColumn returns the table as {column: {index: value}}.
func (t *Table) byColumn() any {
	index := make([]string, len(t.Rows))
	at := make(map[string]int, len(t.Rows))
	for i := range t.Rows {
		index[i] = strconv.Itoa(i)
		at[index[i]] = i
	}
	return ordered{t.Columns, func(name string) any {
		j := t.Column(name)
		return ordered{index, func(key string) any { return t.Rows[at[key]][j] }}
	}}
}
