package dataset

import (
	"github.com/kedge-run/kedge/internal/storage"

	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxPart is how large a part of a workbook may get once unpacked; more is taken for an attack.
const maxPart = 1 << 30

// maxColumns and maxRows are what a sheet can have.
const (
	maxColumns = 16384
	maxRows    = 1 << 20
)

// noValue is #N/A or its kin: no value, but pandas counts the cell as filled.
type noValue struct{}

// workbook reads the parts of an xlsx file. Sheets are read as streams, so that their size doesn't matter.
type workbook struct {
	zip      *zip.Reader
	sheets   []sheet
	shared   []string     // texts that cells refer to
	formats  []numberKind // by style
	date1904 bool
}

type sheet struct{ name, part string }

// workbookXML, relationsXML and stylesXML are the parts of these files that matter here.
type workbookXML struct {
	Properties struct {
		Date1904 bool `xml:"date1904,attr"`
	} `xml:"workbookPr"`
	Sheets []struct {
		Name string `xml:"name,attr"`
		ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
	} `xml:"sheets>sheet"`
}

type relationsXML struct {
	Relations []struct {
		ID     string `xml:"Id,attr"`
		Target string `xml:"Target,attr"`
	} `xml:"Relationship"`
}

type stylesXML struct {
	Formats []struct {
		ID   int    `xml:"numFmtId,attr"`
		Code string `xml:"formatCode,attr"`
	} `xml:"numFmts>numFmt"`
	Cells []struct {
		Format int `xml:"numFmtId,attr"`
	} `xml:"cellXfs>xf"`
}

func openWorkbook(src storage.Object) (*workbook, error) {
	size, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(src, size)
	if err != nil {
		return nil, fmt.Errorf("not an xlsx file: %w", err)
	}
	w := &workbook{zip: z}
	var book workbookXML
	var relations relationsXML
	if err := firstError(w.unmarshal("xl/workbook.xml", &book), w.unmarshal("xl/_rels/workbook.xml.rels", &relations)); err != nil {
		return nil, err
	}
	w.date1904 = book.Properties.Date1904
	for _, s := range book.Sheets {
		for _, r := range relations.Relations {
			if r.ID == s.ID {
				w.sheets = append(w.sheets, sheet{name: s.Name, part: partName(r.Target)})
			}
		}
	}
	return w, firstError(w.readStyles(), w.readShared())
}

func partName(target string) string {
	if strings.HasPrefix(target, "/") {
		return strings.TrimPrefix(path.Clean(target), "/")
	}
	return path.Join("xl", target)
}

// part opens a part of the workbook; nil when it isn't there.
func (w *workbook) part(name string) (io.ReadCloser, error) {
	i := slices.IndexFunc(w.zip.File, func(f *zip.File) bool { return strings.EqualFold(f.Name, name) })
	if i < 0 {
		return nil, nil
	}
	return w.zip.File[i].Open()
}

func limited(r io.Reader) io.Reader { return &limitReader{r: r, left: maxPart} }

type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("a part of the workbook is larger than %d bytes", int64(maxPart))
	}
	return n, err
}

func (w *workbook) unmarshal(name string, into any) error {
	part, err := w.part(name)
	if err != nil {
		return err
	}
	if part == nil {
		return fmt.Errorf("not an xlsx file: it has no %s", name)
	}
	defer part.Close()
	if err := xml.NewDecoder(limited(part)).Decode(into); err != nil {
		return fmt.Errorf("damaged xlsx file, %s: %w", name, err)
	}
	return nil
}

func (w *workbook) readStyles() error {
	part, err := w.part("xl/styles.xml")
	if part == nil || err != nil {
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	var styles stylesXML
	if err := w.unmarshal("xl/styles.xml", &styles); err != nil {
		return err
	}
	codes := map[int]string{}
	for _, f := range styles.Formats {
		codes[f.ID] = f.Code
	}
	for _, cell := range styles.Cells {
		w.formats = append(w.formats, kindOfFormat(cell.Format, codes[cell.Format]))
	}
	return nil
}

func (w *workbook) readShared() error {
	part, err := w.part("xl/sharedStrings.xml")
	if part == nil || err != nil {
		return err
	}
	defer part.Close()
	m := newMarkup(limited(part))
	var text []byte
	inText, phonetic := false, false
	for {
		t, err := m.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("damaged xlsx file, shared texts: %w", err)
		}
		switch name := string(t.name); {
		case t.kind == chars && inText:
			text = append(text, t.text...)
		case name == "t":
			inText = t.kind == opens && !phonetic
		case name == "rPh": // how to pronounce a text isn't part of it
			phonetic = t.kind == opens
		case name == "si" && t.kind == closes:
			w.shared = append(w.shared, string(text))
			text = text[:0]
		}
	}
}

// sheetReader reads the cells of a sheet row by row.
type sheetReader struct {
	book   *workbook
	part   io.ReadCloser
	xml    *markup
	most   int   // rows to read, negative for all
	number int   // of the row that was read last, from 1
	ahead  []any // cells of the next filled row
	filled int   // its number
}

// open reads a part as a sheet: its first rows, all when most is negative.
func (w *workbook) open(name string, most int) (*sheetReader, error) {
	part, err := w.part(name)
	if err != nil {
		return nil, err
	}
	if part == nil {
		return nil, fmt.Errorf("damaged xlsx file: it has no %s", name)
	}
	return &sheetReader{book: w, part: part, xml: newMarkup(limited(part)), most: most}, nil
}

