package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Wait returns the reply of a run as soon as there is one, also hours later.
// [ErrNotFound] when the run does not exist.
func (c *Client) Wait(ctx context.Context, run messages.RunID) (reply *messages.Reply, err error) {
	key, err := c.key(run)
	if err != nil {
		return nil, err
	}
	subject := c.subjects.DoneStored(key.Tenant, run)
	arrival, ours, err := c.replies.wait(subject)
	if err != nil {
		return nil, fmt.Errorf("waiting for run %s: %w", run, err)
	}
	defer func() { c.replies.leave(subject, arrival, reply != nil) }()
	again := time.NewTicker(c.cfg.Poll)
	defer again.Stop()
	for look := !ours.fresh; ; look = true {
		if look {
			reply, err := c.look(ctx, key)
			if errors.Is(err, ErrNotFound) && time.Since(ours.since) < longestLag {
				err = nil
			}
			if reply != nil || err != nil {
				return reply, err
			}
		}
		select {
		case stored := <-arrival:
			return messages.DecodeReply(stored.Data)
		case <-again.C:
			c.replies.tellRefusal(ctx)
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for run %s: %w", run, context.Cause(ctx))
		}
	}
}

// longestLag is how long a server may know nothing of a run that was submitted here: it may have to catch up with the
// others.
const longestLag = 30 * time.Second

// look gives the reply, or nil while the run goes on or the server does not answer:
// who waits for hours bears an outage.
func (c *Client) look(ctx context.Context, key ledger.Key) (*messages.Reply, error) {
	if c.js.Conn().IsClosed() { // an outage ends, this doesn't
		return nil, c.explain(nats.ErrConnectionClosed)
	}
	reply, err := c.ledger.Reply(ctx, key)
	if err == nil {
		return reply, nil
	}
	if errors.Is(err, ErrNotFound) {
		_, err = c.ledger.Status(ctx, key)
	}
	if err == nil || natsx.Unanswered(err) && ctx.Err() == nil {
		return nil, nil
	}
	return nil, c.explain(err)
}

// Update is one thing that Watch saw: an event, or, as the last one, the reply.
type Update struct {
	Event *messages.Event
	Reply *messages.Reply
}

// Watch tells a run's events from its first one on, in order and each once, then
// live, and ends after the reply. A non-nil error ends it too; [ErrNotFound] when the
// run does not exist.
func (c *Client) Watch(ctx context.Context, run messages.RunID) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		err := c.watch(ctx, run, func(u Update) bool { return yield(u, nil) })
		if err != nil && !errors.Is(err, errStopped) {
			yield(Update{}, err)
		}
	}
}

// errStopped says that the caller of Watch has seen enough.
var errStopped = errors.New("stopped")

func (c *Client) watch(ctx context.Context, run messages.RunID, yield func(Update) bool) error {
	key, err := c.key(run)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	live, stopLive := context.WithCancel(ctx)
	ended := make(chan waited, 1)
	go func() {
		reply, err := c.Wait(ctx, run)
		ended <- waited{reply, err}
		stopLive()
	}()
	// In this order: without the cancel, Wait would go on until the run ends.
	defer func() { cancel(); <-ended }()
	events, err := c.openEvents(ctx, key, yield)
	if err != nil {
		return c.explain(err)
	}
	defer events.stop()
	if err := c.tellQueued(ctx, key, events); err != nil {
		return err
	}
	if err := events.follow(live); err != nil {
		return c.explain(err)
	}
	end := <-ended
	ended <- end
	if end.err != nil {
		return end.err
	}
	if err := events.rest(ctx, end.reply.Ended()); err != nil {
		return c.explain(err)
	}
	yield(Update{Reply: end.reply})
	return nil
}

// tellQueued tells that a run was accepted which nobody has claimed: its first claim
// stores that event.
func (c *Client) tellQueued(ctx context.Context, key ledger.Key, events *events) error {
	status, err := c.ledger.Status(ctx, key)
	if err != nil || status.Epoch > 0 {
		return nil //nolint:nilerr // Wait tells what is wrong, and bears an outage
	}
	return events.tell(&messages.Event{
		RunID: key.RunID, Kind: messages.EventAccepted, Number: 1, Time: status.SubmittedAt,
	})
}

