package dataset

import (
	"maps"
	"slices"
)

// columnKind is the type of a column of texts.
type columnKind int

const (
	kindWhole columnKind = iota
	kindFloat
	kindBool
	kindTime
	kindText
	kindDigits // whole numbers of any length, kept as texts
	kindBytes  // in databases; no text is read as it
)

// read gives a text the type; false when it doesn't fit.
func (k columnKind) read(text string) (any, bool) {
	switch k {
	case kindWhole:
		n, ok := parseWhole(text)
		return n, ok
	case kindFloat:
		f, ok := parseFloat(text)
		return f, ok && !losesDigits(text, f)
	case kindDigits:
		return text, isWhole(text)
	case kindBool:
		yes := slices.Contains(trueTexts, text)
		return yes, yes || slices.Contains(falseTexts, text)
	case kindTime:
		t, ok := parseTime(text)
		return t, ok
	}
	return text, true
}

// typing says how texts become values.
type typing struct {
	blanks blanks
	own    map[string]blanks // of columns that have their own
	marked bool              // na_values are given
	dtypes map[string]dtype  // by column; "" is for all
	dates  dateArgs
}

func readTyping(a *args) typing {
	t := typing{dtypes: readDtypes(a), dates: readDates(a)}
	t.blanks, t.own = readBlanks(a)
	t.marked = a.values["na_values"] != nil
	return t
}

func (t typing) blanksOf(column string) blanks {
	if own, ok := t.own[column]; ok {
		return own
	}
	return t.blanks
}

func (t typing) dtypeOf(column string) (dtype, bool) {
	d, ok := t.dtypes[column]
	if !ok {
		d, ok = t.dtypes[""]
	}
	return d, ok
}

// inferred are the kinds that a column without a declared type may have; texts fit always. A whole number that neither int64 nor
// float64 holds makes its column one of texts.
var inferred = []columnKind{kindWhole, kindDigits, kindFloat, kindBool, kindText}

// table types every column: as declared, else the first of whole numbers, floats, booleans, texts that all its values fit.
// Missing values are nil and don't change the type (pandas makes whole numbers with gaps floats). Numbers are the rows in the file.
func (t typing) table(names []string, forms map[string]*timeForm, rows [][]string, numbers []int) (*Table, error) {
	out := &Table{Columns: names, Rows: make([][]any, len(rows))}
	cells := make([]any, len(rows)*len(names))
	for i := range rows {
		out.Rows[i] = cells[i*len(names) : (i+1)*len(names) : (i+1)*len(names)]
	}
	for j, name := range names {
		c := column{into: out.Rows, rows: rows, at: j, blanks: t.blanksOf(name)}
		if form := forms[name]; form != nil {
			if i := c.times(form); i >= 0 {
				return nil, &PlaceError{Row: numbers[i], Column: name, Want: "a time in a form that can be told by its first value (name it by load_args.date_format)", Got: quoted(rows[i][j])}
			}
			continue
		}
		if d, ok := t.dtypeOf(name); ok {
			if i := c.fill(d.read, d.kind, d.blanks); i >= 0 {
				return nil, &PlaceError{Row: numbers[i], Column: name, Want: d.want(), Got: quoted(rows[i][j])}
			}
			continue
		}
		for _, kind := range inferred {
			if c.fill(kind.read, kind, true) < 0 {
				break
			}
		}
	}
	return out, nil
}

// column is one column on its way from texts to values.
type column struct {
	into   [][]any
	rows   [][]string
	at     int
	blanks blanks
}

// times fills a column of times. One with a value that isn't in the form of the others is left a column of texts, as in pandas;
// it returns the row of a first value whose form we can't tell, -1 for none.
func (c column) times(form *timeForm) int {
	c.blanks.texts = maps.Clone(c.blanks.texts)
	if c.blanks.texts != nil {
		c.blanks.texts[missingTime] = true
	}
	misfit := c.fill(form.read, kindTime, true)
	if misfit >= 0 && form.unknown(c.rows[misfit][c.at]) {
		return misfit
	}
	if misfit >= 0 {
		c.fill(kindText.read, kindText, true)
	}
	return -1
}

// fill fills the column; it returns the first row whose value doesn't fit, -1 for none.
func (c column) fill(read func(string) (any, bool), kind columnKind, blanks bool) int {
	var last string
	var lastValue any
	numbers := len(c.blanks.numbers) > 0 && (kind == kindWhole || kind == kindFloat)
	for i, row := range c.rows {
		text := row[c.at]
		if c.blanks.texts[text] {
			if !blanks {
				return i
			}
			c.into[i][c.at] = nil
			continue
		}
		if text != last || lastValue == nil { // runs of one value share it
			value, ok := read(text)
			if !ok {
				return i
			}
			if numbers && c.blanks.number(value) {
				if !blanks {
					return i
				}
				value = nil
			}
			last, lastValue = text, value
		}
		c.into[i][c.at] = lastValue
	}
	return -1
}
