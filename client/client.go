package client

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Config configures a [Client]. The zero value is usable.
type Config struct {
	// Prefix is the first token of every subject. Defaults to "kedge".
	Prefix string
	// Tenant the runs belong to. Defaults to "default".
	Tenant string
	// Queue for submits that name none. Defaults to the only queue that live workers
	// serve.
	Queue string
	// MaxDataBytes bounds parameters or one input that go through the object bucket; the
	// worker has a limit of its own. Defaults to [messages.DefaultMaxDataBytes].
	MaxDataBytes int64
	// Poll is how often Wait looks for the reply in case its message was missed.
	// Defaults to 2 s.
	Poll time.Duration
	// PublishTimeout is how long Submit repeats while the server does not answer.
	// Defaults to 20 s.
	PublishTimeout time.Duration
	// By names the caller in cancels. Defaults to empty.
	By string
	// Signer signs every request and schedule that the client submits, for workers that
	// require it: an nkeys.KeyPair of a user. Defaults to nobody.
	Signer Signer
}

// Signer signs what is submitted.
type Signer = ledger.Signer

func (c Config) withDefaults() Config {
	c.Tenant = cmp.Or(c.Tenant, messages.DefaultTenant)
	c.MaxDataBytes = cmp.Or(c.MaxDataBytes, messages.DefaultMaxDataBytes)
	if c.Poll <= 0 {
		c.Poll = 2 * time.Second
	}
	return c
}

// Client is safe for concurrent use.
type Client struct {
	cfg      Config
	js       jetstream.JetStream
	ledger   *ledger.Ledger
	subjects messages.Subjects
	replies  *replies
	owned    *nats.Conn // closed by Close; nil on a caller's connection
}

