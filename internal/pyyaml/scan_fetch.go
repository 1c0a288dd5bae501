package pyyaml

import (
	"slices"
	"strings"
)

// fetch puts the next token into the queue, maybe with some that it implies.
func (s *scanner) fetch() bool {
	s.toNext()
	if !s.dropStaleKeys() {
		return false
	}
	s.unroll(s.column)
	switch c := s.byteAt(0); {
	case c == 0:
		return s.streamEnd()
	case c == '%' && s.column == 0:
		return s.reset() && s.directive()
	case s.documentMark("---"):
		return s.reset() && s.indicator(tokDocumentStart, 3)
	case s.documentMark("..."):
		return s.reset() && s.indicator(tokDocumentEnd, 3)
	case strings.IndexByte("[]{},", c) >= 0:
		return s.flowIndicator(c)
	case c == '-' && s.blankzAt(1):
		return s.blockEntry()
	case c == '?' && (s.flow() || s.blankzAt(1)):
		return s.key()
	case c == ':' && (s.flow() || s.blankzAt(1)):
		return s.value()
	default:
		return s.content(c)
	}
}

// content fetches a token that is a node or a property of one.
func (s *scanner) content(c byte) bool {
	switch {
	case c == '*':
		return s.mayBeKey() && s.anchor(tokAlias)
	case c == '&':
		return s.mayBeKey() && s.anchor(tokAnchor)
	case c == '!':
		return s.mayBeKey() && s.tag()
	case (c == '|' || c == '>') && !s.flow():
		if !s.removeKey() {
			return false
		}
		s.keyAllowed = true
		return s.blockScalar(c == '|')
	case c == '\'' || c == '"':
		return s.mayBeKey() && s.quotedScalar(c)
	case s.startsPlain(c):
		return s.mayBeKey() && s.plainScalar()
	}
	return s.fail("while scanning for the next token", s.mark, "found character that cannot start any token")
}

// startsPlain tells whether an unquoted scalar may begin with c here.
func (s *scanner) startsPlain(c byte) bool {
	switch {
	case s.blankzAt(0):
		return false
	case c == '-':
		return !s.blankAt(1)
	case c == '?' || c == ':':
		return !s.flow() && !s.blankzAt(1)
	}
	return strings.IndexByte(",[]{}#&*!|>'\"%@`", c) < 0
}

// mayBeKey notes that what follows may be a key, and that no other key may follow it.
func (s *scanner) mayBeKey() bool {
	ok := s.saveKey()
	s.keyAllowed = false
	return ok
}

// indicator takes n characters as a token.
func (s *scanner) indicator(kind tokenKind, n int) bool {
	start := s.mark
	s.advance(n)
	s.queue = append(s.queue, token{kind: kind, start: start, end: s.mark})
	return true
}

// reset closes everything before a directive or the border of a document.
func (s *scanner) reset() bool {
	s.unroll(-1)
	if !s.removeKey() {
		return false
	}
	s.keyAllowed = false
	return true
}

func (s *scanner) streamEnd() bool {
	if s.column != 0 {
		s.column = 0
		s.line++
	}
	return s.reset() && s.indicator(tokStreamEnd, 0)
}

func (s *scanner) flowIndicator(c byte) bool {
	switch c {
	case '[', '{':
		if !s.saveKey() {
			return false
		}
		s.keys = append(s.keys, simpleKey{})
		s.keyAllowed = true
		if c == '[' {
			return s.indicator(tokFlowSequence, 1)
		}
		return s.indicator(tokFlowMapping, 1)
	case ',':
		if !s.removeKey() {
			return false
		}
		s.keyAllowed = true
		return s.indicator(tokFlowEntry, 1)
	}
	if !s.removeKey() {
		return false
	}
	if s.flow() {
		s.keys = s.keys[:len(s.keys)-1]
	}
	s.keyAllowed = false
	if c == ']' {
		return s.indicator(tokFlowSequenceEnd, 1)
	}
	return s.indicator(tokFlowMappingEnd, 1)
}

func (s *scanner) blockEntry() bool {
	if !s.flow() {
		if !s.keyAllowed {
			return s.fail("", s.mark, "block sequence entries are not allowed in this context")
		}
		s.roll(s.column, -1, tokBlockSequence, s.mark)
	}
	if !s.removeKey() {
		return false
	}
	s.keyAllowed = true
	return s.indicator(tokBlockEntry, 1)
}

// key is the "?" of a key that says so.
func (s *scanner) key() bool {
	if !s.flow() {
		if !s.keyAllowed {
			return s.fail("", s.mark, "mapping keys are not allowed in this context")
		}
		s.roll(s.column, -1, tokBlockMapping, s.mark)
	}
	if !s.removeKey() {
		return false
	}
	s.keyAllowed = !s.flow()
	return s.indicator(tokKey, 1)
}

// value is the ":" after a key.
func (s *scanner) value() bool {
	if key := &s.keys[len(s.keys)-1]; key.possible {
		s.queue = slices.Insert(s.queue, s.head+key.number-s.taken, token{kind: tokKey, start: key.mark, end: key.mark})
		s.roll(key.mark.column, key.number, tokBlockMapping, key.mark)
		key.possible = false
		s.keyAllowed = false
		return s.indicator(tokValue, 1)
	}
	if !s.flow() {
		if !s.keyAllowed {
			return s.fail("", s.mark, "mapping values are not allowed in this context")
		}
		s.roll(s.column, -1, tokBlockMapping, s.mark)
	}
	s.keyAllowed = !s.flow()
	return s.indicator(tokValue, 1)
}
