package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Claim takes the run of a fetched message for worker (its id). When the message
// needs no run - a duplicate, an invalid request, a cancelled run, one whose owner
// lives - Claim settles the message itself (reply, ack or delayed nak) and returns
// nil, nil. An error means that the message was not settled; it will be delivered
// again.
//
// ErrAlone leaves the message to the caller too, see ClaimAlone, and so does a
// *BlockedError: the run waits for its concurrency key.
func (l *Ledger) Claim(ctx context.Context, msg jetstream.Msg, worker string) (*Claim, error) {
	return l.claim(ctx, msg, worker, false)
}

// ClaimAlone is Claim by a worker that runs nothing else, and will not until this claim
// is over. It never gives ErrAlone.
func (l *Ledger) ClaimAlone(ctx context.Context, msg jetstream.Msg, worker string) (*Claim, error) {
	return l.claim(ctx, msg, worker, true)
}

func (l *Ledger) claim(ctx context.Context, msg jetstream.Msg, worker string, alone bool) (*Claim, error) {
	d, err := l.inspect(msg)
	if err != nil {
		// No run can be answered; the server's advisory keeps the reason.
		return nil, errors.Join(err, msg.TermWithReason(err.Error()))
	}
	if d.invalid != nil && d.invalid.Code == messages.CodeNotTrusted {
		l.tellUntrusted(ctx, d)
	}
	d.alone = alone
	old, known := d.promised()
	return l.claimFrom(ctx, msg, d, worker, old, known)
}

// claimFrom claims the run of a delivery whose status is taken to be old, if it is known.
func (l *Ledger) claimFrom(ctx context.Context, msg jetstream.Msg, d delivery, worker string, old record, known bool) (claim *Claim, err error) {
	defer func() {
		if claim == nil {
			d.dropSlot()
		}
	}()
	read := natsx.LastDirect
	for range maxConflicts {
		if !known {
			if old, err = l.read(ctx, Key{d.address.Tenant, d.address.RunID}, read); err != nil {
				return nil, err
			}
		}
		known = false
		what, err := l.decide(ctx, old, d)
		if err == nil && what.action == actRun && d.request.UniqueKey != "" && old.status.Attempt == 0 {
			what, err = l.confirm(ctx, d, what)
		}
		if err == nil && what.action == actRun {
			err = l.admit(ctx, &d, old.status.Epoch+1, worker)
		}
		if blocked := (*BlockedError)(nil); errors.As(err, &blocked) {
			d.alone = false // its claimer may have other runs when it tries again
			blocked.Waiter = &Waiter{ledger: l, msg: msg, d: d, old: old, known: true}
		}
		if err != nil {
			return nil, err
		}
		switch what.action {
		case actDrop:
			if old.status.State.Terminal() {
				l.vacate(ctx, old.status)
			}
			zerolog.Ctx(ctx).Debug().Str(fieldRunID, string(d.address.RunID)).Str("reason", what.reason).Msg("dropping request")
			return nil, natsx.Ack(ctx, l.pipe, msg)
		case actWait:
			return nil, msg.NakWithDelay(what.delay)
		case actAlone:
			return nil, fmt.Errorf("claiming run %s: %w", d.address.RunID, ErrAlone)
		}
		claim, err := l.seize(ctx, msg, old, d, worker, what)
		if !errors.Is(err, errConflict) {
			return claim.with(d.slot), err
		}
		// Somebody was faster; the next round must see what they wrote.
		read = l.newest()
	}
	return nil, fmt.Errorf("claiming run %s: %w", d.address.RunID, errConflict)
}

// maxConflicts bounds how often a claim starts again: each conflict means that
// somebody else got on with the run.
const maxConflicts = 8

// errConflict says that somebody else wrote the status meanwhile.
var errConflict = errors.New("the status changes too often")

// inspect reads a fetched message. The error says that its subject names no run.
func (l *Ledger) inspect(msg jetstream.Msg) (delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return delivery{}, fmt.Errorf("request %s: %w", msg.Subject(), err)
	}
	d, err := l.delivered(msg.Subject(), msg.Data(), meta.Sequence.Stream, meta.Timestamp)
	if err != nil {
		return delivery{}, err
	}
	if meta.NumDelivered == 1 {
		d.revision, d.foretold = foretold(msg.Headers())
	}
	l.authenticate(&d, msg)
	return d, nil
}

// foretold is the revision of the status when the request was stored, if its header tells.
func foretold(header nats.Header) (revision uint64, known bool) {
	text := header.Get(messages.RevisionHeader)
	if text == "" {
		return 0, true
	}
	revision, err := strconv.ParseUint(text, 10, 64)
	return revision, err == nil && revision > 0
}

