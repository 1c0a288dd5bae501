package pyyaml

import (
	"slices"
	"unicode/utf8"
)

// scanner cuts a text into tokens, as far as the composer asks for them.
type scanner struct {
	name string
	text string
	at   int // the next byte
	read int // characters before it
	mark     // its place

	queue     []token
	head      int  // of the queue
	taken     int  // tokens handed out
	available bool // whether the head may be handed out

	keys       []simpleKey // one for each level of flow collections, and one outside
	indent     int
	indents    []int
	keyAllowed bool
	err        *Error
}

// simpleKey is a place where a key without "?" may have begun.
type simpleKey struct {
	possible, required bool
	number             int // of its token
	read               int
	mark               mark
}

// maxKeyChars is how many characters a key without "?" may have.
const maxKeyChars = 1024

func newScanner(text, name string) *scanner {
	return &scanner{name: name, text: text, keys: make([]simpleKey, 1), indent: -1, keyAllowed: true}
}

// fail notes a mistake at the next character; start is where what holds it begins.
func (s *scanner) fail(context string, start mark, problem string) bool {
	if s.err == nil {
		at := s.mark
		contextMark := &start
		if context == "" {
			contextMark = nil
		}
		s.err = marked("ScannerError", s.name, context, contextMark, problem, &at)
	}
	return false
}

// peek is the next token; ok is false after a mistake.
func (s *scanner) peek() (t token, ok bool) {
	if !s.available && !s.fetchMore() {
		return token{}, false
	}
	return s.queue[s.head], true
}

// skip hands the next token out.
func (s *scanner) skip() {
	s.head++
	s.taken++
	s.available = false
	if s.head == len(s.queue) {
		s.queue, s.head = s.queue[:0], 0
	}
}

// fetchMore fills the queue until its head can't be the start of a key any more.
func (s *scanner) fetchMore() bool {
	for s.head == len(s.queue) || s.headMayBeKey() {
		if s.err != nil || !s.fetch() {
			return false
		}
	}
	s.available = s.err == nil
	return s.available
}

func (s *scanner) headMayBeKey() bool {
	if !s.dropStaleKeys() {
		return true
	}
	for i := range s.keys {
		if s.keys[i].possible && s.keys[i].number == s.taken {
			return true
		}
	}
	return false
}

func (s *scanner) flow() bool { return len(s.keys) > 1 }

// byteAt is the byte n after the next one, 0 at the end: a text holds none.
func (s *scanner) byteAt(n int) byte {
	if s.at+n < len(s.text) {
		return s.text[s.at+n]
	}
	return 0
}

// breakAt is the length of the line break n bytes ahead, 0 without one.
func (s *scanner) breakAt(n int) int {
	switch s.byteAt(n) {
	case '\n', '\r':
		return 1
	case 0xc2:
		if s.byteAt(n+1) == 0x85 {
			return 2
		}
	case 0xe2:
		if s.byteAt(n+1) == 0x80 && s.byteAt(n+2)&^1 == 0xa8 {
			return 3
		}
	}
	return 0
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func (s *scanner) blankAt(n int) bool  { return isBlank(s.byteAt(n)) }
func (s *scanner) endAt(n int) bool    { return s.byteAt(n) == 0 || s.breakAt(n) > 0 }
func (s *scanner) blankzAt(n int) bool { return s.blankAt(n) || s.endAt(n) }

// advance goes over n characters of a line.
func (s *scanner) advance(n int) {
	for range n {
		size := 1
		if s.byteAt(0) >= utf8.RuneSelf {
			_, size = utf8.DecodeRuneInString(s.text[s.at:])
		}
		s.at += size
		s.read++
		s.column++
	}
}

// line goes over a line break, if there is one, and gives what it means in a scalar.
func (s *scanner) newline() string {
	size := s.breakAt(0)
	if size == 0 {
		return ""
	}
	meaning := "\n"
	switch {
	case s.byteAt(0) == '\r' && s.byteAt(1) == '\n':
		size = 2
		s.read++
	case size == 3:
		meaning = s.text[s.at : s.at+3]
	}
	s.at += size
	s.read++
	s.line++
	s.column = 0
	return meaning
}

func (s *scanner) blanks() {
	for s.blankAt(0) {
		s.advance(1)
	}
}

// comment goes to the end of the line if a comment begins here.
func (s *scanner) comment() {
	if s.byteAt(0) == '#' {
		for !s.endAt(0) {
			s.advance(1)
		}
	}
}

// toNext goes over blanks, comments and line breaks. Tabs may not indent a block.
func (s *scanner) toNext() {
	const byteOrderMark = "\ufeff"
	for {
		if s.column == 0 && len(s.text)-s.at >= 3 && s.text[s.at:s.at+3] == byteOrderMark {
			s.advance(1)
		}
		for s.byteAt(0) == ' ' || (s.flow() || !s.keyAllowed) && s.byteAt(0) == '\t' {
			s.advance(1)
		}
		s.comment()
		if s.newline() == "" {
			return
		}
		if !s.flow() {
			s.keyAllowed = true
		}
	}
}

// documentMark tells whether "---" or "..." stands at the start of a line.
func (s *scanner) documentMark(of string) bool {
	return s.column == 0 && s.at+3 <= len(s.text) && s.text[s.at:s.at+3] == of && s.blankzAt(3)
}

// dropStaleKeys gives up keys that ended with their line or grew too long.
func (s *scanner) dropStaleKeys() bool {
	for i := range s.keys {
		key := &s.keys[i]
		if key.possible && (key.mark.line < s.line || key.read+maxKeyChars < s.read) {
			if key.required {
				return s.fail("while scanning a simple key", key.mark, "could not find expected ':'")
			}
			key.possible = false
		}
	}
	return true
}

// saveKey notes that a key may begin here.
func (s *scanner) saveKey() bool {
	if !s.keyAllowed {
		return true
	}
	if !s.removeKey() {
		return false
	}
	s.keys[len(s.keys)-1] = simpleKey{possible: true, required: !s.flow() && s.indent == s.column,
		number: s.taken + len(s.queue) - s.head, read: s.read, mark: s.mark}
	return true
}

func (s *scanner) removeKey() bool {
	key := &s.keys[len(s.keys)-1]
	if key.possible && key.required {
		return s.fail("while scanning a simple key", key.mark, "could not find expected ':'")
	}
	key.possible = false
	return true
}

// roll opens a block collection if the column is further in than the current one. The
// token goes to the end of the queue, or before the token of the given number.
func (s *scanner) roll(column, number int, kind tokenKind, at mark) {
	if s.flow() || s.indent >= column {
		return
	}
	s.indents = append(s.indents, s.indent)
	s.indent = column
	t := token{kind: kind, start: at, end: at}
	if number < 0 {
		s.queue = append(s.queue, t)
		return
	}
	s.queue = slices.Insert(s.queue, s.head+number-s.taken, t)
}

// unroll closes block collections further in than column.
func (s *scanner) unroll(column int) {
	for !s.flow() && s.indent > column {
		s.queue = append(s.queue, token{kind: tokBlockEnd, start: s.mark, end: s.mark})
		s.indent = s.indents[len(s.indents)-1]
		s.indents = s.indents[:len(s.indents)-1]
	}
}
