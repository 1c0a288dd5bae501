package dataset

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
)

// book packs the parts of a workbook.
func book(t testing.TB, sheet string) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range map[string]string{
		"xl/workbook.xml":            `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/sharedStrings.xml":       `<sst><si><t>plain</t></si><si><r><t>ri</t></r><r><t xml:space="preserve">ch </t></r><rPh><t>no</t></rPh></si></sst>`,
		"xl/styles.xml":              `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="0.0&quot;d&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="21"/><xf numFmtId="46"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml":   sheet,
	} {
		part, err := z.Create(name)
		require.NoError(t, err)
		_, err = part.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

type closableReader struct{ *bytes.Reader }

func (closableReader) Close() error { return nil }

func readSheet(t testing.TB, sheet string) ([][]any, error) {
	w, err := openWorkbook(closableReader{bytes.NewReader(book(t, sheet))})
	require.NoError(t, err)
	r, err := w.open(w.sheets[0].part, -1)
	require.NoError(t, err)
	defer r.close()
	var rows [][]any
	for {
		cells, err := r.read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, cells)
	}
}

func TestCellsOfASheet(t *testing.T) {
	rows, err := readSheet(t, `<?xml version="1.0"?><!-- c > --><x:worksheet><x:sheetData><row r="1"><c r="A1" t="s"><v>1</v></c><c r="C1" t="b"><v>1</v></c><c r="D1"/></row>
<row r="4" spans="1:3"><c r="A4" s="1"><v>45293.5</v></c><c r="B4" s="2"><v>1.5</v></c><c r="C4" t="e"><v>#N/A</v></c><c t="inlineStr"><is><t>a &lt;&#233;&#x1F600; <![CDATA[<b>]]></t></is></c></row>
<row><c t="str"><f>A1&amp;"x"</f><v>f</v></c><c><v>-3</v></c><c t="n"><v>1E3</v></c></row></x:sheetData><c r="A9"><v>9</v></c></x:worksheet>`)
	require.NoError(t, err)
	require.Equal(t, [][]any{
		{"rich ", nil, true},
		nil, nil,
		{time.Date(2024, 1, 2, 12, 0, 0, 0, time.UTC), 1.5, noValue{}, "a <é😀 <b>"},
		{"f", int64(-3), 1000.0},
	}, rows)
}

func TestDamagedSheets(t *testing.T) {
	for _, sheet := range []string{"<sheetData><row><c t=\"s\"><v>99</v></c></row>", "<row r=\"1048577\"><c><v>1</v></c></row>", "<row><c><v>1</v>", "<row><c><v>x</v></c></row>", "<!DOCTYPE x>", "<row>&nope;", "<row><c s=\"1\"><v>1e300</v></c></row>", "<>"} {
		_, err := readSheet(t, sheet)
		require.Error(t, err, sheet)
	}
}

