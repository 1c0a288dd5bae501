package dataset_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/catalog/catalogtest"
	"github.com/kedge-run/kedge/dataset"
)

// newCatalog makes a catalog of the given entries over all types of this package.
func newCatalog(t *testing.T, entries map[string]map[string]any) *catalog.DataCatalog {
	t.Helper()
	var list []catalog.Entry
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		list = append(list, catalog.Entry{Name: name, Config: entries[name]})
	}
	c, err := catalog.FromConfig(t.Context(), list, catalog.Options{Types: dataset.Types(), SaveVersion: "2024-06-01T00.00.00.000Z"})
	require.NoError(t, err)
	return c
}

// load loads a dataset as T.
func load[T any](ctx context.Context, t *testing.T, c *catalog.DataCatalog, name string) T {
	t.Helper()
	data, err := c.LoadAs(ctx, name, reflect.TypeFor[T]())
	require.NoError(t, err)
	return data.(T)
}

// car is a row of the tables that the tests save.
type car struct {
	ID    int        `kedge:"id"`
	Name  string     `kedge:"name"`
	Price *float64   `kedge:"price"`
	Sold  bool       `kedge:"sold"`
	Built *time.Time `kedge:"built"`
}

var (
	price = 12.5
	built = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	cars  = []car{{1, "Isle of \"Man\", north", &price, true, &built}, {2, "日本", nil, false, nil}}
)

// table is cars without its types; a fresh copy for each use.
func table() *dataset.Table {
	return &dataset.Table{Columns: []string{"id", "name", "price"}, Rows: [][]any{{int64(1), "a,b", 0.5}, {int64(2), "日本 \"x\"", nil}, {int64(3), "line\nbreak", 2.0}}}
}

func mutateTable(loaded any) { loaded.(*dataset.Table).Rows[0][0] = int64(99) }

// subject is a type of the suite.
type subject struct {
	config   map[string]any
	features catalogtest.Features
}

// fileTypes are the types of this package that keep one file.
func fileTypes() map[string]subject {
	second := &dataset.Table{Columns: []string{"other"}, Rows: [][]any{{int64(7)}}}
	nested := map[string]any{"a": []any{1, 2.5, nil, true, "é"}, "b": map[string]any{"c": "x"}}
	mutateMap := func(loaded any) { loaded.(map[string]any)["a"] = "changed" }
	tabular := catalogtest.Features{Value: table(), Second: second, Refused: 5, Mutate: mutateTable}
	return map[string]subject{
		"csv":         {map[string]any{"type": "pandas.CSVDataset"}, withFile(tabular, "x.csv")},
		"parquet":     {map[string]any{"type": "pandas.ParquetDataset"}, withFile(tabular, "x.parquet")},
		"feather":     {map[string]any{"type": "pandas.FeatherDataset"}, withFile(tabular, "x.feather")},
		"excel":       {map[string]any{"type": "kedro_datasets.pandas.ExcelDataset"}, withFile(tabular, "x.xlsx")},
		"pandas json": {map[string]any{"type": "pandas.JSONDataset"}, withFile(catalogtest.Features{Value: second, Second: table(), Refused: 5, Loaded: second}, "x.json")},
		"json":        {map[string]any{"type": "json.JSONDataset"}, catalogtest.Features{Value: nested, Second: "x", Refused: func() {}, Mutate: mutateMap, File: "x.json"}},
		"plotly":      {map[string]any{"type": "plotly.JSONDataset"}, catalogtest.Features{Value: nested, Second: "x", Refused: func() {}, Mutate: mutateMap, File: "x.json"}},
		"yaml":        {map[string]any{"type": "yaml.YAMLDataset"}, catalogtest.Features{Value: nested, Second: "x", Refused: func() {}, Mutate: mutateMap, File: "x.yml"}},
		"text":        {map[string]any{"type": "text.TextDataset"}, catalogtest.Features{Value: "héllo\n", Second: "x", Refused: []any{1}, File: "x.txt"}},
		"pillow":      {map[string]any{"type": "pillow.ImageDataset"}, catalogtest.Features{Value: []byte("<svg/>"), Second: []byte("x"), Refused: 5, File: "x.png"}},
		"picture":     {map[string]any{"type": "matplotlib.MatplotlibDataset"}, catalogtest.Features{Value: []byte("<svg/>"), Second: []byte("x"), Refused: 5, File: "x.svg"}},
	}
}

// TestTypesPassTheSuite runs the suite of all dataset types over every type of this package (CAT-055 to CAT-071).
func TestTypesPassTheSuite(t *testing.T) {
	for name, subject := range fileTypes() {
		t.Run(name, func(t *testing.T) {
			catalogtest.Exercise(t, dataset.Types(), subject.config, subject.features)
		})
	}
}

