package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// ErrTooLarge says that a reply doesn't fit into a message; the caller should put
// outputs into the object store or leave them out.
var ErrTooLarge = errors.New("reply is too large for a message")

// maxReplyBytes leaves room for the headers.
const maxReplyBytes = messages.MaxMessageBytes - 16<<10

// Finish ends the run with a reply, exactly once: waits for the events, stores the
// dead letter of a run that is given up, stores the reply fenced by the status, writes the final status, deletes the lease, acks the
// message. The identity of the run and the times are filled in. Safe to repeat.
// ErrLost: another claim owns the run; nothing was stored.
func (c *Claim) Finish(ctx context.Context, reply *messages.Reply) error {
	// The events go first on the same connection, so that the server has them before
	// the reply.
	c.feed.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return c.fate
	}
	if err := c.reassure(ctx); err != nil {
		return err
	}
	reply = sealed(reply, c.record.status, c.ledger.now())
	reply.Ended().Events = c.feed.last()
	switch {
	case reply.State() == messages.StateDead:
		if err := c.bury(ctx, reply); err != nil {
			return err
		}
	case c.record.status.Alone:
		c.exhume(ctx)
	}
	for range maxConflicts {
		err := c.store(ctx, reply)
		if err == nil {
			return c.end(nil)
		}
		if !errors.Is(err, errConflict) {
			return err
		}
	}
	return fmt.Errorf("finishing run %s: %w", c.record.status.RunID, errConflict)
}

// reassure looks before a claim that missed heartbeats publishes: the fence keeps a
// stale reply out of the stream, but not from those who listen to the subject. Half
// the lease is well before anybody may take the run over.
func (c *Claim) reassure(ctx context.Context) error {
	if c.ledger.clock().Sub(c.renewed) < c.ledger.cfg.LeaseTTL/2 {
		return nil
	}
	now, err := c.ledger.read(ctx, c.Key(), c.ledger.newest())
	if err != nil {
		return err
	}
	if err := c.accept(now); err != nil && !errors.Is(err, ErrCancelled) {
		return err
	}
	return nil
}

// store tries once to store reply and final status. errConflict: the status had
// changed, the record is refreshed, the caller tries again.
func (c *Claim) store(ctx context.Context, reply *messages.Reply) error {
	l := c.ledger
	done, err := l.doneMsg(reply, c.record.revision)
	if err != nil {
		return err
	}
	if len(done.Data) > maxReplyBytes {
		return fmt.Errorf("reply of %s: %d bytes, at most %d: %w", c.record.status.RunID, len(done.Data), maxReplyBytes, ErrTooLarge)
	}
	_, err = l.records.Store(ctx, done)
	switch {
	case err == nil:
		return c.settleLocked(ctx, reply)
	case natsx.WrongSequence(err), errors.Is(err, natsx.ErrDuplicate):
		return c.resolve(ctx)
	}
	return fmt.Errorf("storing reply of %s: %w", reply.Ended().RunID, err)
}

// resolve finds out why the fence refused a reply: this owner's reply is stored
// already (an answer was lost), somebody cancelled the run, or somebody took it over.
func (c *Claim) resolve(ctx context.Context) error {
	stored, err := c.ledger.Reply(ctx, c.Key())
	switch {
	case err == nil && stored.Ended().Epoch == c.record.status.Epoch:
		return c.settleLocked(ctx, stored)
	case err == nil:
		return c.end(ErrLost)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	now, err := c.ledger.read(ctx, c.Key(), c.ledger.newest())
	if err != nil {
		return err
	}
	if err := c.accept(now); err != nil && !errors.Is(err, ErrCancelled) {
		return err
	}
	return errConflict
}

// settle does what is left after a reply was stored, by whomever.
func (c *Claim) settle(ctx context.Context, reply *messages.Reply) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settleLocked(ctx, reply)
}

// settleLocked does what is left after a reply was stored: the final status, and then
// the ack, so that a request that is gone has a terminal status. A failure after that
// is left to the time to live and to the next delivery.
func (c *Claim) settleLocked(ctx context.Context, reply *messages.Reply) error {
	if err := c.ledger.cfg.Faults.At(ctx, FaultReplyStored); err != nil {
		return err
	}
	c.leaveSlot()
	request := c.asked(ctx)
	if err := c.conclude(ctx, reply); err != nil {
		return err
	}
	if err := c.ledger.cfg.Faults.At(ctx, FaultStatusStored); err != nil {
		return err
	}
	log := zerolog.Ctx(ctx)
	if err := c.ledger.copyReply(reply, request); err != nil {
		log.Warn().Err(err).Msg("the copy of the reply was not published")
	}
	c.dropLease()
	c.ledger.vacate(ctx, c.record.status)
	if err := c.msg.Ack(ctx); err != nil {
		log.Warn().Err(err).Msg("the request of an ended run was not acked; its next delivery will be")
	}
	if err := c.feed.wait(ctx); err != nil {
		log.Warn().Err(err).Msg("an event of the run was not stored")
	}
	return nil
}

