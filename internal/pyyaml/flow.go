package pyyaml

import "strings"

// flow reads a list in brackets or a mapping in braces. Only a whole document may have
// several lines: further in, their columns would have a say.
func (b *block) flow(lines bool) (any, bool) {
	if b.depth++; b.depth > maxBlockDepth {
		return nil, false
	}
	defer func() { b.depth-- }()
	open := b.peek()
	b.at++
	from, pairs := len(b.items), len(b.pairs)
	for {
		if !b.flowSpaces(lines) {
			return nil, false
		}
		if c := b.peek(); c == ']' && open == '[' {
			b.at++
			return b.closeList(from), true
		} else if c == '}' && open == '{' {
			b.at++
			return b.closeMap(pairs)
		}
		if !b.flowEntry(open, lines) || !b.flowSpaces(lines) {
			return nil, false
		}
		switch b.peek() {
		case ',':
			b.at++
		case ']', '}':
		default:
			return nil, false
		}
	}
}

// flowEntry reads an item of a list or an entry of a mapping.
func (b *block) flowEntry(open byte, lines bool) bool {
	if open == '[' {
		value, ok := b.flowValue(lines)
		b.items = append(b.items, value)
		return ok
	}
	key, ok := b.flowKey()
	if !ok || !b.flowSpaces(lines) {
		return false
	}
	value, ok := b.flowValue(lines)
	b.pairs = append(b.pairs, Pair{key, value})
	return ok
}

// flowKey reads a key with its colon; after quotes no blank need follow it.
func (b *block) flowKey() (any, bool) {
	from := b.at
	var value any
	var ok bool
	quote := b.peek()
	isQuoted := quote == '\'' || quote == '"'
	if isQuoted {
		value, ok = b.quoted(quote)
	} else if text, plain := b.flowPlain(); plain {
		value, ok = b.scalar(text)
	}
	if !ok || b.peek() != ':' || !isQuoted && !b.blankAt(b.at+1) || b.at-from > maxKeyLength {
		return nil, false
	}
	b.at++
	return value, true
}

func (b *block) flowValue(lines bool) (any, bool) {
	switch c := b.peek(); c {
	case '[', '{':
		return b.flow(lines)
	case '\'', '"':
		return b.quoted(c)
	}
	text, ok := b.flowPlain()
	if !ok {
		return nil, false
	}
	return b.scalar(text)
}

// flowPlain reads an unquoted scalar inside brackets.
func (b *block) flowPlain() (string, bool) {
	if !b.startsPlain() {
		return "", false
	}
	n := strings.IndexAny(b.text[b.at:], ",]}:[{#?&*!|>'\"%@`\n")
	if n < 0 || strings.IndexByte(",]}:\n", b.text[b.at+n]) < 0 {
		return "", false
	}
	text := b.take(b.at + n)
	return text, text != "-"
}

// flowSpaces goes over blanks, and over the ends of lines where there may be several.
func (b *block) flowSpaces(lines bool) bool {
	for b.at < len(b.text) {
		switch b.text[b.at] {
		case ' ':
			b.at++
		case '\n':
			if b.at++; !lines || b.at < len(b.text) && strings.IndexByte("-.%#", b.text[b.at]) >= 0 {
				return false
			}
			b.line = b.at
		default:
			return true
		}
	}
	return false
}