func withFile(f catalogtest.Features, name string) catalogtest.Features {
	f.File = name
	return f
}

func TestStructsGoThroughEveryTabularType(t *testing.T) {
	for name, config := range map[string]map[string]any{
		"cars.csv":     {"type": "pandas.CSVDataset"},
		"cars.parquet": {"type": "pandas.ParquetDataset"},
		"cars.feather": {"type": "pandas.FeatherDataset", "save_args": map[string]any{"compression": "zstd"}},
		"cars.xlsx":    {"type": "pandas.ExcelDataset"},
		"cars.json":    {"type": "pandas.JSONDataset", "load_args": map[string]any{"orient": "records"}, "save_args": map[string]any{"orient": "records"}},
	} {
		t.Run(name, func(t *testing.T) {
			config["filepath"] = filepath.Join(t.TempDir(), name)
			ctx := t.Context()
			c := newCatalog(t, map[string]map[string]any{"cars": config})
			require.NoError(t, c.Save(ctx, "cars", cars))
			require.Equal(t, cars, load[[]car](ctx, t, c, "cars"))
			pointers := load[[]*car](ctx, t, c, "cars")
			require.Equal(t, cars[1], *pointers[1])
			records := load[[]map[string]any](ctx, t, c, "cars")
			require.Equal(t, "日本", records[1]["name"])
			require.Nil(t, records[1]["price"])
			var streamed []car
			for row, err := range load[iter.Seq2[car, error]](ctx, t, c, "cars") {
				require.NoError(t, err)
				streamed = append(streamed, row)
			}
			require.Equal(t, cars, streamed)
			batch := load[arrow.RecordBatch](ctx, t, c, "cars")
			require.EqualValues(t, 2, batch.NumRows())
			require.NoError(t, c.Save(ctx, "cars", batch))
			require.Equal(t, cars, load[[]car](ctx, t, c, "cars"))
			require.NoError(t, c.Save(ctx, "cars", slices.Values(cars)))
			require.NoError(t, c.Save(ctx, "cars", load[arrow.Table](ctx, t, c, "cars")))
			require.Equal(t, cars, load[[]car](ctx, t, c, "cars"))
		})
	}
}

func TestChunksOfTables(t *testing.T) {
	rows := make([][]any, 20_000)
	for i := range rows {
		rows[i] = []any{int64(i), fmt.Sprint("n", i)}
	}
	for _, kind := range []string{"pandas.CSVDataset", "pandas.ParquetDataset"} {
		c := newCatalog(t, map[string]map[string]any{"big": {"type": kind, "filepath": filepath.Join(t.TempDir(), "big")}})
		require.NoError(t, c.Save(t.Context(), "big", &dataset.Table{Columns: []string{"i", "name"}, Rows: rows}))
		var all [][]any
		chunks := 0
		for chunk, err := range load[iter.Seq2[*dataset.Table, error]](t.Context(), t, c, "big") {
			require.NoError(t, err)
			all = append(all, chunk.Rows...)
			chunks++
		}
		require.Equal(t, rows, all)
		require.Greater(t, chunks, 1)
		for record, err := range load[iter.Seq2[map[string]any, error]](t.Context(), t, c, "big") {
			require.NoError(t, err)
			require.Equal(t, map[string]any{"i": int64(0), "name": "n0"}, record)
			break
		}
	}
}

