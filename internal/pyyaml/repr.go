package pyyaml

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Str is Python's str(value): text as it is, everything else as Repr.
func Str(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return Repr(value)
}

// Repr is Python's repr(value).
func Repr(value any) string {
	switch value := value.(type) {
	case nil:
		return "None"
	case bool:
		if value {
			return "True"
		}
		return "False"
	case int:
		return strconv.Itoa(value)
	case *big.Int:
		return value.String()
	case float64:
		return FloatRepr(value)
	case string:
		return quote(value)
	case []byte:
		return "b" + quoteBytes(value)
	case time.Time:
		return "datetime.datetime(" + value.Format("2006, 1, 2, 15, 4, 5") + ")"
	case Set:
		items := strings.TrimSuffix(strings.TrimPrefix(reprList(value), "["), "]")
		return "{" + items + "}"
	case []any:
		return reprList(value)
	case *Map:
		return reprMap(value)
	case map[string]any:
		return reprPlain(value)
	}
	return fmt.Sprint(value)
}

func reprList(list []any) string {
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = Repr(item)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func reprMap(m *Map) string {
	items := make([]string, 0, m.Len())
	for pair := range m.entries() {
		items = append(items, Repr(pair.Key)+": "+Repr(pair.Value))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

// reprPlain orders the keys by name, since Go's mappings have no order.
func reprPlain(m map[string]any) string {
	items := make([]string, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		items = append(items, quote(key)+": "+Repr(m[key]))
	}
	return "{" + strings.Join(items, ", ") + "}"
}

// FloatRepr is Python's repr of a float: the shortest digits that read back, with an
// exponent below 1e-4 and from 1e16 on.
func FloatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	size := math.Abs(f)
	if size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// quote is Python's repr of a text: single quotes unless only they occur inside.
func quote(text string) string {
	mark := byte('\'')
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		mark = '"'
	}
	var b strings.Builder
	b.WriteByte(mark)
	for _, r := range text {
		switch {
		case r == rune(mark) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte(mark)
	return b.String()
}

func quoteBytes(raw []byte) string {
	var b strings.Builder
	for _, c := range raw {
		switch {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c > 0x7e:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return "'" + b.String() + "'"
}
