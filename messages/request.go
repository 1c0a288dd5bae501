package messages

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"
)

// Priority orders the runs of a queue: p0 is taken first, p3 last.
type Priority string

// The priorities, first to last. DefaultPriority is what a request without one gets.
const (
	P0              Priority = "p0"
	P1              Priority = "p1"
	P2              Priority = "p2"
	P3              Priority = "p3"
	DefaultPriority          = P1
)

// Priorities lists the priorities, first to last.
func Priorities() []Priority { return []Priority{P0, P1, P2, P3} }

// DefaultTenant is the tenant of an installation that declares none.
const DefaultTenant = "default"

// RunRequest asks for one run: the arguments of Kedro's
// KedroServiceSession.run under the same names, and how to queue it. The
// environment, the configuration source and the project belong to the worker.
type RunRequest struct {
	// RunID names the run; [NewRunID] mints one. It must equal the id in the subject.
	RunID RunID `json:"run_id"`

	PipelineNames      []string          `json:"pipeline_names,omitempty"` // none: __default__
	Tags               []string          `json:"tags,omitempty"`
	NodeNames          []string          `json:"node_names,omitempty"`
	FromNodes          []string          `json:"from_nodes,omitempty"`
	ToNodes            []string          `json:"to_nodes,omitempty"`
	FromInputs         []string          `json:"from_inputs,omitempty"`
	ToOutputs          []string          `json:"to_outputs,omitempty"`
	Namespaces         []string          `json:"namespaces,omitempty"`
	LoadVersions       map[string]string `json:"load_versions,omitempty"` // dataset -> version
	OnlyMissingOutputs bool              `json:"only_missing_outputs,omitempty"`
	// RuntimeParams override the project's parameters. Decoded numbers are
	// json.Number, so that none loses digits; [Plain] turns them into Go numbers.
	RuntimeParams map[string]any `json:"runtime_params,omitempty"`
	// RuntimeParamsRef is where RuntimeParams lie when they are too large for a message.
	RuntimeParamsRef *Ref           `json:"runtime_params_ref,omitempty"`
	Runner           string         `json:"runner,omitempty"` // a name of the project's allow-list
	RunnerParams     map[string]any `json:"runner_params,omitempty"`

	Priority Priority `json:"priority,omitempty"` // defaults to p1
	// Timeout ends the run after so long in one attempt; 0: never.
	Timeout Duration `json:"timeout,omitempty"`
	// NodeTimeout ends the run when one of its nodes takes so long; 0: never.
	NodeTimeout Duration `json:"node_timeout,omitempty"`
	// StartBy ends the run as timed_out when nobody has started it by then.
	StartBy time.Time `json:"start_by,omitzero"`
	// MaxAttempts, Backoff and RetryOn say what an error of a node means for the run, see
	// [RetryPolicy]; what they leave open, the worker's policy says.
	MaxAttempts int      `json:"max_attempts,omitempty"`
	Backoff     *Backoff `json:"backoff,omitempty"`
	RetryOn     []Code   `json:"retry_on,omitempty"`

	// IdempotencyKey makes repeated submits one run: the first one's id is returned
	// for as long as the key is kept. The requests must be the same, see KeyDigest.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	// UniqueKey makes submits one run while a run with the same key is live.
	UniqueKey string `json:"unique_key,omitempty"`
	// ConcurrencyKey names the limit that the run counts against.
	ConcurrencyKey string `json:"concurrency_key,omitempty"`

	// ReplySubject gets a copy of the reply. It must lie below a prefix that the
	// worker allows, and hold no wildcard.
	ReplySubject string            `json:"reply_subject,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"` // for people and filters
	Inputs       map[string]Data   `json:"inputs,omitempty"` // dataset -> data, instead of the catalog's
	Outputs      []string          `json:"outputs,omitempty"`
	// RetryOf is the run that a person retried or redrove as this one.
	RetryOf RunID `json:"retry_of,omitempty"`
}

// Duration is a time.Duration that JSON writes as text, for example "1m30s".
type Duration time.Duration

// String writes the duration as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Validate checks that the priority is one of p0 to p3.
func (p Priority) Validate() error {
	if err := p.check(); err != nil {
		return err
	}
	return nil
}

func (p Priority) check() *FieldError {
	if slices.Contains(Priorities(), p) {
		return nil
	}
	return invalid("priority", fmt.Sprintf("must be p0, p1, p2 or p3, not %q", clip(string(p))))
}

// Digest identifies the content of an encoded request: two submits of one run id are
// the same when their digests are.
func Digest(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