// TestErrorsNameThePlace: file, row, column, expected type.
func TestErrorsNameThePlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cars.csv")
	require.NoError(t, os.WriteFile(path, []byte("id,name,sold\n1,a,True\nx,b,False\n"), 0o600))
	long := filepath.Join(t.TempDir(), "cars.csv")
	require.NoError(t, os.WriteFile(long, []byte("id,name,sold\n1,a,\"two\nlines\"\n2,b\n1,2,3,4\n"), 0o600))
	c := newCatalog(t, map[string]map[string]any{
		"cars":  {"type": "pandas.CSVDataset", "filepath": path},
		"wide":  {"type": "pandas.CSVDataset", "filepath": path, "load_args": map[string]any{"names": []any{"a", "b"}, "header": 0}},
		"long":  {"type": "pandas.CSVDataset", "filepath": long},
		"args":  {"type": "pandas.CSVDataset", "filepath": path, "load_args": map[string]any{"on_bad_lines": "skip"}},
		"cloud": {"type": "pandas.CSVDataset", "filepath": "hdfs://host/x.csv"},
		"fixed": {"type": "pickle.PickleDataset", "filepath": path},
	})
	type row struct {
		ID   int    `kedge:"id"`
		Name string `kedge:"name"`
	}
	want := func(name string, typ reflect.Type, text string) {
		t.Helper()
		_, err := c.LoadAs(t.Context(), name, typ)
		require.ErrorContains(t, err, text)
	}
	want("cars", reflect.TypeFor[[]row](), `cars.csv: row 3, column "id": expected int (*int allows blanks), got "x"`)
	want("cars", reflect.TypeFor[[]struct{ Missing int }](), `column "Missing": expected a column for field Missing`)
	want("cars", reflect.TypeFor[iter.Seq[row]](), "a file is read as iter.Seq2[")
	want("wide", nil, "cars.csv: expected 3 names in load_args.names, one for each column, got 2")
	want("long", nil, "cars.csv: row 5: expected 3 fields, got 4")
	want("args", nil, "load_args.on_bad_lines isn't supported; supported are: compression, date_format, dayfirst, delimiter, dtype, encoding,")
	want("cloud", nil, `protocol "hdfs" isn't supported: use a path on the local disk`)
	want("fixed", nil, "use json.JSONDataset for values, pandas.ParquetDataset for tables")
	for _, err := range load[iter.Seq2[row, error]](t.Context(), t, c, "cars") {
		if err != nil {
			require.ErrorContains(t, err, `cars.csv: row 3, column "id"`)
			return
		}
	}
	require.Fail(t, "the iterator ended without the error")
}

// TestPandasFiles reads files that pandas 3.1.1 (pyarrow 26.0.1, openpyxl 3.1.5) wrote by
//
//	df = pd.DataFrame({'id': [1, 2, 3], 'ratio': [0.5, None, 2.0], 'name': ['Isle of Man', None, '日本'], 'ok': [True, False, True],
//	    'at': pd.to_datetime(['2024-01-02 03:04:05', '2024-06-01 00:00:00', None]), 'kind': pd.Categorical(['a', 'b', 'a'])}, index=[10, 20, 30])
//	df.to_parquet('pandas.parquet')
//	df.reset_index(drop=True).to_feather('pandas.feather')
//	df.drop(columns='kind').to_excel('pandas.xlsx', index=False, sheet_name='Cars')
func TestPandasFiles(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse("2006-01-02 15:04:05", text)
		require.NoError(t, err)
		return parsed
	}
	rows := [][]any{
		{int64(1), 0.5, "Isle of Man", true, at("2024-01-02 03:04:05")},
		{int64(2), nil, nil, false, at("2024-06-01 00:00:00")},
		{int64(3), 2.0, "日本", true, nil},
	}
	columns := []string{"id", "ratio", "name", "ok", "at"}
	c := newCatalog(t, map[string]map[string]any{
		"parquet": {"type": "pandas.ParquetDataset", "filepath": "testdata/pandas.parquet", "load_args": map[string]any{"columns": []any{"id", "ratio", "name", "ok", "at"}}},
		"feather": {"type": "pandas.FeatherDataset", "filepath": "testdata/pandas.feather", "load_args": map[string]any{"columns": []any{"id", "ratio", "name", "ok", "at"}}},
		"labels":  {"type": "pandas.FeatherDataset", "filepath": "testdata/pandas.feather", "load_args": map[string]any{"columns": []any{"kind", "id"}}},
		"whole":   {"type": "pandas.ParquetDataset", "filepath": "testdata/pandas.parquet"},
		"excel":   {"type": "pandas.ExcelDataset", "filepath": "testdata/pandas.xlsx", "load_args": map[string]any{"sheet_name": "Cars"}},
		"sheets":  {"type": "pandas.ExcelDataset", "filepath": "testdata/pandas.xlsx", "load_args": map[string]any{"sheet_name": nil}},
	})
	want := &dataset.Table{Columns: columns, Rows: rows}
	require.Equal(t, want, load[*dataset.Table](t.Context(), t, c, "parquet"))
	require.Equal(t, want, load[*dataset.Table](t.Context(), t, c, "feather"))
	require.Equal(t, []any{"b", int64(2)}, load[*dataset.Table](t.Context(), t, c, "labels").Rows[1])
	require.EqualValues(t, 2, load[arrow.Table](t.Context(), t, c, "labels").NumCols())
	require.Equal(t, want, load[*dataset.Table](t.Context(), t, c, "excel"))
	require.Equal(t, map[string]*dataset.Table{"Cars": want}, load[map[string]*dataset.Table](t.Context(), t, c, "sheets"))
	whole := load[*dataset.Table](t.Context(), t, c, "whole")
	require.Equal(t, append(columns, "kind"), whole.Columns, "row labels are left out")
	require.Equal(t, "b", whole.Rows[1][5])
}

