package dataset_test

import (
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
)

// csvColumn loads a CSV file with one column, d.
func csvColumn(t *testing.T, args map[string]any, lines string) ([]any, error) {
	t.Helper()
	data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": args}, "x.csv", "d,e\n"+lines)
	if err != nil {
		return nil, err
	}
	var cells []any
	for _, row := range data.(*dataset.Table).Rows {
		cells = append(cells, row[0])
	}
	return cells, nil
}

// TestCSVParseDates compares with pandas 3.1: the first value tells the form, and a column that doesn't keep to it stays texts.
func TestCSVParseDates(t *testing.T) {
	day := time.Date(2020, 1, 5, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2020-01-05": day, "2020/01/05": day, "20200105": day, "Jan 5 2020": day, "5 Jan 2020": day, "January 5 2020": day, "2020-1-5": day, "2020.01.05": day,
		"1/5/2020": day, "1.5.2020": day, "01-05-2020": day, "2020-Jan-05": day, "05Jan2020": day, "Sun Jan 5 2020": day, " 2020-01-05 ": day,
		"13/02/2020": time.Date(2020, 2, 13, 0, 0, 0, 0, time.UTC), "2020-01": day.AddDate(0, 0, -4), "2020": day.AddDate(0, 0, -4),
		"2020-01-05 10:30": day.Add(10*time.Hour + 30*time.Minute), "2020-01-05T10": day.Add(10 * time.Hour), "20200105T103000": day.Add(10*time.Hour + 30*time.Minute),
		"20200105103000": day.Add(10*time.Hour + 30*time.Minute), "1/5/2020 10:30 PM": day.Add(22*time.Hour + 30*time.Minute), "2020-01-05 1:02 am": day.Add(62 * time.Minute),
		"2020-01-05 10:00:00.123456789": day.Add(10*time.Hour + 123456789), "2020-01-05 10:00:00 UTC": day.Add(10 * time.Hour), "2020-01-05T10:00:00Z": day.Add(10 * time.Hour),
	} {
		cells, err := csvColumn(t, map[string]any{"parse_dates": []any{"d"}}, text+",1\n,2\n")
		require.NoError(t, err, text)
		require.Equal(t, []any{want, nil}, cells, text)
	}
	for name, test := range map[string]struct {
		args  map[string]any
		lines string
		want  []any
	}{
		"position":         {map[string]any{"parse_dates": []any{0}}, "2020-01-05,1\n", []any{day}},
		"true":             {map[string]any{"parse_dates": true}, "2020-01-05,1\n", []any{"2020-01-05"}},
		"false":            {map[string]any{"parse_dates": false}, "2020-01-05,1\n", []any{"2020-01-05"}},
		"NaT":              {map[string]any{"parse_dates": []any{"d"}}, "NaT,1\n2020-01-05,1\n", []any{nil, day}},
		"not a time":       {map[string]any{"parse_dates": []any{"d"}}, "2020-01-05,1\nx,1\n", []any{"2020-01-05", "x"}},
		"month first":      {map[string]any{"parse_dates": []any{"d"}}, "01/05/2020,1\n13/02/2020,1\n", []any{"01/05/2020", "13/02/2020"}},
		"day first":        {map[string]any{"parse_dates": []any{"d"}}, "13/02/2020,1\n05/01/2020,1\n", []any{time.Date(2020, 2, 13, 0, 0, 0, 0, time.UTC), day}},
		"dayfirst":         {map[string]any{"parse_dates": []any{"d"}, "dayfirst": true}, "05/01/2020,1\n", []any{day}},
		"date_format":      {map[string]any{"parse_dates": []any{"d"}, "date_format": "%d.%m.%y"}, "5.1.20,1\n", []any{day}},
		"date_format of d": {map[string]any{"parse_dates": []any{"d"}, "date_format": map[string]any{"d": "%d/%m/%Y %H:%M:%S.%f"}}, "05/01/2020 00:00:01.5,1\n", []any{day.Add(1500 * time.Millisecond)}},
		"other format":     {map[string]any{"parse_dates": []any{"d"}, "date_format": "%d/%m/%Y"}, "2020-01-05,1\n", []any{"2020-01-05"}},
		"mixed":            {map[string]any{"parse_dates": []any{"d"}, "date_format": "mixed"}, "2020-01-05,1\nJan 5 2020,1\n", []any{day, day}},
		"beats dtype":      {map[string]any{"parse_dates": []any{"d"}, "dtype": "str"}, "2020-01-05,1\n", []any{day}},
		"label":            {map[string]any{"parse_dates": []any{1}, "index_col": 0}, "7,2020-01-05\n", []any{day}},
	} {
		cells, err := csvColumn(t, test.args, test.lines)
		require.NoError(t, err, name)
		require.Equal(t, test.want, cells, name)
	}
	for want, args := range map[string]map[string]any{
		`expected column "zz" of parse_dates, got columns d, e`:       {"parse_dates": []any{"zz"}},
		`expected column 5 (int) of parse_dates, got columns d, e`:    {"parse_dates": []any{5}},
		`expected column 7 (int) of usecols or index_col, got`:        {"usecols": []any{7}},
		`load_args.date_format has %Q; known are %%`:                  {"parse_dates": []any{"d"}, "date_format": "%Q"},
		`load_args.date_format has "20"`:                              {"parse_dates": []any{"d"}, "date_format": "20%y"},
		`row 2, column "d": expected a time in a form that can be to`: {"parse_dates": []any{"d"}},
	} {
		_, err := csvColumn(t, args, "5/1/20,1\n")
		require.ErrorContains(t, err, want)
	}
}

