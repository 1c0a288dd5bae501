package dataset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// markup splits the XML of a sheet into tags and text. A sheet may hold millions of cells, and encoding/xml takes ten times as
// long; what sheets never hold (a DOCTYPE, entities of their own) is refused.
type markup struct {
	r       *bufio.Reader
	buffer  []byte
	closing bool // an empty element <c/> was opened: its end comes next
	last    []byte
}

type markupKind int

const (
	opens markupKind = iota
	closes
	chars
)

// token is a piece of markup, valid until the following call of next.
type token struct {
	kind       markupKind
	name       []byte // of a tag, without prefix
	attributes []byte // of an opening tag, as written
	text       []byte
}

func newMarkup(r io.Reader) *markup { return &markup{r: bufio.NewReaderSize(r, 1<<16)} }

// until reads up to and including a byte.
func (m *markup) until(end byte) error {
	for {
		part, err := m.r.ReadSlice(end)
		m.buffer = append(m.buffer, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (m *markup) next() (token, error) {
	if m.closing {
		m.closing = false
		return token{kind: closes, name: m.last}, nil
	}
	for {
		m.buffer = m.buffer[:0]
		first, err := m.r.ReadByte()
		if err != nil {
			return token{}, err
		}
		if first != '<' {
			return m.characters(first)
		}
		if err := m.until('>'); err != nil {
			return token{}, unexpected(err)
		}
		switch m.buffer[0] {
		case '?':
			continue
		case '!':
			if t, ok, err := m.special(); ok || err != nil {
				return t, err
			}
			continue
		}
		return m.tag()
	}
}

// characters reads text up to the next tag.
func (m *markup) characters(first byte) (token, error) {
	m.buffer = append(m.buffer, first)
	err := m.until('<')
	if err == nil {
		m.buffer = m.buffer[:len(m.buffer)-1]
		err = m.r.UnreadByte()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return token{}, err
	}
	text, err := unescape(m.buffer)
	return token{kind: chars, text: text}, err
}

// special reads what starts with <!: comments are left out, CDATA is text.
func (m *markup) special() (token, bool, error) {
	for _, kind := range []struct{ start, end string }{{"!--", "-->"}, {"![CDATA[", "]]>"}} {
		if !bytes.HasPrefix(m.buffer, []byte(kind.start)) {
			continue
		}
		for len(m.buffer) < len(kind.start)+len(kind.end) || !bytes.HasSuffix(m.buffer, []byte(kind.end)) {
			if err := m.until('>'); err != nil {
				return token{}, false, unexpected(err)
			}
		}
		return token{kind: chars, text: m.buffer[len(kind.start) : len(m.buffer)-len(kind.end)]}, kind.start != "!--", nil
	}
	return token{}, false, fmt.Errorf("unsupported markup <%.20s", m.buffer)
}

func (m *markup) tag() (token, error) {
	for bytes.Count(m.buffer, []byte{'"'})%2 == 1 { // the bracket stands inside an attribute
		if err := m.until('>'); err != nil {
			return token{}, unexpected(err)
		}
	}
	body := m.buffer[:len(m.buffer)-1]
	kind := opens
	if len(body) > 0 && body[0] == '/' {
		kind, body = closes, body[1:]
	}
	if len(body) > 0 && body[len(body)-1] == '/' {
		m.closing, body = true, body[:len(body)-1]
	}
	name, attributes := body, []byte(nil)
	if i := bytes.IndexAny(body, " \t\r\n"); i >= 0 {
		name, attributes = body[:i], body[i:]
	}
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	if len(name) == 0 {
		return token{}, fmt.Errorf("a tag without a name")
	}
	m.last = append(m.last[:0], name...)
	return token{kind: kind, name: name, attributes: attributes}, nil
}

// attribute returns the value of an attribute without prefix; nil when it is absent.
func (t token) attribute(name string) []byte {
	rest := t.attributes
	for {
		equals := bytes.IndexByte(rest, '=')
		if equals < 0 {
			return nil
		}
		key := bytes.TrimSpace(rest[:equals])
		rest = bytes.TrimLeft(rest[equals+1:], " \t\r\n")
		if len(rest) == 0 {
			return nil
		}
		end := bytes.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return rest[1 : end+1]
		}
		rest = rest[end+2:]
	}
}

var entities = map[string]rune{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}

// unescape replaces entities.
func unescape(text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '&') < 0 {
		return text, nil
	}
	var out []byte
	for {
		at := bytes.IndexByte(text, '&')
		if at < 0 {
			return append(out, text...), nil
		}
		end := bytes.IndexByte(text[at:], ';')
		if end < 0 {
			return nil, fmt.Errorf("an & that starts no entity")
		}
		name := string(text[at+1 : at+end])
		r, ok := entities[name]
		if !ok {
			r, ok = numericEntity(name)
		}
		if !ok {
			return nil, fmt.Errorf("unknown entity &%.20s;", name)
		}
		out = utf8.AppendRune(append(out, text[:at]...), r)
		text = text[at+end+1:]
	}
}

func numericEntity(name string) (rune, bool) {
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	base, digits := 10, name[1:]
	if digits[0] == 'x' || digits[0] == 'X' {
		base, digits = 16, digits[1:]
	}
	n, err := strconv.ParseUint(digits, base, 21)
	return rune(n), err == nil && n <= utf8.MaxRune
}
