package dataset

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// book packs the parts of a workbook.
func book(t testing.TB, sheet string) *bytes.Reader {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range map[string]string{
		"xl/workbook.xml":            `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/sharedStrings.xml":       `<sst><si><t>plain</t></si><si><r><t>ri</t></r><r><t xml:space="preserve">ch </t></r><rPh><t>no</t></rPh></si></sst>`,
		"xl/styles.xml":              `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="0.0&quot;d&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs></styleSheet>`,
		"xl/worksheets/sheet1.xml":   sheet,
	} {
		part, err := z.Create(name)
		require.NoError(t, err)
		_, err = part.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return bytes.NewReader(out.Bytes())
}

type closableReader struct{ *bytes.Reader }

func (closableReader) Close() error { return nil }

func readSheet(t testing.TB, sheet string) ([][]any, error) {
	w, err := openWorkbook(closableReader{book(t, sheet)})
	require.NoError(t, err)
	r, err := w.open(w.sheets[0].part)
	require.NoError(t, err)
	defer r.part.Close()
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
		{time.Date(2024, 1, 2, 12, 0, 0, 0, time.UTC), 1.5, "a <é😀 <b>"},
		{"f", int64(-3), 1000.0},
	}, rows)
}

func TestDamagedSheets(t *testing.T) {
	for _, sheet := range []string{"<sheetData><row><c t=\"s\"><v>99</v></c></row>", "<row><c><v>1</v>", "<row><c><v>x</v></c></row>", "<!DOCTYPE x>", "<row>&nope;", "<row><c s=\"1\"><v>1e300</v></c></row>", "<>"} {
		_, err := readSheet(t, sheet)
		require.Error(t, err, sheet)
	}
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
