package dataset

import (
	"encoding"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kedge-run/kedge/catalog"
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	bytesType    = reflect.TypeFor[[]byte]()
	unmarshaler  = reflect.TypeFor[encoding.TextUnmarshaler]()
	blankTexts   = []string{"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
	timeLayouts  = isoLayouts()
	trueTexts    = []string{"True", "TRUE", "true"}
	falseTexts   = []string{"False", "FALSE", "false"}
	defaultBlank = textSet(blankTexts)
)

func textSet(texts []string) map[string]bool {
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[text] = true
	}
	return set
}

// isoLayouts are the forms of ISO 8601 with a full date: with seconds, minutes or hours only, or no time of day.
func isoLayouts() []string {
	var layouts []string
	for _, middle := range []string{" ", "T"} {
		for _, clock := range []string{"15:04:05", "15:04", "15"} {
			layouts = append(layouts, "2006-01-02"+middle+clock, "2006-01-02"+middle+clock+"Z07:00", "2006-01-02"+middle+clock+"Z0700")
		}
	}
	return layouts
}

// parseTime reads a time in one of the forms that pandas writes, and the others of ISO 8601.
func parseTime(text string) (time.Time, bool) {
	const day = "2006-01-02"
	if len(text) < len(day) || text[4] != '-' {
		return time.Time{}, false
	}
	if len(text) == len(day) {
		t, err := time.Parse(day, text)
		return t, err == nil
	}
	if text[len(day)] != ' ' && text[len(day)] != 'T' {
		return time.Time{}, false
	}
	for _, layout := range timeLayouts {
		if layout[len(day)] != text[len(day)] {
			continue
		}
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// textSetter returns how a text of a file is put into a field of type t; it reports whether the text fits.
// A blank leaves a pointer nil, makes a float NaN and a text empty; it fits no other type.
func textSetter(t reflect.Type) func(reflect.Value, string) bool {
	switch {
	case t.Kind() == reflect.Pointer:
		inner := textSetter(t.Elem())
		return func(dst reflect.Value, text string) bool {
			if defaultBlank[text] {
				return true
			}
			dst.Set(reflect.New(t.Elem()))
			return inner(dst.Elem(), text)
		}
	case t == timeType:
		return func(dst reflect.Value, text string) bool {
			parsed, ok := parseTime(text)
			if ok {
				dst.Set(reflect.ValueOf(parsed))
			}
			return ok
		}
	case reflect.PointerTo(t).Implements(unmarshaler):
		return func(dst reflect.Value, text string) bool {
			return dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)) == nil
		}
	}
	return kindSetter(t)
}

func kindSetter(t reflect.Type) func(reflect.Value, string) bool {
	switch t.Kind() {
	case reflect.String:
		return func(dst reflect.Value, text string) bool { dst.SetString(text); return true }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return setInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return func(dst reflect.Value, text string) bool {
			n, err := strconv.ParseUint(strings.Trim(text, blankBytes), 10, dst.Type().Bits())
			dst.SetUint(n)
			return err == nil
		}
	case reflect.Float32, reflect.Float64:
		return func(dst reflect.Value, text string) bool {
			f, ok := parseFloat(text)
			if !ok && defaultBlank[text] {
				f, ok = math.NaN(), true
			}
			dst.SetFloat(f)
			return ok
		}
	case reflect.Bool:
		return func(dst reflect.Value, text string) bool {
			dst.SetBool(slices.Contains(trueTexts, text))
			return dst.Bool() || slices.Contains(falseTexts, text)
		}
	case reflect.Interface:
		return func(dst reflect.Value, text string) bool {
			if value := inferCell(text); value != nil && t.NumMethod() == 0 {
				dst.Set(reflect.ValueOf(value))
			}
			return t.NumMethod() == 0
		}
	}
	return func(reflect.Value, string) bool { return false }
}

