package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// feed is the events of one claim on their way.
type feed struct {
	mu      sync.Mutex // guards the fields below
	number  int
	pending []*natsx.Commit // in order
}

// maxPending is how many events of a run may wait for their acks; a run that logs
// faster than they are stored is slowed down.
const maxPending = 1024

// Publish sends an event of the run without waiting for the answer; events keep
// their order. Run id, number, time, attempt, epoch and worker are filled in. Finish
// waits for the answers. It blocks while too many are missing.
func (c *Claim) Publish(ctx context.Context, event messages.Event) error {
	status := c.Status()
	event.RunID, event.Attempt, event.Epoch, event.Worker = status.RunID, status.Attempt, status.Epoch, status.Owner
	if event.Time.IsZero() {
		event.Time = c.ledger.now()
	}
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	if len(c.feed.pending) >= maxPending {
		oldest := c.feed.pending[:maxPending/2]
		for _, sent := range oldest {
			if _, err := sent.Wait(ctx); err != nil {
				return fmt.Errorf("publishing event: %w", err)
			}
		}
		c.feed.pending = c.feed.pending[maxPending/2:]
	}
	c.feed.number++
	event.Number = c.feed.number
	msg, err := c.ledger.eventMsg(event, status)
	if err != nil {
		return err
	}
	c.feed.pending = append(c.feed.pending, c.ledger.events.Add(msg))
	return nil
}

// wait waits for the answers to all events so far and returns the first error.
func (f *feed) wait(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var first error
	for _, sent := range f.pending {
		if _, err := sent.Wait(ctx); err != nil && first == nil {
			first = err
		}
	}
	f.pending = nil
	return first
}

func (l *Ledger) eventMsg(event messages.Event, status messages.Status) (*nats.Msg, error) {
	body, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("writing event: %w", err)
	}
	return &nats.Msg{
		Subject: l.cfg.Subjects.Event(status.Tenant, status.RunID, event.Kind),
		Header:  event.CloudEvent(status.Tenant, status.Queue).Header(), Data: body,
	}, nil
}

// acceptedMsg is the event that keeps the request, for retry and redrive.
func (l *Ledger) acceptedMsg(status messages.Status, request []byte) (*nats.Msg, error) {
	return l.eventMsg(messages.Event{
		RunID: status.RunID, Kind: messages.EventAccepted, Number: 1, Time: status.SubmittedAt, Request: request,
	}, status)
}
