package pyyaml

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// binaryError is a text of !!binary that is no base64. It becomes a ConstructorError.
type binaryError struct{ problem string }

func (e *binaryError) Error() string { return e.problem }

// checkASCII is the error of Python's ASCII codec, which names the first characters in a
// row that it can't encode.
func checkASCII(text []rune) error {
	foreign := func(r rune) bool { return r >= utf8.RuneSelf }
	from := slices.IndexFunc(text, foreign)
	if from < 0 {
		return nil
	}
	to := from
	for to+1 < len(text) && foreign(text[to+1]) {
		to++
	}
	what := fmt.Sprintf("characters in position %d-%d", from, to)
	if from == to {
		escape := map[bool]string{true: `\x%02x`, false: `\u%04x`}[text[from] < 0x100]
		if text[from] > 0xffff {
			escape = `\U%08x`
		}
		what = fmt.Sprintf("character '"+escape+"' in position %d", text[from], from)
	}
	return &binaryError{"failed to convert base64 data into ascii: 'ascii' codec can't encode " + what + ": ordinal not in range(128)"}
}

// constructBinary is Python's base64.decodebytes: characters outside the alphabet are
// passed over, and what follows the padding isn't read.
func constructBinary(text string) (any, error) {
	if err := checkASCII([]rune(text)); err != nil {
		return nil, err
	}
	raw := []byte{}
	bits, digits, padding := 0, 0, 0
	for i := range len(text) {
		value := strings.IndexByte(base64Alphabet, text[i])
		switch {
		case text[i] == '=' && digits%4 >= 2:
			if padding++; digits%4+padding >= 4 {
				return raw, nil
			}
		case value >= 0:
			padding = 0
			bits = bits<<6 | value
			if digits++; digits%4 != 1 {
				raw = append(raw, byte(bits>>(2*(-digits&3))))
			}
		}
	}
	switch digits % 4 {
	case 0:
		return raw, nil
	case 1:
		return nil, &binaryError{fmt.Sprintf("failed to decode base64 data: Invalid base64-encoded string: number of data characters (%d) cannot be 1 more than a multiple of 4", digits)}
	}
	return nil, &binaryError{"failed to decode base64 data: Incorrect padding"}
}
