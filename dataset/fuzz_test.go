package dataset_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
)

// fuzzed is what the fuzz targets decode rows into.
type fuzzed struct {
	ID   int      `kedge:"id"`
	Name string   `kedge:"name"`
	X    *float64 `kedge:"x"`
}

// load puts data into a file and loads it untyped and typed; it returns what the untyped load gave. No input may panic.
func fuzzLoad(t *testing.T, kind, file string, data []byte) (any, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	ds, err := dataset.Types().New("x", map[string]any{"type": kind, "filepath": path}, catalog.Version{})
	require.NoError(t, err)
	value, err := ds.Load(t.Context())
	typed := reflect.New(reflect.TypeFor[[]fuzzed]())
	_ = ds.(catalog.IntoLoader).LoadInto(t.Context(), typed.Interface()) // an error is a good answer
	return value, err
}

// requireTable checks what every table promises: rows as wide as the columns.
func requireTable(t *testing.T, value any) *dataset.Table {
	t.Helper()
	table := value.(*dataset.Table)
	for _, row := range table.Rows {
		require.Len(t, row, len(table.Columns))
	}
	return table
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"id,name,x\n1,a,0.5\n", "id,name,x\n1,\"a\n\"\"b\",\n", "a;b\n", "\ufeffid\n\n1\n", "id,id,\n1,2,3\n", "\"", "a\r\nb\r\n", "x\n0x1p3\n1_0\ninf\nnan\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if value, err := fuzzLoad(t, "pandas.CSVDataset", "x.csv", data); err == nil {
			requireTable(t, value)
		}
	})
}

// FuzzCSVRecords: what encoding/csv writes is read back as it was.
func FuzzCSVRecords(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2", "a\x00\"x\ny\"\x00 z", "a\r\nb\x00\"\"", "\ra", ",;\t"} {
		f.Add(seed, ",")
		f.Add(seed, "\t")
	}
	f.Fuzz(func(t *testing.T, text, sep string) {
		fields := strings.Split(text, "\x00")
		comma, size := utf8.DecodeRuneInString(sep)
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		w.Comma = comma
		if size != len(sep) || !utf8.ValidString(text) || strings.HasPrefix(text, "\ufeff") || w.WriteAll([][]string{fields, fields}) != nil {
			t.Skip()
		}
		if strings.Trim(strings.ReplaceAll(text, sep, "x"), " \t") == "" {
			t.Skip("a blank line is no record")
		}
		path := filepath.Join(t.TempDir(), "x.csv")
		require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
		ds, err := dataset.Types().New("x", map[string]any{"type": "pandas.CSVDataset", "filepath": path,
			"load_args": map[string]any{"sep": sep, "header": nil, "dtype": "str", "na_filter": false}}, catalog.Version{})
		require.NoError(t, err)
		data, err := ds.Load(t.Context())
		require.NoError(t, err)
		table := requireTable(t, data)
		require.Len(t, table.Rows, 2)
		for i, field := range fields {
			require.Equal(t, []any{field, field}, []any{table.Rows[0][i], table.Rows[1][i]})
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a": [1, 2.5, null, "\ud83d\ude00"]}`, "NaN", "[1e400, -0]", `"\u12"`, "[[[[", `{"a":1,"a":2}`, "\ufeff1", "1 2"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := fuzzLoad(t, "json.JSONDataset", "x.json", data)
		if err != nil {
			if len(data) < 1000 && utf8.Valid(data) && !bytes.HasPrefix(data, []byte("\ufeff")) && !bytes.Contains(data, []byte(`\u`)) {
				require.False(t, json.Valid(data), "the standard library reads it: %v", err)
			}
			return
		}
		if !finite(value) {
			return
		}
		path := filepath.Join(t.TempDir(), "y.json")
		ds, err := dataset.Types().New("y", map[string]any{"type": "json.JSONDataset", "filepath": path}, catalog.Version{})
		require.NoError(t, err)
		require.NoError(t, ds.Save(t.Context(), wrap(value)))
		again, err := ds.Load(t.Context())
		require.NoError(t, err)
		require.Equal(t, wrap(value), again)
	})
}

// wrap keeps nil from being the whole of what is saved.
func wrap(value any) any { return []any{value} }

// finite tells whether a value holds no NaN, which equals nothing.
func finite(value any) bool {
	switch v := value.(type) {
	case float64:
		return !math.IsNaN(v)
	case []any:
		for _, item := range v {
			if !finite(item) {
				return false
			}
		}
	case map[string]any:
		for _, item := range v {
			if !finite(item) {
				return false
			}
		}
	}
	return true
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"a: [1, 2.5, ~]\n", "&a [*a]", "- !!python/object:os.system x", "a: 1\na: 2\n", "? [x]\n: y", "2024-01-02"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = fuzzLoad(t, "yaml.YAMLDataset", "x.yml", data) })
}

func FuzzParquet(f *testing.F) {
	whole, err := os.ReadFile("testdata/pandas.parquet")
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[len(whole)/2:])
	f.Add([]byte("PAR1PAR1"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if value, err := fuzzLoad(t, "pandas.ParquetDataset", "x.parquet", data); err == nil {
			requireTable(t, value)
		}
	})
}

func FuzzFeather(f *testing.F) {
	whole, err := os.ReadFile("testdata/pandas.feather")
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("FEA1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if value, err := fuzzLoad(t, "pandas.FeatherDataset", "x.feather", data); err == nil {
			requireTable(t, value)
		}
	})
}

func FuzzExcel(f *testing.F) {
	whole, err := os.ReadFile("testdata/pandas.xlsx")
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if value, err := fuzzLoad(t, "pandas.ExcelDataset", "x.xlsx", data); err == nil {
			requireTable(t, value)
		}
	})
}
