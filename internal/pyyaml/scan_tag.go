package pyyaml

import (
	"strings"
	"unicode/utf8"
)

// maxVersionDigits is how long a number of %YAML may be.
const maxVersionDigits = 9

func isWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// word reads letters, digits, "-" and "_".
func (s *scanner) word() string {
	from := s.at
	for isWord(s.byteAt(0)) {
		s.advance(1)
	}
	return s.text[from:s.at]
}

// directive is a line that begins with "%".
func (s *scanner) directive() bool {
	const context = "while scanning a directive"
	t := token{start: s.mark}
	s.advance(1)
	name := s.word()
	switch {
	case name == "":
		return s.fail(context, t.start, "could not find expected directive name")
	case !s.blankzAt(0):
		return s.fail(context, t.start, "found unexpected non-alphabetical character")
	}
	var ok bool
	switch name {
	case "YAML":
		t.kind = tokVersion
		t.version, ok = s.version(t.start)
	case "TAG":
		t.kind = tokTagDirective
		t.handle, t.text, ok = s.tagDirective(t.start)
	default:
		return s.fail(context, t.start, "found unknown directive name")
	}
	if !ok {
		return false
	}
	t.end = s.mark
	s.blanks()
	s.comment()
	if !s.endAt(0) {
		return s.fail(context, t.start, "did not find expected comment or line break")
	}
	s.newline()
	s.queue = append(s.queue, t)
	return true
}

func (s *scanner) version(start mark) (version [2]int, ok bool) {
	s.blanks()
	if version[0], ok = s.versionNumber(start); !ok {
		return version, false
	}
	if s.byteAt(0) != '.' {
		return version, s.fail("while scanning a %YAML directive", start, "did not find expected digit or '.' character")
	}
	s.advance(1)
	version[1], ok = s.versionNumber(start)
	return version, ok
}

func (s *scanner) versionNumber(start mark) (number int, ok bool) {
	digits := 0
	for ; s.byteAt(0) >= '0' && s.byteAt(0) <= '9'; digits++ {
		if digits == maxVersionDigits {
			return 0, s.fail("while scanning a %YAML directive", start, "found extremely long version number")
		}
		number = number*10 + int(s.byteAt(0)-'0')
		s.advance(1)
	}
	if digits == 0 {
		return 0, s.fail("while scanning a %YAML directive", start, "did not find expected version number")
	}
	return number, true
}

func (s *scanner) tagDirective(start mark) (handle, prefix string, ok bool) {
	const context = "while scanning a %TAG directive"
	s.blanks()
	if handle, ok = s.tagHandle(true, start); !ok {
		return "", "", false
	}
	if !s.blankAt(0) {
		return "", "", s.fail(context, start, "did not find expected whitespace")
	}
	s.blanks()
	if prefix, ok = s.tagURI(true, true, "", start); !ok {
		return "", "", false
	}
	if !s.blankzAt(0) {
		return "", "", s.fail(context, start, "did not find expected whitespace or line break")
	}
	return handle, prefix, true
}

// anchor reads an anchor or an alias.
func (s *scanner) anchor(kind tokenKind) bool {
	start := s.mark
	s.advance(1)
	name := s.word()
	if name == "" || !s.blankzAt(0) && strings.IndexByte("?:,]}%@`", s.byteAt(0)) < 0 {
		context := "while scanning an anchor"
		if kind == tokAlias {
			context = "while scanning an alias"
		}
		return s.fail(context, start, "did not find expected alphabetic or numeric character")
	}
	s.queue = append(s.queue, token{kind: kind, start: start, end: s.mark, text: name})
	return true
}

