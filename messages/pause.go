package messages

import "time"

// Pause is kept for a queue of which nothing is to be started: the value of its key in
// the bucket of settings. Readers skip unknown fields.
type Pause struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`     // who, as the caller calls itself
	Reason string    `json:"reason,omitempty"` // why, for people
}

// PauseKey is the key of a queue's pause in the bucket of settings; "*" makes it a
// filter.
func PauseKey(queue string) string { return "queue." + EncodeToken(queue) }
