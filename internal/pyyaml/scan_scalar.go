package pyyaml

import "unicode/utf8"

// folded gathers the text of a scalar whose lines are joined.
type folded struct {
	text     []byte
	blanks   []byte // between words, before it is known whether the line goes on
	first    string // the line break after the words
	breaks   []byte // those behind it
	lineDone bool   // whether the words of the line have ended
}

// fold puts a blank for a single line break, and the further ones for several.
func (f *folded) fold() {
	switch {
	case !f.lineDone:
		f.text = append(f.text, f.blanks...)
	case f.first == "\n" && len(f.breaks) == 0:
		f.text = append(f.text, ' ')
	case f.first == "\n":
		f.text = append(f.text, f.breaks...)
	default:
		f.text = append(append(f.text, f.first...), f.breaks...)
	}
	f.blanks, f.first, f.breaks = f.blanks[:0], "", f.breaks[:0]
}

// newline takes a line break.
func (f *folded) newline(meaning string) {
	if !f.lineDone {
		f.blanks, f.first, f.lineDone = f.blanks[:0], meaning, true
		return
	}
	f.breaks = append(f.breaks, meaning...)
}

// copyChar appends the next character.
func (s *scanner) copyChar(to []byte) []byte {
	from := s.at
	s.advance(1)
	return append(to, s.text[from:s.at]...)
}

// space takes blanks and line breaks between words. minimum is the column where tabs
// may begin, -1 for any.
func (s *scanner) space(f *folded, start mark, minimum int) bool {
	for {
		switch {
		case s.blankAt(0):
			if f.lineDone && s.column < minimum && s.byteAt(0) == '\t' {
				return s.fail("while scanning a plain scalar", start, "found a tab character that violates indentation")
			}
			if !f.lineDone {
				f.blanks = append(f.blanks, s.byteAt(0))
			}
			s.advance(1)
		case s.breakAt(0) > 0:
			f.newline(s.newline())
		default:
			return true
		}
	}
}

func (s *scanner) plainScalar() bool {
	t := token{kind: tokScalar, start: s.mark, end: s.mark, plain: true}
	indent := s.indent + 1
	var f folded
	for !s.documentMark("---") && !s.documentMark("...") && s.byteAt(0) != '#' {
		for !s.blankzAt(0) {
			if s.flow() && s.byteAt(0) == ':' && s.flowMarkAt(1) {
				return s.fail("while scanning a plain scalar", t.start, "found unexpected ':'")
			}
			if s.endsPlain() {
				break
			}
			if f.lineDone || len(f.blanks) > 0 {
				f.fold()
				f.lineDone = false
			}
			f.text = s.copyChar(f.text)
			t.end = s.mark
		}
		if !s.blankAt(0) && s.breakAt(0) == 0 {
			break
		}
		if !s.space(&f, t.start, indent) {
			return false
		}
		if !s.flow() && s.column < indent {
			break
		}
	}
	if f.lineDone {
		s.keyAllowed = true
	}
	t.text = string(f.text)
	s.queue = append(s.queue, t)
	return true
}

func (s *scanner) flowMarkAt(n int) bool {
	switch s.byteAt(n) {
	case ',', '?', '[', ']', '{', '}':
		return true
	}
	return false
}

// endsPlain tells whether the next character ends an unquoted scalar.
func (s *scanner) endsPlain() bool {
	c := s.byteAt(0)
	return c == ':' && s.blankzAt(1) || s.flow() && c != '?' && s.flowMarkAt(0)
}

func (s *scanner) quotedScalar(quote byte) bool {
	const context = "while scanning a quoted scalar"
	t := token{kind: tokScalar, start: s.mark}
	s.advance(1)
	var f folded
	for {
		switch {
		case s.documentMark("---"), s.documentMark("..."):
			return s.fail(context, t.start, "found unexpected document indicator")
		case s.byteAt(0) == 0:
			return s.fail(context, t.start, "found unexpected end of stream")
		}
		f.lineDone = false
		if !s.quotedWord(&f, quote, t.start) {
			return false
		}
		if s.byteAt(0) == quote {
			break
		}
		s.space(&f, t.start, -1)
		f.fold()
	}
	s.advance(1)
	t.end, t.text = s.mark, string(f.text)
	s.queue = append(s.queue, t)
	return true
}