// TestCSVTypedDates: the form of a column counts for fields of structs too, and misfits are errors there.
func TestCSVTypedDates(t *testing.T) {
	type entry struct {
		Day *time.Time `kedge:"d"`
		N   *int       `kedge:"e"`
	}
	path := t.TempDir() + "/x.csv"
	c := newCatalog(t, map[string]map[string]any{
		"out": {"type": "text.TextDataset", "filepath": path},
		"in":  {"type": "pandas.CSVDataset", "filepath": path, "load_args": map[string]any{"parse_dates": []any{"d"}, "na_values": -1}},
	})
	require.NoError(t, c.Save(t.Context(), "out", "d,e\n13/02/2020,-1.0\n,5\n"))
	rows := load[[]entry](t.Context(), t, c, "in")
	require.Equal(t, time.Date(2020, 2, 13, 0, 0, 0, 0, time.UTC), *rows[0].Day)
	require.Nil(t, rows[0].N)
	require.Nil(t, rows[1].Day)
	require.NoError(t, c.Save(t.Context(), "out", "d,e\n01/02/2020,1\n13/02/2020,5\n"))
	for _, err := range load[iter.Seq2[entry, error]](t.Context(), t, c, "in") {
		if err != nil {
			require.ErrorContains(t, err, `row 3, column "d": expected time.Time`)
			return
		}
	}
	require.Fail(t, "a day was taken for a month")
}

// TestCSVDateFormat compares with pandas' to_csv.
func TestCSVDateFormat(t *testing.T) {
	data := &dataset.Table{Columns: []string{"d"}, Rows: [][]any{{time.Date(2020, 5, 3, 16, 7, 8, 9000, time.UTC)}}}
	for format, want := range map[string]string{
		"%Y/%m/%d": "2020/05/03", "%d.%m.%y %H:%M:%S": "03.05.20 16:07:08", "%j %A %p %I": "124 Sunday PM 04", "2006 %Y": "2006 2020", "%%Y": "%Y",
		"%d %b %Y": "03 May 2020", "%e/%-m/%y": " 3/5/20", "%H%M%S%f": "160708000009", "%F %T": "2020-05-03 16:07:08", "%Y%z": "2020",
	} {
		require.Equal(t, "d\n"+want+"\n", saved(t, map[string]any{"type": "pandas.CSVDataset", "save_args": map[string]any{"date_format": format}}, "x.csv", data), format)
	}
	_, err := dataset.Types().New("x", map[string]any{"type": "pandas.CSVDataset", "filepath": "x", "save_args": map[string]any{"date_format": "%s"}}, catalog.Version{})
	require.ErrorContains(t, err, "save_args.date_format has %s; known are %% %-I")
}

// TestCSVLongNumbers: whole numbers beyond int64 never become floats.
func TestCSVLongNumbers(t *testing.T) {
	for lines, want := range map[string][]any{
		"12345678901234567891,1\n1,1\n":    {"12345678901234567891", "1"},
		"-9223372036854775809,1\n":         {"-9223372036854775809"},
		"12345678901234567891,1\n1.5,1\n":  {"12345678901234567891", "1.5"},
		"-9223372036854775808,1\n":         {int64(-9223372036854775808)},
		"100000000000000000000,1\n1,1\n":   {"100000000000000000000", "1"},
		"100000000000000000000,1\n1.5,1\n": {1e20, 1.5}, // exactly
		"1e20,1\n12345678901234567.0,1\n":  {1e20, 12345678901234567.0},
		"9007199254740993,1\n1.5,1\n":      {"9007199254740993", "1.5"},
		"\u00a05,1\n\u30006,1\n":           {"\u00a05", "\u30006"},
		" 5\t,1\n\v6,1\n":                  {int64(5), int64(6)},
	} {
		cells, err := csvColumn(t, nil, lines)
		require.NoError(t, err, lines)
		require.Equal(t, want, cells, lines)
	}
}

