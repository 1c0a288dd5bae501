package messages

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// MaxIDLength is the longest run id, tenant, queue or worker id, in bytes.
const MaxIDLength = 128

// RunID names one run over the whole fleet. It is also the save version of the
// run's datasets (Kedro's run_id), hence sorts by time when minted by [NewRunID].
type RunID string

// ErrInvalidID says that a text is not an id: see [CheckID].
var ErrInvalidID = errors.New("invalid id")

// runIDLayout is Kedro's timestamp of a save version, up to the milliseconds.
const runIDLayout = "2006-01-02T15.04.05.000Z"

// NewRunID mints a run id from now: Kedro's timestamp in UTC with milliseconds and
// a random suffix, for example 2026-11-23T18.36.01.166Z-5f0c2a. The suffix keeps
// ids apart that are minted in the same millisecond anywhere in the fleet.
func NewRunID(now time.Time) RunID {
	random := uuid.New()
	return RunID(fmt.Sprintf("%s-%x", now.UTC().Format(runIDLayout), random[:runIDRandomBytes]))
}

// runIDRandomBytes makes a clash within one millisecond unlikely (1 in 2^32 per
// pair); submitting still creates the status with "must not exist yet".
const runIDRandomBytes = 4

// Validate checks the id's grammar, see [CheckID].
func (id RunID) Validate() error { return CheckID(string(id)) }

// CheckID reports why text is not an id: 1 to 128 bytes of [A-Za-z0-9_.-], without
// "..", and not a lone ".", so that an id is safe as a path element. The error
// wraps [ErrInvalidID].
func CheckID(text string) error {
	switch {
	case text == "":
		return fmt.Errorf("%w: must not be empty", ErrInvalidID)
	case len(text) > MaxIDLength:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrInvalidID, len(text), MaxIDLength)
	case text == "." || strings.Contains(text, ".."):
		return fmt.Errorf("%w: %q would leave its folder when used as a path", ErrInvalidID, text)
	}
	for i := 0; i < len(text); i++ {
		if !idByte(text[i]) {
			return fmt.Errorf("%w: %q has %q at byte %d, allowed are letters, digits, '_', '.', '-'",
				ErrInvalidID, text, text[i], i)
		}
	}
	return nil
}

func idByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '.' || c == '-'
}

// EncodeToken writes an id as one token of a subject or key: '.' separates tokens
// there, so it becomes '=', which no id holds. [DecodeToken] is its inverse.
func EncodeToken(id string) string { return strings.ReplaceAll(id, ".", "=") }

// DecodeToken reads an id back from a token made by [EncodeToken], and checks it.
func DecodeToken(token string) (string, error) {
	if strings.Contains(token, ".") {
		return "", fmt.Errorf("%w: %q is more than one token", ErrInvalidID, token)
	}
	id := strings.ReplaceAll(token, "=", ".")
	return id, CheckID(id)
}
