package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

const excelClass = "kedro_datasets.pandas.excel_dataset.ExcelDataset"

// excelCodec reads and writes xlsx as pandas does.
type excelCodec struct {
	csvCodec        // header, names, skiprows, nrows, usecols, dtype, na_values mean the same
	sheet    any    // name or position; nil is all sheets
	saveTo   string // name of the sheet
}

func buildExcel(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "engine", "load_args", "save_args"); err != nil {
		return nil, err
	}
	c := &excelCodec{}
	load := argsOf(spec, "load_args", "engine", "engine_kwargs", "storage_options", "dtype_backend")
	c.readExcelArgs(load)
	save := argsOf(spec, "save_args", "engine", "engine_kwargs", "storage_options", "writer", "merge_cells", "freeze_panes")
	c.saveTo = save.text("sheet_name", "Sheet1")
	c.saveIndex = save.boolean("index", false)
	c.saveHeader = save.boolean("header", true)
	c.saveNames = save.texts("columns")
	c.blank = save.text("na_rep", "")
	if err := firstError(load.done(), save.done()); err != nil {
		return nil, err
	}
	return newFile(spec, c, shown(spec, "load_args", map[string]any{"engine": "openpyxl"}), shown(spec, "save_args", map[string]any{"index": false}),
		catalog.DescribedArg{Name: "writer_args", Value: map[string]any{"engine": "openpyxl"}})
}

func (c *excelCodec) readExcelArgs(a *args) {
	c.sheet = 0
	if v, ok := a.values["sheet_name"]; ok {
		c.sheet = v
	}
	a.known = append(a.known, "sheet_name")
	if n, ok := wholeNumber(c.sheet); ok {
		c.sheet = n
	} else if _, ok := c.sheet.(string); !ok && c.sheet != nil {
		a.fail("sheet_name", "must be a name, a position or null for all sheets, got %v", c.sheet)
	}
	c.names = a.texts("names")
	c.header = headerLine(a, nil)
	c.skip = a.number("skiprows", 0)
	c.limit = a.number("nrows", -1)
	c.selection = selection(a)
	c.typing = readTyping(a)
}

func (c *excelCodec) decode(_ context.Context, src storage.Object, want reflect.Type) (any, error) {
	book, err := openWorkbook(src)
	if err != nil {
		return nil, err
	}
	if c.sheet != nil {
		rows, err := c.sheetRows(book, c.sheet, true)
		if err != nil {
			return nil, err
		}
		defer rows.close()
		return decodeRows(rows, want)
	}
	all := make(map[string]*Table, len(book.sheets))
	for _, s := range book.sheets {
		rows, err := c.sheetRows(book, s.name, true)
		if err != nil {
			return nil, err
		}
		t, err := readTable(rows, -1)
		rows.close()
		if err != nil {
			return nil, fmt.Errorf("sheet %q: %w", s.name, err)
		}
		all[s.name] = t
	}
	return catalog.Convert(all, want)
}

func (c *excelCodec) rows(_ context.Context, src storage.Object) (rowReader, error) {
	book, err := openWorkbook(src)
	if err != nil {
		return nil, err
	}
	if c.sheet == nil {
		return nil, errors.New("rows of all sheets can't be read one by one: name one sheet by load_args.sheet_name")
	}
	return c.sheetRows(book, c.sheet, false)
}

// sheetRows reads the rows of a sheet as sheetReader.read does.
type sheetRows interface {
	read() ([]any, error)
	close()
}

// keptRows are the rows of a sheet in memory.
type keptRows struct{ rows [][]any }

func (r *keptRows) close() {}

func (r *keptRows) read() ([]any, error) {
	if len(r.rows) == 0 {
		return nil, io.EOF
	}
	cells := r.rows[0]
	r.rows = r.rows[1:]
	return cells, nil
}

// excelReader hands out the rows of a sheet below its header, each as wide as the widest one.
type excelReader struct {
	codec    *excelCodec
	book     *workbook
	part     string
	most     int // rows to look at, negative for all
	sheet    sheetRows
	width    int
	measured bool // whether width is that of all rows, not only of the header
	names    []string
	pick     []int
	first    []any // cells of the header, or of the first row where that is data
	isData   bool  // whether the first row is still to be handed out
	number   int   // of the row that was read last
	left     int
	filled   int // blank cells handed out that the file doesn't hold
	cells    []any
}

// maxFilled is how many cells may be handed out that a file doesn't hold: one cell in the last row and one in the last column ask for
// more than a machine has.
const maxFilled = 1 << 25

