package dataset_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
)

// saved saves data by the given entry and returns the file.
func saved(t *testing.T, config map[string]any, file string, data any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	config["filepath"] = path
	c := newCatalog(t, map[string]map[string]any{"x": config})
	require.NoError(t, c.Save(t.Context(), "x", data))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// loaded loads a file with the given text.
func loaded(t *testing.T, config map[string]any, file, text string) (any, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	config["filepath"] = path
	return newCatalog(t, map[string]map[string]any{"x": config}).Load(t.Context(), "x")
}

// TestJSONText compares with what Python's json.dump writes.
func TestJSONText(t *testing.T) {
	data := map[string]any{"é\n": []any{1, 2.0, 1e-7, 1e16, nil, true, []any{}, map[string]any{}}, "a": "😀\x7f", "nan": math.NaN()}
	require.Equal(t, `{
  "a": "\ud83d\ude00\u007f",
  "nan": NaN,
  "\u00e9\n": [
    1,
    2.0,
    1e-07,
    1e+16,
    null,
    true,
    [],
    {}
  ]
}`, saved(t, map[string]any{"type": "json.JSONDataset"}, "x.json", data))
	require.Equal(t, `{"a": [1, "é"]}`, saved(t, map[string]any{"type": "json.JSONDataset", "save_args": map[string]any{"indent": nil, "ensure_ascii": false}}, "x.json",
		struct {
			A []any `json:"a"`
		}{[]any{1, "é"}}))
}

func TestJSONErrorsArePythons(t *testing.T) {
	for text, want := range map[string]string{
		"":          "Expecting value: line 1 column 1 (char 0)",
		"{} x":      "Extra data: line 1 column 4 (char 3)",
		"[1,\n é]":  "Expecting value: line 2 column 2 (char 5)",
		`{"a" 1}`:   "Expecting ':' delimiter: line 1 column 6 (char 5)",
		`{"a":1,}`:  "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)",
		`[1 2]`:     "Expecting ',' delimiter: line 1 column 4 (char 3)",
		`"abc`:      "Unterminated string starting at: line 1 column 1 (char 0)",
		`["a\x"]`:   `Invalid \escape: line 1 column 4 (char 3)`,
		"\"a\nb\"":  "Invalid control character at: line 1 column 3 (char 2)",
		"[01]":      "Expecting ',' delimiter: line 1 column 3 (char 2)",
		"[nul, 1]":  "Expecting value: line 1 column 2 (char 1)",
		"{\"a\": }": "Expecting value: line 1 column 7 (char 6)",
	} {
		_, err := loaded(t, map[string]any{"type": "json.JSONDataset"}, "x.json", text)
		require.ErrorContains(t, err, want, text)
	}
	data, err := loaded(t, map[string]any{"type": "json.JSONDataset"}, "x.json", `[NaN, -Infinity, 1E2, -0, 123456789012345678901, "\ud83d\ude00"]`)
	require.NoError(t, err)
	list := data.([]any)
	require.Equal(t, []any{math.Inf(-1), 100.0, 0}, list[1:4])
	require.Equal(t, "😀", list[5])
}

// TestCSVText shows the form of pandas' to_csv(index=False); whole numbers beside blanks stay whole, where pandas makes them floats.
func TestCSVText(t *testing.T) {
	at := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	data := &dataset.Table{Columns: []string{"i", "f", "s", "b", "t"}, Rows: [][]any{
		{int64(1), 0.5, "a,b", true, at}, {int64(2), 1e16, `say "hi"`, false, at.Add(time.Millisecond)}, {nil, math.NaN(), "two\nlines", nil, nil}, {int64(4), 2.0, " x ", true, at.Truncate(24 * time.Hour)}}}
	require.Equal(t, "i,f,s,b,t\n1,0.5,\"a,b\",True,2024-01-02 03:04:05\n2,1e+16,\"say \"\"hi\"\"\",False,2024-01-02 03:04:05.001000\n,,\"two\nlines\",,\n4,2.0, x ,True,2024-01-02\n",
		saved(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", data))
	require.Equal(t, ";f;i\n0;0.5;1\n1;1e+16;2\n2;?;?\n3;2.0;4\n",
		saved(t, map[string]any{"type": "pandas.CSVDataset", "save_args": map[string]any{"sep": ";", "index": true, "na_rep": "?", "columns": []any{"f", "i"}}}, "x.csv", data))
}

func TestCSVLoadArgs(t *testing.T) {
	text := "\ufeffid;code;ok;x;when\n1;007;True;-;2024-01-02\n2;NA;False;3.5;2024-01-03 04:05:06\n3;x y;True;inf;\n"
	for name, test := range map[string]struct {
		args    map[string]any
		columns []string
		first   []any
	}{
		"inferred":  {map[string]any{"sep": ";"}, []string{"id", "code", "ok", "x", "when"}, []any{int64(1), "007", true, "-", "2024-01-02"}},
		"na_values": {map[string]any{"sep": ";", "na_values": []any{"-"}}, []string{"id", "code", "ok", "x", "when"}, []any{int64(1), "007", true, nil, "2024-01-02"}},
		"dtype": {map[string]any{"sep": ";", "dtype": map[string]any{"id": "str", "ok": "string"}, "usecols": []any{"ok", "id"}},
			[]string{"id", "ok"}, []any{"1", "True"}},
		"dates":  {map[string]any{"delimiter": ";", "parse_dates": []any{"when"}, "usecols": []any{0, 4}}, []string{"id", "when"}, []any{int64(1), time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)}},
		"names":  {map[string]any{"sep": ";", "header": 0, "names": []any{"a", "b", "c", "d", "e"}, "nrows": 1}, []string{"a", "b", "c", "d", "e"}, []any{int64(1), int64(7), true, "-", "2024-01-02"}},
		"header": {map[string]any{"sep": ";", "header": nil, "skiprows": 1, "usecols": []any{0}}, []string{"0"}, []any{int64(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": test.args}, "x.csv", text)
			require.NoError(t, err)
			require.Equal(t, test.columns, data.(*dataset.Table).Columns)
			require.Equal(t, test.first, data.(*dataset.Table).Rows[0])
		})
	}
	_, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": map[string]any{"encoding": "klingon"}}, "x.csv", text)
	require.ErrorContains(t, err, `load_args.encoding must be one of ascii, cp1252, iso-8859-15, latin-1, utf-16, utf-8, utf-8-sig, got "klingon"`)
	_, err = loaded(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", "")
	require.ErrorContains(t, err, "No columns to parse from file")
}

// TestCSVRecords compares with what pandas' C parser makes of quotes, line ends and blank lines.
func TestCSVRecords(t *testing.T) {
	for text, want := range map[string][][]any{
		"a,b\n\"x\" ,1\ny,2\nz,3\n":      {{"x ", int64(1)}, {"y", int64(2)}, {"z", int64(3)}},
		"a,b\n\"x\"z,1\nq,2\n":           {{"xz", int64(1)}, {"q", int64(2)}},
		"a\n\"x\"\"y\" \"z\"\n":          {{`x"y "z"`}},
		"a,b\nx\"y,1\n":                  {{`x"y`, int64(1)}},
		"a,b\n \"x\",1\n":                {{` "x"`, int64(1)}},
		"a\n\"x\r\ny\"\n":                {{"x\r\ny"}},
		"a\n\"x\ry\"\n":                  {{"x\ry"}},
		"a,b\r1,2\r3,4\r":                {{int64(1), int64(2)}, {int64(3), int64(4)}},
		"a,b\r\n1,\"x\"\r\n2,\"y\"\r3,z": {{int64(1), "x"}, {int64(2), "y"}, {int64(3), "z"}},
		"a,b\n  \n1,2\n\t\n\r\n3,4\n \t": {{int64(1), int64(2)}, {int64(3), int64(4)}},
		"\"a\",b\n\"1\",":                {{int64(1), nil}},
	} {
		data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", text)
		require.NoError(t, err, text)
		require.Equal(t, &dataset.Table{Columns: []string{"a", "b"}[:len(want[0])], Rows: want}, data, text)
	}
	_, err := loaded(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", "a\n1\n\"x\n")
	require.ErrorContains(t, err, "x.csv: row 3: expected a closing quote, got the end of the file")
	for _, test := range []struct {
		args map[string]any
		text string
	}{
		{map[string]any{"header": 1}, "t\n\na,b\n1,2\n"}, // blank lines don't count
		{map[string]any{"skiprows": 2}, "t\n\na,b\n1,2\n"},
		{map[string]any{"skiprows": 1}, "\"x\ny\"\na,b\n1,2\n"},
		{map[string]any{"skiprows": 1, "header": 1}, "x\ny\na,b\n1,2\n"},
	} {
		data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": test.args}, "x.csv", test.text)
		require.NoError(t, err)
		require.Equal(t, &dataset.Table{Columns: []string{"a", "b"}, Rows: [][]any{{int64(1), int64(2)}}}, data, test.text)
	}
}

// TestCSVLongLines: a line may be longer than what is read at once.
func TestCSVLongLines(t *testing.T) {
	long := strings.Repeat("x", 1<<17)
	data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv", "a,b\r\n"+long+",1\r\n\""+long+"\"\"\",2\r\n")
	require.NoError(t, err)
	require.Equal(t, [][]any{{long, int64(1)}, {long + `"`, int64(2)}}, data.(*dataset.Table).Rows)
}

// TestCSVEncodings: bytes that don't fit are an error, or go as encoding_errors says, as in Python.
func TestCSVEncodings(t *testing.T) {
	for _, test := range []struct{ encoding, errors, bytes, want string }{
		{"utf-8", "replace", "\xe9", "\ufffd"},
		{"utf-8", "replace", "\xf0\x9f\x98x\xed\xa0\x80", "\ufffdx\ufffd\ufffd\ufffd"},
		{"utf-8", "ignore", "x\xc0\xafz", "xz"},
		{"ascii", "replace", "x\xc3\xa9", "x\ufffd\ufffd"},
		{"cp1252", "ignore", "x\x81\x80", "x€"},
		{"utf_8", "strict", "é", "é"},
		{"UTF-8-SIG", "strict", "é", "é"},
		{"latin_1", "strict", "\xe9\x81", "é\u0081"},
		{"iso8859_15", "strict", "\xa4", "€"},
	} {
		data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": map[string]any{"encoding": test.encoding, "encoding_errors": test.errors}}, "x.csv", "a\n"+test.bytes+"\n")
		require.NoError(t, err)
		require.Equal(t, [][]any{{test.want}}, data.(*dataset.Table).Rows)
	}
	for _, test := range []struct{ encoding, text, want string }{
		{"utf-8", "a\n1\n\xe9\n", "'utf-8' codec can't decode byte 0xe9 in row 3: name the file's encoding by load_args.encoding"},
		{"ascii", "a\né\n", "'ascii' codec can't decode byte 0xc3 in row 2"},
		{"cp1252", "a\n\x81\n", "'cp1252' codec can't decode a byte in row 2"},
		{"utf-16", "\xff\xfea\x00\n\x00\x00\xd8\n\x00", "'utf-16' codec can't decode a byte in row 2"},
		{"utf-8", "\xe9\n1\n", "'utf-8' codec can't decode byte 0xe9 in row 1"},
		{"utf-16", "a\n1\n", "missing byte order mark"},
	} {
		_, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": map[string]any{"encoding": test.encoding}}, "x.csv", test.text)
		require.ErrorContains(t, err, test.want)
	}
	_, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": map[string]any{"encoding_errors": "surrogateescape"}}, "x.csv", "a\n")
	require.ErrorContains(t, err, `load_args.encoding_errors must be one of strict, replace, ignore, got "surrogateescape"`)
}

func TestYAMLText(t *testing.T) {
	require.Equal(t, "a: 1\nb:\n- x\n- true\n", saved(t, map[string]any{"type": "yaml.YAMLDataset"}, "x.yml", map[string]any{"b": []any{"x", true}, "a": 1}))
	data, err := loaded(t, map[string]any{"type": "yaml.YAMLDataset"}, "x.yml", "a: {b: [1, 2.5, ~]}\n")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": map[string]any{"b": []any{1, 2.5, nil}}}, data)
}

// TestTextEncodings: what Python makes of line ends, byte order marks, UTF-16 and UTF-32.
func TestTextEncodings(t *testing.T) {
	for _, test := range []struct {
		kind, text string
		want       any
	}{
		{"text.TextDataset", "a\r\nb\rc\nd\n\r", "a\nb\nc\nd\n\n"},
		{"text.TextDataset", "\ufeffa", "\ufeffa"},
		{"json.JSONDataset", "\ufeff1", 1},
		{"json.JSONDataset", "\xff\xfe1\x00", 1},
		{"json.JSONDataset", "\xfe\xff\x001", 1},
		{"json.JSONDataset", "1\x00", 1},
		{"json.JSONDataset", "\x001\x002", 12},
		{"json.JSONDataset", "\x00\x00\x001", 1},
		{"json.JSONDataset", "1\x00\x00\x00", 1},
		{"json.JSONDataset", "\xff\xfe\x00\x001\x00\x00\x00", 1},
		{"json.JSONDataset", "\"\x00\xe9\x00\"\x00", "é"},
		{"yaml.YAMLDataset", "\xff\xfea\x00:\x00 \x001\x00", map[string]any{"a": 1}},
		{"yaml.YAMLDataset", "\xfe\xff\x00a\x00:\x00 \x001", map[string]any{"a": 1}},
	} {
		data, err := loaded(t, map[string]any{"type": test.kind}, "x", test.text)
		require.NoError(t, err, "%q", test.text)
		require.Equal(t, test.want, data, "%q", test.text)
	}
	_, err := loaded(t, map[string]any{"type": "json.JSONDataset"}, "x", "\"\x00\x00\xd8\"\x00")
	require.ErrorContains(t, err, "the file isn't the UTF-16 or UTF-32 text")
}

func TestPictures(t *testing.T) {
	picture := image.NewGray(image.Rect(0, 0, 2, 2))
	picture.SetGray(1, 1, color.Gray{Y: 200})
	text := saved(t, map[string]any{"type": "pillow.ImageDataset"}, "x.png", picture)
	back, err := png.Decode(bytes.NewReader([]byte(text)))
	require.NoError(t, err)
	require.Equal(t, picture.Bounds(), back.Bounds())
	require.Equal(t, "<svg/>", saved(t, map[string]any{"type": "matplotlib.MatplotlibDataset"}, "x.svg", bytes.NewBufferString("<svg/>")))
}

func TestDescriptionIsKedros(t *testing.T) { // CAT-015
	c := newCatalog(t, map[string]map[string]any{
		"plain":     {"type": "json.JSONDataset", "filepath": "/data/x.json"},
		"versioned": {"type": "pandas.CSVDataset", "filepath": "/data/x.csv", "versioned": true, "load_args": map[string]any{"sep": ";"}},
	})
	for name, want := range map[string]string{
		"plain":     "kedro_datasets.json.json_dataset.JSONDataset(filepath=PurePosixPath('/data/x.json'), protocol='file', save_args={'indent': 2})",
		"versioned": "kedro_datasets.pandas.csv_dataset.CSVDataset(filepath=PurePosixPath('/data/x.csv'), protocol='file', load_args={'sep': ';'}, save_args={'index': False}, version=Version(load=None, save='2024-06-01T00.00.00.000Z'))",
	} {
		ds, err := c.Get(t.Context(), name, catalog.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, want, ds.Describe().String())
	}
}

// TestPandasJSON compares with what pandas' to_json writes, and keeps the order of the columns.
func TestPandasJSON(t *testing.T) {
	data := &dataset.Table{Columns: []string{"z", "a"}, Rows: [][]any{{int64(1), "x"}, {nil, "é"}}}
	for name, test := range map[string]struct {
		save, load map[string]any
		text       string
	}{
		"columns": {nil, nil, `{"z":{"0":1,"1":null},"a":{"0":"x","1":"\u00e9"}}`},
		"records": {map[string]any{"orient": "records"}, nil, `[{"z":1,"a":"x"},{"z":null,"a":"\u00e9"}]`},
		"lines":   {map[string]any{"orient": "records", "lines": true}, map[string]any{"lines": true}, "{\"z\":1,\"a\":\"x\"}\n{\"z\":null,\"a\":\"\\u00e9\"}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.text, saved(t, map[string]any{"type": "pandas.JSONDataset", "save_args": test.save}, "x.json", data))
			back, err := loaded(t, map[string]any{"type": "pandas.JSONDataset", "load_args": test.load}, "x.json", test.text)
			require.NoError(t, err)
			require.Equal(t, data, back)
		})
	}
}

// TestPandasJSONTimes compares with pandas 3.1: times are milliseconds since 1970 unless save_args say otherwise.
func TestPandasJSONTimes(t *testing.T) {
	at := time.Date(2020, 1, 1, 10, 0, 0, 123456789, time.UTC)
	data := &dataset.Table{Columns: []string{"t", "z", "f"}, Rows: [][]any{{at, at.In(time.FixedZone("", 3600)), math.Inf(1)}, {time.Date(1969, 12, 31, 23, 59, 59, 999_900_000, time.UTC), nil, math.NaN()}}}
	for _, test := range []struct {
		args map[string]any
		want string
	}{
		{nil, `[{"t":1577872800123,"z":1577872800123,"f":null},{"t":-1,"z":null,"f":null}]`},
		{map[string]any{"date_unit": "s"}, `[{"t":1577872800,"z":1577872800,"f":null},{"t":-1,"z":null,"f":null}]`},
		{map[string]any{"date_unit": "ns"}, `[{"t":1577872800123456789,"z":1577872800123456789,"f":null},{"t":-100000,"z":null,"f":null}]`},
		{map[string]any{"date_format": "iso"}, `[{"t":"2020-01-01T10:00:00.123","z":"2020-01-01T10:00:00.123Z","f":null},{"t":"1969-12-31T23:59:59.999","z":null,"f":null}]`},
		{map[string]any{"date_format": "iso", "date_unit": "s"}, `[{"t":"2020-01-01T10:00:00","z":"2020-01-01T10:00:00Z","f":null},{"t":"1969-12-31T23:59:59","z":null,"f":null}]`},
		{map[string]any{"date_format": "iso", "date_unit": "us"}, `[{"t":"2020-01-01T10:00:00.123456","z":"2020-01-01T10:00:00.123456Z","f":null},{"t":"1969-12-31T23:59:59.999900","z":null,"f":null}]`},
	} {
		args := map[string]any{"orient": "records"}
		maps.Copy(args, test.args)
		require.Equal(t, test.want, saved(t, map[string]any{"type": "pandas.JSONDataset", "save_args": args}, "x.json", data))
	}
	require.True(t, math.IsNaN(data.Rows[1][2].(float64)), "what is saved stays as it is")
}

// TestPandasJSONLoadArgs: types are declared, never guessed.
func TestPandasJSONLoadArgs(t *testing.T) {
	day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, test := range map[string]struct {
		args map[string]any
		want any
	}{
		`[{"a":1577836800000}]`: {map[string]any{"convert_dates": []any{"a"}}, day},
		`[{"a":1577836800}]`:    {map[string]any{"convert_dates": []any{"a"}, "date_unit": "s"}, day},
		`[{"a":"2020-01-01"}]`:  {map[string]any{"convert_dates": []any{"a"}}, day},
		`[{"a":"x"}]`:           {map[string]any{"convert_dates": []any{"a"}}, "x"},
		`[{"a":"007"}]`:         {map[string]any{"dtype": false, "convert_dates": false}, "007"},
		`[{"a":7}]`:             {map[string]any{"dtype": map[string]any{"a": "str"}}, "7"},
		`[{"a":"7"}]`:           {map[string]any{"dtype": map[string]any{"a": "int"}}, int64(7)},
		"[{\"a\":\"\xe9\"}]":    {map[string]any{"encoding": "latin-1"}, "é"},
		"\ufeff[{\"a\":1}]":     {map[string]any{"encoding": "utf-8-sig"}, int64(1)},
	} {
		data, err := loaded(t, map[string]any{"type": "pandas.JSONDataset", "load_args": test.args}, "x.json", text)
		require.NoError(t, err, text)
		require.Equal(t, [][]any{{test.want}}, data.(*dataset.Table).Rows, text)
	}
	for want, args := range map[string]map[string]any{
		`row 1, column "a": expected a time in ISO 8601 or a number of milliseconds since 1970`: {"convert_dates": []any{"a"}},
		`row 1, column "a": expected int8, as load_args.dtype says`:                             {"dtype": map[string]any{"a": "int8"}},
		"load_args.convert_dates must be false or a list of columns":                            {"convert_dates": true},
		"load_args.dtype must be a type name or a mapping":                                      {"dtype": true},
	} {
		_, err := loaded(t, map[string]any{"type": "pandas.JSONDataset", "load_args": args}, "x.json", `[{"a":1577836800}]`)
		require.ErrorContains(t, err, want)
	}
	for want, args := range map[string]map[string]any{
		"save_args.double_precision must be 15: floats are written in full, got 3": {"double_precision": 3},
		`save_args.mode must be "w"`: {"mode": "a"},
	} {
		_, err := dataset.Types().New("x", map[string]any{"type": "pandas.JSONDataset", "filepath": "x", "save_args": args}, catalog.Version{})
		require.ErrorContains(t, err, want)
	}
}

// TestPandasJSONTypedTimes: a time.Time field reads what a save wrote.
func TestPandasJSONTypedTimes(t *testing.T) {
	type entry struct {
		At  time.Time  `kedge:"at"`
		End *time.Time `kedge:"end"`
	}
	rows := []entry{{At: time.Date(2020, 1, 1, 10, 0, 0, 5e6, time.UTC)}}
	for _, args := range []map[string]any{nil, {"date_format": "iso"}} {
		c := newCatalog(t, map[string]map[string]any{"x": {"type": "pandas.JSONDataset", "filepath": filepath.Join(t.TempDir(), "x.json"), "save_args": args}})
		require.NoError(t, c.Save(t.Context(), "x", rows))
		require.Equal(t, rows, load[[]entry](t.Context(), t, c, "x"))
		for row, err := range load[iter.Seq2[*entry, error]](t.Context(), t, c, "x") {
			require.NoError(t, err)
			require.Equal(t, rows[0], *row)
		}
	}
}

// TestCSVFiles: packed ones, other encodings, row labels.
func TestCSVFiles(t *testing.T) {
	want := &dataset.Table{Columns: []string{"a"}, Rows: [][]any{{"é"}}}
	text := saved(t, map[string]any{"type": "pandas.CSVDataset", "save_args": map[string]any{"compression": "gzip"}}, "x.csv.gz", want)
	require.Equal(t, "\x1f\x8b", text[:2])
	for name, test := range map[string]struct {
		file, text string
		args       map[string]any
	}{
		"by its name": {"x.csv.gz", text, nil},
		"as told":     {"x.csv", text, map[string]any{"compression": "gzip"}},
		"zstd":        {"x.csv.zst", saved(t, map[string]any{"type": "pandas.CSVDataset", "save_args": map[string]any{"compression": "zstd"}}, "x.csv.zst", want), nil},
		"latin-1":     {"x.csv", "a\n\xe9\n", map[string]any{"encoding": "latin-1"}},
		"utf-16":      {"x.csv", "\xff\xfea\x00\n\x00\xe9\x00\n\x00", map[string]any{"encoding": "utf-16"}},
		"row labels":  {"x.csv", ",a\n0,é\n", map[string]any{"index_col": 0}},
		"two labels":  {"x.csv", "i,x,a,j\n0,1,é,2\n", map[string]any{"index_col": []any{"i", "j"}, "usecols": []any{"i", "a", "j"}}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := loaded(t, map[string]any{"type": "pandas.CSVDataset", "load_args": test.args}, test.file, test.text)
			require.NoError(t, err)
			require.Equal(t, want, data)
		})
	}
	_, err := loaded(t, map[string]any{"type": "pandas.CSVDataset"}, "x.csv.gz", "plain")
	require.ErrorContains(t, err, "unpack: ")
}
