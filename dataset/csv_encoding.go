package dataset

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// charset is how the text of a file is written down in bytes.
type charset struct {
	name    string            // Python's name of it
	charmap encoding.Encoding // nil for UTF-8 and ASCII
	errors  string            // what to do with bytes that don't fit: strict, replace, ignore
}

// charsetNames are what Python calls the same encoding, in lower case with hyphens.
var charsetNames = map[string]string{
	"utf-8": "utf-8", "utf8": "utf-8", "u8": "utf-8", "utf-8-sig": "utf-8-sig", "ascii": "ascii", "us-ascii": "ascii",
	"latin-1": "latin-1", "latin1": "latin-1", "latin": "latin-1", "l1": "latin-1", "iso-8859-1": "latin-1", "iso8859-1": "latin-1", "8859": "latin-1",
	"iso-8859-15": "iso-8859-15", "iso8859-15": "iso-8859-15", "latin-9": "iso-8859-15", "l9": "iso-8859-15",
	"cp1252": "cp1252", "windows-1252": "cp1252", "1252": "cp1252", "utf-16": "utf-16", "utf16": "utf-16", "u16": "utf-16",
}

// charmaps are the encodings that aren't UTF-8.
var charmaps = map[string]encoding.Encoding{
	"latin-1": charmap.ISO8859_1, "iso-8859-15": charmap.ISO8859_15, "cp1252": charmap.Windows1252,
	"utf-16": unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM),
}

// charsetName gives an encoding one name of the many that Python has; "" when it isn't known.
func charsetName(name string) string {
	return charsetNames[strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(name))]
}

// readCharset reads encoding and encoding_errors of load_args.
func readCharset(a *args) charset {
	given := a.text("encoding", "utf-8")
	c := charset{name: charsetName(given), errors: a.choice("encoding_errors", "strict", "strict", "replace", "ignore")}
	if c.name == "" {
		known := slices.Compact(slices.Sorted(maps.Values(charsetNames)))
		a.fail("encoding", "must be one of %s, got %q", strings.Join(known, ", "), given)
	}
	c.charmap = charmaps[c.name]
	return c
}

// checkEncoding refuses what isn't UTF-8, where nothing else is read or written.
func checkEncoding(a *args) {
	if name := a.text("encoding", "utf-8"); charsetName(name) != "utf-8" {
		a.fail("encoding", "must be utf-8, got %q", name)
	}
}

// line checks a line that was turned into UTF-8: bytes that don't fit are an error, or go as encoding_errors says.
func (c charset) line(line []byte, row int) ([]byte, error) {
	at := c.misfit(line)
	switch {
	case at < 0:
		return line, nil
	case c.errors == "strict" && c.charmap == nil:
		return nil, unfit("'%s' codec can't decode byte 0x%02x in row %d: name the file's encoding by load_args.encoding", c.name, line[at], row)
	case c.errors == "strict":
		return nil, unfit("'%s' codec can't decode a byte in row %d: name the file's encoding by load_args.encoding", c.name, row)
	}
	if c.charmap == nil {
		line = c.replaced(line)
	}
	if c.errors == "ignore" {
		line = bytes.ReplaceAll(line, []byte(replacement), nil)
	}
	return line, nil
}

// text returns a whole text as UTF-8; only utf-8-sig allows a byte order mark, apart from UTF-16, which has its own.
func (c charset) text(text []byte) ([]byte, error) {
	if c.charmap != nil {
		var err error
		if text, err = c.charmap.NewDecoder().Bytes(text); err != nil {
			return nil, err
		}
	}
	if c.name == "utf-8-sig" {
		text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	}
	if c.misfit(text) < 0 {
		return text, nil
	}
	var out []byte
	row := 0
	for line := range bytes.Lines(text) {
		row++
		fit, err := c.line(line, row)
		if err != nil {
			return nil, err
		}
		out = append(out, fit...)
	}
	return out, nil
}

const replacement = string(utf8.RuneError)

func unfit(format string, values ...any) error {
	return &catalog.Exception{Type: "UnicodeDecodeError", Message: fmt.Sprintf(format, values...)}
}

// misfit returns where bytes that don't fit start, -1 for none. The decoders mark them with a character that stands for nothing else.
func (c charset) misfit(line []byte) int {
	switch {
	case c.charmap != nil:
		return bytes.Index(line, []byte(replacement))
	case c.name == "ascii":
		return bytes.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf })
	}
	return pyyaml.InvalidUTF8(line)
}

// replaced puts a mark in the place of bytes that don't fit, as many as Python does.
func (c charset) replaced(line []byte) []byte {
	if c.name == "ascii" {
		var out []byte
		for _, b := range line {
			if b < utf8.RuneSelf {
				out = append(out, b)
			} else {
				out = append(out, replacement...)
			}
		}
		return out
	}
	out, err := unicode.UTF8.NewDecoder().Bytes(line)
	if err != nil {
		return bytes.ToValidUTF8(line, []byte(replacement))
	}
	return out
}
