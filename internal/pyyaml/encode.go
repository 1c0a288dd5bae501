package pyyaml

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Encode writes value as yaml.dump(value, default_flow_style=False) does: block style,
// keys sorted where they can be compared, everything but ASCII escaped, long text
// folded at 80 columns, a line "..." after a bare scalar. Values are those of Decode,
// and plain Go maps, slices and numbers.
func Encode(value any) ([]byte, error) {
	value, err := FromPlain(value)
	if err != nil {
		return nil, err
	}
	e := &emitter{indent: noIndent, whitespace: true, indention: true}
	if err := e.node(value, context{root: true}); err != nil {
		return nil, err
	}
	e.writeIndent()
	if e.openEnded {
		e.indicator("...", true, false, false)
		e.writeIndent()
	}
	return []byte(e.out.String()), nil
}

const (
	noIndent   = -1
	bestIndent = 2
	bestWidth  = 80
	// A longer key, tag included, is written with "? ".
	maxSimpleKey = 128
)

// context is where a node stands.
type context struct{ root, mapping, simpleKey bool }

// emitter follows PyYAML's emitter.py; the fields have its names.
type emitter struct {
	out        strings.Builder
	column     int
	indent     int
	whitespace bool
	indention  bool
	openEnded  bool
	depth      int
}

func (e *emitter) node(value any, at context) error {
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > MaxDepth {
		return fmt.Errorf("encode YAML: nested more than %d levels deep", MaxDepth)
	}
	switch value := value.(type) {
	case Set:
		return e.node([]any(value), at)
	case []any:
		return e.sequence(value, at)
	case *Map:
		return e.mapping(value)
	case []byte:
		e.binary(value)
		return nil
	}
	text, tag, err := represent(value)
	if err != nil {
		return err
	}
	saved := e.increaseIndent(true, false)
	e.scalar(text, tag, at)
	e.indent = saved
	return nil
}

func (e *emitter) sequence(list []any, at context) error {
	if len(list) == 0 {
		e.indicator("[", true, true, false)
		e.indicator("]", false, false, false)
		return nil
	}
	saved := e.increaseIndent(false, at.mapping && !e.indention)
	for _, item := range list {
		e.writeIndent()
		e.indicator("-", true, false, true)
		if err := e.node(item, context{}); err != nil {
			return err
		}
	}
	e.indent = saved
	return nil
}

func (e *emitter) mapping(m *Map) error {
	if m.Len() == 0 {
		e.indicator("{", true, true, false)
		e.indicator("}", false, false, false)
		return nil
	}
	saved := e.increaseIndent(false, false)
	for _, pair := range sorted(m) {
		e.writeIndent()
		if err := e.key(pair.Key); err != nil {
			return err
		}
		if err := e.node(pair.Value, context{mapping: true}); err != nil {
			return err
		}
	}
	e.indent = saved
	return nil
}

func (e *emitter) key(key any) error {
	text, tag, err := represent(key)
	if err != nil {
		return err
	}
	analysis := analyze(text)
	if n := len([]rune(text)); n > 0 && n+len("!!"+tag) < maxSimpleKey && !analysis.multiline {
		if err := e.node(key, context{simpleKey: true}); err != nil {
			return err
		}
		e.indicator(":", false, false, false)
		return nil
	}
	e.indicator("?", true, false, true)
	if err := e.node(key, context{mapping: true}); err != nil {
		return err
	}
	e.writeIndent()
	e.indicator(":", true, false, true)
	return nil
}

// sorted are the pairs in Python's order of keys, or as they are when keys of
// different types can't be compared.
func sorted(m *Map) []Pair {
	pairs := make([]Pair, 0, m.Len())
	for pair := range m.entries() {
		pairs = append(pairs, pair)
	}
	ordered := slices.Clone(pairs)
	allCompared := true
	slices.SortStableFunc(ordered, func(a, b Pair) int {
		order, ok := compareKeys(a.Key, b.Key)
		allCompared = allCompared && ok
		return order
	})
	if !allCompared {
		return pairs
	}
	return ordered
}

func compareKeys(a, b any) (int, bool) {
	left, leftText := a.(string)
	right, rightText := b.(string)
	if leftText && rightText {
		return strings.Compare(left, right), true
	}
	x, xok := rational(a)
	y, yok := rational(b)
	if !xok || !yok {
		return 0, false
	}
	return x.Cmp(y), true
}

func rational(key any) (*big.Float, bool) {
	switch key := Canonical(key).(type) {
	case int:
		return new(big.Float).SetInt64(int64(key)), true
	case float64:
		if math.IsNaN(key) {
			return nil, false
		}
		return new(big.Float).SetFloat64(key), true
	}
	if large, ok := key.(*big.Int); ok {
		return new(big.Float).SetInt(large), true
	}
	return nil, false
}

// represent is the text of a scalar and its short tag.
func represent(value any) (text, tag string, err error) {
	switch value := value.(type) {
	case nil:
		return "null", tagNull, nil
	case bool:
		if value {
			return "true", tagBool, nil
		}
		return "false", tagBool, nil
	case int, *big.Int:
		return Repr(value), tagInt, nil
	case float64:
		return representFloat(value), tagFloat, nil
	case string:
		return value, tagStr, nil
	case time.Time:
		return representTime(value), tagTimestamp, nil
	}
	return "", "", fmt.Errorf("encode YAML: %T is no YAML value", value)
}

func representFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	text := FloatRepr(f)
	if !strings.Contains(text, ".") && strings.Contains(text, "e") {
		text = strings.Replace(text, "e", ".0e", 1)
	}
	return text
}

func representTime(t time.Time) string {
	if t.Location() == time.UTC && t.Equal(t.Truncate(24*time.Hour)) {
		return t.Format("2006-01-02")
	}
	text := t.Format("2006-01-02 15:04:05")
	if micro := t.Nanosecond() / 1000; micro != 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	if t.Location() != time.UTC {
		text += t.Format("-07:00")
	}
	return text
}

// binary writes bytes as a literal block of base64, 76 characters to a line.
func (e *emitter) binary(raw []byte) {
	saved := e.increaseIndent(true, false)
	e.indicator("!!binary", true, false, false)
	e.indicator("|", true, false, false)
	text := base64.StdEncoding.EncodeToString(raw)
	for len(text) > 0 {
		line := text[:min(76, len(text))]
		text = text[len(line):]
		e.lineBreak()
		e.write(strings.Repeat(" ", e.indent))
		e.write(line)
	}
	e.whitespace, e.indention = false, false
	e.indent = saved
}
