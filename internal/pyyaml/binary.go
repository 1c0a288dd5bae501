package pyyaml

import (
	"fmt"
	"strings"
)

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// binaryError is a text of !!binary that is no base64. It becomes a ConstructorError.
type binaryError struct{ problem string }

func (e *binaryError) Error() string { return e.problem }

// constructBinary is Python's base64.decodebytes: characters outside the alphabet are
// passed over, and what follows the padding isn't read.
func constructBinary(text string) (any, error) {
	for at, r := range text {
		if r > '~' {
			return nil, &binaryError{fmt.Sprintf("failed to convert base64 data into ascii: 'ascii' codec can't encode character %s in position %d: ordinal not in range(128)",
				quote(string(r)), len([]rune(text[:at])))}
		}
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
