package messages

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxKeyLength is the longest idempotency, unique or concurrency key, in bytes.
const MaxKeyLength = 512

// badKey says why a text can't be a key. A key never becomes a part of a path, and
// [EncodeKey] makes any text one token, so what remains is what people can't read.
func badKey(key string) string {
	switch {
	case key == "":
		return "must not be empty"
	case len(key) > MaxKeyLength:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(key), MaxKeyLength)
	case !utf8.ValidString(key):
		return "is not valid UTF-8"
	case strings.ContainsFunc(key, unicode.IsControl):
		return "holds a control character"
	}
	return ""
}

// CheckKey reports why text can't be an idempotency, unique or concurrency key: it is
// 1 to 512 bytes of UTF-8 without control characters.
func CheckKey(text string) error {
	if reason := badKey(text); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// EncodeKey writes a key as one token of a subject: letters, digits, '_' and '-' stay,
// every other byte becomes '=' and two hexadecimal digits. [DecodeKey] is its inverse.
func EncodeKey(key string) string {
	var b strings.Builder
	for i := range len(key) {
		if c := key[i]; keyByte(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func keyByte(c byte) bool { return idByte(c) && c != '.' }

// DecodeKey reads back what [EncodeKey] wrote, and nothing else: a key has one token.
func DecodeKey(token string) (string, error) {
	var b strings.Builder
	for rest := token; rest != ""; {
		c := rest[0]
		switch {
		case keyByte(c):
			rest = rest[1:]
		case c == '=' && len(rest) >= 3:
			decoded, err := hex.DecodeString(rest[1:3])
			if err != nil {
				return "", fmt.Errorf("key %q: %w", clip(token), err)
			}
			c, rest = decoded[0], rest[3:]
		default:
			return "", fmt.Errorf("key %q: unexpected %q", clip(token), c)
		}
		b.WriteByte(c)
	}
	key := b.String()
	if EncodeKey(key) != token {
		return "", fmt.Errorf("key %q is not written as its only form %q", clip(token), clip(EncodeKey(key)))
	}
	if reason := badKey(key); reason != "" {
		return "", fmt.Errorf("key %q: %s", clip(token), reason)
	}
	return key, nil
}

// KeyDigest identifies what a request with an idempotency key asks for: its content
// and its queue, but neither its run id nor the times that count from the submit, so
// that a repeated submit has the same.
func (r *RunRequest) KeyDigest(queue string) (string, error) {
	timeless := *r
	timeless.RunID, timeless.StartBy = "", time.Time{}
	timeless.unnameObjects()
	encoded, err := json.Marshal(struct {
		Queue   string     `json:"queue"`
		Request RunRequest `json:"request"`
	}{queue, timeless})
	if err != nil {
		return "", fmt.Errorf("writing request: %w", err)
	}
	return Digest(encoded), nil
}