// delivered reads a stored request. The error says that its subject names no run.
func (l *Ledger) delivered(subject string, data []byte, sequence uint64, at time.Time) (delivery, error) {
	address, err := l.cfg.Subjects.ParseRequest(subject)
	if err != nil {
		return delivery{}, err
	}
	d := delivery{address: address, subject: subject, sequence: sequence, storedAt: at.UTC(), digest: messages.Digest(data)}
	d.request, d.invalid = l.readRequest(data, address)
	if d.request != nil && len(data) > maxRequestBytes/longestEscape {
		if value, err := queuedAs(d); err != nil || len(value) > maxRequestBytes {
			d.request, d.invalid = nil, &messages.FieldError{Code: messages.CodeTooLarge, Reason: "labels and pipeline names are too long for the run's status"}
		}
	}
	return d, nil
}

// longestEscape is how many bytes of JSON as it is written here a byte of a request becomes at most.
const longestEscape = 6

func queuedAs(d delivery) ([]byte, error) {
	status := queued(d)
	return status.Append(nil)
}

func (l *Ledger) readRequest(data []byte, address messages.RequestAddress) (*messages.RunRequest, *messages.FieldError) {
	request, err := messages.DecodeRunRequest(data)
	if err == nil {
		err = request.Validate()
	}
	if err == nil {
		err = request.CheckReplyPrefix(l.cfg.Subjects, l.cfg.ReplyPrefixes)
	}
	if err == nil {
		err = checkAddress(request, address)
	}
	if err == nil {
		return request, nil
	}
	var invalid *messages.FieldError
	if !errors.As(err, &invalid) {
		invalid = &messages.FieldError{Code: messages.CodeInvalidRequest, Reason: err.Error()}
	}
	return nil, invalid
}

// checkAddress compares a request with the subject that it came by.
func checkAddress(request *messages.RunRequest, address messages.RequestAddress) error {
	refuse := func(field string, is, want any) error {
		return &messages.FieldError{Field: field, Code: messages.CodeInvalidRequest,
			Reason: fmt.Sprintf("is %q, but the request was queued as %q", is, want)}
	}
	switch {
	case request.RunID != address.RunID:
		return refuse("run_id", request.RunID, address.RunID)
	case request.Priority != "" && request.Priority != address.Priority:
		return refuse("priority", request.Priority, address.Priority)
	}
	return nil
}

// decide asks for the lease only when it matters.
func (l *Ledger) decide(ctx context.Context, old record, d delivery) (decision, error) {
	now, quiet := l.cfg.Now(), l.cfg.LeaseTTL/2
	alive := false
	if s := old.known(); s != nil && held(s) && !young(s, now, quiet) {
		var err error
		if alive, err = l.leaseAlive(ctx, *s); err != nil {
			return decision{}, err
		}
	}
	return decide(old.known(), alive, d, now, quiet), nil
}

// seize writes a new epoch, and then either gives the claim to run, or ends the run
// and gives nil. From the new epoch on no older owner can store a reply; one that is
// stored already decides.
func (l *Ledger) seize(ctx context.Context, msg jetstream.Msg, old record, d delivery, worker string, what decision) (*Claim, error) {
	now, started := l.now(), l.clock()
	next := queued(d)
	if old.found {
		next = old.status
	}
	if what.action == actRun {
		next = claimed(next, d.sequence, worker, now)
	} else {
		next = seized(next, d.sequence, worker, now)
	}
	stored, ok, err := l.swap(ctx, old, next)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errConflict
	}
	if err := l.cfg.Faults.At(ctx, FaultClaimStored); err != nil {
		return nil, err
	}
	claim := l.hold(stored, fetched{msg, l.pipe}, started)
	claim.request = d.request
	ended, err := claim.catchUp(ctx, d, msg.Data())
	switch {
	case err != nil && what.action == actRun:
		return nil, claim.undo(ctx, old.status, err)
	case err != nil || ended:
		return nil, err
	case what.action == actClose:
		return nil, claim.Finish(ctx, what.reply)
	}
	claim.announce(ctx, messages.Event{Kind: messages.EventClaimed})
	return claim, nil
}

// catchUp ends the run if its reply is stored already, and else sees to the event that
// keeps its request.
func (c *Claim) catchUp(ctx context.Context, d delivery, request []byte) (ended bool, err error) {
	if c.Epoch() > 1 || c.ledger.cfg.Trusted != nil { // a tenant may remove a status, and send its request again
		reply, err := c.ledger.Reply(ctx, c.Key())
		if err == nil {
			return true, c.settle(ctx, reply)
		}
		if !errors.Is(err, ErrNotFound) {
			return false, err
		}
	}
	if d.request == nil { // one that is not trusted is kept, too: whoever may sign it can retry it
		return false, nil
	}
	return false, c.tellAccepted(ctx, request, d.signature)
}

// undo gives a run back that was claimed and can't be started, and its message with it: left
// as running it would count as lost. It returns why, when that fails too.
func (c *Claim) undo(ctx context.Context, before messages.Status, why error) error {
	if err := c.release(ctx, ownerPoll, func(s messages.Status) messages.Status { return unstarted(s, before, c.ledger.now()) }); err != nil {
		return errors.Join(why, err)
	}
	zerolog.Ctx(ctx).Warn().Err(why).Str(fieldRunID, string(c.Key().RunID)).Msg("run could not be started, it is put back")
	return nil
}