// quotedWord reads up to a blank, a line break or the closing quote.
func (s *scanner) quotedWord(f *folded, quote byte, start mark) bool {
	for !s.blankzAt(0) {
		switch c := s.byteAt(0); {
		case c == '\'' && quote == c && s.byteAt(1) == c:
			f.text = append(f.text, c)
			s.advance(2)
		case c == quote:
			return true
		case c == '\\' && quote == '"' && s.breakAt(1) > 0:
			s.advance(1)
			s.newline()
			f.lineDone = true
			return true
		case c == '\\' && quote == '"':
			if !s.escape(f, start) {
				return false
			}
		default:
			f.text = s.copyChar(f.text)
		}
	}
	return true
}

// escaped are the characters that a letter stands for after a backslash.
var escaped = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b", ' ': " ",
	'"': `"`, '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

func (s *scanner) escape(f *folded, start mark) bool {
	const context = "while parsing a quoted scalar"
	c := s.byteAt(1)
	if meaning, ok := escaped[c]; ok {
		f.text = append(f.text, meaning...)
		s.advance(2)
		return true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 {
		return s.fail(context, start, "found unknown escape character")
	}
	s.advance(2)
	value := uint32(0)
	for k := range digits {
		digit := hexDigit(s.byteAt(k))
		if digit < 0 {
			return s.fail(context, start, "did not find expected hexdecimal number")
		}
		value = value<<4 | uint32(digit)
	}
	if value > utf8.MaxRune || value >= 0xd800 && value <= 0xdfff {
		return s.fail(context, start, "found invalid Unicode character escape code")
	}
	f.text = utf8.AppendRune(f.text, rune(value))
	s.advance(digits)
	return true
}

// blockScalar reads a scalar after "|" or ">".
func (s *scanner) blockScalar(literal bool) bool {
	t := token{kind: tokScalar, start: s.mark}
	s.advance(1)
	keep, indent, ok := s.blockHeader(t.start)
	if !ok {
		return false
	}
	if indent > 0 && s.indent >= 0 {
		indent += s.indent
	}
	var text []byte
	first := ""
	breaks, ok := s.blockBreaks(&indent, t.start)
	leadingBlank := false
	for ok && s.column == indent && s.byteAt(0) != 0 {
		blank := s.blankAt(0)
		if !literal && first == "\n" && !leadingBlank && !blank {
			if len(breaks) == 0 {
				text = append(text, ' ')
			}
		} else {
			text = append(text, first...)
		}
		text = append(text, breaks...)
		leadingBlank = blank
		for !s.endAt(0) {
			text = s.copyChar(text)
		}
		first = s.newline()
		breaks, ok = s.blockBreaks(&indent, t.start)
	}
	if keep >= 0 {
		text = append(text, first...)
	}
	if keep > 0 {
		text = append(text, breaks...)
	}
	t.end, t.text = s.mark, string(text)
	s.queue = append(s.queue, t)
	return ok
}

// blockHeader reads the rest of the line: whether the line breaks at the end are kept
// (1), cut to one (0) or dropped (-1), and how far the text is indented, 0 for not said.
func (s *scanner) blockHeader(start mark) (keep, indent int, ok bool) {
	const context = "while scanning a block scalar"
	chomp := func() {
		switch s.byteAt(0) {
		case '+':
			keep = 1
		case '-':
			keep = -1
		default:
			return
		}
		s.advance(1)
	}
	chomp()
	if c := s.byteAt(0); c >= '0' && c <= '9' {
		if c == '0' {
			return 0, 0, s.fail(context, start, "found an indentation indicator equal to 0")
		}
		indent = int(c - '0')
		s.advance(1)
		if keep == 0 {
			chomp()
		}
	}
	s.blanks()
	s.comment()
	if !s.endAt(0) {
		return 0, 0, s.fail(context, start, "did not find expected comment or line break")
	}
	s.newline()
	return keep, indent, true
}

// blockBreaks goes over empty lines and the indentation, which the first line with
// content sets unless the header did.
func (s *scanner) blockBreaks(indent *int, start mark) (breaks []byte, ok bool) {
	deepest := 0
	for {
		for (*indent == 0 || s.column < *indent) && s.byteAt(0) == ' ' {
			s.advance(1)
		}
		deepest = max(deepest, s.column)
		if (*indent == 0 || s.column < *indent) && s.byteAt(0) == '\t' {
			return nil, s.fail("while scanning a block scalar", start, "found a tab character where an indentation space is expected")
		}
		if s.breakAt(0) == 0 {
			break
		}
		breaks = append(breaks, s.newline()...)
	}
	if *indent == 0 {
		*indent = max(deepest, s.indent+1, 1)
	}
	return breaks, true
}
