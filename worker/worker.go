package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/lifecycle"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
)

// Names of log fields.
const (
	fieldRunID   = "run_id"
	fieldTenant  = "tenant"
	fieldAttempt = "attempt"
	fieldSubject = "subject"
)

// Worker serves one queue with one session. It is made by [New] and run once.
type Worker struct {
	cfg      Config
	subjects messages.Subjects
	js       jetstream.JetStream
	ledger   *ledger.Ledger
	slots    *slots
	runs     *runs
	lines    *lines // set by Run
	kept     kept
	beats    sync.WaitGroup // heartbeats under way
	stopping atomic.Bool    // runs that begin now are put back at once
	draining atomic.Bool    // no more requests are taken
	leaving  chan struct{}  // closed when the worker stops
	patient  atomic.Bool    // it stops when its runs have ended, however long that takes
	// pauseRead is the revision of the queue's pause that holds here.
	pauseRead atomic.Uint64
	told      chan struct{} // gets a token when the pause of the queue or the roster's entry may have changed
	ready     chan struct{}

	session session.Session // set by Run
	started time.Time       // set by Run
	stop    func()          // set by Run: ends its context
	ballast []byte          // set by Run
}

// New checks a configuration. It opens nothing.
func New(cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("worker configuration: %w", err)
	}
	subjects := messages.Subjects{Prefix: cfg.Prefix}
	js, err := jetstream.New(cfg.Conn)
	if err != nil {
		return nil, fmt.Errorf("worker configuration: %w", err)
	}
	book, err := ledger.New(js, ledger.Config{
		Subjects: subjects, LeaseTTL: cfg.Timing.Lease, ReplyPrefixes: cfg.ReplyPrefixes, Now: cfg.Now, Faults: cfg.Faults,
		Trusted: cfg.Trusted, NoDispatch: cfg.NoDispatch,
	})
	if err != nil {
		return nil, fmt.Errorf("worker configuration: %w", err)
	}
	return &Worker{
		cfg: cfg, subjects: subjects, js: js, ledger: book,
		slots: newSlots(cfg.Concurrency), runs: newRuns(), ready: make(chan struct{}), leaving: make(chan struct{}), told: make(chan struct{}, 1),
	}, nil
}

// ID is the worker's name in the roster and in statuses, new for each process.
func (w *Worker) ID() string { return w.cfg.ID }

// Ready is closed when the worker takes requests.
func (w *Worker) Ready() <-chan struct{} { return w.ready }

// Run opens the session, takes requests and runs them until ctx ends. It then stops taking, lets runs finish for the
// grace time, puts the others back, and returns nil; a second stop is the caller's to force. An error means that the
// worker could not start: the queue isn't set up, or the session can't be opened.
func (w *Worker) Run(ctx context.Context) (err error) {
	parent := ctx
	ctx, w.stop = context.WithCancel(w.cfg.Logger.WithContext(ctx))
	defer w.stop()
	w.started = time.Now()
	w.ballast = newBallast()
	defer func() { w.ballast = nil }()
	consumers, err := w.check(ctx)
	if err != nil {
		return err
	}
	dispatcher, err := w.dispatcher(ctx)
	if err != nil {
		return err
	}
	if w.session, err = w.cfg.Open(ctx, w.cfg.Session); err != nil {
		return fmt.Errorf("opening the session: %w", err)
	}
	defer func() { err = errors.Join(err, w.session.Close()) }()
	defer w.ledger.Close()

	workCtx := context.WithoutCancel(ctx)
	w.lines = newLines(workCtx, w)
	crew := newCrew(func(msg jetstream.Msg) { w.execute(workCtx, msg) })
	defer crew.dismiss()
	fetch := newFetcher(consumers, w.subjects, w.slots, w.cfg.Timing.Sweep, crew.hand)
	w.lines.expect = fetch.expect
	silence, err := w.listen(ctx, fetch)
	defer silence()
	if err != nil {
		return err
	}
	if err := w.readPause(ctx); err != nil { // a worker that starts in a pause takes nothing
		return err
	}
	w.cfg.Logger.Info().Str("worker", w.cfg.ID).Str("queue", w.cfg.Queue).Int("slots", w.cfg.Concurrency).Msg("worker takes runs")
	close(w.ready)
	return lifecycle.Run(ctx,
		lifecycle.Loop{Name: "fetch", Run: fetch.loop},
		lifecycle.Loop{Name: "lines", Run: w.lines.loop},
		lifecycle.Loop{Name: "drain", Run: func(ctx context.Context) error { return w.drain(ctx, parent) }},
		lifecycle.Loop{Name: "heartbeat", Run: w.heartbeat},
		lifecycle.Loop{Name: "repair", Run: w.repair},
		lifecycle.Loop{Name: "collect", Run: w.collect},
		lifecycle.Loop{Name: "dispatch", Run: func(ctx context.Context) error { return w.dispatch(ctx, dispatcher) }},
		lifecycle.Loop{Name: "roster", Run: w.watchPause},
	)
}

