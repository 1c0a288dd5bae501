package messages

import (
	"encoding/json"
	"slices"
	"time"
)

// State is where a run stands.
type State string

// The states of a run; docs/state_machine.md draws them.
const (
	StateScheduled  State = "scheduled"  // waits for its time
	StateQueued     State = "queued"     // waits for a worker
	StateRunning    State = "running"    // claimed by a worker
	StateCancelling State = "cancelling" // somebody cancelled it; not ended yet
	StateSucceeded  State = "succeeded"  // ended with a RunResult
	StateFailed     State = "failed"     // ended with an error of the project
	StateTimedOut   State = "timed_out"  // ended by its timeout, or not started by start_by
	StateCancelled  State = "cancelled"  // ended by a cancel
	StateRejected   State = "rejected"   // the request was refused; nothing ran
	StateDead       State = "dead"       // given up and kept as a dead letter
)

// transitions lists the lawful next states. A terminal state has none.
var transitions = map[State][]State{
	StateScheduled: {StateQueued, StateCancelling},
	StateQueued:    {StateRunning, StateCancelling, StateFailed, StateRejected, StateTimedOut, StateDead},
	StateRunning: {
		StateQueued, StateCancelling, StateSucceeded, StateFailed, StateTimedOut,
		StateCancelled, StateRejected, StateDead,
	},
	StateCancelling: {StateCancelled, StateSucceeded, StateFailed, StateTimedOut, StateRejected, StateDead},
}

// Terminal reports whether the state is final: a terminal run has a stored reply
// and never changes again.
func (s State) Terminal() bool {
	switch s {
	case StateSucceeded, StateFailed, StateTimedOut, StateCancelled, StateRejected, StateDead:
		return true
	}
	return false
}

// CanBecome reports whether a run may go from s to next. Running may follow
// running: another worker takes over a lost run with a higher epoch.
func (s State) CanBecome(next State) bool {
	return s == next && !s.Terminal() || slices.Contains(transitions[s], next)
}

// Status is what is known about a run now: the value of its key in the bucket of
// statuses, changed by compare-and-set only. Readers skip unknown fields.
type Status struct {
	RunID    RunID    `json:"run_id"`
	Tenant   string   `json:"tenant"`
	Queue    string   `json:"queue"`
	Priority Priority `json:"priority"`
	State    State    `json:"state"`

	// Attempt counts the starts, whatever they followed, from 1; 0 before the first.
	Attempt int `json:"attempt"`
	// Retries counts the starts that followed an error: what max_attempts bounds.
	Retries int `json:"retries,omitempty"`
	// Epoch numbers the claims. It is the fence: only the owner of the highest epoch
	// may end the run.
	Epoch uint64 `json:"epoch"`
	// Losses counts the claims whose worker was lost.
	Losses int `json:"losses,omitempty"`
	// Alone tells that the newest claim has its worker to itself, because the run was
	// lost before: a loss now ends it as dead.
	Alone bool `json:"alone,omitempty"`
	// Owner is the id of the worker that holds the newest claim; empty while queued.
	Owner string `json:"owner,omitempty"`

	// RequestSubject and RequestSequence tell which stored message is the run; a
	// message elsewhere is a duplicate. The sequence is 0 until the first claim.
	RequestSubject  string `json:"request_subject"`
	RequestSequence uint64 `json:"request_sequence,omitempty"`
	// RequestDigest is the content's, see [Digest] and, for a request with an idempotency
	// key, KeyDigest: a second submit of the same run id must carry the same.
	RequestDigest string `json:"request_digest,omitempty"`

	SubmittedAt time.Time `json:"submitted_at"`
	StartedAt   time.Time `json:"started_at,omitzero"`  // of the newest claim
	FinishedAt  time.Time `json:"finished_at,omitzero"` // of the stored reply
	UpdatedAt   time.Time `json:"updated_at"`
	NotBefore   time.Time `json:"not_before,omitzero"` // earlier deliveries are put back
	// ScheduledFor is when a delayed run was to enter its queue.
	ScheduledFor time.Time `json:"scheduled_for,omitzero"`
	StartBy      time.Time `json:"start_by,omitzero"`

	Pipelines []string          `json:"pipelines,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	RetryOf   RunID             `json:"retry_of,omitempty"`
	// The keys of the request.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	UniqueKey      string `json:"unique_key,omitempty"`
	ConcurrencyKey string `json:"concurrency_key,omitempty"`

	Progress *Progress `json:"progress,omitempty"`
	// Waiting says why a queued run waits, for people; empty when it only waits its turn.
	Waiting string `json:"waiting,omitempty"`
	// LastError is the error of the newest attempt, or of the ended run.
	LastError *Failure `json:"last_error,omitempty"`
	// Cancel says who asked for the end, and why.
	Cancel *Cancel `json:"cancel,omitempty"`

	// Request is the request of a delayed run, as it was submitted, until a worker has
	// it: before its time it is stored nowhere else.
	Request json.RawMessage `json:"request,omitempty"`
	// Signature is that of Request, if it is signed.
	Signature *Signature `json:"signature,omitempty"`
}

// Progress is how far a run is.
type Progress struct {
	Done  int    `json:"done"`  // nodes finished
	Total int    `json:"total"` // nodes of the run
	Node  string `json:"node,omitempty"`
}

// Failure is the short form of an error, kept in statuses and events.
type Failure struct {
	Code    Code   `json:"code"`
	Type    string `json:"type,omitempty"` // Kedro's exception type name
	Message string `json:"message"`
	Node    string `json:"node,omitempty"`
}

// Cancel records a request to end a run.
type Cancel struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`     // who, as the caller calls itself
	Reason string    `json:"reason,omitempty"` // why, for people
}
