package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// ErrNoWorker says that no live worker has this id.
var ErrNoWorker = errors.New("no such live worker")

// pauseTime is how long PauseQueue waits for workers; one that can't be reached that
// long looks at the pause by itself with its next heartbeats.
const pauseTime = 10 * time.Second

// pausePoll is how often it looks.
const pausePoll = 20 * time.Millisecond

// PauseQueue lets the workers of a queue start nothing until ResumeQueue, across
// restarts of anything. Submits are taken, runs under way go on. It returns when every
// live worker of the queue has said that it knows; those that have not after a while
// are returned. Whether there is such a queue, [Client.Queues] tells.
func (c *Client) PauseQueue(ctx context.Context, queue, reason string) (deaf []messages.Worker, err error) {
	if err := c.checkQueueName(queue); err != nil {
		return nil, err
	}
	revision, err := c.ledger.PauseQueue(ctx, queue, messages.Pause{By: c.cfg.By, Reason: reason})
	if err != nil {
		return nil, c.explain(err)
	}
	ctx, cancel := context.WithTimeout(ctx, pauseTime)
	defer cancel()
	tick := time.NewTicker(pausePoll)
	defer tick.Stop()
	for asked := false; ; {
		workers, err := c.Workers(ctx)
		if err != nil && (ctx.Err() == nil || !asked) {
			return nil, err
		}
		if err == nil {
			asked = true
			deaf = slices.DeleteFunc(workers, func(w messages.Worker) bool { return w.Queue != queue || w.PauseRevision >= revision || w.Draining })
		}
		if err == nil && len(deaf) == 0 {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return deaf, nil
		case <-tick.C:
		}
	}
}

// ResumeQueue ends a pause, if there is one.
func (c *Client) ResumeQueue(ctx context.Context, queue string) error {
	if err := c.checkQueueName(queue); err != nil {
		return err
	}
	return c.explain(c.ledger.ResumeQueue(ctx, queue))
}

func (c *Client) checkQueueName(queue string) error {
	if err := messages.CheckID(queue); err != nil {
		return &RejectedError{Field: "queue", Reason: err.Error(), Err: err}
	}
	return nil
}

// Queues lists, sorted, the queues that were declared for any tenant, and those that live
// workers serve. It needs the right to list the consumers of requests.
func (c *Client) Queues(ctx context.Context) ([]string, error) {
	workers, err := c.Workers(ctx)
	if err != nil {
		return nil, err
	}
	var queues []string
	for i := range workers {
		queues = append(queues, workers[i].Queue)
	}
	stream, err := c.js.Stream(ctx, c.subjects.Stream("RUNS"))
	if err != nil {
		return nil, c.explain(err)
	}
	consumers := stream.ConsumerNames(ctx)
	for name := range consumers.Name() {
		if queue, ok := natsx.QueueOf(name); ok {
			queues = append(queues, queue)
		}
	}
	slices.Sort(queues)
	return slices.Compact(queues), c.explain(consumers.Err())
}

// Pauses lists the queues that are paused.
func (c *Client) Pauses(ctx context.Context) (map[string]messages.Pause, error) {
	pauses, err := c.ledger.Pauses(ctx)
	return pauses, c.explain(err)
}

// WorkerOrder is what a live worker can be told.
type WorkerOrder string

// The orders. A paused worker takes nothing until it is resumed or ends; one that
// drains takes nothing more, and ends when its runs have ended. Runs under way go on.
const (
	PauseWorker  WorkerOrder = "pause"
	ResumeWorker WorkerOrder = "resume"
	DrainWorker  WorkerOrder = "drain"
)

// Order tells a live worker to pause, resume or drain and gives its entry in the
// roster. [ErrNoWorker].
func (c *Client) Order(ctx context.Context, worker string, order WorkerOrder) (messages.Worker, error) {
	var entry messages.Worker
	if err := messages.CheckID(worker); err != nil {
		return entry, &RejectedError{Field: "worker", Reason: err.Error(), Err: err}
	}
	answer, err := c.js.Conn().RequestWithContext(ctx, c.subjects.Worker(worker, string(order)), nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return entry, fmt.Errorf("worker %s: %w", worker, ErrNoWorker)
	case err != nil:
		return entry, c.explain(err)
	}
	if err := json.Unmarshal(answer.Data, &entry); err != nil {
		return entry, fmt.Errorf("worker %s: %w", worker, err)
	}
	return entry, nil
}

// Fleet is what decides, beside its status, why a run waits: the live workers, the pauses
// of queues, and the concurrency keys, which [Client.Fleet] leaves out: see [Client.Keys].
type Fleet struct {
	Workers []messages.Worker
	Pauses  map[string]messages.Pause
	Keys    Keys
}

// Fleet reads the fleet as it is now.
func (c *Client) Fleet(ctx context.Context) (Fleet, error) {
	workers, err := c.Workers(ctx)
	if err != nil {
		return Fleet{}, err
	}
	pauses, err := c.Pauses(ctx)
	return Fleet{Workers: workers, Pauses: pauses}, err
}

// suspectLosses is how many losses make a run wait for a worker of its own.
const suspectLosses = 2

// Why says what a run waits for that has not started, for people; "" when it doesn't
// wait, or when the status itself says it.
func (f Fleet) Why(s *messages.Status, now time.Time) string {
	if s.State != messages.StateQueued {
		return ""
	}
	if pause, paused := f.Pauses[s.Queue]; paused {
		return pausedText(s.Queue, pause)
	}
	if s.NotBefore.After(now) {
		return ""
	}
	if text := f.Keys.why(s.ConcurrencyKey, now); text != "" {
		return text
	}
	if s.Waiting != "" {
		return ""
	}
	serving, taking, free := 0, 0, 0
	for i := range f.Workers {
		w := &f.Workers[i]
		if w.Queue != s.Queue || len(w.Tenants) > 0 && !slices.Contains(w.Tenants, s.Tenant) {
			continue
		}
		serving++
		if w.Paused == "" && !w.Draining {
			taking++
			free += max(0, w.Slots-w.Busy)
		}
	}
	switch {
	case serving == 0:
		return fmt.Sprintf("a worker: no live one serves queue %s for tenant %s", s.Queue, s.Tenant)
	case taking == 0:
		return "a worker: all that serve the queue are paused or stop"
	case s.Losses >= suspectLosses:
		return fmt.Sprintf("a worker to itself: it was lost %d times", s.Losses)
	case free == 0:
		return "a free worker: all slots are taken"
	}
	return "its turn"
}

func pausedText(queue string, pause messages.Pause) string {
	text := fmt.Sprintf("queue %s to be resumed: paused", queue)
	if pause.By != "" {
		text += " by " + pause.By
	}
	if pause.Reason != "" {
		text += " (" + pause.Reason + ")"
	}
	return text
}
