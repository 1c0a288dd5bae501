package pyyaml

import (
	"strings"
	"unicode/utf8"
)

// Most configuration uses a small part of YAML: block mappings and lists, scalars on
// one line, flow collections on one line, or a JSON document. block reads that part in
// one pass, at a tenth of what the full parser costs. Wherever the text holds anything
// else, or is wrong, it gives up, and the full parser reads the text from its start: it
// alone knows anchors, tags, block scalars, folding and errors. FuzzBlock compares both.
type block struct {
	text   string
	schema Schema

	at     int // the next byte
	line   int // where the line of at begins
	indent int // column of the next content, -1 at the end
	depth  int

	pairs []Pair // entries of the mappings that are open
	items []any  // items of the lists that are open
}

const (
	maxBlockDepth = 100
	maxKeyLength  = 1000 // YAML allows keys of 1024 characters
)

// decodeBlock reads a text of the small part; ok tells whether it is one.
func decodeBlock(data []byte, schema Schema) (value any, ok bool) {
	if !plainText(data) {
		return nil, false
	}
	b := &block{text: string(data), schema: schema}
	if !b.next() || b.indent != 0 {
		return nil, false
	}
	if strings.HasPrefix(b.text[b.at:], "---\n") {
		b.at += len("---\n")
		if b.line = b.at; !b.next() || b.indent != 0 {
			return nil, false
		}
	}
	if c := b.peek(); c == '{' || c == '[' {
		value, ok = b.flow(true)
		ok = ok && b.end()
	} else {
		value, ok = b.collection()
	}
	return value, ok && b.indent < 0
}

// plainText tells whether a text has only characters that mean themselves: printable
// ones and line feeds.
func plainText(data []byte) bool {
	for at := 0; at < len(data); {
		if c := data[at]; c < utf8.RuneSelf {
			if c != '\n' && (c < ' ' || c == 0x7f) {
				return false
			}
			at++
			continue
		}
		r, size := utf8.DecodeRune(data[at:])
		if r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == 0xfffe || r == 0xffff || r == utf8.RuneError {
			return false
		}
		at += size
	}
	return true
}

// peek is the next byte, a line feed at the end.
func (b *block) peek() byte { return b.byteAt(b.at) }

func (b *block) byteAt(at int) byte {
	if at < len(b.text) {
		return b.text[at]
	}
	return '\n'
}

// blankAt tells whether there is a blank or the end of the line.
func (b *block) blankAt(at int) bool {
	c := b.byteAt(at)
	return c == ' ' || c == '\n'
}

// next goes to the next content from the start of a line on. It fails where a
// document may begin or end.
func (b *block) next() bool {
	for b.at < len(b.text) {
		b.line = b.at
		b.spaces()
		switch c := b.peek(); c {
		case '\n':
			b.at++
			continue
		case '#':
			b.skipLine()
			continue
		default:
			b.indent = b.at - b.line
			return b.indent > 0 || !b.marker()
		}
	}
	b.indent = -1
	return true
}

// marker tells whether the line may be a directive or divide documents. One line of
// dashes before all content is read by decodeBlock.
func (b *block) marker() bool {
	rest := b.text[b.at:]
	return rest[0] == '%' || strings.HasPrefix(rest, "...") || strings.HasPrefix(rest, "---") && (b.at > 0 || !strings.HasPrefix(rest, "---\n"))
}

func (b *block) spaces() {
	for b.at < len(b.text) && b.text[b.at] == ' ' {
		b.at++
	}
}

func (b *block) skipLine() {
	n := strings.IndexByte(b.text[b.at:], '\n')
	if n < 0 {
		b.at = len(b.text)
		return
	}
	b.at += n + 1
}

// end goes over the rest of a line, which may be a comment, to the next content.
func (b *block) end() bool {
	from := b.at
	b.spaces()
	if b.peek() == '#' && b.at > from || b.peek() == '\n' {
		b.skipLine()
		return b.next()
	}
	return false
}

// opens tells whether what follows is only blank or a comment: a value is on later lines.
func (b *block) opens() bool {
	b.spaces()
	return b.peek() == '\n' || b.peek() == '#'
}

// collection reads the list or mapping at the current column.
func (b *block) collection() (any, bool) {
	if b.depth++; b.depth > maxBlockDepth {
		return nil, false
	}
	defer func() { b.depth-- }()
	column := b.at - b.line
	if b.dash() {
		return b.list(column)
	}
	return b.mapping(column)
}

// dash tells whether a list item begins here.
func (b *block) dash() bool { return b.peek() == '-' && b.blankAt(b.at+1) }

func (b *block) mapping(column int) (any, bool) {
	from := len(b.pairs)
	for {
		key, ok := b.key()
		if !ok {
			return nil, false
		}
		value, ok := b.entry(column)
		if !ok {
			return nil, false
		}
		b.pairs = append(b.pairs, Pair{key, value})
		if b.indent < column {
			return b.closeMap(from)
		}
		if b.indent > column {
			return nil, false
		}
	}
}

