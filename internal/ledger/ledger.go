package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/messages"
)

// Errors a caller branches on.
var (
	// ErrNotFound: no such run, or its record expired.
	ErrNotFound = errors.New("run not found")
	// ErrEnded: the run has ended already; nothing was changed.
	ErrEnded = errors.New("run has ended")
	// ErrLost: another claim took the run over, or ended it. The holder must stop and
	// publish nothing.
	ErrLost = errors.New("run was taken over by another worker")
	// ErrCancelled: somebody cancelled the run. The holder stops it and ends it with
	// Finish.
	ErrCancelled = errors.New("run was cancelled")
	// ErrFull: the queue has reached its size limit; the submitter should wait.
	ErrFull = errors.New("queue is full")
)

// Config configures a [Ledger]. The zero value is usable.
type Config struct {
	// Subjects builds the subjects. Defaults to the prefix "kedge".
	Subjects messages.Subjects
	// Retention is how long the record of an ended run is kept. Defaults to 7 days.
	Retention time.Duration
	// LeaseTTL is how long a silent worker is believed to live. Defaults to 12 s.
	LeaseTTL time.Duration
	// PublishTimeout is how long a publish is repeated while the server does not
	// answer; a cluster needs 4 to 8 s to elect a leader. Defaults to 20 s.
	PublishTimeout time.Duration
	// ReplyPrefixes lists the prefixes below which a request may ask for a copy of
	// the reply. Defaults to "_INBOX.".
	ReplyPrefixes []string
	// Now is the wall clock of records. Defaults to time.Now.
	Now func() time.Time
}

// Key names a run.
type Key struct {
	Tenant string
	RunID  messages.RunID
}

// Submission is a request on its way to a queue.
type Submission struct {
	Tenant  string // defaults to "default"
	Queue   string
	Request *messages.RunRequest
	// Header travels with the request, for example a trace context.
	Header nats.Header
}

// Receipt tells where a submission ended up.
type Receipt struct {
	Key
	Queue string
	// Existing is true when the same submission was stored before: by an earlier try,
	// or under the same idempotency key.
	Existing bool
}

// Outcome says how a claim is given back to the queue.
type Outcome struct {
	Delay  time.Duration     // before the next delivery
	Reason string            // why the run waits, for people
	Error  *messages.Failure // the error that is retried; nil for a drain or a wait
}

var errUnfinished = errors.New("not built yet")

// Ledger is safe for concurrent use.
type Ledger struct {
	js  jetstream.JetStream
	cfg Config
}

// New gives the ledger of one connection. The streams must exist, see natsx.
func New(js jetstream.JetStream, cfg Config) (*Ledger, error) {
	return &Ledger{js: js, cfg: cfg}, nil
}

// Submit stores a request. It may be repeated: the same run id with the same
// request is stored once. Errors: *messages.FieldError for an invalid request,
// ErrFull, and what the connection says.
func (l *Ledger) Submit(ctx context.Context, s Submission) (Receipt, error) {
	return Receipt{}, errUnfinished
}

// Status reads the newest status; ErrNotFound.
func (l *Ledger) Status(ctx context.Context, key Key) (messages.Status, error) {
	return messages.Status{}, errUnfinished
}

// Reply reads the stored reply from the stream's leader; ErrNotFound while there is none.
func (l *Ledger) Reply(ctx context.Context, key Key) (*messages.Reply, error) {
	return nil, errUnfinished
}

// Cancel marks a run as cancelling; its owner, or whoever meets it next, ends it.
// It is idempotent. ErrEnded when the run has ended, ErrNotFound.
func (l *Ledger) Cancel(ctx context.Context, key Key, cancel messages.Cancel) (messages.Status, error) {
	return messages.Status{}, errUnfinished
}

// Claim takes the run of a fetched message for worker (its id). When the message
// needs no run - a duplicate, an invalid request, a cancelled run, one whose owner
// lives - Claim settles the message itself (reply, ack or delayed nak) and returns
// nil, nil. An error means that the message was not settled; it will be delivered
// again.
func (l *Ledger) Claim(ctx context.Context, msg jetstream.Msg, worker string) (*Claim, error) {
	return nil, errUnfinished
}

// Announce writes a worker's entry in the roster with the lease's time to live; a
// worker calls it with its heartbeat. Retire removes it.
func (l *Ledger) Announce(ctx context.Context, worker messages.Worker) error { return errUnfinished }

// Retire removes a worker's entry from the roster.
func (l *Ledger) Retire(ctx context.Context, worker string) error { return errUnfinished }

// Roster lists the live workers, by id.
func (l *Ledger) Roster(ctx context.Context) ([]messages.Worker, error) { return nil, errUnfinished }

// Sweep closes runs that no message will bring to a worker again; it returns how
// many it closed or requeued. Every worker calls it now and then.
func (l *Ledger) Sweep(ctx context.Context) (int, error) { return 0, errUnfinished }

// Claim is the right to run one request, until it is fenced by a newer claim. Its
// methods are safe for concurrent use.
type Claim struct {
	request *messages.RunRequest
	status  messages.Status
}

// Key names the run.
func (c *Claim) Key() Key { return Key{Tenant: c.status.Tenant, RunID: c.status.RunID} }

// Request is the validated request.
func (c *Claim) Request() *messages.RunRequest { return c.request }

// Status is the newest status that this claim wrote.
func (c *Claim) Status() messages.Status { return c.status }

// SaveVersion is the version under which this attempt saves versioned datasets: the
// run id, and from the second attempt <run_id>.<attempt>.
func (c *Claim) SaveVersion() string { return fmt.Sprint(c.status.RunID) }

// Publish sends an event of the run without waiting; events keep their order. Time,
// run id, attempt, epoch and worker are filled in. Finish waits for them.
func (c *Claim) Publish(ctx context.Context, event messages.Event) error { return errUnfinished }

// Beat is one heartbeat: it renews the message's ack wait and the lease, and reads
// (or, when progress changed, writes) the status. nil: go on. ErrCancelled: stop the
// run and Finish it. ErrLost: stop and publish nothing. Any other error: call again
// soon; the claim ends at ExpiresAt.
func (c *Claim) Beat(ctx context.Context, progress *messages.Progress) error { return errUnfinished }

// ExpiresAt is when the claim stops being valid unless Beat succeeds before; it
// carries the monotonic clock. A worker that reaches it stops the run.
func (c *Claim) ExpiresAt() time.Time { return time.Time{} }

// Finish ends the run with a reply, exactly once: waits for the events, stores the
// reply fenced by the status, writes the final status, deletes the lease, acks the
// message. The identity of the run and the times are filled in. Safe to repeat.
// ErrLost: another claim owns the run; nothing was stored.
func (c *Claim) Finish(ctx context.Context, reply *messages.Reply) error { return errUnfinished }

// PutBack gives the run back to the queue for a later delivery. A run that was
// cancelled meanwhile is ended instead. ErrLost as with Finish.
func (c *Claim) PutBack(ctx context.Context, outcome Outcome) error { return errUnfinished }
