package dataset

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kedge-run/kedge/catalog"
)

// maxJSONDepth is how deep JSON may be nested; Python's reader stops near there too.
const maxJSONDepth = 1000

// decodeJSON reads JSON as Python's json.load does: NaN and Infinity are numbers, of equal keys the last one counts, whole
// numbers are int or *big.Int. Errors have Python's words.
func decodeJSON(text []byte) (any, error) {
	return (&jsonParser{text: text, keysAt: -1}).document()
}

// decodeOrdered is decodeJSON that also returns the keys of the objects at a depth, in the order in which they first come.
func decodeOrdered(text []byte, depth int) (any, []string, error) {
	p := &jsonParser{text: text, keysAt: depth, known: map[string]bool{}}
	value, err := p.document()
	return value, p.keys, err
}

func (p *jsonParser) document() (any, error) {
	text := p.text
	if len(text) >= 3 && string(text[:3]) == "\ufeff" {
		return nil, p.fail("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0)
	}
	if !utf8.Valid(text) {
		return nil, &catalog.Exception{Type: "UnicodeDecodeError", Message: "the file isn't UTF-8 text"}
	}
	p.space()
	value, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, p.fail("Extra data", p.at)
	}
	return value, nil
}

type jsonParser struct {
	text   []byte
	at     int
	keysAt int      // depth of the objects whose keys are noted; -1 for none
	keys   []string // their keys
	known  map[string]bool
}

// fail is Python's JSONDecodeError; it counts characters, not bytes.
func (p *jsonParser) fail(message string, at int) error {
	before := string(p.text[:min(at, len(p.text))])
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]) + 1
	return &catalog.Exception{Type: "JSONDecodeError",
		Message: fmt.Sprintf("%s: line %d column %d (char %d)", message, line, column, utf8.RuneCountInString(before))}
}

func (p *jsonParser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *jsonParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// jsonWords are the values that are written as words.
var jsonWords = []struct {
	text  string
	value any
}{
	{"null", nil}, {"true", true}, {"false", false}, {"NaN", math.NaN()}, {"Infinity", math.Inf(1)}, {"-Infinity", math.Inf(-1)},
}

func (p *jsonParser) value(depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, &catalog.Exception{Type: "RecursionError", Message: "maximum recursion depth exceeded while decoding a JSON value"}
	}
	switch c := p.peek(); {
	case c == '"':
		return p.stringAt()
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	}
	rest := p.text[p.at:]
	for _, word := range jsonWords {
		if len(rest) >= len(word.text) && string(rest[:len(word.text)]) == word.text {
			p.at += len(word.text)
			return word.value, nil
		}
	}
	return p.number()
}

func (p *jsonParser) digits() int {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

func (p *jsonParser) number() (any, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if p.digits() == 0 {
		p.at = start
		return nil, p.fail("Expecting value", start)
	}
	whole := p.at
	if p.peek() == '.' {
		p.at++
		if p.digits() == 0 {
			p.at = whole
		}
	}
	mantissa := p.at
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if p.digits() == 0 {
			p.at = mantissa
		}
	}
	text := string(p.text[start:p.at])
	if p.at != whole {
		f, _ := strconv.ParseFloat(text, 64) // out of range is infinite, as in Python
		return f, nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	const mostDigits = 4300 // Python's own limit
	n, ok := new(big.Int).SetString(text, 10)
	if !ok || len(text) > mostDigits {
		return nil, &catalog.Exception{Type: "ValueError", Message: fmt.Sprintf("Exceeds the limit (%d digits) for integer string conversion: value has %d digits", mostDigits, len(text))}
	}
	return n, nil
}

func (p *jsonParser) array(depth int) (any, error) {
	p.at++
	list := []any{}
	if p.space(); p.peek() == ']' {
		p.at++
		return list, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
		p.space()
		switch p.peek() {
		case ']':
			p.at++
			return list, nil
		case ',':
			p.at++
			p.space()
		default:
			return nil, p.fail("Expecting ',' delimiter", p.at)
		}
	}
}

func (p *jsonParser) object(depth int) (any, error) {
	p.at++
	object := map[string]any{}
	if p.space(); p.peek() == '}' {
		p.at++
		return object, nil
	}
	for {
		if p.peek() != '"' {
			return nil, p.fail("Expecting property name enclosed in double quotes", p.at)
		}
		key, err := p.stringAt()
		if err != nil {
			return nil, err
		}
		if depth == p.keysAt && !p.known[key] {
			p.known[key] = true
			p.keys = append(p.keys, key)
		}
		if p.space(); p.peek() != ':' {
			return nil, p.fail("Expecting ':' delimiter", p.at)
		}
		p.at++
		p.space()
		if object[key], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		p.space()
		switch p.peek() {
		case '}':
			p.at++
			return object, nil
		case ',':
			p.at++
			p.space()
		default:
			return nil, p.fail("Expecting ',' delimiter", p.at)
		}
	}
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *jsonParser) stringAt() (string, error) {
	begin := p.at
	p.at++
	start := p.at
	var b []byte
	for {
		if p.at >= len(p.text) {
			return "", p.fail("Unterminated string starting at", begin)
		}
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			if b == nil {
				return string(p.text[start : p.at-1]), nil
			}
			return string(append(b, p.text[start:p.at-1]...)), nil
		case c < ' ':
			return "", p.fail("Invalid control character at", p.at)
		case c == '\\':
			b = append(b, p.text[start:p.at]...)
			r, err := p.escape(begin)
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
			start = p.at
		default:
			p.at++
		}
	}
}

// escape reads one escape. A lone surrogate, which Go's texts can't hold, becomes U+FFFD.
func (p *jsonParser) escape(begin int) (rune, error) {
	at := p.at
	if at+1 >= len(p.text) {
		return 0, p.fail("Unterminated string starting at", begin)
	}
	c := p.text[at+1]
	if c != 'u' {
		plain, ok := jsonEscapes[c]
		if !ok {
			return 0, p.fail("Invalid \\escape", at)
		}
		p.at += 2
		return rune(plain), nil
	}
	high, ok := p.hex(at + 2)
	if !ok {
		return 0, p.fail("Invalid \\uXXXX escape", at+1)
	}
	p.at += 6
	if utf16.IsSurrogate(high) && p.at+1 < len(p.text) && p.text[p.at] == '\\' && p.text[p.at+1] == 'u' {
		if low, ok := p.hex(p.at + 2); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				p.at += 6
				return r, nil
			}
		}
	}
	return high, nil
}

func (p *jsonParser) hex(at int) (rune, bool) {
	if at+4 > len(p.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.text[at:at+4]), 16, 32)
	return rune(n), err == nil
}
