package dataset_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
)

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

// TestRareTypes reads what pyarrow 26.0.1 wrote by
//
//	table = pa.table({
//	    'large': pa.array([2**64 - 1, 1], pa.uint64()), 'short': pa.array([0.1, 3e-5], pa.float32()),
//	    'exact': pa.array([Decimal('1.10'), Decimal('-0.05')]), 'clock': pa.array([time(10, 30), time(1, 2, 3, 5000)])})
//	pq.write_table(table, 'rare.parquet')
//
// and the text is what pandas writes.
func TestRareTypes(t *testing.T) {
	c := newCatalog(t, map[string]map[string]any{
		"rare":  {"type": "pandas.ParquetDataset", "filepath": "testdata/rare.parquet"},
		"again": {"type": "pandas.ParquetDataset", "filepath": filepath.Join(t.TempDir(), "again")}})
	text := "large,short,exact,clock\n18446744073709551615,0.1,1.10,10:30:00\n1,3e-05,-0.05,01:02:03.005000\n"
	type rare struct {
		Large uint64  `kedge:"large"`
		Short float32 `kedge:"short"`
		Exact string  `kedge:"exact"`
		Clock string  `kedge:"clock"`
	}
	rows := []rare{{1<<64 - 1, 0.1, "1.10", "10:30:00"}, {1, 3e-5, "-0.05", "01:02:03.005000"}}
	require.Equal(t, rows, load[[]rare](t.Context(), t, c, "rare"))
	for _, data := range []any{load[*dataset.Table](t.Context(), t, c, "rare"), rows} {
		require.Equal(t, text, saved(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", data))
		require.Contains(t, saved(t, map[string]any{"type": "pandas.JSONDataset", "save_args": map[string]any{"orient": "records"}}, "x.json", data), `[{"large":18446744073709551615,"short":0.1,`)
		require.NoError(t, c.Save(t.Context(), "again", data))
		require.Equal(t, rows, load[[]rare](t.Context(), t, c, "again"))
		require.Equal(t, arrow.PrimitiveTypes.Uint64, load[arrow.Table](t.Context(), t, c, "again").Schema().Field(0).Type)
	}
	mixed := &dataset.Table{Columns: []string{"x"}, Rows: [][]any{{uint64(1 << 63)}, {int64(-1)}}}
	require.ErrorContains(t, c.Save(t.Context(), "again", mixed), `row 2, column "x": expected uint64, got -1 (int64)`)
}
