package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/fault"
	"github.com/kedge-run/kedge/internal/natsx"
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
	// ErrConflict: the run id belongs to another request.
	ErrConflict = errors.New("run id is taken by another request")
	// ErrNoQueue: nobody declared this queue and tenant.
	ErrNoQueue = errors.New("no such queue for this tenant")
	// ErrNoSchedule: no such schedule.
	ErrNoSchedule = errors.New("schedule not found")
	// ErrScheduleExists: the name belongs to another schedule.
	ErrScheduleExists = errors.New("a schedule of this name exists, and says something else")
	// ErrNoLimit: nobody declared a limit under this name.
	ErrNoLimit = errors.New("no such limit is declared")
	// ErrFull: the queue has reached its size limit; the submitter should wait.
	ErrFull = errors.New("queue is full")
)

// Config configures a [Ledger]. The zero value is usable.
type Config struct {
	// Subjects builds the subjects. Defaults to the prefix "kedge".
	Subjects messages.Subjects
	// Retention is how long the record of an ended run is kept. Defaults to 7 days.
	Retention time.Duration
	// KeyRetention is how long an idempotency key is kept from its submit on, or from the
	// time of a delayed run, and renewed while the run lives; longer than
	// Retention, so that a key whose result is gone still starts no second run. Defaults
	// to twice the retention.
	KeyRetention time.Duration
	// LeaseTTL is how long a silent worker is believed to live. Defaults to 12 s.
	LeaseTTL time.Duration
	// PublishTimeout is how long a publish is repeated while the server does not
	// answer; a cluster needs 4 to 8 s to elect a leader. Defaults to 20 s.
	PublishTimeout time.Duration
	// ReplyPrefixes lists the prefixes below which a request may ask for a copy of
	// the reply. Defaults to "_INBOX.".
	ReplyPrefixes []string
	// DataGrace is how long objects are kept that belong to no known run: an upload comes
	// before the submit. Defaults to 24 h.
	DataGrace time.Duration
	// ByTenant reads single subjects only, which a submitter's rights can be cut by. The
	// server's question for the leader's newest has no such cut: who may ask it may read all
	// tenants. Defaults to false.
	ByTenant bool
	// NoDispatch makes sweeps leave to others what needs a request to be stored: for credentials
	// that may not submit. Defaults to false.
	NoDispatch bool
	// Signer signs what is submitted. Defaults to nobody.
	Signer Signer
	// Trusted makes claims refuse requests that are not signed by one of these public NKeys,
	// each for the tenants it may sign for ([AnyTenant]: all). Defaults to nil: signatures are
	// not needed.
	Trusted map[string][]string
	// Now is the wall clock of records. Defaults to time.Now.
	Now func() time.Time
	// Faults breaks the ledger at named places, in tests. Defaults to none.
	Faults *fault.Points
}

// Places where tests break the ledger, see [Config.Faults].
const (
	// FaultClaimStored is passed when a claim is stored and its owner doesn't know yet.
	FaultClaimStored = "claim stored"
	// FaultReplyStored is passed when a reply is stored and the final status is not.
	FaultReplyStored = "reply stored"
	// FaultStatusStored is passed when the final status is stored and the request is not
	// acknowledged.
	FaultStatusStored = "final status stored"
)

// fieldRunID is the run's id in log lines.
const fieldRunID = "run_id"

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
	// At is when the run enters its queue, by the server's clock. Defaults to at once.
	At time.Time
	// Header travels with the request, for example a trace context.
	Header nats.Header
	// Forwarded tells that somebody else made the request, whose Signature is all that
	// vouches for it. Otherwise the ledger's Signer signs it. Defaults to false.
	Forwarded bool
	Signature *messages.Signature
	// Brief tells that the run id is new, and that the caller will call Heard when it hears
	// that the run has ended: then the status of a run that ends at once is not stored
	// before its claim. Defaults to false.
	Brief bool
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
	Lost   bool              // the process of the run ended under it: a loss, not a retry
}

