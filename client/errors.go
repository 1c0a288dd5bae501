package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Errors a caller branches on.
var (
	// ErrNotReachable: no NATS server answers, or it has no streams for Kedge.
	ErrNotReachable = natsx.ErrNotReachable
	// ErrRefused: the server refuses this to these credentials.
	ErrRefused = natsx.ErrRefused
	// ErrNotFound: no such run, or its record expired.
	ErrNotFound = ledger.ErrNotFound
	// ErrEnded: the run has ended already.
	ErrEnded = ledger.ErrEnded
	// ErrFull: the queue has reached its size limit.
	ErrFull = ledger.ErrFull
	// ErrConflict: the run id, or the idempotency key, belongs to another request.
	ErrConflict = ledger.ErrConflict
	// ErrNoQueue: nobody declared the queue for this tenant.
	ErrNoQueue = ledger.ErrNoQueue
	// ErrDataGone: data that a reference names is not stored, or not any more.
	ErrDataGone = natsx.ErrObjectGone
	// ErrDataChanged: data is not what its reference says.
	ErrDataChanged = natsx.ErrObjectChanged
	// ErrTooLarge: the request exceeds the limit that the text names.
	ErrTooLarge = errors.New("request is too large")
)

// KeyConflictError says that an idempotency key was used for another request, and for
// which run. It wraps [ErrConflict].
type KeyConflictError = ledger.KeyConflictError

// QueueError says that no queue was named and none could be chosen.
type QueueError struct {
	// Queues are those that live workers serve, sorted; empty: there are none.
	Queues []string
}

// Error lists the queues to choose from.
func (e *QueueError) Error() string {
	if len(e.Queues) == 0 {
		return "no queue is named, and no live worker serves one"
	}
	return "no queue is named, and live workers serve several: " + strings.Join(e.Queues, ", ")
}

// RejectedError says that a request was refused before it was sent, and which field
// is wrong. A refusal by a worker is the run's reply.
type RejectedError struct {
	Field  string // path, for example load_versions.companies; empty: the whole request
	Reason string
	Err    error // the cause; wraps ErrTooLarge when a limit was exceeded
}

// Error names the field.
func (e *RejectedError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

// Unwrap gives the cause.
func (e *RejectedError) Unwrap() error { return e.Err }

// explain turns what the packages below say into this package's errors.
func explain(err error) error {
	var field *messages.FieldError
	switch {
	case errors.As(err, &field):
		cause := error(field)
		if field.Code == messages.CodeTooLarge {
			cause = fmt.Errorf("%w: %w", ErrTooLarge, field)
		}
		return &RejectedError{Field: field.Field, Reason: field.Reason, Err: cause}
	case natsx.Unanswered(err) && !errors.Is(err, ErrNotReachable):
		return fmt.Errorf("%w: %w", ErrNotReachable, err)
	}
	return err
}

// explain also tells a refusal of the server from its silence.
func (c *Client) explain(err error) error { return explain(natsx.ExplainSilence(c.js.Conn(), err)) }
