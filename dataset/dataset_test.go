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
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/catalog/catalogtest"
	"github.com/kedge-run/kedge/dataset"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
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
		`fs_args.nonsense isn't supported; supported are: auto_mkdir`:                        {"nonsense": 1},
	} {
		_, err := dataset.Types().New("x", map[string]any{"type": "text.TextDataset", "filepath": "x", "fs_args": open}, catalog.Version{})
		require.ErrorContains(t, err, text)
	}
	_, err := dataset.Types().New("x", map[string]any{"type": "text.TextDataset", "filepath": "x", "fs_args": map[string]any{"open_args_save": map[string]any{"mode": "w", "encoding": "utf-8"}}}, catalog.Version{})
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

// TestNestedColumns reads what pyarrow 26.0.1 wrote by
//
//	table = pa.table({
//	    'list': pa.array([[1, None], None, []]),
//	    'large': pa.array([['x'], [], None], pa.large_list(pa.string())),
//	    'fixed': pa.array([[0.5, 1.0], None, [2.0, 2.5]], pa.list_(pa.float64(), 2)),
//	    'deep': pa.array([[[1], [2, 3]], None, [None]]),
//	    'struct': pa.array([{'x': 1, 'y': 'q'}, None, {'x': None, 'y': 'é'}]),
//	    'map': pa.array([[('k', 1)], None, []], pa.map_(pa.string(), pa.int64())),
//	    'codes': pa.array([[(7, 'x')], None, []], pa.map_(pa.int64(), pa.string()))})
//	pq.write_table(table, 'nested.parquet')
//	pf.write_feather(table.drop_columns(['large', 'fixed']), 'nested.feather')
func TestNestedColumns(t *testing.T) {
	want := &dataset.Table{Columns: []string{"list", "deep", "struct", "map", "codes"}, Rows: [][]any{
		{[]any{int64(1), nil}, []any{[]any{int64(1)}, []any{int64(2), int64(3)}}, map[string]any{"x": int64(1), "y": "q"}, map[string]any{"k": int64(1)}, map[any]any{int64(7): "x"}},
		{nil, nil, nil, nil, nil},
		{[]any{}, []any{nil}, map[string]any{"x": nil, "y": "é"}, map[string]any{}, map[string]any{}},
	}}
	columns := []any{"list", "deep", "struct", "map", "codes"}
	c := newCatalog(t, map[string]map[string]any{
		"parquet": {"type": "pandas.ParquetDataset", "filepath": "testdata/nested.parquet", "load_args": map[string]any{"columns": columns}},
		"feather": {"type": "pandas.FeatherDataset", "filepath": "testdata/nested.feather"},
		"whole":   {"type": "pandas.ParquetDataset", "filepath": "testdata/nested.parquet"},
		"copy":    {"type": "pandas.ParquetDataset", "filepath": filepath.Join(t.TempDir(), "copy.parquet")},
	})
	require.Equal(t, want, load[*dataset.Table](t.Context(), t, c, "parquet"))
	require.Equal(t, want, load[*dataset.Table](t.Context(), t, c, "feather"))
	rows := load[[]nested](t.Context(), t, c, "whole")
	one := int64(1)
	require.Equal(t, nested{List: []*int64{&one, nil}, Large: []string{"x"}, Fixed: []float64{0.5, 1}, Deep: [][]int64{{1}, {2, 3}},
		Struct: &point{&one, "q"}, Map: map[string]int{"k": 1}, Codes: map[int]string{7: "x"}}, rows[0])
	require.Equal(t, nested{Large: []string{}}, rows[1])

	for _, kind := range []string{"pandas.ParquetDataset", "pandas.FeatherDataset", "pandas.JSONDataset"} {
		out := newCatalog(t, map[string]map[string]any{"x": {"type": kind, "filepath": filepath.Join(t.TempDir(), "x")}})
		for i := range rows { // mappings are saved as structs, whose keys are texts
			rows[i].Map, rows[i].Codes = nil, nil
		}
		require.NoError(t, out.Save(t.Context(), "x", rows))
		back := load[[]nested](t.Context(), t, out, "x")
		require.Equal(t, rows[0].Deep, back[0].Deep, kind)
		if kind != "pandas.JSONDataset" { // which has no missing lists of Go, only empty ones
			require.Equal(t, rows, back, kind)
		}
		plain := &dataset.Table{Columns: want.Columns[:4], Rows: [][]any{want.Rows[0][:4], want.Rows[1][:4]}}
		require.NoError(t, out.Save(t.Context(), "x", plain))
		require.NoError(t, c.Save(t.Context(), "copy", load[*dataset.Table](t.Context(), t, out, "x")))
		require.Equal(t, plain, load[*dataset.Table](t.Context(), t, c, "copy"), kind)
	}
	csv := saved(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", &dataset.Table{Columns: want.Columns[:3], Rows: [][]any{want.Rows[0][:3]}})
	require.Equal(t, "list,deep,struct\n\"[1, None]\",\"[[1], [2, 3]]\",\"{'x': 1, 'y': 'q'}\"\n", csv)
}

// nested is a row of nested.parquet.
type nested struct {
	List   []*int64       `kedge:"list"`
	Large  []string       `kedge:"large"`
	Fixed  []float64      `kedge:"fixed"`
	Deep   [][]int64      `kedge:"deep"`
	Struct *point         `kedge:"struct"`
	Map    map[string]int `kedge:"map"`
	Codes  map[int]string `kedge:"codes"`
}

type point struct {
	X *int64 `kedge:"x"`
	Y string `kedge:"y"`
}

func TestNestedValuesThatDontFit(t *testing.T) {
	circle := []any{nil}
	circle[0] = circle
	for text, cells := range map[string][]any{
		`row 2, column "x": expected list<item: int64`:                    {[]any{int64(1)}, "text"},
		`row 2, column "x": expected int64 as in the rows before, got`:    {[]any{int64(1)}, []string{"text"}},
		`row 1, column "x": expected a number, text, boolean`:             {map[int]string{1: "x"}},
		`row 1, column "x": expected lists and mappings at most 1000`:     {circle},
		`column "x": all its mappings are empty, which Parquet`:           {map[string]any{}},
		`row 2, column "x": expected struct<a: int64 nullable> as in the`: {map[string]any{"a": int64(1)}, []any{}},
	} {
		data := &dataset.Table{Columns: []string{"x"}}
		for _, cell := range cells {
			data.Rows = append(data.Rows, []any{cell})
		}
		c := newCatalog(t, map[string]map[string]any{"x": {"type": "pandas.ParquetDataset", "filepath": filepath.Join(t.TempDir(), "x")}})
		require.ErrorContains(t, c.Save(t.Context(), "x", data), text)
	}
}

// TestRowLabels reads what pandas 3.1.1 wrote by
//
//	df = pd.DataFrame({'a': [1, 2]}, index=pd.MultiIndex.from_tuples([('x', 7), ('y', 8)], names=['k', None]))
//	df.to_parquet('labels.parquet')
//	pf.write_feather(pa.Table.from_pandas(df), 'labels.feather')
func TestRowLabels(t *testing.T) {
	for _, kind := range []string{"Parquet", "Feather"} {
		entry := func(columns any) map[string]any {
			return map[string]any{"type": "pandas." + kind + "Dataset", "filepath": "testdata/labels." + strings.ToLower(kind), "load_args": map[string]any{"columns": columns}}
		}
		c := newCatalog(t, map[string]map[string]any{"all": entry(nil), "label": entry([]any{"k", "a"}), "none": entry([]any{}),
			"file": {"type": "pandas." + kind + "Dataset", "filepath": filepath.Join(t.TempDir(), "x")}})
		require.Equal(t, &dataset.Table{Columns: []string{"a"}, Rows: [][]any{{int64(1)}, {int64(2)}}}, load[*dataset.Table](t.Context(), t, c, "all"), kind)
		require.Equal(t, []any{"x", int64(1)}, load[*dataset.Table](t.Context(), t, c, "label").Rows[0], kind)
		none := load[*dataset.Table](t.Context(), t, c, "none")
		require.Empty(t, none.Columns, kind)
		require.Len(t, none.Rows, 2, kind)
		require.NoError(t, c.Save(t.Context(), "file", load[arrow.Table](t.Context(), t, c, "all")))
		require.Equal(t, []string{"a"}, load[*dataset.Table](t.Context(), t, c, "file").Columns, kind)
		plain := &dataset.Table{Columns: []string{"__index_level_0__"}, Rows: [][]any{{"x"}}}
		require.NoError(t, c.Save(t.Context(), "file", plain))
		require.Equal(t, plain, load[*dataset.Table](t.Context(), t, c, "file"), kind)
		require.Zero(t, load[arrow.Table](t.Context(), t, c, "none").NumCols(), kind)
	}
}

// TestTimesKeepTheirZone reads what pyarrow 26.0.1 wrote by
//
//	at = [datetime(2020, 1, 1, 10), None]
//	table = pa.table({
//	    'naive': pa.array(at, pa.timestamp('ms')), 'utc': pa.array(at, pa.timestamp('us', tz='UTC')),
//	    'berlin': pa.array(at, pa.timestamp('us', tz='Europe/Berlin')), 'offset': pa.array(at, pa.timestamp('us', tz='+02:00')),
//	    'nano': pa.array([1577872800123456789, None], pa.timestamp('ns')), 'nano_utc': pa.array([1577872800123456789, None], pa.timestamp('ns', tz='UTC'))})
//	pq.write_table(table, 'times.parquet')
//	pf.write_feather(table, 'times.feather')
//
// and the text is what pandas writes.
func TestTimesKeepTheirZone(t *testing.T) {
	kinds := []string{"timestamp[us]", "timestamp[us, tz=UTC]", "timestamp[us, tz=Europe/Berlin]", "timestamp[us, tz=+02:00]", "timestamp[ns]", "timestamp[ns, tz=UTC]"}
	text := "naive,utc,berlin,offset,nano,nano_utc\n2020-01-01 10:00:00,2020-01-01 10:00:00+00:00,2020-01-01 11:00:00+01:00,2020-01-01 12:00:00+02:00," +
		"2020-01-01 10:00:00.123456789,2020-01-01 10:00:00.123456789+00:00\n,,,,,\n"
	for _, kind := range []string{"Parquet", "Feather"} {
		kindOf := "pandas." + kind + "Dataset"
		c := newCatalog(t, map[string]map[string]any{
			"times": {"type": kindOf, "filepath": "testdata/times." + strings.ToLower(kind)},
			"again": {"type": kindOf, "filepath": filepath.Join(t.TempDir(), "again")}})
		times := load[*dataset.Table](t.Context(), t, c, "times")
		require.Equal(t, time.UTC, times.Rows[0][0].(time.Time).Location())
		require.Equal(t, dataset.UTC, times.Rows[0][1].(time.Time).Location())
		require.Equal(t, text, saved(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", times))
		require.NoError(t, c.Save(t.Context(), "again", times))
		require.Equal(t, text, saved(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", load[*dataset.Table](t.Context(), t, c, "again")))
		var got []string
		for _, field := range load[arrow.Table](t.Context(), t, c, "again").Schema().Fields() {
			got = append(got, field.Type.String())
		}
		require.Equal(t, kinds, got)
	}
}

func TestTimesOfSeveralKinds(t *testing.T) {
	at := time.Date(2020, 1, 1, 10, 0, 0, 0, time.UTC)
	nano, berlin, fixed := at.Add(1), at.In(must(time.LoadLocation("Europe/Berlin"))), at.In(time.FixedZone("", -5400))
	types := func(cells ...any) string {
		data := &dataset.Table{Columns: []string{"x"}}
		for _, cell := range cells {
			data.Rows = append(data.Rows, []any{cell})
		}
		table, err := catalog.Convert(data, reflect.TypeFor[arrow.Table]())
		if err != nil {
			return err.Error()
		}
		return table.(arrow.Table).Schema().Field(0).Type.String()
	}
	require.Equal(t, "timestamp[ns]", types(at, nano, at.Local()))
	require.Equal(t, "timestamp[ns, tz=Europe/Berlin]", types(berlin, berlin.Add(1), berlin))
	require.Equal(t, "timestamp[us, tz=-01:30]", types(fixed, fixed))
	require.Equal(t, "timestamp[us, tz=UTC]", types(berlin, fixed, at.In(dataset.UTC)))
	require.Equal(t, "list<item: timestamp[ns, tz=UTC], nullable>", types([]any{at.In(dataset.UTC)}, []any{berlin, nano.In(dataset.UTC)}))
	require.Contains(t, types(at, berlin), `row 2, column "x": expected timestamp[us] as in the rows before`)
	require.Contains(t, types(nano, at.AddDate(1000, 0, 0)), `row 2, column "x": expected timestamp[ns], got 3020-01-01`)
}
