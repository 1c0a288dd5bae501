package dataset

import (
	"github.com/kedge-run/kedge/internal/storage"

	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxPart is how large a part of a workbook may get once unpacked; more is taken for an attack.
const maxPart = 1 << 30

// maxColumns is what a sheet can have.
const maxColumns = 16384

// workbook reads the parts of an xlsx file. Sheets are read as streams, so that their size doesn't matter.
type workbook struct {
	zip      *zip.Reader
	sheets   []sheet
	shared   []string // texts that cells refer to
	dates    []bool   // by style: whether a number is a date
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
		w.dates = append(w.dates, isDateFormat(cell.Format, codes[cell.Format]))
	}
	return nil
}

// isDateFormat tells whether a number format shows dates or times: one of Excel's own, or a code with their letters.
func isDateFormat(id int, code string) bool {
	if id >= 14 && id <= 22 || id >= 45 && id <= 47 {
		return true
	}
	quoted, bracket := false, false
	for i, r := range code {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted || i > 0 && code[i-1] == '\\':
		case r == '[':
			bracket = true
		case r == ']':
			bracket = false
		case !bracket && strings.ContainsRune("dmyhsDMYHS", r):
			return true
		}
	}
	return false
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
	number int // of the row in hand, from 1
}

func (w *workbook) open(name string) (*sheetReader, error) {
	part, err := w.part(name)
	if err != nil {
		return nil, err
	}
	if part == nil {
		return nil, fmt.Errorf("damaged xlsx file: it has no %s", name)
	}
	return &sheetReader{book: w, part: part, xml: newMarkup(limited(part))}, nil
}

// read returns the cells of the next row that the file holds; blank rows between are left out. io.EOF is the end.
func (r *sheetReader) read() ([]any, error) {
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
			r.number++
			if n, err := strconv.Atoi(string(t.attribute("r"))); err == nil && n > 0 {
				r.number = n
			}
			cells, err := r.row()
			if err != nil || len(cells) > 0 {
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

func (r *sheetReader) row() ([]any, error) {
	var cells []any
	var c cell
	for {
		t, err := r.xml.next()
		if err != nil {
			return nil, fmt.Errorf("damaged xlsx file, row %d: %w", r.number, unexpected(err))
		}
		switch name := string(t.name); {
		case t.kind == chars:
			if c.collect {
				c.text = append(c.text, t.text...)
			}
		case t.kind == opens && name == "c":
			c = cell{column: len(cells), kind: string(t.attribute("t")), text: c.text[:0]}
			c.style, _ = strconv.Atoi(string(t.attribute("s"))) // no number, no style
			if at, ok := columnOf(t.attribute("r")); ok {
				c.column = at
			}
		case t.kind == opens:
			c.collect = name == "v" || name == "t"
			c.hasValue = c.hasValue || c.collect
		case name == "row":
			return cells, nil
		case name == "c":
			if cells, err = r.put(cells, c); err != nil {
				return nil, err
			}
		default:
			c.collect = false
		}
	}
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

func (r *sheetReader) put(cells []any, c cell) ([]any, error) {
	value, err := r.value(c)
	if err != nil {
		return nil, &PlaceError{Row: r.number, Column: columnLetters(c.column), Want: "a cell", Got: err.Error()}
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
		return nil, nil // #N/A and its kin are missing values to pandas
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
	if c.style >= 0 && c.style < len(r.book.dates) && r.book.dates[c.style] {
		return r.book.time(text)
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

// time turns a serial number, in days, into a time rounded to milliseconds.
func (w *workbook) time(text string) (any, error) {
	days, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(days) || math.Abs(days) > 3_000_000 {
		return nil, fmt.Errorf("date %q", text)
	}
	base := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if w.date1904 {
		base = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	} else if days < 60 { // Excel believes in 29 February 1900
		base = base.AddDate(0, 0, 1)
	}
	whole, fraction := math.Modf(days)
	return base.AddDate(0, 0, int(whole)).Add(time.Duration(math.Round(fraction*86_400_000)) * time.Millisecond), nil
}
