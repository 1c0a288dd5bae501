package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// feed is the events of one claim on their way. They are gathered for a moment: what
// happens close together is stored in one message.
type feed struct {
	ledger  *Ledger
	key     Key
	queue   string
	attempt int
	epoch   uint64
	worker  string

	mu       sync.Mutex // guards the fields below
	number   int
	gathered messages.Events
	timer    *time.Timer     // lets gathered events go; nil: never needed
	pending  []*natsx.Commit // in order
	failed   error           // the first that was not stored
}

const (
	// feedTime is how long an event is gathered, usually.
	feedTime = 2 * time.Millisecond
	// maxGathered is how many bytes of events leave without waiting for more.
	maxGathered = 64 << 10
	// maxPending is how many messages of a run may wait for their acks; a run that logs
	// faster than they are stored is slowed down.
	maxPending = 64
)

// Publish sends an event of the run without waiting for the answer; events keep
// their order. Run id, number, time, attempt, epoch and worker are filled in. Finish
// waits for the answers. It blocks while too many are missing.
func (c *Claim) Publish(ctx context.Context, event messages.Event) error {
	f := &c.feed
	event.RunID, event.Attempt, event.Epoch, event.Worker = f.key.RunID, f.attempt, f.epoch, f.worker
	if event.Time.IsZero() {
		event.Time = c.ledger.now()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.slowDown(ctx); err != nil {
		return err
	}
	event.Number = f.number + 1
	if err := f.gather(&event); err != nil {
		return err
	}
	f.number++
	return nil
}

func (f *feed) slowDown(ctx context.Context) error {
	if len(f.pending) < maxPending {
		return nil
	}
	for len(f.pending) > maxPending/2 {
		if err := f.await(ctx); err != nil {
			return fmt.Errorf("publishing event: %w", err)
		}
	}
	return nil
}

// await waits for the oldest answer. What was not stored is told in the end: the events
// after it may be stored all the same. The error is the context's.
func (f *feed) await(ctx context.Context) error {
	_, err := f.pending[0].Wait(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.failed == nil {
		f.failed = err
	}
	f.pending = f.pending[1:]
	return nil
}

func (f *feed) gather(event *messages.Event) error {
	first := f.gathered.Size() == 0
	if err := f.gathered.Add(event); err != nil {
		return err
	}
	switch {
	case f.gathered.Size() >= maxGathered:
		f.release()
	case !first || f.ledger.feedTime < 0:
	case f.timer == nil:
		f.timer = time.AfterFunc(f.ledger.feedTime, f.flush)
	default:
		f.timer.Reset(f.ledger.feedTime)
	}
	return nil
}

// flush lets the gathered events go.
func (f *feed) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
	f.release()
}

func (f *feed) release() {
	if f.gathered.Size() == 0 {
		return
	}
	f.pending = append(f.pending, f.ledger.events.Add(&nats.Msg{
		Subject: f.ledger.cfg.Subjects.Events(f.key.Tenant, f.key.RunID),
		Header:  f.gathered.CloudEvent(f.key.Tenant, f.queue).Header(), Data: f.gathered.Encode(),
	}))
	f.gathered = messages.Events{}
}

// last is the number of the newest event.
func (f *feed) last() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.number
}

// wait waits for the answers to all events so far and returns the first error since it was
// called last.
func (f *feed) wait(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.pending) > 0 {
		if err := f.await(ctx); err != nil {
			return err
		}
	}
	failed := f.failed
	f.failed = nil
	return failed
}

// tellAccepted tells the first event of the run, which keeps the request for retry and
// redrive. The first claim does so; a later one, if the first was lost before it could.
func (c *Claim) tellAccepted(ctx context.Context, request []byte, signature *messages.Signature) error {
	s := c.Status()
	if s.Epoch > 1 {
		if _, err := c.ledger.accepted(ctx, c.Key()); !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	return c.feed.gather(&messages.Event{
		RunID: s.RunID, Kind: messages.EventAccepted, Number: 1, Time: s.SubmittedAt, Request: request, Signature: signature,
	})
}