func TestFSArgs(t *testing.T) {
	for text, open := range map[string]map[string]any{
		`fs_args.open_args_save.mode must be r or w: files are replaced as a whole, got "a"`: {"open_args_save": map[string]any{"mode": "a"}},
		`fs_args.open_args_load.encoding must be utf-8, got "latin-1"`:                       {"open_args_load": map[string]any{"encoding": "latin-1"}},
		`fs_args.open_args_load.newline isn't supported`:                                     {"open_args_load": map[string]any{"newline": ""}},
		`fs_args.open_args_save.errors must be one of strict, got "ignore"`:                  {"open_args_save": map[string]any{"errors": "ignore"}},
		`fs_args.nonsense isn't supported; supported are: auto_mkdir`:                        {"nonsense": 1},
	} {
		_, err := dataset.Types().New("x", map[string]any{"type": "text.TextDataset", "filepath": "x", "fs_args": open}, catalog.Version{})
		require.ErrorContains(t, err, text)
	}
	_, err := dataset.Types().New("x", map[string]any{"type": "text.TextDataset", "filepath": "x", "fs_args": map[string]any{"open_args_save": map[string]any{"mode": "w", "encoding": "utf-8", "newline": ""}}}, catalog.Version{})
	require.NoError(t, err)
}

// TestFilesAreHandedOver: nodes that run programs get the file itself and hand one back.
func TestFilesAreHandedOver(t *testing.T) {
	folder := t.TempDir()
	c := newCatalog(t, map[string]map[string]any{"x": {"type": "text.TextDataset", "filepath": filepath.Join(folder, "x.txt"), "versioned": true}})
	_, err := c.LoadAs(t.Context(), "x", reflect.TypeFor[catalog.Undecoded]())
	require.ErrorIs(t, err, catalog.ErrVersionNotFound)
	made := filepath.Join(t.TempDir(), "made")
	require.NoError(t, os.WriteFile(made, []byte("by a program"), 0o600))
	discarded := false
	require.NoError(t, c.Save(t.Context(), "x", catalog.File{Path: made, Discard: func() { discarded = true }}))
	require.True(t, discarded)
	require.NoFileExists(t, made)
	file := must(c.LoadAs(t.Context(), "x", reflect.TypeFor[catalog.Undecoded]())).(catalog.File)
	require.Equal(t, filepath.Join(folder, "x.txt", "2024-06-01T00.00.00.000Z", "x.txt"), file.Path)
	require.Equal(t, "by a program", load[string](t.Context(), t, c, "x"))
	require.ErrorContains(t, c.Save(t.Context(), "x", catalog.File{Path: made}), "must not exist if versioning is enabled.")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestVersionsDisagreeingIsAWarning(t *testing.T) { // CAT-069, CAT-071
	var lines bytes.Buffer
	ctx := zerolog.New(&lines).WithContext(t.Context())
	path := filepath.Join(t.TempDir(), "x.txt")
	config := map[string]any{"type": "text.TextDataset", "filepath": path}
	types := dataset.Types()
	versioned := func(v catalog.Version) catalog.Versioned {
		entry := maps.Clone(config)
		entry["versioned"] = true
		return must(types.New("x", entry, v)).(catalog.Versioned)
	}
	require.NoError(t, versioned(catalog.Version{Save: "2024"}).Save(ctx, "new"))
	require.Empty(t, lines.String())
	old := versioned(catalog.Version{Save: "2023"})
	require.NoError(t, old.Save(ctx, "old"))
	require.Contains(t, lines.String(), "Save version '2023' did not match load version '2024' for kedro_datasets.text.text_dataset.TextDataset(")
	versions, err := old.(interface {
		Versions(context.Context) ([]string, error)
	}).Versions(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"2024", "2023"}, versions)
	require.Equal(t, "new", must(old.Load(ctx)))
}

func TestCachedFile(t *testing.T) { // CAT-120
	path := filepath.Join(t.TempDir(), "x.json")
	c := newCatalog(t, map[string]map[string]any{"x": {"type": "CachedDataset", "versioned": true, "dataset": map[string]any{"type": "json.JSONDataset", "filepath": path}}})
	require.NoError(t, c.Save(t.Context(), "x", map[string]any{"a": 1}))
	require.NoError(t, os.RemoveAll(path))
	require.Equal(t, map[string]any{"a": 1}, load[map[string]any](t.Context(), t, c, "x"))
	require.NoError(t, c.Release(t.Context(), "x"))
	_, err := c.Load(t.Context(), "x")
	require.ErrorIs(t, err, catalog.ErrVersionNotFound)
}