// failure is the error or loss for which another attempt follows; nil when the run
// just goes back.
func (o Outcome) failure() *messages.Failure {
	if o.Lost {
		return &messages.Failure{Code: messages.CodeWorkerLost, Message: o.Reason}
	}
	return o.Error
}

func (c Config) withDefaults() Config {
	c.Retention = cmp.Or(c.Retention, 7*24*time.Hour)
	c.KeyRetention = cmp.Or(c.KeyRetention, 2*c.Retention)
	c.LeaseTTL = cmp.Or(c.LeaseTTL, natsx.DefaultAckWait)
	c.PublishTimeout = cmp.Or(c.PublishTimeout, 20*time.Second)
	c.DataGrace = cmp.Or(c.DataGrace, 24*time.Hour)
	if c.ReplyPrefixes == nil {
		c.ReplyPrefixes = []string{nats.InboxPrefix}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c Config) validate() error {
	var ttl error
	if c.LeaseTTL < minTTL || c.Retention < minTTL {
		ttl = fmt.Errorf("lease time %s and retention %s: the server keeps times of at least %s", c.LeaseTTL, c.Retention, minTTL)
	}
	var keys error
	if c.KeyRetention < c.Retention {
		keys = fmt.Errorf("idempotency keys are kept for %s, results for %s: a key must outlive its result", c.KeyRetention, c.Retention)
	}
	return errors.Join(c.Subjects.Validate(), ttl, keys, c.checkSigning())
}

// minTTL is the server's shortest time to live.
const minTTL = time.Second

// Ledger is safe for concurrent use.
type Ledger struct {
	js   jetstream.JetStream
	cfg  Config
	pipe *natsx.Pipe
	// Each stream has its own committer: a batch can't span two.
	requests, records, events, leases, keys, dead, settings, timers, schedules *natsx.Committer

	declared sync.Map // names of consumers that were found
	floors   sync.Map // name of a consumer -> passed

	places places // what is known of the slots of concurrency keys
	census census // of live runs
	debts  *debts // statuses of brief runs

	clock    func() time.Time // the monotonic clock, by which claims run out
	feedTime time.Duration    // how long an event is gathered; negative: until it is let go
	// serverTime is the clock that fires the timers. A worker's own may be wrong, and
	// would start a run too early.
	serverTime func(context.Context) (time.Time, error)
}

// New gives the ledger of one connection. The streams must exist, see natsx.Topology.
func New(js jetstream.JetStream, cfg Config) (*Ledger, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return assemble(js, natsx.NewPipe(js.Conn()), cfg), nil
}

// assemble makes a ledger of a whole configuration.
func assemble(js jetstream.JetStream, pipe *natsx.Pipe, cfg Config) *Ledger {
	costs := natsx.NewCosts()
	committer := func() *natsx.Committer { return natsx.NewCommitter(js, pipe, cfg.PublishTimeout, costs) }
	l := &Ledger{
		js: js, cfg: cfg, pipe: pipe,
		requests: committer(), records: committer(), events: committer(), leases: committer(), keys: committer(), dead: committer(),
		settings: committer(), timers: committer(), schedules: committer(),
		clock: time.Now, feedTime: feedTime, debts: newDebts(briefTime),
	}
	l.serverTime = l.askTime
	return l
}

// Close stores the statuses that are owed, which takes at most closeTime, and ends what the
// ledger holds of the connection, which stays the caller's. What is on its way then stays
// unanswered.
func (l *Ledger) Close() {
	l.debts.stop()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	l.payAll(ctx)
	l.pipe.Close()
}

// closeTime bounds Close.
const closeTime = 2 * time.Second

func (l *Ledger) runsBucket() string   { return l.cfg.Subjects.Bucket("runs") }
func (l *Ledger) leasesBucket() string { return l.cfg.Subjects.Bucket("leases") }
func (l *Ledger) queueStream() string  { return l.cfg.Subjects.Stream("RUNS") }
