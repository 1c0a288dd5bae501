package messages

import (
	"encoding/json"
	"time"
)

// Reply is the one terminal message of a run, stored at its done subject: a
// RunResult when the run succeeded, else a RunError. Exactly one field is set.
type Reply struct {
	Result *RunResult
	Error  *RunError
}

// State is the terminal state that the reply carries.
func (r *Reply) State() State {
	if r.Error != nil {
		return r.Error.State
	}
	return StateSucceeded
}

// Ended is what every reply tells about its run, whatever the end.
type Ended struct {
	RunID     RunID  `json:"run_id"`
	SessionID string `json:"session_id,omitempty"`
	Tenant    string `json:"tenant"`
	Queue     string `json:"queue,omitempty"`
	State     State  `json:"state"`
	Attempt   int    `json:"attempt"`
	// Epoch is the claim that stored the reply; 0 when the run was never claimed.
	Epoch      uint64    `json:"epoch"`
	Worker     string    `json:"worker,omitempty"`
	Pipelines  []string  `json:"pipelines,omitempty"`
	FinishedAt time.Time `json:"finished_at"`
	// Events is the number of the claim's last event: who has read it has read all of
	// them. 0 when the claim told none.
	Events int `json:"events,omitempty"`
	// QueuedFor is the time from submit to the claim, Took from the claim to the end.
	QueuedFor Duration `json:"queued_for,omitempty"`
	Took      Duration `json:"took,omitempty"`
}

// RunResult ends a run that succeeded.
type RunResult struct {
	Ended
	NodesRun     int               `json:"nodes_run"`
	NodesSkipped int               `json:"nodes_skipped"`
	Versions     map[string]string `json:"versions,omitempty"` // dataset -> version saved
	Outputs      map[string]Output `json:"outputs,omitempty"`
}

// RunError ends a run that did not succeed. Secrets are masked in every text.
type RunError struct {
	Ended
	Code Code `json:"code"`
	// Type is Kedro's exception type name, for example DatasetError.
	Type    string `json:"type,omitempty"`
	Message string `json:"message"`
	// Field names the part of the request that was refused, for example
	// runtime_params.a; set with CodeInvalidRequest and its like.
	Field     string `json:"field,omitempty"`
	Node      string `json:"node,omitempty"`
	Traceback string `json:"traceback,omitempty"` // traceback, or the tail of stderr
	Resume    string `json:"resume,omitempty"`    // Kedro's suggestion how to go on
}

// Failure is the short form of the error, for the status.
func (e *RunError) Failure() *Failure {
	return &Failure{Code: e.Code, Type: e.Type, Message: e.Message, Node: e.Node}
}

// Ended gives the part that both kinds of reply share.
func (r *Reply) Ended() *Ended {
	if r.Error != nil {
		return &r.Error.Ended
	}
	return &r.Result.Ended
}

// Output is one free output of a run: its value when it is small, else a
// reference, else only a description.
type Output struct {
	Value json.RawMessage `json:"value,omitempty"`
	Ref   *Ref            `json:"ref,omitempty"`
	Type  string          `json:"type,omitempty"`  // dataset type, or the value's type
	Shape string          `json:"shape,omitempty"` // for example "100 x 12"
	Path  string          `json:"path,omitempty"`  // where the dataset saved it
	// Problem says why a value that was wanted is missing.
	Problem string `json:"problem,omitempty"`
}

// Data is an injected dataset of a request: by value or by reference, never both.
type Data struct {
	Value json.RawMessage `json:"value,omitempty"`
	Ref   *Ref            `json:"ref,omitempty"`
}
