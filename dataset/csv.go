package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/internal/storage"
)

const csvClass = "kedro_datasets.pandas.csv_dataset.CSVDataset"

// csvCodec reads and writes CSV as pandas does.
type csvCodec struct {
	sep       rune
	header    int          // line that holds the names, -1 for none
	names     []string     // given names
	skip      int          // lines to leave out at the start
	skipLines map[int]bool // others, by number from 0
	trim      bool         // blanks after separators are left out
	limit     int          // rows to read, -1 for all
	typing    typing
	selection []any  // usecols: names or positions; nil for all
	labels    []any  // index_col: columns of row labels, which a Table has not; they are left out
	packed    string // how the file is compressed, "" for not
	charset   charset

	savePacked  string
	saveSep     string
	saveIndex   bool
	saveHeader  bool
	saveNames   []string
	blank       string
	newline     string
	quoteAll    bool
	dateFormat  timeFormat
	floatFormat string
}

func buildCSV(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "load_args", "save_args"); err != nil {
		return nil, err
	}
	c := &csvCodec{}
	load := argsOf(spec, "load_args", "engine", "low_memory", "memory_map", "storage_options", "dtype_backend")
	file, _ := spec.Args["filepath"].(string)
	c.packed = compressionOf(load, file)
	if err := errors.Join(c.readLoadArgs(load), c.readSaveArgs(argsOf(spec, "save_args", "storage_options", "errors"))); err != nil {
		return nil, err
	}
	return newFile(spec, c, shown(spec, "load_args", nil), shown(spec, "save_args", map[string]any{"index": false}))
}

func (c *csvCodec) readLoadArgs(a *args) error {
	c.sep = loadSeparator(a)
	c.trim = a.boolean("skipinitialspace", false)
	c.names = a.texts("names")
	c.header = headerLine(a, c.names)
	c.skip, c.skipLines = skipRows(a)
	c.limit = a.number("nrows", -1)
	c.selection = selection(a)
	c.typing = readTyping(a)
	c.charset = readCharset(a)
	c.labels = labels(a)
	if q := a.text("quotechar", `"`); q != `"` {
		a.fail("quotechar", "must be %q, got %q", `"`, q)
	}
	return a.done()
}

func (c *csvCodec) readSaveArgs(a *args) error {
	c.saveSep = string(separator(a, a.text("sep", ",")))
	c.saveIndex = a.boolean("index", false)
	c.saveHeader = a.boolean("header", true)
	c.saveNames = a.texts("columns")
	c.blank = a.text("na_rep", "")
	c.newline = a.text("lineterminator", "\n")
	c.savePacked = saveCompression(a)
	c.dateFormat = readTimeFormat(a)
	c.floatFormat = readFloatFormat(a)
	if mode := a.text("mode", "w"); mode != "w" {
		a.fail("mode", "must be %q: files are replaced as a whole, got %q", "w", mode)
	}
	if q := a.number("quoting", 0); q > 1 {
		a.fail("quoting", "must be 0 (only where needed) or 1 (all), got %d", q)
	} else {
		c.quoteAll = q == 1
	}
	checkEncoding(a)
	return a.done()
}

func separator(a *args, text string) rune {
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || r == utf8.RuneError || strings.ContainsRune("\"\r\n", r) {
		a.fail("sep", "must be one character, no quote and no line break, got %q", text)
		return ','
	}
	return r
}

// headerLine reads header: a line number, none, or pandas' "infer": the first line unless names are given.
func headerLine(a *args, names []string) int {
	v, ok := a.values["header"]
	a.known = append(a.known, "header")
	switch {
	case ok && v == nil:
		return -1
	case !ok || v == "infer":
		if names != nil {
			return -1
		}
		return 0
	}
	n, ok := wholeNumber(v)
	if !ok || n < 0 {
		a.fail("header", "must be a line number, null or infer, got %v", v)
	}
	return n
}

// selection reads usecols: names or positions of columns.
func selection(a *args) []any {
	v, ok := a.get("usecols")
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		a.fail("usecols", "must be a list of names or positions, got %v", v)
	}
	return list
}