// sheetRows opens a sheet. Which columns it has is known at its end only: with keep the rows stay in memory for that.
func (c *excelCodec) sheetRows(book *workbook, which any, keep bool) (*excelReader, error) {
	names := make([]string, len(book.sheets))
	at := -1
	for i, s := range book.sheets {
		names[i] = s.name
		if which == s.name || which == i {
			at = i
		}
	}
	if at < 0 {
		return nil, &catalog.Exception{Type: "ValueError", Message: fmt.Sprintf("Worksheet %v not found; the workbook has: %s", which, strings.Join(names, ", "))}
	}
	most := -1 // as pandas, look no further than the rows that nrows asks for
	if c.limit >= 0 {
		most = c.skip + max(c.header, 0) + 1 + c.limit
	}
	r := &excelReader{codec: c, book: book, part: book.sheets[at].part, most: most, left: c.limit}
	if err := r.open(keep); err != nil {
		return nil, err
	}
	if err := r.readHeader(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *excelReader) open(keep bool) (err error) {
	if keep {
		kept := &keptRows{}
		r.sheet = kept
		return r.measure(func(cells []any) { kept.rows = append(kept.rows, cells) })
	}
	r.sheet, err = r.book.open(r.part, r.most)
	return err
}

// measure reads the whole sheet for its width.
func (r *excelReader) measure(visit func(cells []any)) error {
	sheet, err := r.book.open(r.part, r.most)
	if err != nil {
		return err
	}
	defer sheet.close()
	r.measured = true
	for {
		cells, err := sheet.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		r.width = max(r.width, len(cells))
		visit(cells)
	}
}

// findColumns reads the sheet once more for cells beyond its header.
func (r *excelReader) findColumns() error {
	if r.measured {
		return nil
	}
	if err := r.measure(func([]any) {}); err != nil {
		return err
	}
	return r.choose()
}

func (r *excelReader) readHeader() error {
	for range r.codec.skip + max(r.codec.header, 0) + 1 {
		var err error
		if r.first, err = r.read(); errors.Is(err, io.EOF) {
			r.width, r.measured, r.left = 0, true, 0
			break
		} else if err != nil {
			return err
		}
	}
	if !r.measured {
		r.width = len(r.first)
	}
	if c := r.codec; c.header < 0 || c.names != nil || c.selection != nil { // what these mean depends on all columns
		if err := r.findColumns(); err != nil {
			return err
		}
	}
	r.isData = r.codec.header < 0 && r.width > 0
	return r.choose()
}

// header returns the names of all columns.
func (r *excelReader) header() []string {
	names := make([]string, r.width)
	for i := range names {
		if r.codec.header < 0 {
			names[i] = fmt.Sprint(i)
		} else if i < len(r.first) && r.first[i] != nil && r.first[i] != (noValue{}) {
			names[i] = (&csvWriter{codec: &r.codec.csvCodec}).text(r.first[i])
		}
	}
	return uniqueNames(names)
}

// choose finds the columns to hand out. Where load_args.names has fewer names than there are columns, the first columns are row labels,
// as in pandas.
func (r *excelReader) choose() error {
	names, labels := r.header(), 0
	if r.codec.names != nil {
		names, labels = r.codec.names, max(0, r.width-len(r.codec.names))
	}
	chooser := csvReader{codec: &r.codec.csvCodec, names: names}
	if err := chooser.choose(); err != nil {
		return err
	}
	r.names, r.pick = chooser.names, nil
	for i := range r.names {
		at := i
		if chooser.pick != nil {
			at = chooser.pick[i]
		}
		r.pick = append(r.pick, labels+at)
	}
	return nil
}

func (r *excelReader) columns() []string { return r.names }

func (r *excelReader) close() { r.sheet.close() }

func (r *excelReader) read() ([]any, error) {
	cells, err := r.sheet.read()
	r.number++
	return cells, err
}

func (r *excelReader) next() (row, error) {
	if r.left == 0 {
		return row{}, io.EOF
	}
	r.left--
	cells := r.first
	if r.isData {
		r.isData = false
	} else {
		var err error
		if cells, err = r.read(); err != nil {
			return row{}, err
		}
	}
	if r.filled += max(0, len(r.pick)-len(cells)); r.filled > maxFilled {
		return row{}, &PlaceError{Row: r.number, Want: fmt.Sprintf("at most %d blank cells in rows and columns between filled ones", maxFilled), Got: "more"}
	}
	r.cells = r.cells[:0]
	for _, i := range r.pick {
		r.cells = append(r.cells, r.cell(cells, i, r.codec.typing.blanksOf(r.names[len(r.cells)])))
	}
	return row{values: r.cells, number: r.number}, nil
}

// cell returns a cell of a row, nil for none.
func (r *excelReader) cell(cells []any, i int, blank blanks) any {
	if i >= len(cells) || cells[i] == "" || blank.cell(cells[i]) {
		return nil
	}
	if _, none := cells[i].(noValue); none {
		return nil
	}
	return cells[i]
}

// finish gives the columns one type each.
func (r *excelReader) finish(t *Table, numbers []int) (*Table, error) {
	typing := r.codec.typing
	forms, err := typing.dates.forms(t.Columns)
	if err == nil {
		err = t.declare(typing, forms, numbers)
	}
	if err != nil {
		return nil, err
	}
	for j, name := range t.Columns {
		if form := forms[name]; form != nil {
			t.parseTimes(j, form)
		}
	}
	t.unifyNumbers()
	return t, nil
}

// parseTimes makes the texts of a column times, when all of them are in one form.
func (t *Table) parseTimes(j int, form *timeForm) {
	times := make([]any, len(t.Rows))
	for i, cells := range t.Rows {
		times[i] = cells[j]
		if text, ok := cells[j].(string); ok {
			if times[i], ok = form.read(text); !ok {
				return
			}
		}
	}
	for i, cells := range t.Rows {
		cells[j] = times[i]
	}
}

// unifyNumbers makes columns that hold whole numbers and floats columns of floats.
func (t *Table) unifyNumbers() {
	for j := range t.Columns {
		whole, floats := false, false
		for _, cells := range t.Rows {
			switch cells[j].(type) {
			case int64:
				whole = true
			case float64:
				floats = true
			}
		}
		if !whole || !floats {
			continue
		}
		for _, cells := range t.Rows {
			if n, ok := cells[j].(int64); ok {
				cells[j] = float64(n)
			}
		}
	}
}

// encode writes one sheet, or for a map[string]*Table a sheet for each.
func (c *excelCodec) encode(_ context.Context, w io.Writer, data any) (err error) {
	book := excelize.NewFile()
	defer func() { err = errors.Join(err, book.Close()) }()
	sheets := map[string]any{c.saveTo: data}
	if tables, ok := data.(map[string]*Table); ok {
		sheets = map[string]any{}
		for name, t := range tables {
			sheets[name] = t
		}
	}
	if len(sheets) == 0 {
		return errors.New("a workbook needs a sheet")
	}
	for i, name := range slices.Sorted(maps.Keys(sheets)) {
		if i == 0 {
			err = book.SetSheetName("Sheet1", name)
		} else {
			_, err = book.NewSheet(name)
		}
		if err == nil {
			err = c.writeSheet(book, name, sheets[name])
		}
		if err != nil {
			return fmt.Errorf("sheet %q: %w", name, err)
		}
	}
	_, err = book.WriteTo(w)
	return err
}

func (c *excelCodec) writeSheet(book *excelize.File, name string, data any) error {
	f, err := frameOf(data)
	if err != nil {
		return err
	}
	columns, err := c.positions(f.columns)
	if err != nil {
		return err
	}
	stream, err := book.NewStreamWriter(name)
	if err != nil {
		return err
	}
	format := "YYYY-MM-DD HH:MM:SS"
	style, err := book.NewStyle(&excelize.Style{CustomNumFmt: &format})
	if err != nil {
		return err
	}
	out := sheetWriter{codec: c, stream: stream, style: style}
	if c.saveHeader {
		names := make([]any, len(f.columns))
		for i, column := range f.columns {
			names[i] = column
		}
		out.write(columns, names, "")
	}
	index := int64(0)
	err = f.each(func(cells []any) bool {
		out.write(columns, cells, index)
		index++
		return out.err == nil
	})
	if err = firstError(err, out.err); err != nil {
		return err
	}
	return stream.Flush()
}

// sheetWriter writes rows to a sheet.
type sheetWriter struct {
	codec  *excelCodec
	stream *excelize.StreamWriter
	style  int // of dates
	number int
	err    error
}

func (o *sheetWriter) write(columns []int, cells []any, index any) {
	o.number++
	out := make([]any, 0, len(columns)+1)
	if o.codec.saveIndex {
		out = append(out, index)
	}
	for _, i := range columns {
		out = append(out, o.cell(cells[i]))
	}
	if err := o.stream.SetRow(fmt.Sprintf("A%d", o.number), out); err != nil && o.err == nil {
		o.err = fmt.Errorf("row %d: %w", o.number, err)
	}
}

func (o *sheetWriter) cell(value any) any {
	if missing(value) {
		if o.codec.blank == "" {
			return nil
		}
		return o.codec.blank
	}
	switch v := value.(type) {
	case time.Time:
		return excelize.Cell{StyleID: o.style, Value: v.UTC()}
	case float64:
		if math.IsInf(v, 0) {
			return strings.TrimSuffix(fmt.Sprint(v), "Inf") + "inf"
		}
		return v
	case int64, string, bool:
		return v
	}
	return (&csvWriter{codec: &o.codec.csvCodec}).text(value)
}