// conclude writes the final status, and writes it again over what somebody else wrote
// meanwhile.
func (c *Claim) conclude(ctx context.Context, reply *messages.Reply) error {
	for range maxConflicts {
		now, stored, err := c.ledger.swap(ctx, c.record, ended(c.record.status, reply, c.ledger.now()))
		if err != nil {
			return err
		}
		if stored || !now.found || now.status.State.Terminal() || now.status.Epoch != c.record.status.Epoch {
			// A newer epoch reads the same reply and finishes by itself.
			return nil
		}
		c.record = now
	}
	return fmt.Errorf("final status of %s: %w", c.record.status.RunID, errConflict)
}

// dropLease removes the lease if there is one; the result tells when it is stored.
func (c *Claim) dropLease() *natsx.Commit {
	if !c.leased {
		return nil
	}
	l := c.ledger
	return l.leases.Add(natsx.Remove(l.leasesBucket(), l.leaseKey(c.record.status), minTTL))
}

// asked is the request of the run, nil when it is invalid or gone. Who ends a run without its
// message reads it, while it is stored, for the sake of whoever waits for a copy of the reply.
func (c *Claim) asked(ctx context.Context) *messages.RunRequest {
	taken, ok := c.msg.(absent)
	if !ok {
		return c.request
	}
	body, err := c.body(ctx)
	address, wrong := c.ledger.cfg.Subjects.ParseRequest(taken.subject)
	if err = errors.Join(err, wrong); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("the request of an ended run can't be read, nobody gets a copy of its reply")
	}
	if body == nil || err != nil {
		return nil
	}
	request, _ := c.ledger.readRequest(body, address)
	return request
}

// copyReply publishes a reply where the request wished it, as the stored message: a
// subscriber gets it at least once, with the same message id.
func (l *Ledger) copyReply(reply *messages.Reply, request *messages.RunRequest) error {
	if request == nil || request.ReplySubject == "" {
		return nil
	}
	body, err := reply.Encode()
	if err != nil {
		return err
	}
	e := reply.Ended()
	header := nats.Header(reply.CloudEvent().Header())
	header.Set(nats.MsgIdHdr, fmt.Sprintf("%s/%s/%d/done", e.Tenant, e.RunID, e.Epoch))
	return l.js.Conn().PublishMsg(&nats.Msg{Subject: request.ReplySubject, Data: body, Header: header})
}

// PutBack gives the run back to the queue for a later delivery. A run that was
// cancelled meanwhile is ended instead. Safe to repeat. ErrLost as with Finish.
func (c *Claim) PutBack(ctx context.Context, outcome Outcome) error {
	if again := outcome.failure(); again != nil && c.tellsFirst() {
		c.announce(ctx, messages.Event{Kind: messages.EventRetrying, Message: outcome.Reason, Error: again})
	}
	err := c.release(ctx, outcome.Delay, func(s messages.Status) messages.Status { return released(s, outcome, c.ledger.now()) })
	if errors.Is(err, ErrCancelled) {
		return c.Finish(ctx, cancelledReply(c.Status().Cancel))
	}
	return err
}

// tellsFirst is true for the first of several tries to put the run back.
func (c *Claim) tellsFirst() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.retrying
	c.retrying = true
	return first
}

// release writes the status that change makes of the newest one, and gives the message back.
func (c *Claim) release(ctx context.Context, delay time.Duration, change func(messages.Status) messages.Status) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range maxConflicts {
		if c.over {
			return c.fate
		}
		if c.record.status.State == messages.StateCancelling {
			return ErrCancelled
		}
		now, stored, err := c.ledger.swap(ctx, c.record, change(c.record.status))
		if err != nil {
			return err
		}
		// A try before this one may have been stored although its answer was lost.
		own := now.found && now.status.Epoch == c.record.status.Epoch && now.status.State == messages.StateQueued
		if stored || own {
			c.feed.flush()
			return c.handBack(ctx, delay)
		}
		if err := c.accept(now); err != nil {
			return err
		}
	}
	return fmt.Errorf("putting run %s back: %w", c.record.status.RunID, errConflict)
}

// handBack lets the next worker have the message: without a lease that would make it
// wait, and not before the delay.
func (c *Claim) handBack(ctx context.Context, delay time.Duration) error {
	_ = c.end(nil)
	c.leaveSlot()
	if dropped := c.dropLease(); dropped != nil {
		if _, err := dropped.Wait(ctx); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("the lease of a run put back was not removed; it will run out")
		}
	}
	return c.msg.NakWithDelay(delay)
}
