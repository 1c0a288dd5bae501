package messages

import (
	"encoding/json"
	"fmt"
	"time"
)

// EventKind says what happened.
type EventKind string

// The kinds of events. The list is append-only; a reader shows kinds it does not
// know as they are.
const (
	EventAccepted      EventKind = "accepted"       // stored in the queue; holds the request
	EventClaimed       EventKind = "claimed"        // a worker starts an attempt
	EventNodeStarted   EventKind = "node_started"   // node Index of Total
	EventNodeFinished  EventKind = "node_finished"  // with Duration
	EventNodeFailed    EventKind = "node_failed"    // with Error
	EventDatasetLoaded EventKind = "dataset_loaded" // of a stored dataset; with Version when versioned
	EventDatasetSaved  EventKind = "dataset_saved"  // of a stored dataset; with Version when versioned
	EventLog           EventKind = "log"            // a log line of the run
	EventProgress      EventKind = "progress"       // of one node: Index of Total, as its function counts
	EventRetrying      EventKind = "retrying"       // put back; another attempt follows
	EventCancelling    EventKind = "cancelling"     // the owner saw the cancel
)

// EventKinds lists the kinds of events that this version knows.
func EventKinds() []EventKind {
	return []EventKind{
		EventAccepted, EventClaimed, EventNodeStarted, EventNodeFinished, EventNodeFailed, EventDatasetLoaded, EventDatasetSaved,
		EventLog, EventProgress, EventRetrying, EventCancelling,
	}
}

// Event is one thing that happened in a run. Unused fields are absent; readers skip
// unknown ones.
type Event struct {
	RunID RunID     `json:"run_id"`
	Kind  EventKind `json:"kind"`
	// Number counts the events of one epoch from 1. An event that was stored twice,
	// because an answer of the server was lost, keeps it.
	Number  int       `json:"number"`
	Time    time.Time `json:"time"`
	Attempt int       `json:"attempt,omitempty"`
	Epoch   uint64    `json:"epoch,omitempty"`
	Worker  string    `json:"worker,omitempty"`
	Node    string    `json:"node,omitempty"`
	Index   int       `json:"index,omitempty"` // from 1
	Total   int       `json:"total,omitempty"`
	Nodes   []string  `json:"nodes,omitempty"`
	Dataset string    `json:"dataset,omitempty"`
	Version string    `json:"version,omitempty"`
	Level   string    `json:"level,omitempty"` // of a log line: debug, info, warn, error
	Message string    `json:"message,omitempty"`
	Took    Duration  `json:"took,omitempty"`
	Error   *Failure  `json:"error,omitempty"`
	// Request is the request as it was submitted, with EventAccepted: retry and
	// redrive read it.
	Request json.RawMessage `json:"request,omitempty"`
	// Signature is that of Request, as it came with it, if it is signed.
	Signature *Signature `json:"signature,omitempty"`
}

// Events is the body of a message: the events of one claim of a run that happened
// close together, in order, as a JSON array. A run of milliseconds is told in one
// message, and so is what a chatty one logs in a moment. The zero value is empty.
type Events struct {
	body  []byte
	first Event
}

// Add puts an event behind the others.
func (e *Events) Add(event *Event) (err error) {
	before := len(e.body)
	if before == 0 {
		e.first = *event
		e.body = append(e.body, '[')
	} else {
		e.body = append(e.body, ',')
	}
	if e.body, err = event.Append(e.body); err != nil {
		e.body = e.body[:before]
		return fmt.Errorf("writing event: %w", err)
	}
	return nil
}

// Size is the length of the body so far, in bytes; 0 when there are no events.
func (e *Events) Size() int { return len(e.body) }

// Encode writes the body.
func (e *Events) Encode() []byte { return append(e.body, ']') }

// DecodeEvents reads the body of a message of events; unknown fields are skipped.
func DecodeEvents(data []byte) ([]Event, error) {
	var events []Event
	if err := json.Unmarshal(data, &events); err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	return events, nil
}