// tag reads the tag of a node: !<uri>, !suffix, !!suffix or !handle!suffix.
func (s *scanner) tag() bool {
	const context = "while scanning a tag"
	t := token{kind: tokTag, start: s.mark}
	var ok bool
	if s.byteAt(1) == '<' {
		s.advance(2)
		if t.text, ok = s.tagURI(true, false, "", t.start); !ok {
			return false
		}
		if s.byteAt(0) != '>' {
			return s.fail(context, t.start, "did not find the expected '>'")
		}
		s.advance(1)
	} else if t.handle, t.text, ok = s.shortTag(t.start); !ok {
		return false
	}
	if !s.blankzAt(0) && (!s.flow() || s.byteAt(0) != ',') {
		return s.fail(context, t.start, "did not find expected whitespace or line break")
	}
	t.end = s.mark
	s.queue = append(s.queue, t)
	return true
}

func (s *scanner) shortTag(start mark) (handle, suffix string, ok bool) {
	if handle, ok = s.tagHandle(false, start); !ok {
		return "", "", false
	}
	if len(handle) > 1 && strings.HasSuffix(handle, "!") {
		suffix, ok = s.tagURI(false, false, "", start)
		return handle, suffix, ok
	}
	if suffix, ok = s.tagURI(false, false, handle, start); ok && suffix == "" {
		return "", "!", true
	}
	return "!", suffix, ok
}

func (s *scanner) tagHandle(directive bool, start mark) (handle string, ok bool) {
	if s.byteAt(0) != '!' {
		context := "while scanning a tag"
		if directive {
			context = "while scanning a tag directive"
		}
		return "", s.fail(context, start, "did not find expected '!'")
	}
	from := s.at
	s.advance(1)
	s.word()
	if s.byteAt(0) == '!' {
		s.advance(1)
	} else if directive && s.at-from > 1 {
		return "", s.fail("while parsing a tag directive", start, "did not find expected '!'")
	}
	return s.text[from:s.at], true
}

// isURI tells whether c may stand in a tag, with the brackets that only <...> allows.
func isURI(c byte, brackets bool) bool {
	return isWord(c) || c != 0 && strings.IndexByte(";/?:@&=+$.%!~*'()", c) >= 0 || brackets && (c == ',' || c == '[' || c == ']')
}

// tagURI reads the characters of a URI behind those of head, whose "!" doesn't count.
func (s *scanner) tagURI(brackets, directive bool, head string, start mark) (uri string, ok bool) {
	context := "while parsing a tag"
	if directive {
		context = "while parsing a %TAG directive"
	}
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(head, "!"))
	length := len(head)
	for ; ; length++ {
		c := s.byteAt(0)
		if !isURI(c, brackets) {
			break
		}
		if c == '%' {
			if !s.uriEscape(context, start, &b) {
				return "", false
			}
			continue
		}
		b.WriteByte(c)
		s.advance(1)
	}
	if length == 0 {
		return "", s.fail(context, start, "did not find expected tag URI")
	}
	return b.String(), true
}

// uriEscape reads the escaped bytes of one character.
func (s *scanner) uriEscape(context string, start mark, b *strings.Builder) bool {
	var raw []byte
	for width := 1; len(raw) < width; {
		high, low := hexDigit(s.byteAt(1)), hexDigit(s.byteAt(2))
		if s.byteAt(0) != '%' || high < 0 || low < 0 {
			return s.fail(context, start, "did not find URI escaped octet")
		}
		octet := byte(high<<4 | low)
		switch {
		case len(raw) > 0:
			if octet&0xc0 != 0x80 {
				return s.fail(context, start, "found an incorrect trailing UTF-8 octet")
			}
		case octet < utf8.RuneSelf:
		case octet&0xe0 == 0xc0:
			width = 2
		case octet&0xf0 == 0xe0:
			width = 3
		case octet&0xf8 == 0xf0:
			width = 4
		default:
			return s.fail(context, start, "found an incorrect leading UTF-8 octet")
		}
		raw = append(raw, octet)
		s.advance(3)
	}
	b.Write(raw)
	return true
}

// hexDigit is the value of a hexadecimal digit, -1 for anything else.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