// labels reads index_col: a name or a position, or a list of them; false and null are none.
func labels(a *args) []any {
	switch v, _ := a.get("index_col"); v := v.(type) {
	case nil, bool:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

func (c *csvCodec) decode(ctx context.Context, src storage.Object, want reflect.Type) (any, error) {
	rows, err := c.rows(ctx, src)
	if err != nil {
		return nil, err
	}
	return decodeRows(rows, want)
}

// csvReader hands out the rows of a CSV file.
type csvReader struct {
	codec   *csvCodec
	records *recordReader
	names   []string
	forms   map[string]*timeForm
	pick    []int    // positions of the chosen columns; nil for all
	pending []string // a first row that turned out to be data
	left    int      // rows to go, negative for all
	texts   []string
	width   int // columns in the file
}

func (c *csvCodec) rows(_ context.Context, src storage.Object) (rowReader, error) {
	text, err := c.plainText(src)
	if err != nil {
		return nil, err
	}
	r := &csvReader{codec: c, records: newRecordReader(text, string(c.sep)), left: c.limit}
	r.records.skip, r.records.decode, r.records.trim = c.skipped, c.charset.line, c.trim
	return r, r.readHeader()
}

// skipped tells which lines skiprows leaves out.
func (c *csvCodec) skipped(number int) bool { return number < c.skip || c.skipLines[number] }

func (r *csvReader) readHeader() error {
	first, err := r.records.read()
	for range r.codec.header { // blank lines don't count
		if err == nil {
			first, err = r.records.read()
		}
	}
	if errors.Is(err, io.EOF) {
		return &catalog.Exception{Type: "EmptyDataError", Message: "No columns to parse from file"}
	}
	if err != nil {
		return err
	}
	first = slices.Clone(first)
	r.width = len(first)
	r.names = r.codec.names
	switch {
	case r.codec.header < 0:
		r.pending = first
		if r.names == nil {
			for i := range first {
				r.names = append(r.names, strconv.Itoa(i))
			}
		}
	case r.names == nil:
		r.names = uniqueNames(first)
	}
	if len(r.names) < r.width {
		return &PlaceError{Want: fmt.Sprintf("%d names in load_args.names, one for each column", r.width), Got: strconv.Itoa(len(r.names))}
	}
	r.width = len(r.names)
	return r.choose()
}

// uniqueNames gives repeated and empty names the names that pandas gives them.
func uniqueNames(names []string) []string {
	seen := map[string]int{}
	out := make([]string, len(names))
	for i, name := range names {
		if name == "" {
			name = fmt.Sprintf("Unnamed: %d", i)
		}
		out[i] = name
		if n := seen[name]; n > 0 {
			out[i] = fmt.Sprintf("%s.%d", name, n)
		}
		seen[name]++
	}
	return out
}

// choose finds the columns that usecols names.
func (r *csvReader) choose() error {
	if r.codec.selection == nil && r.codec.labels == nil {
		return r.findTimes(r.names)
	}
	var names, all []string
	chosen := 0
	for i, name := range r.names {
		if r.codec.selection != nil && !holds(r.codec.selection, i, name) {
			continue
		}
		if !holds(r.codec.labels, chosen, name) { // positions count the chosen columns
			r.pick = append(r.pick, i)
			names = append(names, name)
		}
		all = append(all, name)
		chosen++
	}
	for _, wanted := range append(slices.Clone(r.codec.selection), r.codec.labels...) {
		n, isNumber := wholeNumber(wanted)
		if name, isText := wanted.(string); isText && !slices.Contains(r.names, name) || isNumber && n >= len(r.names) {
			return &PlaceError{Want: "column " + shownCell(wanted) + " of usecols or index_col", Got: "columns " + strings.Join(r.names, ", ")}
		}
	}
	r.names = names
	return r.findTimes(all)
}

// findTimes finds the columns that parse_dates names; positions count the chosen columns, those of labels too.
func (r *csvReader) findTimes(names []string) (err error) {
	r.forms, err = r.codec.typing.dates.forms(names)
	return err
}

// setter returns how texts of a column are put into a field of a struct.
func (r *csvReader) setter(column string, t reflect.Type) func(reflect.Value, string) bool {
	set := textSetter(t)
	if form := r.forms[column]; form != nil && (t == timeType || t == reflect.PointerTo(timeType)) {
		set = form.setter(t)
	}
	if !r.codec.typing.marked {
		return set
	}
	blanks := r.codec.typing.blanksOf(column)
	return func(dst reflect.Value, text string) bool {
		if blanks.text(text) {
			text = ""
		}
		return set(dst, text)
	}
}

// holds tells whether a list of names and positions has a column.
func holds(list []any, i int, name string) bool {
	return slices.ContainsFunc(list, func(wanted any) bool {
		n, isNumber := wholeNumber(wanted)
		return wanted == name || isNumber && n == i
	})
}

func (r *csvReader) columns() []string { return r.names }
func (r *csvReader) close()            {}

func (r *csvReader) next() (row, error) {
	if r.left == 0 {
		return row{}, io.EOF
	}
	r.left--
	texts := r.pending
	r.pending = nil
	if texts == nil {
		var err error
		if texts, err = r.records.read(); err != nil {
			return row{}, err
		}
	}
	number := r.records.row
	if len(texts) > r.width {
		return row{}, &PlaceError{Row: number, Want: fmt.Sprintf("%d fields", r.width), Got: strconv.Itoa(len(texts))}
	}
	for len(texts) < r.width {
		texts = append(texts, "")
	}
	if r.pick != nil {
		r.texts = r.texts[:0]
		for _, i := range r.pick {
			r.texts = append(r.texts, texts[i])
		}
		texts = r.texts
	}
	return row{texts: texts, number: number}, nil
}

// table gives each column its type.
func (r *csvReader) table(rows [][]string, numbers []int) (*Table, error) {
	return r.codec.typing.table(r.names, r.forms, rows, numbers)
}

// encode writes the rows as pandas' to_csv does.
func (c *csvCodec) encode(_ context.Context, w io.Writer, data any) error {
	packed, err := c.pack(w)
	if err != nil {
		return err
	}
	if err := c.write(packed, data); err != nil {
		return err // what is packed so far is thrown away with the file
	}
	return packed.Close()
}

func (c *csvCodec) write(w io.Writer, data any) error {
	f, err := frameOf(data)
	if err != nil {
		return err
	}
	columns, err := c.positions(f.columns)
	if err != nil {
		return err
	}
	out := &csvWriter{codec: c, w: w}
	if c.saveHeader {
		if c.saveIndex {
			out.field("")
		}
		for _, i := range columns {
			out.field(f.columns[i])
		}
		out.end()
	}
	n := 0
	err = f.each(func(cells []any) bool {
		if c.saveIndex {
			out.field(strconv.Itoa(n))
		}
		n++
		for _, i := range columns {
			out.field(out.text(cells[i]))
		}
		out.end()
		return out.err == nil
	})
	return firstError(err, out.err)
}

func (c *csvCodec) positions(names []string) ([]int, error) {
	chosen := c.saveNames
	if chosen == nil {
		chosen = names
	}
	positions := make([]int, len(chosen))
	for i, name := range chosen {
		if positions[i] = slices.Index(names, name); positions[i] < 0 {
			return nil, fmt.Errorf("save_args.columns: no column %q; the data has %s", name, strings.Join(names, ", "))
		}
	}
	if c.saveNames == nil {
		for i := range positions {
			positions[i] = i // repeated names keep their own column
		}
	}
	return positions, nil
}

// csvWriter writes fields with the least quoting, as Python's csv module.
type csvWriter struct {
	codec *csvCodec
	w     io.Writer
	line  []byte
	count int
	err   error
}

func (o *csvWriter) field(text string) {
	if o.count > 0 {
		o.line = append(o.line, o.codec.saveSep...)
	}
	o.count++
	if !o.codec.quoteAll && !strings.Contains(text, o.codec.saveSep) && !strings.ContainsAny(text, "\"\r\n") {
		o.line = append(o.line, text...)
		return
	}
	o.line = append(o.line, '"')
	o.line = append(o.line, strings.ReplaceAll(text, `"`, `""`)...)
	o.line = append(o.line, '"')
}

func (o *csvWriter) end() {
	if o.count == 1 && len(o.line) == 0 {
		o.line = append(o.line, `""`...) // a line that is empty would be no row
	}
	o.line = append(o.line, o.codec.newline...)
	if o.err == nil {
		_, o.err = o.w.Write(o.line)
	}
	o.line, o.count = o.line[:0], 0
}

func (o *csvWriter) text(cell any) string {
	if missing(cell) {
		return o.codec.blank
	}
	switch v := cell.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatFloat(v, o.codec.floatFormat)
	case time.Time:
		return formatTime(v, o.codec.dateFormat)
	case []byte:
		return string(v)
	}
	return pyyaml.Str(cell)
}

// formatTime writes a time as pandas does: only the date at midnight, fractions where there are any.
func formatTime(t time.Time, format timeFormat) string {
	zone := ""
	if !naive(t) {
		zone = "-07:00"
	}
	switch {
	case format != nil:
		return format.format(t)
	case unitOf(t) == arrow.Nanosecond:
		return t.Format("2006-01-02 15:04:05.000000000" + zone)
	case t.Nanosecond() != 0:
		return t.Format("2006-01-02 15:04:05.000000" + zone)
	case t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 && zone == "":
		return t.Format("2006-01-02")
	}
	return t.Format("2006-01-02 15:04:05" + zone)
}
