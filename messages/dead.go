package messages

import (
	"encoding/json"
	"fmt"
	"time"
)

// DeadLetter is kept for a run that was given up: what happened, and the request, so
// that people can look at it and start it again. Readers skip unknown fields.
type DeadLetter struct {
	RunID  RunID     `json:"run_id"`
	Tenant string    `json:"tenant"`
	Queue  string    `json:"queue"`
	DiedAt time.Time `json:"died_at"`
	// Code and Message say why the run was given up.
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Epoch is the claim that wrote the letter, Worker its owner.
	Epoch  uint64 `json:"epoch"`
	Worker string `json:"worker,omitempty"`
	// Attempts counts the starts, Losses those that ended with their worker or process,
	// Retries those that followed an error.
	Attempts    int       `json:"attempts"`
	Losses      int       `json:"losses,omitempty"`
	Retries     int       `json:"retries,omitempty"`
	SubmittedAt time.Time `json:"submitted_at"`
	// Request is the request as it was submitted; absent when it was too large to keep.
	Request json.RawMessage `json:"request,omitempty"`
}

// DecodeDeadLetter reads a dead letter; unknown fields are skipped.
func DecodeDeadLetter(data []byte) (*DeadLetter, error) {
	letter := &DeadLetter{}
	if err := json.Unmarshal(data, letter); err != nil {
		return nil, fmt.Errorf("reading dead letter: %w", err)
	}
	for field, id := range map[string]string{"run_id": string(letter.RunID), "tenant": letter.Tenant, "queue": letter.Queue} {
		if err := CheckID(id); err != nil {
			return nil, fmt.Errorf("reading dead letter: %s: %w", field, err)
		}
	}
	return letter, nil
}