func (r *sheetReader) close() { _ = r.part.Close() } // a part of a file that is open for reading

// read returns the cells of the next row, none for a blank one; io.EOF comes after the last filled row. Cells after the last filled one
// of a row are left out.
func (r *sheetReader) read() ([]any, error) {
	if r.number == r.filled {
		var err error
		if r.ahead, err = r.fill(); err != nil {
			return nil, err
		}
	}
	r.number++
	if r.number < r.filled {
		return nil, nil
	}
	return r.ahead, nil
}

// fill reads on to the next row that has a filled cell. Rows without a number, or with one that isn't above the last, follow it.
func (r *sheetReader) fill() ([]any, error) {
	number := r.filled
	for {
		t, err := r.xml.next()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, fmt.Errorf("damaged xlsx file: %w", err)
		}
		switch {
		case t.kind == opens && string(t.name) == "row":
			number++
			if n, err := strconv.Atoi(string(t.attribute("r"))); err == nil && n > number {
				number = n
			}
			if number > maxRows {
				return nil, fmt.Errorf("damaged xlsx file: it has a row %d", number)
			}
			if r.most >= 0 && number > r.most {
				return nil, io.EOF
			}
			cells, err := r.row(number)
			if err != nil || len(cells) > 0 {
				r.filled = number
				return cells, err
			}
		case t.kind == closes && string(t.name) == "sheetData":
			return nil, io.EOF
		}
	}
}

// cell is a cell while it is read.
type cell struct {
	column   int
	kind     string // n, s, str, inlineStr, b, e, d
	style    int
	text     []byte
	collect  bool // inside v or t
	hasValue bool
}

func (r *sheetReader) row(number int) ([]any, error) {
	var cells []any
	var c cell
	column := 0 // of a cell that doesn't say it
	for {
		t, err := r.xml.next()
		if err != nil {
			return nil, fmt.Errorf("damaged xlsx file, row %d: %w", number, unexpected(err))
		}
		switch name := string(t.name); {
		case t.kind == chars:
			if c.collect {
				c.text = append(c.text, t.text...)
			}
		case t.kind == opens && name == "c":
			c = cell{column: column, kind: string(t.attribute("t")), text: c.text[:0]}
			c.style, _ = strconv.Atoi(string(t.attribute("s"))) // no number, no style
			if at, ok := columnOf(t.attribute("r")); ok {
				c.column = at
			}
			column = c.column + 1
		case t.kind == opens:
			c.collect = name == "v" || name == "t"
			c.hasValue = c.hasValue || c.collect
		case name == "row":
			return trimmed(cells), nil
		case name == "c":
			if cells, err = r.put(cells, c, number); err != nil {
				return nil, err
			}
		default:
			c.collect = false
		}
	}
}

// trimmed leaves out the blank cells at the end.
func trimmed(cells []any) []any {
	for n := len(cells); n > 0 && (cells[n-1] == nil || cells[n-1] == ""); n-- {
		cells = cells[:n-1]
	}
	return cells
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// columnOf reads the letters of a reference such as AB12.
func columnOf(reference []byte) (int, bool) {
	n := 0
	for i := 0; i < len(reference) && reference[i] >= 'A' && reference[i] <= 'Z'; i++ {
		n = n*26 + int(reference[i]-'A') + 1
		if n > maxColumns {
			return 0, false
		}
	}
	return n - 1, n > 0
}

func (r *sheetReader) put(cells []any, c cell, row int) ([]any, error) {
	value, err := r.value(c)
	if err != nil {
		return nil, &PlaceError{Row: row, Column: columnLetters(c.column), Want: "a cell", Got: err.Error()}
	}
	if value == nil {
		return cells, nil
	}
	for len(cells) < c.column {
		cells = append(cells, nil)
	}
	if c.column < len(cells) {
		cells[c.column] = value
		return cells, nil
	}
	return append(cells, value), nil
}

func columnLetters(i int) string {
	text := ""
	for i++; i > 0; i = (i - 1) / 26 {
		text = string(rune('A'+(i-1)%26)) + text
	}
	return text
}

// value gives a cell its type, as openpyxl does: a number without point or exponent is whole, one with a date's style is a time.
func (r *sheetReader) value(c cell) (any, error) {
	if !c.hasValue {
		return nil, nil
	}
	text := string(c.text)
	switch c.kind {
	case "inlineStr", "str":
		return text, nil
	case "e":
		return noValue{}, nil
	case "s":
		i, err := strconv.Atoi(text)
		if err != nil || i < 0 || i >= len(r.book.shared) {
			return nil, fmt.Errorf("no shared text %q", text)
		}
		return r.book.shared[i], nil
	case "b":
		return text == "1" || text == "true", nil
	case "d":
		t, ok := parseTime(text)
		if !ok {
			return nil, fmt.Errorf("date %q", text)
		}
		return t, nil
	}
	if text == "" {
		return nil, nil
	}
	if c.style >= 0 && c.style < len(r.book.formats) {
		switch r.book.formats[c.style] {
		case dateNumber:
			return r.book.time(text)
		case spanNumber:
			return span(text)
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("number %q", text)
	}
	return f, nil
}