// closeMap makes the mapping of the entries since from. A key twice is left to the full parser.
func (b *block) closeMap(from int) (any, bool) {
	pairs := make([]Pair, len(b.pairs)-from)
	copy(pairs, b.pairs[from:])
	b.pairs = b.pairs[:from]
	m := NewMap(pairs...)
	return m, m.Len() == len(pairs)
}

// entry reads the value after a key of a mapping at column.
func (b *block) entry(column int) (any, bool) {
	if !b.opens() {
		return b.inline()
	}
	b.skipLine()
	switch {
	case !b.next():
		return nil, false
	case b.indent > column, b.indent == column && b.dash():
		return b.collection()
	}
	return nil, true
}

func (b *block) list(column int) (any, bool) {
	from := len(b.items)
	for b.at-b.line == column && b.dash() { // else a mapping goes on whose value the list is
		value, ok := b.item(column)
		if !ok {
			return nil, false
		}
		b.items = append(b.items, value)
		if b.indent > column {
			return nil, false
		}
	}
	return b.closeList(from), true
}

func (b *block) closeList(from int) any {
	items := make([]any, len(b.items)-from)
	copy(items, b.items[from:])
	b.items = b.items[:from]
	return items
}

// item reads the value after the dash of a list at column.
func (b *block) item(column int) (any, bool) {
	b.at++
	if b.opens() {
		b.skipLine()
		switch {
		case !b.next():
			return nil, false
		case b.indent > column:
			return b.collection()
		}
		return nil, true
	}
	if b.dash() || b.isKey() {
		return b.collection()
	}
	return b.inline()
}

// isKey tells whether a key of a mapping begins here.
func (b *block) isKey() bool {
	from := b.at
	_, ok := b.key()
	b.at = from
	return ok
}

// key reads a key with its colon.
func (b *block) key() (any, bool) {
	from := b.at
	var value any
	switch c := b.peek(); {
	case c == '\'' || c == '"':
		text, ok := b.quoted(c)
		if !ok {
			return nil, false
		}
		b.spaces()
		value = text
	default:
		text, ok := b.plainKey()
		if !ok {
			return nil, false
		}
		if value, ok = b.scalar(text); !ok {
			return nil, false
		}
	}
	if b.peek() != ':' || !b.blankAt(b.at+1) || b.at-from > maxKeyLength {
		return nil, false
	}
	b.at++
	return value, true
}

// plainKey reads up to the colon of a key.
func (b *block) plainKey() (string, bool) {
	if !b.startsPlain() {
		return "", false
	}
	for at := b.at; at < len(b.text); at++ {
		switch b.text[at] {
		case '\n':
			return "", false
		case ':':
			if b.blankAt(at + 1) {
				text := strings.TrimRight(b.text[b.at:at], " ")
				b.at = at
				return text, true
			}
		case '#':
			if b.text[at-1] == ' ' {
				return "", false
			}
		}
	}
	return "", false
}

// startsPlain tells whether an unquoted scalar begins here.
func (b *block) startsPlain() bool {
	switch b.peek() {
	case '-':
		return !b.blankAt(b.at + 1)
	case ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '?', ':', ' ', '\n', '=', '<':
		return false
	}
	return true
}

// inline reads a value on the line of its key or dash, and goes to the next content.
func (b *block) inline() (any, bool) {
	var value any
	var ok bool
	switch c := b.peek(); c {
	case '[', '{':
		value, ok = b.flow(false)
	case '\'', '"':
		value, ok = b.quoted(c)
	default:
		var text string
		if text, ok = b.plain(); ok {
			value, ok = b.scalar(text)
		}
	}
	if !ok || !b.end() {
		return nil, false
	}
	return value, true
}

// plain reads an unquoted scalar up to the end of the line or a comment.
func (b *block) plain() (string, bool) {
	if !b.startsPlain() {
		return "", false
	}
	at := b.at
	for ; at < len(b.text) && b.text[at] != '\n'; at++ {
		switch b.text[at] {
		case ':':
			if b.blankAt(at + 1) {
				return "", false
			}
		case '#':
			if b.text[at-1] == ' ' {
				at--
				return b.take(at), true
			}
		}
	}
	return b.take(at), true
}

// take is the text up to at, without the blanks at its end.
func (b *block) take(at int) string {
	text := strings.TrimRight(b.text[b.at:at], " ")
	b.at += len(text)
	return text
}

// scalar is the value of an unquoted scalar.
func (b *block) scalar(text string) (any, bool) {
	tag := implicitTag(text, b.schema)
	if tag == tagStr {
		return text, true
	}
	value, err := constructScalar(tag, text)
	return value, err == nil
}

// quoted reads a quoted scalar that ends on its line.
func (b *block) quoted(quote byte) (string, bool) {
	from := b.at + 1
	for at := from; at < len(b.text); at++ {
		switch c := b.text[at]; {
		case c == '\n' || c == '\\' && quote == '"':
			return "", false
		case c == quote && quote == '\'' && b.byteAt(at+1) == quote:
			at++
		case c == quote:
			b.at = at + 1
			text := b.text[from:at]
			if quote == '\'' {
				text = strings.ReplaceAll(text, "''", "'")
			}
			return text, true
		}
	}
	return "", false
}
