package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// columnKind is the type of a column of texts.
type columnKind int

const (
	kindWhole columnKind = iota
	kindFloat
	kindBool
	kindTime
	kindText
	kindBytes // in databases; no text is read as it
)

// dtypeKinds are pandas' names of types, in lower case.
var dtypeKinds = map[string]columnKind{
	"int": kindWhole, "int8": kindWhole, "int16": kindWhole, "int32": kindWhole, "int64": kindWhole,
	"uint8": kindWhole, "uint16": kindWhole, "uint32": kindWhole, "uint64": kindWhole,
	"float": kindFloat, "float32": kindFloat, "float64": kindFloat, "bool": kindBool, "boolean": kindBool,
	"str": kindText, "string": kindText, "object": kindText, "category": kindText, "datetime64[ns]": kindTime,
}

// read gives a text the type; false when it doesn't fit.
func (k columnKind) read(text string) (any, bool) {
	switch k {
	case kindWhole:
		n, ok := parseWhole(text)
		return n, ok
	case kindFloat:
		f, ok := parseFloat(text)
		return f, ok
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
	blank  map[string]bool
	dtypes map[string]string // by column; "" is for all
	dates  []string          // columns that hold times
}

func readTyping(a *args) typing {
	t := typing{blank: defaultBlank, dtypes: map[string]string{}, dates: a.texts("parse_dates")}
	if !a.boolean("keep_default_na", true) || !a.boolean("na_filter", true) {
		t.blank = map[string]bool{}
	}
	if extra := a.texts("na_values"); extra != nil {
		t.blank = maps.Clone(t.blank)
		maps.Copy(t.blank, textSet(extra))
	}
	switch v, _ := a.get("dtype"); dtype := v.(type) {
	case nil:
	case string:
		t.dtypes[""] = dtype
	case map[string]any:
		for name, one := range dtype {
			t.dtypes[name] = fmt.Sprint(one)
		}
	default:
		a.fail("dtype", "must be a type name or a mapping from column to type name, got %v", v)
	}
	for _, dtype := range t.dtypes {
		if _, ok := dtypeKinds[strings.ToLower(dtype)]; !ok {
			a.fail("dtype", "%q isn't supported; supported are: %s", dtype, strings.Join(slices.Sorted(maps.Keys(dtypeKinds)), ", "))
		}
	}
	return t
}

// table types every column: the first of whole numbers, floats, booleans, texts that all its values fit. Missing
// values are nil and don't change the type (pandas makes whole numbers with gaps floats).
func (t typing) table(names []string, rows [][]string) *Table {
	out := &Table{Columns: names, Rows: make([][]any, len(rows))}
	cells := make([]any, len(rows)*len(names))
	for i := range rows {
		out.Rows[i] = cells[i*len(names) : (i+1)*len(names) : (i+1)*len(names)]
	}
	for j, name := range names {
		for _, kind := range t.kinds(name) {
			if t.column(out.Rows, rows, j, kind) {
				break
			}
		}
	}
	return out
}

// kinds lists what to try for a column; texts fit always.
func (t typing) kinds(name string) []columnKind {
	dtype, ok := t.dtypes[name]
	if !ok {
		dtype, ok = t.dtypes[""]
	}
	if ok {
		return []columnKind{dtypeKinds[strings.ToLower(dtype)], kindText}
	}
	if slices.Contains(t.dates, name) {
		return []columnKind{kindTime, kindText}
	}
	return []columnKind{kindWhole, kindFloat, kindBool, kindText}
}

// column fills one column; false as soon as a value doesn't fit.
func (t typing) column(into [][]any, rows [][]string, j int, kind columnKind) bool {
	var last string
	var lastValue any
	for i, row := range rows {
		text := row[j]
		if t.blank[text] {
			into[i][j] = nil
			continue
		}
		if text != last || lastValue == nil { // runs of one value share it
			value, ok := kind.read(text)
			if !ok {
				return false
			}
			last, lastValue = text, value
		}
		into[i][j] = lastValue
	}
	return true
}