type waited struct {
	reply *messages.Reply
	err   error
}

// events reads the stored events of one run, and then live ones.
type events struct {
	iterator jetstream.MessagesContext
	arrived  chan arrival
	over     chan struct{} // closed by stop
	client   *Client
	filter   string
	yield    func(Update) bool
	last     uint64           // stream sequence of the newest event read
	seen     map[seenKey]bool // events may be stored twice
}

// arrival is what the iterator gave.
type arrival struct {
	msg jetstream.Msg
	err error
}

type seenKey struct {
	epoch  uint64
	number int
}

func (c *Client) openEvents(ctx context.Context, key ledger.Key, yield func(Update) bool) (*events, error) {
	filter := c.subjects.Events(key.Tenant, key.RunID)
	consumer, err := c.js.OrderedConsumer(ctx, c.subjects.Stream("EVENTS"), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter},
	})
	if err != nil {
		return nil, fmt.Errorf("watching run %s: %w", key.RunID, err)
	}
	iterator, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("watching run %s: %w", key.RunID, err)
	}
	e := &events{
		iterator: iterator, arrived: make(chan arrival), over: make(chan struct{}),
		client: c, filter: filter, yield: yield, seen: map[seenKey]bool{},
	}
	go e.read()
	return e, nil
}

// read waits for messages. The iterator waits for a server that is away, whatever the context of its caller says: so
// nobody else may wait for the iterator.
func (e *events) read() {
	for {
		msg, err := e.iterator.Next()
		select {
		case e.arrived <- arrival{msg, err}:
		case <-e.over:
			return
		}
		if err != nil {
			return
		}
	}
}

// stop ends read, soon: while the iterator tries to reach a server it can't be stopped at once.
func (e *events) stop() {
	close(e.over)
	go e.iterator.Stop()
}

// follow tells events until ctx ends, which is no error here.
func (e *events) follow(ctx context.Context) error {
	for {
		err := e.one(ctx)
		if ctx.Err() != nil && !errors.Is(err, errStopped) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lastEventTime bounds the wait for the last event of a run that has ended: it left
// its worker before the reply, but lies in another stream.
const lastEventTime = 2 * time.Second

// rest tells the events that are left when the reply is stored: up to the last one
// that it names, or else what was stored before.
func (e *events) rest(ctx context.Context, end *messages.Ended) error {
	if end.Events > 0 {
		last, cancel := context.WithTimeout(ctx, lastEventTime)
		defer cancel()
		for !e.seen[seenKey{end.Epoch, end.Events}] && last.Err() == nil {
			if err := e.one(last); errors.Is(err, errStopped) || err != nil && last.Err() == nil {
				return err
			}
		}
	}
	newest, err := natsx.LastSettled(ctx, e.client.js, e.client.subjects.Stream("EVENTS"), e.filter)
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil
	}
	if err != nil {
		return err
	}
	for e.last < newest.Sequence {
		if err := e.one(ctx); err != nil {
			return err
		}
	}
	return nil
}

// one reads the next message.
func (e *events) one(ctx context.Context) error {
	var next arrival
	select {
	case next = <-e.arrived:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if next.err != nil {
		return next.err
	}
	msg := next.msg
	meta, err := msg.Metadata()
	if err != nil {
		return err
	}
	e.last = meta.Sequence.Stream
	told, err := messages.DecodeEvents(msg.Data())
	if err != nil {
		return fmt.Errorf("watching %s: %w", msg.Subject(), err)
	}
	for i := range told {
		if err := e.tell(&told[i]); err != nil {
			return err
		}
	}
	return nil
}

// tell gives on an event that was not told before.
func (e *events) tell(event *messages.Event) error {
	key := seenKey{event.Epoch, event.Number}
	if e.seen[key] {
		return nil
	}
	e.seen[key] = true
	if !e.yield(Update{Event: event}) {
		return errStopped
	}
	return nil
}