// TestRowsOfASheet shows which rows and columns of a sheet pandas 3.1.1 sees.
func TestRowsOfASheet(t *testing.T) {
	rows := func(list ...[]any) [][]any { return list }
	blank := []any{nil, nil}
	header := `<row r="1"><c t="str"><v>a</v></c><c t="str"><v>b</v></c></row>`
	ragged := header + `<row r="2"><c><v>1</v></c></row><row r="3"><c><v>2</v></c><c><v>3</v></c><c><v>4</v></c></row>`
	gap := header + `<row r="3"><c><v>1</v></c><c t="str"><v>x</v></c></row><row r="5"><c/><c t="str"><v></v></c></row>`
	for name, test := range map[string]struct {
		sheet   string
		args    map[string]any
		columns []string
		rows    [][]any
	}{
		"blank rows between":     {gap, nil, []string{"a", "b"}, rows(blank, []any{int64(1), "x"})},
		"blank header":           {gap, map[string]any{"header": 1}, []string{"Unnamed: 0", "Unnamed: 1"}, rows([]any{int64(1), "x"})},
		"blank rows are skipped": {gap, map[string]any{"skiprows": 2}, []string{"1", "x"}, rows()},
		"blank rows are data":    {gap, map[string]any{"header": nil, "skiprows": 1}, []string{"0", "1"}, rows(blank, []any{int64(1), "x"})},
		"blank rows at the end":  {gap, map[string]any{"nrows": 1}, []string{"a", "b"}, rows()},
		"nothing left":           {gap, map[string]any{"skiprows": 9}, []string{}, rows()},
		"errors are filled":      {header + `<row r="2"><c t="e"><v>#N/A</v></c></row>`, nil, []string{"a", "b"}, rows(blank)},
		"a wider row":            {ragged, nil, []string{"a", "b", "Unnamed: 2"}, rows([]any{int64(1), nil, nil}, []any{int64(2), int64(3), int64(4)})},
		"only the rows asked":    {ragged, map[string]any{"nrows": 1}, []string{"a", "b"}, rows([]any{int64(1), nil})},
		"a column without name":  {ragged, map[string]any{"usecols": []any{"Unnamed: 2"}}, []string{"Unnamed: 2"}, rows([]any{nil}, []any{int64(4)})},
		"too few names":          {ragged, map[string]any{"names": []any{"p", "q"}}, []string{"p", "q"}, rows(blank, []any{int64(3), int64(4)})},
		"times":                  {header + `<row r="2"><c s="3"><v>0.4375</v></c><c s="4"><v>1.25</v></c></row>`, nil, []string{"a", "b"}, rows([]any{"10:30:00", "1 days 06:00:00"})},
		"more times": {header + `<row r="2"><c s="3"><v>0.45838252314814816</v></c><c s="1"><v>1</v></c></row>`, nil, []string{"a", "b"},
			rows([]any{"11:00:04.250000", time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)})},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.xlsx")
			require.NoError(t, os.WriteFile(path, book(t, "<sheetData>"+test.sheet+"</sheetData>"), 0o600))
			ds, err := Types().New("x", map[string]any{"type": "pandas.ExcelDataset", "filepath": path, "load_args": test.args}, catalog.Version{})
			require.NoError(t, err)
			table, err := ds.Load(t.Context())
			require.NoError(t, err)
			require.Equal(t, test.columns, table.(*Table).Columns)
			require.Equal(t, test.rows, append([][]any(nil), table.(*Table).Rows...))
			var chunks iter.Seq2[*Table, error]
			require.NoError(t, ds.(catalog.IntoLoader).LoadInto(t.Context(), &chunks))
			for chunk, err := range chunks { // which has no chunk without rows
				require.NoError(t, err)
				require.Equal(t, table, chunk)
			}
		})
	}
}

// TestSheetsAreBounded: a sheet of two cells may ask for more blank ones than a machine holds.
func TestSheetsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.xlsx")
	sheet := `<sheetData><row r="1"><c r="XFD1"><v>1</v></c></row><row r="1048576"><c><v>1</v></c></row></sheetData>`
	require.NoError(t, os.WriteFile(path, book(t, sheet), 0o600))
	ds, err := Types().New("x", map[string]any{"type": "pandas.ExcelDataset", "filepath": path}, catalog.Version{})
	require.NoError(t, err)
	_, err = ds.Load(t.Context())
	require.ErrorContains(t, err, "blank cells in rows and columns between filled ones, got more")
}

func FuzzSheet(f *testing.F) {
	f.Add(`<sheetData><row r="1"><c r="A1" t="s"><v>1</v></c></row></sheetData>`)
	f.Add(`<row r="9999999"><c r="XFD1"><v>1</v></c><c r="A1"/><x y='>"'/></row>`)
	f.Add(`<![CDATA[`)
	f.Fuzz(func(t *testing.T, sheet string) {
		rows, err := readSheet(t, sheet)
		if err == nil {
			for _, cells := range rows {
				require.LessOrEqual(t, len(cells), maxColumns+len(sheet))
			}
		}
	})
}