// announce publishes an event without which the run goes on all the same.
func (c *Claim) announce(ctx context.Context, event messages.Event) {
	if err := c.Publish(ctx, event); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("kind", string(event.Kind)).Msg("an event of the run was not stored")
	}
}

// now is the wall clock for records: UTC, without the monotonic part that JSON drops.
func (l *Ledger) now() time.Time { return l.cfg.Now().UTC().Round(0) }

// Claim is the right to run one request, until it is fenced by a newer claim. Its
// methods are safe for concurrent use.
type Claim struct {
	ledger  *Ledger
	msg     message
	request *messages.RunRequest
	feed    feed

	mu       sync.Mutex // guards the fields below
	record   record     // the newest that this claim wrote or accepted
	leased   bool       // a lease was made
	renewed  time.Time  // last sign of life, with monotonic clock
	retrying bool       // the event that tells of another attempt was told
	over     bool       // ended, given back, or lost
	fate     error      // why it is over; nil: as its holder wished
	slot     *Slot      // of the run's concurrency key; nil: none
	heir     func(*Slot)
}

// hold makes the claim of a status that was just written.
func (l *Ledger) hold(r record, msg message, renewed time.Time) *Claim {
	s := &r.status
	return &Claim{
		ledger: l, msg: msg, record: r, renewed: renewed, feed: feed{
			ledger: l, key: Key{Tenant: s.Tenant, RunID: s.RunID}, queue: s.Queue, attempt: s.Attempt, epoch: s.Epoch, worker: s.Owner,
		},
	}
}

// Key names the run.
func (c *Claim) Key() Key { return c.feed.key }

// Epoch is the number of the claim among those of its run.
func (c *Claim) Epoch() uint64 { return c.feed.epoch }

// Request is the validated request.
func (c *Claim) Request() *messages.RunRequest { return c.request }

// Status is the newest status that this claim wrote or saw.
func (c *Claim) Status() messages.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record.status
}

// SaveVersion is the version under which this attempt saves versioned datasets: the
// run id, and from the second attempt <run_id>.<attempt>, because a versioned dataset
// refuses to overwrite what the first one half wrote.
func (c *Claim) SaveVersion() string {
	if c.feed.attempt <= 1 {
		return string(c.feed.key.RunID)
	}
	return fmt.Sprintf("%s.%d", c.feed.key.RunID, c.feed.attempt)
}

// ExpiresAt is when the claim stops being valid unless Beat succeeds before; it
// carries the monotonic clock. A worker that reaches it stops the run.
func (c *Claim) ExpiresAt() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.renewed.Add(c.ledger.cfg.LeaseTTL)
}

// Beat is one heartbeat: it renews the message's ack wait and the lease, and reads
// (or, when progress changed, writes) the status. nil: go on. ErrCancelled: stop the
// run and Finish it. ErrLost: stop and publish nothing. Any other error: call again
// soon; the claim ends at ExpiresAt.
func (c *Claim) Beat(ctx context.Context, progress *messages.Progress) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return c.fate
	}
	started := c.ledger.clock()
	if err := c.msg.InProgress(); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	l, status := c.ledger, c.record.status
	lease := natsx.Put(l.leasesBucket(), l.leaseKey(status), []byte(status.Owner), l.cfg.LeaseTTL)
	if _, err := l.leases.Store(ctx, lease); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	c.leased = true
	if err := c.slot.Renew(ctx); errors.Is(err, ErrLost) {
		return c.end(ErrLost)
	} else if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	if err := c.look(ctx, progress); err != nil {
		return err
	}
	c.renewed = started
	return nil
}

// look writes the progress when it changed, else reads the status.
func (c *Claim) look(ctx context.Context, progress *messages.Progress) error {
	l, status := c.ledger, c.record.status
	if progress == nil || status.Progress != nil && *status.Progress == *progress || status.State != messages.StateRunning {
		now, err := l.read(ctx, c.Key(), natsx.LastDirect)
		if err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
		if now.revision < c.record.revision {
			return nil // a lagging replica
		}
		return c.accept(now)
	}
	now, stored, err := l.swap(ctx, c.record, progressed(status, *progress, l.now()))
	if err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	if stored {
		c.record = now
		return nil
	}
	return c.accept(now)
}

// accept takes over what somebody else wrote: a cancel of this epoch. Anything else
// ends the claim.
func (c *Claim) accept(now record) error {
	switch {
	case !now.found || now.status.Epoch != c.record.status.Epoch || now.status.State.Terminal():
		return c.end(ErrLost)
	case now.status.State == messages.StateCancelling:
		c.record = now
		return ErrCancelled
	}
	c.record = now
	return nil
}

func (c *Claim) end(fate error) error {
	c.over, c.fate = true, fate
	return fate
}