// New makes a client on a connection that stays the caller's.
func New(nc *nats.Conn, cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := messages.CheckID(cfg.Tenant); err != nil {
		return nil, fmt.Errorf("client: tenant: %w", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	subjects := messages.Subjects{Prefix: cfg.Prefix}
	l, err := ledger.New(js, ledger.Config{Subjects: subjects, PublishTimeout: cfg.PublishTimeout, ByTenant: true, Signer: cfg.Signer})
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &Client{cfg: cfg, js: js, ledger: l, subjects: subjects, replies: newReplies(nc, subjects, cfg.Tenant, l)}, nil
}

// Dial connects to url (comma-separated servers; empty: the local server) and makes
// a client that owns the connection. [ErrNotReachable]. For TLS, credentials and the
// like connect with nats.go and use [New].
func Dial(ctx context.Context, url string, cfg Config) (*Client, error) {
	nc, err := natsx.Connect(ctx, natsx.ConnectOptions{URL: url, Name: "kedge client"})
	if err != nil {
		return nil, err
	}
	c, err := New(nc, cfg)
	if err != nil {
		nc.Close()
		return nil, err
	}
	c.owned = nc
	return c, nil
}

// Close ends what the client owns: its subscription, and the connection that Dial
// opened.
func (c *Client) Close() error {
	c.replies.close()
	c.ledger.Close()
	if c.owned != nil {
		c.owned.Close()
	}
	return nil
}

// Receipt tells where a request was stored.
type Receipt struct {
	// RunID is the request's, or that of the first run with its idempotency key or of the
	// live one with its unique key.
	RunID messages.RunID
	Queue string
	// Existing is true when the run was submitted before. The record of a run that
	// an idempotency key gives back may have expired: then Wait and Result say
	// [ErrNotFound].
	Existing bool
}

// SubmitOption changes one Submit.
type SubmitOption func(*submitOptions)

type submitOptions struct {
	at       time.Time
	queue    string
	brief    bool // the ledger will be told when the run has ended
	header   nats.Header
	inputs   map[string]Input
	progress func(field string, done, total int64)
}

// ToQueue names the queue.
func ToQueue(queue string) SubmitOption { return func(o *submitOptions) { o.queue = queue } }

// WithHeader adds headers to the request, for example a trace context.
func WithHeader(header nats.Header) SubmitOption {
	return func(o *submitOptions) { o.header = header }
}

// NotBefore lets the run enter its queue at a time; until then its state is scheduled.
// A time that has passed means now.
func NotBefore(at time.Time) SubmitOption { return func(o *submitOptions) { o.at = at } }

// Submit checks and stores a request; a missing run id is minted, in the request
// too. Parameters and inputs that are too large for a message are put into the object
// bucket before. Repeating it with the same id, or the same idempotency key, is one run;
// while a run with the same unique key is live, Submit gives that one. Errors:
// [*RejectedError], [*QueueError], [ErrNoQueue], [ErrConflict] ([*KeyConflictError]),
// [ErrFull], [ErrNotReachable].
func (c *Client) Submit(ctx context.Context, request *messages.RunRequest, opts ...SubmitOption) (Receipt, error) {
	isNew := request.RunID == ""
	if isNew {
		request.RunID = messages.NewRunID(time.Now())
	}
	options, err := c.options(ctx, opts)
	if err != nil {
		return Receipt{}, err
	}
	subject := c.subjects.DoneStored(c.cfg.Tenant, request.RunID)
	options.brief = c.replies.submitting(subject, request.RunID) && isNew
	receipt, err := c.submit(ctx, request, options)
	c.replies.submitted(subject, err == nil && !receipt.Existing)
	if err != nil {
		return Receipt{}, c.explain(err)
	}
	return Receipt{RunID: receipt.RunID, Queue: receipt.Queue, Existing: receipt.Existing && (!isNew || isKeyed(request))}, nil
}

// isKeyed reports whether somebody else can have submitted a request whose run id was minted. What a submit without a
// key meets under such an id is its own: it repeats what the server didn't answer in time.
func isKeyed(request *messages.RunRequest) bool {
	return request.IdempotencyKey != "" || request.UniqueKey != ""
}

// submit stores a request; what is too large for it goes into the object bucket first.
func (c *Client) submit(ctx context.Context, request *messages.RunRequest, options submitOptions) (ledger.Receipt, error) {
	s := ledger.Submission{Tenant: c.cfg.Tenant, Queue: options.queue, Request: request, Header: options.header, At: options.at, Brief: options.brief}
	u := &uploads{client: c, request: *request, options: options}
	if len(options.inputs) > 0 {
		if err := c.ledger.Check(ctx, s); err != nil && !tooLarge(err) {
			return ledger.Receipt{}, err // before much is sent for nothing
		}
		if err := u.attach(ctx); err != nil {
			return ledger.Receipt{}, err
		}
		s.Request = &u.request
	}
	receipt, err := c.ledger.Submit(ctx, s)
	if !tooLarge(err) {
		return receipt, err
	}
	if err := u.shrink(ctx); err != nil {
		return ledger.Receipt{}, err
	}
	s.Request = &u.request
	return c.ledger.Submit(ctx, s)
}

// options applies opts, and finds the queue when they name none.
func (c *Client) options(ctx context.Context, opts []SubmitOption) (submitOptions, error) {
	options := submitOptions{queue: c.cfg.Queue}
	for _, change := range opts {
		change(&options)
	}
	if options.queue != "" {
		return options, nil
	}
	var err error
	options.queue, err = c.onlyQueue(ctx)
	return options, err
}

// onlyQueue is the queue that live workers serve for the tenant, if it is one.
func (c *Client) onlyQueue(ctx context.Context) (string, error) {
	workers, err := c.Workers(ctx)
	if err != nil {
		return "", err
	}
	var queues []string
	for _, worker := range workers {
		if len(worker.Tenants) == 0 || slices.Contains(worker.Tenants, c.cfg.Tenant) {
			queues = append(queues, worker.Queue)
		}
	}
	slices.Sort(queues)
	if queues = slices.Compact(queues); len(queues) == 1 {
		return queues[0], nil
	}
	return "", &QueueError{Queues: queues}
}

// Status reads a run's status; [ErrNotFound].
func (c *Client) Status(ctx context.Context, run messages.RunID) (messages.Status, error) {
	key, err := c.key(run)
	if err != nil {
		return messages.Status{}, err
	}
	status, err := c.ledger.Status(ctx, key)
	return status, c.explain(err)
}

// Result reads the stored reply; [ErrNotFound] while there is none.
func (c *Client) Result(ctx context.Context, run messages.RunID) (*messages.Reply, error) {
	key, err := c.key(run)
	if err != nil {
		return nil, err
	}
	reply, err := c.ledger.Reply(ctx, key)
	return reply, c.explain(err)
}

// key checks a run id before it becomes a part of a subject.
func (c *Client) key(run messages.RunID) (ledger.Key, error) {
	if err := run.Validate(); err != nil {
		return ledger.Key{}, &RejectedError{Field: "run_id", Reason: err.Error(), Err: err}
	}
	return ledger.Key{Tenant: c.cfg.Tenant, RunID: run}, nil
}

// ListOptions filters List.
type ListOptions struct {
	States []messages.State // none: all
	Queue  string           // empty: all
	Limit  int              // newest first; 0: all
}

// List reads the statuses of the tenant's runs, newest first. A run that another client
// submitted less than 50 ms ago may be missing.
func (c *Client) List(ctx context.Context, opts ListOptions) ([]messages.Status, error) {
	all, err := c.ledger.List(ctx, c.cfg.Tenant)
	if err != nil {
		return nil, c.explain(err)
	}
	all = slices.DeleteFunc(all, func(s messages.Status) bool {
		return len(opts.States) > 0 && !slices.Contains(opts.States, s.State) || opts.Queue != "" && s.Queue != opts.Queue
	})
	if opts.Limit > 0 && len(all) > opts.Limit {
		all = all[:opts.Limit]
	}
	return all, nil
}

// Cancel asks for the end of a run, queued or running; the reply tells how it
// ended, since it may end otherwise before the cancel reaches it. [ErrEnded] with the
// final status when it has ended, [ErrNotFound].
func (c *Client) Cancel(ctx context.Context, run messages.RunID, reason string) (messages.Status, error) {
	key, err := c.key(run)
	if err != nil {
		return messages.Status{}, err
	}
	status, err := c.ledger.Cancel(ctx, key, messages.Cancel{By: c.cfg.By, Reason: reason})
	if err == nil {
		// For speed only: the owner sees the status at its next heartbeat, and the sweepers
		// close what has no owner.
		told := c.subjects.CancelHint(status.Queue, c.cfg.Tenant, run)
		if status.Owner != "" {
			told = c.subjects.Worker(status.Owner, "cancel")
		}
		_ = c.js.Conn().Publish(told, []byte(run))
	}
	return status, c.explain(err)
}

// Workers lists the live workers.
func (c *Client) Workers(ctx context.Context) ([]messages.Worker, error) {
	workers, err := c.ledger.Roster(ctx)
	return workers, c.explain(err)
}
