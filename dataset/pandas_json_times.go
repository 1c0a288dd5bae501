package dataset

import (
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/kedge-run/kedge/catalog"
)

// timeUnits are pandas' names of the units that times are counted in.
var timeUnits = map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond}

// jsonTimes says how the times of a table are written in JSON, which has none.
type jsonTimes struct {
	iso  bool
	unit string
}

func readJSONTimes(a *args) jsonTimes {
	return jsonTimes{iso: a.choice("date_format", "epoch", "epoch", "iso") == "iso", unit: a.choice("date_unit", "ms", "s", "ms", "us", "ns")}
}

// plain puts what JSON can hold in the place of times, and null in that of floats that aren't numbers, as pandas does.
func (j jsonTimes) plain(t *Table) {
	for _, row := range t.Rows {
		for i, cell := range row {
			switch v := cell.(type) {
			case time.Time:
				row[i] = j.time(v)
			case float64:
				if math.IsNaN(v) || math.IsInf(v, 0) {
					row[i] = nil
				}
			}
		}
	}
}

// time is a number of units since 1970, or a text with as many decimals as the unit has; times with a zone are written in UTC.
func (j jsonTimes) time(t time.Time) any {
	if !j.iso {
		return epoch(t, timeUnits[j.unit])
	}
	layout := map[string]string{"s": "2006-01-02T15:04:05", "ms": "2006-01-02T15:04:05.000", "us": "2006-01-02T15:04:05.000000", "ns": "2006-01-02T15:04:05.000000000"}[j.unit]
	if naive(t) {
		return t.Format(layout)
	}
	return t.UTC().Format(layout + "Z")
}

// epoch counts units since 1970, rounded down.
func epoch(t time.Time, unit time.Duration) int64 {
	perSecond := int64(time.Second / unit)
	return t.Unix()*perSecond + int64(t.Nanosecond())/int64(unit)
}

// jsonDates says which columns of a table in JSON hold times.
type jsonDates struct {
	columns []string // convert_dates
	unit    string   // date_unit; "" is ms, for numbers that can't well be anything else
}

func readJSONDates(a *args) jsonDates {
	var d jsonDates
	if v, ok := a.get("convert_dates"); ok && v != false {
		if _, ok := v.([]any); !ok {
			a.fail("convert_dates", "must be false or a list of columns: names don't tell which hold times, got %v", v)
		}
		d.columns = a.texts("convert_dates")
	}
	d.unit = a.choice("date_unit", "", "s", "ms", "us", "ns")
	return d
}

// apply makes the given columns times, and those that a struct of the node has as time.Time.
func (d jsonDates) apply(t *Table, want reflect.Type) error {
	for j, name := range t.Columns {
		declared := isTimeField(want, name)
		if !declared && !slices.Contains(d.columns, name) {
			continue
		}
		times := make([]any, len(t.Rows))
		for i, row := range t.Rows {
			value, ok := d.time(row[j])
			if _, isText := row[j].(string); !ok && isText && !declared {
				times = nil // a column with another text stays as it is, as in pandas
				break
			}
			if !ok {
				return &PlaceError{Row: i + 1, Column: name, Want: "a time in ISO 8601 or a number of milliseconds since 1970 (load_args.date_unit names another unit)", Got: shownCell(row[j])}
			}
			times[i] = value
		}
		for i := range times {
			t.Rows[i][j] = times[i]
		}
	}
	return nil
}

// time reads a time: a number of units since 1970, or a text.
func (d jsonDates) time(cell any) (any, bool) {
	switch v := cell.(type) {
	case nil:
		return nil, true
	case string:
		return timeOfText(v)
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, false
		}
		return d.number(int64(v))
	case int64:
		return d.number(v)
	}
	return nil, false
}

func timeOfText(text string) (any, bool) {
	t, ok := parseTime(text)
	return t, ok
}

// number reads a number of units since 1970. Without date_unit pandas guesses the unit by the size of the number; we refuse those that
// would be in 1970 or after the year 9999 as milliseconds, since they count something else.
func (d jsonDates) number(n int64) (any, bool) {
	const firstYear, lastYear = 31_536_000_000, 253_402_300_800_000
	switch d.unit {
	case "":
		return time.UnixMilli(n).UTC(), (n > firstYear || n < 0) && n < lastYear && n > -lastYear
	case "s":
		return time.Unix(n, 0).UTC(), true
	case "ms":
		return time.UnixMilli(n).UTC(), true
	case "us":
		return time.UnixMicro(n).UTC(), true
	}
	return time.Unix(0, n).UTC(), true
}

// isTimeField tells whether want is rows of a struct that has a time.Time for the column.
func isTimeField(want reflect.Type, column string) bool {
	if want == nil {
		return false
	}
	item, _, ok := catalog.IteratorOf(want)
	if !ok && want.Kind() == reflect.Slice {
		item, ok = want.Elem(), true
	}
	if !ok || !isRecord(item) {
		return false
	}
	if item.Kind() == reflect.Pointer {
		item = item.Elem()
	}
	f, ok := catalog.FieldNamed(item, column)
	return ok && (f.Type == timeType || f.Type == reflect.PointerTo(timeType))
}

// checkPrecision reads double_precision: pandas rounds floats to 10 decimals, we write them in full.
func checkPrecision(a *args) {
	if n := a.number("double_precision", 15); n != 15 {
		a.fail("double_precision", "must be 15: floats are written in full, got %d", n)
	}
}
