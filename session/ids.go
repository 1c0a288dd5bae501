package session

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"
)

// maxRunID is the longest run id in bytes: it becomes a folder name and a part of
// a subject.
const maxRunID = 128

// Timestamp formats a time as Kedro's versions: UTC, with milliseconds cut, not
// rounded (SES-001), for example 2026-11-23T18.36.01.166Z.
func Timestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15.04.05.000Z")
}

// NewRunID makes a run id that sorts by time and is unique over a fleet: the
// timestamp and six random hexadecimal digits.
func NewRunID(t time.Time) string {
	var random [3]byte
	rand.Read(random[:]) // never fails since Go 1.24
	return Timestamp(t) + "-" + hex.EncodeToString(random[:])
}

func freshRunID() string { return NewRunID(time.Now()) }

// CheckRunID refuses ids that aren't safe as a part of paths and subjects:
// anything but 1 to 128 of [A-Za-z0-9_.-], and "..".
func CheckRunID(id string) error {
	switch {
	case id == "":
		return &InvalidRunIDError{ID: id, Reason: "is empty"}
	case len(id) > maxRunID:
		return &InvalidRunIDError{ID: id, Reason: "is longer than 128 bytes"}
	case strings.Contains(id, ".."):
		return &InvalidRunIDError{ID: id, Reason: `contains ".."`}
	}
	for i := range len(id) {
		if !isIDByte(id[i]) {
			return &InvalidRunIDError{ID: id, Reason: "may hold only letters, digits, '_', '.' and '-'"}
		}
	}
	return nil
}

func isIDByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-'
}
