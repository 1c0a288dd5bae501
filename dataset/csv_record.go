package dataset

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
)

// recordReader splits CSV text into records by the rules of pandas' C parser, which encoding/csv hasn't: what follows a closing
// quote is plain text up to the next separator, a quote inside a field is a character, a lone "\r" ends a line, line breaks
// within quotes stay as they are, and lines that hold blanks only are none.
type recordReader struct {
	lines  lineReader
	sep    []byte
	trim   bool                                       // blanks at the start of a field are left out
	skip   func(number int) bool                      // which lines to leave out, counted from 0; nil for none
	decode func(line []byte, row int) ([]byte, error) // checks a line's encoding; nil for not at all
	number int                                        // records, blank and skipped lines so far
	row    int                                        // line of the file on which the record starts, from 1
	text   []byte                                     // the fields of a record with quotes, one after the other
	ends   []int                                      // where each of them ends
	fields []string
}

func newRecordReader(src io.Reader, sep string) *recordReader {
	return &recordReader{lines: lineReader{src: src, buffer: make([]byte, 1<<16)}, sep: []byte(sep)}
}

// read returns the fields of the next record, valid until the following call, and io.EOF at the end.
func (r *recordReader) read() ([]string, error) {
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		r.row = r.lines.count
		left := r.skip != nil && r.skip(r.number)
		r.number++
		if !left && r.blank(line) {
			continue
		}
		fields, err := r.split(line)
		if err != nil || !left {
			return fields, err
		}
	}
}

func (r *recordReader) line() ([]byte, error) {
	line, err := r.lines.next()
	if err == nil && r.decode != nil {
		return r.decode(line, r.lines.count)
	}
	return line, err
}

// blank tells whether a line holds nothing: a blank that is the separator is something.
func (r *recordReader) blank(line []byte) bool {
	for _, c := range body(line) {
		if c != ' ' && c != '\t' || c == r.sep[0] {
			return false
		}
	}
	return true
}

// body is a line without its end.
func body(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

func (r *recordReader) split(line []byte) ([]string, error) {
	if bytes.IndexByte(line, '"') >= 0 {
		return r.splitQuoted(line)
	}
	text := string(body(line))
	r.fields = r.fields[:0]
	for {
		i := strings.Index(text, string(r.sep))
		if len(r.sep) == 1 {
			i = strings.IndexByte(text, r.sep[0])
		}
		if i < 0 {
			r.fields = append(r.fields, r.trimmed(text))
			return r.fields, nil
		}
		r.fields = append(r.fields, r.trimmed(text[:i]))
		text = text[i+len(r.sep):]
	}
}

func (r *recordReader) trimmed(field string) string {
	if r.trim {
		return strings.TrimLeft(field, " ")
	}
	return field
}

// splitQuoted splits a record with quotes, which may go on over several lines.
func (r *recordReader) splitQuoted(line []byte) ([]string, error) {
	r.text, r.ends = r.text[:0], r.ends[:0]
	for {
		if r.trim {
			line = bytes.TrimLeft(line, " ")
		}
		if len(line) > 0 && line[0] == '"' {
			var err error
			if line, err = r.unquote(line[1:]); err != nil {
				return nil, err
			}
		}
		i := bytes.Index(line, r.sep)
		if i < 0 {
			r.text = append(r.text, body(line)...)
			r.ends = append(r.ends, len(r.text))
			return r.cut(), nil
		}
		r.text = append(r.text, line[:i]...)
		r.ends = append(r.ends, len(r.text))
		line = line[i+len(r.sep):]
	}
}

// unquote takes in text up to the closing quote, and returns what follows on its line.
func (r *recordReader) unquote(line []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(line, '"')
		switch {
		case i < 0:
			r.text = append(r.text, line...)
			var err error
			if line, err = r.line(); errors.Is(err, io.EOF) {
				return nil, &PlaceError{Row: r.row, Want: "a closing quote", Got: "the end of the file"}
			} else if err != nil {
				return nil, err
			}
		case i+1 < len(line) && line[i+1] == '"': // two quotes are one
			r.text = append(r.text, line[:i+1]...)
			line = line[i+2:]
		default:
			r.text = append(r.text, line[:i]...)
			return line[i+1:], nil
		}
	}
}

// cut makes the fields of the gathered text; they share one string.
func (r *recordReader) cut() []string {
	text := string(r.text)
	r.fields = r.fields[:0]
	start := 0
	for _, end := range r.ends {
		r.fields = append(r.fields, text[start:end])
		start = end
	}
	return r.fields
}

// lineReader hands out lines with their ends: "\n", "\r\n" or a lone "\r".
type lineReader struct {
	src        io.Reader
	buffer     []byte
	start, end int   // what of it isn't handed out yet
	err        error // of the source; io.EOF when it ended
	count      int   // lines so far
}

// next returns a line, valid until the following call, and io.EOF at the end.
func (r *lineReader) next() ([]byte, error) {
	for seen := 0; ; {
		n := lineEnd(r.buffer[r.start:r.end], seen, r.err != nil)
		if n < 0 && r.err == nil {
			seen = max(r.end-r.start-1, 0) // a "\r" at the end is looked at again
			r.fill()
			continue
		}
		if n < 0 {
			n = r.end - r.start
		}
		if n == 0 || r.err != nil && !errors.Is(r.err, io.EOF) {
			return nil, r.err
		}
		line := r.buffer[r.start : r.start+n]
		r.start += n
		r.count++
		return line, nil
	}
}

// lineEnd returns the length of the first line, -1 when it isn't complete; the first bytes were seen before.
func lineEnd(text []byte, seen int, last bool) int {
	rest := text[seen:]
	n := bytes.IndexByte(rest, '\n')
	if n >= 0 {
		rest = rest[:n]
	}
	cr := bytes.IndexByte(rest, '\r')
	switch {
	case cr < 0 && n < 0:
		return -1
	case cr < 0 || cr == n-1:
		return seen + n + 1
	case seen+cr+1 == len(text) && !last:
		return -1
	}
	return seen + cr + 1
}

// fill reads more, into more room when a line takes all of it.
func (r *lineReader) fill() {
	if r.start > 0 {
		r.end = copy(r.buffer, r.buffer[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buffer) {
		r.buffer = slices.Grow(r.buffer, len(r.buffer))[:2*len(r.buffer)]
	}
	n, err := r.src.Read(r.buffer[r.end:])
	r.end += n
	r.err = err
}
