package pyyaml

import "unicode/utf8"

// InvalidUTF8 returns where the first bytes lie that are no UTF-8, -1 for none.
func InvalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
}