// listen subscribes to what workers are told, and offers the services. silence ends that, also after an error.
func (w *Worker) listen(ctx context.Context, fetch *fetcher) (silence func(), err error) {
	var open []func() error
	silence = func() {
		for _, end := range open {
			_ = end() // the connection may be gone, and the subscription with it
		}
	}
	// One worker of the queue answers a cancel, all must know of the rest.
	for _, s := range []struct {
		subject, group string
		heard          nats.MsgHandler
	}{
		{w.subjects.Hints(w.cfg.Queue), "", fetch.hint},
		{w.subjects.CancelHint(w.cfg.Queue, "*", "*"), "cancel", func(msg *nats.Msg) { w.hearCancel(ctx, msg) }},
		{w.ledger.PauseSubject(w.cfg.Queue), "", func(*nats.Msg) { w.tellRoster() }},
		{w.ledger.LimitsSubject("*"), "", func(*nats.Msg) { w.lines.wakeAll() }},
	} {
		sub, err := w.cfg.Conn.QueueSubscribe(s.subject, s.group, s.heard)
		if err != nil {
			return silence, fmt.Errorf("subscribing to %s: %w", s.subject, err)
		}
		open = append(open, sub.Unsubscribe)
	}
	services, err := w.serve(ctx)
	if err != nil {
		return silence, fmt.Errorf("offering services: %w", err)
	}
	open = append(open, services.Stop)
	if err := w.cfg.Conn.Flush(); err != nil { // from here on hints and questions arrive
		return silence, fmt.Errorf("subscribing: %w", err)
	}
	return silence, nil
}

// check looks whether the streams and consumers are as this worker expects them, and finds the consumers to ask.
func (w *Worker) check(ctx context.Context) ([]natsx.QueueConsumer, error) {
	topology := w.topology()
	if err := topology.Check(ctx, w.js); err != nil {
		return nil, &SetupError{Queue: w.cfg.Queue, Err: err}
	}
	return topology.Consumers(ctx, w.js, w.cfg.Queue)
}

// topology is what this worker expects of the server.
func (w *Worker) topology() natsx.Topology {
	return natsx.Topology{
		Subjects: w.subjects, Queues: []string{w.cfg.Queue}, Tenants: w.cfg.Tenants, AckWait: w.cfg.Timing.Lease,
	}
}

// SetupError says that the server has not what the worker needs: "worker setup" makes it.
type SetupError struct {
	Queue string
	Err   error // what is missing or different
}

// Error says what is missing or different.
func (e *SetupError) Error() string {
	return fmt.Sprintf("the NATS server is not set up for queue %s: %v", e.Queue, e.Err)
}

// Unwrap gives what is missing or different.
func (e *SetupError) Unwrap() error { return e.Err }

// entry is the worker's entry in the roster.
func (w *Worker) entry() messages.Worker {
	total, taken, _ := w.slots.counts()
	host, _ := os.Hostname() // for people; empty when unknown
	return messages.Worker{
		ID: w.cfg.ID, Host: host, Project: w.cfg.Project, Queue: w.cfg.Queue, Tenants: w.cfg.Tenants,
		Slots: total, Busy: taken, Draining: w.draining.Load(), Paused: w.slots.pausedBy(), PauseRevision: w.pauseRead.Load(), Version: w.cfg.Version,
		StartedAt: w.started.UTC(), Pipelines: w.cfg.Pipelines,
	}
}