// setInt reads a whole number, also one that was written as a float such as 4.0.
func setInt(dst reflect.Value, text string) bool {
	n, ok := parseIntegral(text)
	if !ok || dst.OverflowInt(n) {
		return false
	}
	dst.SetInt(n)
	return true
}

// parseIntegral reads a whole number, also one that was written as a float, as long as floats hold it exactly.
func parseIntegral(text string) (int64, bool) {
	if n, ok := parseWhole(text); ok {
		return n, true
	}
	const exact = 1 << 53
	f, ok := parseFloat(text)
	n := int64(f)
	return n, ok && f <= exact && f >= -exact && float64(n) == f
}

// blankBytes are what may stand around a number; other blanks of Unicode make it a text, as in pandas.
const blankBytes = " \t\n\v\f\r"

// isWhole tells whether a text is a whole number of any length.
func isWhole(text string) bool {
	text = strings.Trim(text, blankBytes)
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	return text != "" && allDigits(text)
}

// losesDigits tells whether a text is a whole number that isn't the float that it was read as.
func losesDigits(text string, f float64) bool {
	const exact = 1 << 53
	if f < exact && f > -exact || !isWhole(text) {
		return false
	}
	digits := strings.TrimLeft(strings.Trim(text, blankBytes), "+-0")
	return strings.TrimLeft(strconv.FormatFloat(f, 'f', 0, 64), "-") != digits
}

// parseFloat reads a number as pandas does: digits, inf and infinity in any case; no hexadecimal, no underscores.
func parseFloat(text string) (float64, bool) {
	text = strings.Trim(text, blankBytes)
	if text == "" || strings.ContainsAny(text, "xX_pP") || strings.EqualFold(text, "nan") {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

func parseWhole(text string) (int64, bool) {
	text = strings.Trim(text, blankBytes)
	if text == "" || text[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// inferCell gives a text the type that it looks like.
func inferCell(text string) any {
	if defaultBlank[text] {
		return nil
	}
	if n, ok := parseWhole(text); ok {
		return n
	}
	if f, ok := parseFloat(text); ok && !isWhole(text) {
		return f
	}
	switch {
	case slices.Contains(trueTexts, text):
		return true
	case slices.Contains(falseTexts, text):
		return false
	}
	return text
}

// setValue puts a typed cell into a field. Missing is nil for a pointer, NaN for a float, empty for a text.
func setValue(dst reflect.Value, value any) error {
	if value == nil {
		switch dst.Kind() {
		case reflect.Float32, reflect.Float64:
			dst.SetFloat(math.NaN())
			return nil
		case reflect.String:
			return nil
		}
	}
	if dst.Kind() == reflect.Interface && value == nil {
		return nil
	}
	if parsed, ok := value.(string); ok && dst.Type() == timeType {
		if t, ok := parseTime(parsed); ok {
			dst.Set(reflect.ValueOf(t))
			return nil
		}
	}
	converted, err := catalog.Convert(value, dst.Type())
	if err == nil && converted != nil {
		dst.Set(reflect.ValueOf(converted))
	}
	return err
}

// plainCell reduces a value of a row to the types that a Table holds; other values stay as they are.
func plainCell(v reflect.Value) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch {
	case v.Type() == timeType, v.Type() == bytesType:
		return v.Interface()
	case v.CanInterface() && v.Kind() != reflect.String && v.Type().Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		if text, err := v.Interface().(encoding.TextMarshaler).MarshalText(); err == nil {
			return string(text)
		}
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Float32:
		return wideFloat(float32(v.Float()))
	case reflect.Float64:
		return v.Float()
	}
	if v.CanInt() {
		return v.Int()
	}
	if v.CanUint() {
		if n := v.Uint(); n <= math.MaxInt64 {
			return int64(n)
		}
		return v.Uint()
	}
	return v.Interface()
}

// missing tells whether a cell holds nothing.
func missing(cell any) bool {
	f, isFloat := cell.(float64)
	return cell == nil || isFloat && math.IsNaN(f)
}
