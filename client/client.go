package client

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/messages"
)

// Errors a caller branches on.
var (
	// ErrNotReachable: no NATS server answers.
	ErrNotReachable = errors.New("no NATS server answered")
	// ErrNotFound: no such run, or its record expired.
	ErrNotFound = errors.New("run not found")
	// ErrEnded: the run has ended already.
	ErrEnded = errors.New("run has ended")
	// ErrFull: the queue has reached its size limit.
	ErrFull = errors.New("queue is full")
	// ErrTooLarge: the request exceeds the limit that the text names.
	ErrTooLarge = errors.New("request is too large")
)

// QueueError says that no queue was named and none could be chosen.
type QueueError struct{ Queues []string }

// Error lists the queues that live workers serve.
func (e *QueueError) Error() string { return "no queue" }

// RejectedError says that the request was refused, and which field is wrong. It
// comes from Submit, which checks before it sends; a worker's refusal is the reply.
type RejectedError struct {
	Field  string
	Reason string
	Err    error
}

// Error names the field.
func (e *RejectedError) Error() string { return e.Field + ": " + e.Reason }

// Unwrap gives the cause.
func (e *RejectedError) Unwrap() error { return e.Err }

// Config configures a [Client].
type Config struct {
	// Prefix is the first token of every subject. Defaults to "kedge".
	Prefix string
	// Tenant the runs belong to. Defaults to "default".
	Tenant string
	// Queue for submits that name none. Defaults to the only queue that live workers serve.
	Queue string
	// Poll is how often Wait asks again in case a message was missed. Defaults to 2 s.
	Poll time.Duration
	// PublishTimeout is how long Submit repeats while the server does not answer.
	// Defaults to 20 s.
	PublishTimeout time.Duration
	// By names the caller in cancels. Defaults to empty.
	By string
}

// Client is safe for concurrent use.
type Client struct{}

// New makes a client on a connection that stays the caller's.
func New(nc *nats.Conn, cfg Config) (*Client, error) { return nil, errors.New("not built yet") }

// Dial connects to url (comma-separated servers; empty: the local server) and makes
// a client that owns the connection. ErrNotReachable.
func Dial(ctx context.Context, url string, cfg Config) (*Client, error) {
	return nil, errors.New("not built yet")
}

// Close ends what the client owns.
func (c *Client) Close() error { return nil }

// Receipt tells where a request was stored.
type Receipt struct {
	RunID messages.RunID
	Queue string
	// Existing is true when the same request was stored before.
	Existing bool
}

// SubmitOption changes one Submit.
type SubmitOption func(*submitOptions)

type submitOptions struct {
	queue  string
	header nats.Header
}

// ToQueue names the queue.
func ToQueue(queue string) SubmitOption { return func(o *submitOptions) { o.queue = queue } }

// WithHeader adds headers to the request, for example a trace context.
func WithHeader(header nats.Header) SubmitOption {
	return func(o *submitOptions) { o.header = header }
}

// Submit checks and stores a request; a missing run id is minted, in the request
// too. Errors: *RejectedError, *QueueError, ErrTooLarge, ErrFull, ErrNotReachable.
func (c *Client) Submit(ctx context.Context, request *messages.RunRequest, opts ...SubmitOption) (Receipt, error) {
	return Receipt{}, errors.New("not built yet")
}

// Wait returns the reply of a run as soon as there is one, also hours later.
// ErrNotFound when the run does not exist.
func (c *Client) Wait(ctx context.Context, run messages.RunID) (*messages.Reply, error) {
	return nil, errors.New("not built yet")
}

// Update is one thing that Watch saw: an event, or, as the last one, the reply.
type Update struct {
	Event *messages.Event
	Reply *messages.Reply
}

// Watch tells a run's events from its first one on, in order, then live, and ends
// after the reply. A non-nil error ends it too.
func (c *Client) Watch(ctx context.Context, run messages.RunID) iter.Seq2[Update, error] { return nil }

// Status reads a run's status; ErrNotFound.
func (c *Client) Status(ctx context.Context, run messages.RunID) (messages.Status, error) {
	return messages.Status{}, errors.New("not built yet")
}

// Result reads the stored reply; ErrNotFound while there is none.
func (c *Client) Result(ctx context.Context, run messages.RunID) (*messages.Reply, error) {
	return nil, errors.New("not built yet")
}

// ListOptions filters List.
type ListOptions struct {
	States []messages.State // none: all
	Queue  string           // empty: all
	Limit  int              // newest first; 0: all
}

// List reads the statuses of the tenant's runs, newest first.
func (c *Client) List(ctx context.Context, opts ListOptions) ([]messages.Status, error) {
	return nil, errors.New("not built yet")
}

// Cancel asks for the end of a run, queued or running; the reply tells how it
// ended. ErrEnded, ErrNotFound.
func (c *Client) Cancel(ctx context.Context, run messages.RunID, reason string) (messages.Status, error) {
	return messages.Status{}, errors.New("not built yet")
}

// Workers lists the live workers.
func (c *Client) Workers(ctx context.Context) ([]messages.Worker, error) {
	return nil, errors.New("not built yet")
}