// TestCSVDtypes compares with pandas: a declared type holds for every value.
func TestCSVDtypes(t *testing.T) {
	for _, test := range []struct {
		dtype, lines string
		want         []any
	}{
		{"int", "1.0,1\n1e3,1\n +1 ,1\n", []any{int64(1), int64(1000), int64(1)}},
		{"int8", "-128,1\n127,1\n", []any{int64(-128), int64(127)}},
		{"uint8", "255,1\n", []any{int64(255)}},
		{"Int64", "1,1\n,1\n", []any{int64(1), nil}},
		{"bool", "1,1\n0.0,1\n", []any{true, false}},
		{"boolean", "True,1\n,1\n0,1\n", []any{true, nil, false}},
		{"float", "1,1\n,1\n12345678901234567891,1\n", []any{1.0, nil, 12345678901234567891.0}},
		{"str", "01,1\n,1\n", []any{"01", nil}},
	} {
		cells, err := csvColumn(t, map[string]any{"dtype": map[string]any{"d": test.dtype}}, test.lines)
		require.NoError(t, err, test.dtype)
		require.Equal(t, test.want, cells, test.dtype)
	}
	for _, test := range []struct{ dtype, value string }{
		{"int", "2.5"}, {"int", "x"}, {"int", ""}, {"int", "True"}, {"int", "inf"}, {"int", "12345678901234567891"}, {"int8", "300"}, {"uint8", "-1"}, {"uint64", "-1"},
		{"Int64", "2.5"}, {"UInt8", "300"}, {"bool", "2"}, {"bool", ""}, {"bool", "yes"}, {"boolean", "2"}, {"float", "x"}, {"Float64", "True"}, {"datetime64[ns]", "x"},
	} {
		_, err := csvColumn(t, map[string]any{"dtype": map[string]any{"d": test.dtype}}, "\""+test.value+"\",1\n")
		require.ErrorContains(t, err, `row 2, column "d": expected `+test.dtype+", as load_args.dtype says", test.value)
		require.ErrorContains(t, err, `got "`+test.value+`"`)
	}
}

// TestCSVBlanks compares with pandas' na_values.
func TestCSVBlanks(t *testing.T) {
	for name, test := range map[string]struct {
		args  map[string]any
		lines string
		want  []any
	}{
		"number":           {map[string]any{"na_values": -1}, "-1,1\n-1.0,1\n1.5,1\n", []any{nil, nil, 1.5}},
		"numbers in texts": {map[string]any{"na_values": []any{-1}}, "-1,1\n-1.0,1\nx,1\n", []any{nil, nil, "x"}},
		"as written":       {map[string]any{"na_values": []any{1000}}, "1e3,1\n5,1\n", []any{nil, 5.0}},
		"fraction":         {map[string]any{"na_values": []any{0.5}}, ".5,1\n0.5,1\n2,1\n", []any{nil, nil, 2.0}},
		"mapping":          {map[string]any{"na_values": map[string]any{"d": "x", "e": []any{"y"}}}, "x,1\ny,1\n", []any{nil, "y"}},
		"own only":         {map[string]any{"na_values": map[string]any{"d": []any{"x"}}, "keep_default_na": false}, "x,1\n,1\n", []any{nil, ""}},
		"no filter":        {map[string]any{"na_values": "x", "na_filter": false}, "x,1\n,1\n", []any{"x", ""}},
	} {
		cells, err := csvColumn(t, test.args, test.lines)
		require.NoError(t, err, name)
		require.Equal(t, test.want, cells, name)
	}
}

// TestCSVOptions compares options that only change the shape of the text with pandas.
func TestCSVOptions(t *testing.T) {
	want := &dataset.Table{Columns: []string{"a", "b"}, Rows: [][]any{{int64(1), "x"}}}
	for _, test := range []struct {
		args map[string]any
		text string
	}{
		{map[string]any{"sep": `\t`}, "a\tb\n1\tx\n"},
		{map[string]any{"sep": `\|`}, "a|b\n1|x\n"},
		{map[string]any{"skiprows": []any{1, 3}}, "a,b\nunits,none\n1,x\n2,y\n"},
		{map[string]any{"skiprows": []any{2, 3}}, "a,b\n1,x\n\n2,y\n"},
		{map[string]any{"skipinitialspace": true}, "a,   b\n1, \"x\"\n"},
	} {
		data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": test.args}, "x.csv", test.text)
		require.NoError(t, err, test.text)
		require.Equal(t, want, data, test.text)
	}
	data := &dataset.Table{Columns: []string{"f", "i"}, Rows: [][]any{{2.345, int64(1)}, {nil, int64(2)}, {100000.0, int64(3)}}}
	for format, text := range map[string]string{
		"%.2f": "f,i\n2.35,1\n,2\n100000.00,3\n", "%.3e": "f,i\n2.345e+00,1\n,2\n1.000e+05,3\n", "%.4g": "f,i\n2.345,1\n,2\n1e+05,3\n", "%.1f%%": "f,i\n2.3%,1\n,2\n100000.0%,3\n",
	} {
		require.Equal(t, text, saved(t, map[string]any{"type": "pandas.CSVDataset", "save_args": map[string]any{"float_format": format}}, "x.csv", data), format)
	}
	_, err := dataset.Types().New("x", map[string]any{"type": "pandas.CSVDataset", "filepath": "x", "save_args": map[string]any{"float_format": "{:.2f}"}}, catalog.Version{})
	require.ErrorContains(t, err, `save_args.float_format must be like %.2f, %.3e or %.4g, got "{:.2f}"`)
}
