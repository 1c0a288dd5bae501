package dataset

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// dateArgs are the load_args about columns of times.
type dateArgs struct {
	columns  []any             // parse_dates: names and positions
	format   string            // Go's layout or ISO8601 or mixed, "" for the form of the first value
	formats  map[string]string // by column
	dayFirst bool
}

// readDates reads parse_dates, date_format and dayfirst. With true pandas parses row labels, which tables have none of.
func readDates(a *args) dateArgs {
	var d dateArgs
	switch v, _ := a.get("parse_dates"); v := v.(type) {
	case nil, bool:
	case string:
		d.columns = []any{v}
	case []any:
		d.columns = v
	default:
		a.fail("parse_dates", "must be a list of names or positions of columns, true or false, got %v", v)
	}
	for _, column := range d.columns {
		if _, isText := column.(string); !isText && !isPosition(column) {
			a.fail("parse_dates", "must hold names or positions of columns, got %v", column)
		}
	}
	d.dayFirst = a.boolean("dayfirst", false)
	switch v, _ := a.get("date_format"); v := v.(type) {
	case nil:
	case string:
		d.format = readingLayout(a, v)
	case map[string]any:
		d.formats = map[string]string{}
		for column, format := range v {
			text, _ := format.(string)
			d.formats[column] = readingLayout(a, text)
		}
	default:
		a.fail("date_format", "must be a format of times or a mapping from column to format, got %v", v)
	}
	return d
}

func isPosition(v any) bool {
	n, ok := wholeNumber(v)
	return ok && n >= 0
}

func readingLayout(a *args, format string) string {
	if format == "ISO8601" || format == "mixed" {
		return format
	}
	layout, err := layoutOf(format)
	if err != nil {
		a.fail("date_format", "%s", err)
	}
	return layout
}

// forms returns a form of times for each column that holds them; names are the columns that positions count.
func (d dateArgs) forms(names []string) (map[string]*timeForm, error) {
	forms := map[string]*timeForm{}
	for _, column := range d.columns {
		name, isText := column.(string)
		if n, ok := wholeNumber(column); ok && n < len(names) {
			name, isText = names[n], true
		}
		if !isText || !slices.Contains(names, name) {
			return nil, &PlaceError{Want: "column " + shownCell(column) + " of parse_dates", Got: "columns " + strings.Join(names, ", ")}
		}
		layout := d.format
		if own, ok := d.formats[name]; ok {
			layout = own
		}
		forms[name] = &timeForm{dayFirst: d.dayFirst, iso: layout == "ISO8601", mixed: layout == "mixed"}
		if layout != "ISO8601" && layout != "mixed" {
			forms[name].layout = layout
		}
	}
	return forms, nil
}

// read gives texts the type time.Time.
func (f *timeForm) read(text string) (any, bool) {
	t, ok := f.parse(text)
	return t, ok
}

// missingTime is how pandas shows a time that is missing.
const missingTime = "NaT"

// setter puts texts in the form of the column into fields of structs.
func (f *timeForm) setter(t reflect.Type) func(reflect.Value, string) bool {
	return func(dst reflect.Value, text string) bool {
		if t.Kind() == reflect.Pointer {
			if defaultBlank[text] || text == missingTime {
				return true
			}
			dst.Set(reflect.ValueOf(new(time.Time)))
			dst = dst.Elem()
		}
		parsed, ok := f.parse(text)
		if ok {
			dst.Set(reflect.ValueOf(parsed))
		}
		return ok
	}
}
