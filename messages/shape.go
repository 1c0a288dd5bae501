package messages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checkShape refuses what the standard decoder lets pass or can't name: too large,
// too deep, invalid UTF-8, duplicate keys, unknown fields, keys in another case, and
// anything after the value. It keeps its own stack, so depth costs no recursion.
func checkShape(data []byte, root reflect.Type) *FieldError {
	switch {
	case len(data) > MaxMessageBytes:
		return &FieldError{Code: CodeTooLarge, Reason: fmt.Sprintf("%d bytes, at most %d are allowed", len(data), MaxMessageBytes)}
	case !utf8.Valid(data):
		return invalid("", "is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	s := shape{next: root}
	for {
		token, err := decoder.Token()
		if err == io.EOF && len(s.stack) == 0 && s.ended {
			return nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return invalid(s.path(), "is not JSON: "+err.Error())
		}
		if s.ended {
			return invalid("", "has something after the JSON value")
		}
		if err := s.take(token); err != nil {
			return err
		}
	}
}

// shape follows the tokens of one JSON value beside the Go type it is meant for.
type shape struct {
	stack []level
	next  reflect.Type // of the coming value; nil: anything
	ended bool
}

// level is one open object or array.
type level struct {
	object  bool
	fields  map[string]reflect.Type // of a struct; nil: any key
	element reflect.Type            // of a map, slice or array; nil: anything
	seen    map[string]bool         // keys so far
	key     string                  // that the coming value belongs to
	inValue bool                    // of an object: a key was read
	index   int                     // of an array
}

func (s *shape) take(token json.Token) *FieldError {
	if delim, ok := token.(json.Delim); ok {
		switch delim {
		case '{', '[':
			return s.open(delim == '{')
		default:
			s.stack = s.stack[:len(s.stack)-1]
			s.closeValue()
			return nil
		}
	}
	if top := s.top(); top != nil && top.object && !top.inValue {
		return s.key(top, token.(string))
	}
	if err := s.checkText(token); err != nil {
		return err
	}
	s.closeValue()
	return nil
}

// checkText reads the texts that the standard decoder refuses without naming the field.
func (s *shape) checkText(token json.Token) *FieldError {
	text, _ := token.(string)
	switch s.next {
	case reflect.TypeFor[Duration]():
		if _, err := time.ParseDuration(text); err != nil {
			return invalid(s.path(), "must be a duration as text, for example 1m30s")
		}
	case reflect.TypeFor[time.Time]():
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return invalid(s.path(), "must be a time as text of RFC 3339, for example 2026-11-23T18:36:01Z")
		}
	}
	return nil
}

func (s *shape) top() *level {
	if len(s.stack) == 0 {
		return nil
	}
	return &s.stack[len(s.stack)-1]
}

func (s *shape) key(top *level, key string) *FieldError {
	top.key = key
	if top.seen[key] {
		return invalid(s.path(), "is given twice")
	}
	top.seen[key] = true
	s.next = top.element
	if top.fields != nil {
		field, known := top.fields[key]
		if !known {
			return invalid(s.path(), "is unknown")
		}
		s.next = field
	}
	top.inValue = true
	return nil
}

func (s *shape) open(object bool) *FieldError {
	if len(s.stack) == MaxDepth {
		return invalid(s.path(), fmt.Sprintf("is nested deeper than %d levels", MaxDepth))
	}
	opened := level{object: object}
	if object {
		opened.seen = map[string]bool{}
	}
	t := s.next
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil || t == reflect.TypeFor[json.RawMessage]():
	case object && t.Kind() == reflect.Struct:
		opened.fields = jsonFields(t)
	case object && t.Kind() == reflect.Map, !object && t.Kind() == reflect.Slice:
		opened.element = t.Elem()
	}
	s.stack = append(s.stack, opened)
	s.next = opened.element
	return nil
}

// closeValue moves on after a value.
func (s *shape) closeValue() {
	top := s.top()
	if top == nil {
		s.ended = true
		return
	}
	if top.object {
		top.inValue = false
		return
	}
	top.index++
	s.next = top.element
}

// path names where the shape stands, for example backoff.factor or tags[2]. Only the
// first levels are shown: a hostile value is not worth more.
func (s *shape) path() string {
	const shown = 8
	var b strings.Builder
	for i, l := range s.stack {
		if i == shown {
			b.WriteString("...")
			break
		}
		switch {
		case !l.object:
			b.WriteString("[" + strconv.Itoa(l.index) + "]")
		case l.key != "":
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(clip(l.key))
		}
	}
	return b.String()
}

// clip keeps hostile names out of messages and logs.
func clip(text string) string {
	const longest = 64
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
}

func invalid(field, reason string) *FieldError {
	return &FieldError{Field: field, Reason: reason, Code: CodeInvalidRequest}
}

// requestFields is asked for with every request, and slow to find out.
var requestFields = visibleFields(reflect.TypeFor[RunRequest]())

func jsonFields(t reflect.Type) map[string]reflect.Type {
	if t == reflect.TypeFor[RunRequest]() {
		return requestFields
	}
	return visibleFields(t)
}

// visibleFields maps the JSON names of a struct's fields, embedded ones included, to
// their types.
func visibleFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || !field.IsExported() || name == "-" {
			continue
		}
		fields[name] = field.Type
	}
	return fields
}
