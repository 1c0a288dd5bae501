package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/fault"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
)

// Config describes a worker. The zero value of an optional field is its default.
type Config struct {
	// Conn is the connection to NATS. The caller owns it and closes it after [Worker.Run] returned. Required.
	Conn *nats.Conn
	// AllowPipelines are the pipelines that a request may name; one that names none asks for __default__. Defaults to all.
	AllowPipelines []string
	// AllowRunners are the runners that a request may name, among those that the project allows. Defaults to all of them.
	AllowRunners []string
	// Concurrency is the number of runs at a time. Defaults to 16.
	Concurrency int
	// Faults breaks the worker at named places, in tests. Defaults to none.
	Faults *fault.Points
	// Grace is how long runs may go on after a stop was asked for. Defaults to 30 s; negative means not at all.
	Grace time.Duration
	// ID names the worker and is new for each process. Defaults to host name, process id and random digits.
	ID string
	// Logger receives what the worker logs. Defaults to silence.
	Logger zerolog.Logger
	// MaxDataBytes bounds one parameter set, input or output that travels through the object bucket. Defaults to
	// [messages.DefaultMaxDataBytes].
	MaxDataBytes int64
	// NoDispatch leaves delayed runs and schedules to other workers: for one whose credentials may not submit. Defaults
	// to false.
	NoDispatch bool
	// Now is the wall clock of records; what lasts is measured by the monotonic clock. Defaults to time.Now.
	Now func() time.Time
	// Open makes the session that all runs share. Required.
	Open func(ctx context.Context, cfg session.ServiceConfig) (session.Session, error)
	// Prefix is the first token of all subjects. Defaults to "kedge".
	Prefix string
	// Project is the project's name, shown in the roster. Required.
	Project string
	// Queue is the queue that the worker serves. Defaults to the project's name.
	Queue string
	// ReplyPrefixes are the subjects below which a request may ask for a copy of its reply. Defaults to "reply.".
	ReplyPrefixes []string
	// Pipelines are the names of the project's pipelines, shown in the roster. Defaults to none.
	Pipelines []string
	// Retry says which errors get another attempt where a request doesn't. Defaults to those that say of themselves
	// that another attempt may succeed.
	Retry messages.RetryPolicy
	// Session configures the session given to Open.
	Session session.ServiceConfig
	// Tenants are the tenants whose runs are taken. Defaults to "default".
	Tenants []string
	// Timing holds every interval. Defaults to [DefaultTiming].
	Timing Timing
	// Trusted are the public NKeys whose signatures make a request run, with the tenants that each may sign for ("*": all).
	// Requests without such a signature are rejected. Defaults to nil: signatures are not needed.
	Trusted map[string][]string
	// Version is the worker's version, shown in the roster. Defaults to "dev".
	Version string
}

// Timing holds every interval of a worker, so that tests shorten all in proportion. They hang together: a lease must
// outlive several heartbeats, and a claim is given up only when its lease is surely over.
type Timing struct {
	// Heartbeat is the interval of the signs of life of a run. Defaults to 3 s.
	Heartbeat time.Duration
	// Retry is the interval of the next sign of life after a failed one. Defaults to 1 s.
	Retry time.Duration
	// Lease is how long a run is its worker's after the last sign of life; it is the consumers' AckWait too, and the
	// time after which a worker that can't renew stops the run. Defaults to 12 s.
	Lease time.Duration
	// Sweep is the interval at which all queues are asked, hint or not. Defaults to 1 s.
	Sweep time.Duration
	// CancelGrace is how long a cancelled run may take to return before it is abandoned. Defaults to 10 s.
	CancelGrace time.Duration
	// Putback is the delay of a request that is given back because another worker seems to hold it. Defaults to 1 s.
	Putback time.Duration
	// Collect is the interval at which objects of expired runs are looked for. Defaults to 10 min.
	Collect time.Duration
	// Isolate is how long the worker takes nothing new for the sake of a run that must run alone; the run is then left
	// to others for a tenth of that. Defaults to 5 min.
	Isolate time.Duration
	// Repair is the interval at which runs are looked for that no message will bring to a worker. Defaults to 30 s.
	Repair time.Duration
}

// DefaultTiming is what production uses.
func DefaultTiming() Timing { return Timing{}.withDefaults() }

func (t Timing) withDefaults() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Heartbeat, 3 * time.Second},
		{&t.Retry, time.Second},
		{&t.Lease, 12 * time.Second},
		{&t.Sweep, time.Second},
		{&t.CancelGrace, 10 * time.Second},
		{&t.Putback, time.Second},
		{&t.Isolate, 5 * time.Minute},
		{&t.Repair, 30 * time.Second},
		{&t.Collect, 10 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return t
}

func (t Timing) validate() error {
	if min(t.Heartbeat, t.Retry, t.Sweep, t.CancelGrace, t.Putback, t.Isolate, t.Repair, t.Collect) < 0 {
		return errors.New("an interval must not be negative")
	}
	if t.Lease < 2*t.Heartbeat {
		return fmt.Errorf("a lease of %v ends before two heartbeats of %v", t.Lease, t.Heartbeat)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Concurrency == 0 {
		c.Concurrency = 16
	}
	if c.Grace == 0 {
		c.Grace = 30 * time.Second
	}
	if c.ID == "" {
		c.ID = newID()
	}
	if c.Queue == "" {
		c.Queue = c.Project
	}
	if c.MaxDataBytes == 0 {
		c.MaxDataBytes = messages.DefaultMaxDataBytes
	}
	if len(c.ReplyPrefixes) == 0 {
		c.ReplyPrefixes = []string{"reply."}
	}
	if len(c.Tenants) == 0 {
		c.Tenants = []string{messages.DefaultTenant}
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	c.Timing = c.Timing.withDefaults()
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Conn == nil {
		errs = append(errs, errors.New("no connection to NATS"))
	}
	if c.Open == nil {
		errs = append(errs, errors.New("no engine: Open is nil"))
	}
	if c.Concurrency < 0 {
		errs = append(errs, fmt.Errorf("concurrency %d: want at least 1", c.Concurrency))
	}
	if c.MaxDataBytes < 0 {
		errs = append(errs, fmt.Errorf("largest data %d: want more than 0 bytes", c.MaxDataBytes))
	}
	if err := messages.CheckID(c.Queue); err != nil {
		errs = append(errs, fmt.Errorf("queue: %w", err))
	}
	if err := messages.CheckID(c.ID); err != nil {
		errs = append(errs, fmt.Errorf("worker id: %w", err))
	}
	for _, tenant := range c.Tenants {
		if err := messages.CheckID(tenant); err != nil {
			errs = append(errs, fmt.Errorf("tenant: %w", err))
		}
	}
	if err := c.Retry.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("retry policy: %w", err))
	}
	errs = append(errs, messages.Subjects{Prefix: c.Prefix}.Validate(), c.Timing.validate())
	return errors.Join(errs...)
}
