package dataset

import (
	"bytes"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

var (
	utf16LE = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	utf16BE = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	utf32LE = utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	utf32BE = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
)

// jsonText returns JSON as UTF-8 without a byte order mark. As Python's json module does it tells the encoding by the mark, else by
// where the first bytes are zero: JSON starts with ASCII.
func jsonText(text []byte) ([]byte, error) {
	zero := func(i int) bool { return text[i] == 0 }
	switch {
	case bytes.HasPrefix(text, []byte("\x00\x00\xfe\xff")):
		return toUTF8(utf32BE, text)
	case bytes.HasPrefix(text, []byte("\xff\xfe\x00\x00")):
		return toUTF8(utf32LE, text)
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return toUTF8(utf16BE, text)
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return toUTF8(utf16LE, text)
	case len(text) >= 4 && zero(0) && zero(1):
		return toUTF8(utf32BE, text)
	case len(text) >= 4 && zero(1) && zero(2) && zero(3):
		return toUTF8(utf32LE, text)
	case (len(text) == 2 || len(text) >= 4) && zero(0):
		return toUTF8(utf16BE, text)
	case (len(text) == 2 || len(text) >= 4) && zero(1):
		return toUTF8(utf16LE, text)
	}
	return bytes.TrimPrefix(text, []byte(byteOrderMark)), nil
}

// yamlText returns YAML as UTF-8: as for PyYAML it is UTF-16 when a mark says so.
func yamlText(text []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return toUTF8(utf16BE, text)
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return toUTF8(utf16LE, text)
	}
	return text, nil
}

// toUTF8 decodes a text and takes the mark off. What can't be decoded is an error, which the decoders mark only.
func toUTF8(from encoding.Encoding, text []byte) ([]byte, error) {
	out, err := from.NewDecoder().Bytes(text)
	if err != nil || bytes.Contains(out, []byte(replacement)) {
		return nil, unfit("the file isn't the UTF-16 or UTF-32 text that its first bytes tell")
	}
	return bytes.TrimPrefix(out, []byte(byteOrderMark)), nil
}

// universalNewlines makes every end of a line "\n", as Python does when it reads a text.
func universalNewlines(text string) string {
	if !strings.Contains(text, "\r") {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}
