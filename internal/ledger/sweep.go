package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// repair is what the sweeper does with a live run.
type repair int

const (
	leave   repair = iota
	endIt          // nobody owns it, and it is to end
	requeue        // nothing will bring it to a worker
	promote        // a delayed run whose timer is lost
)

// inspection is what decides about a live run.
type inspection struct {
	alive   bool   // the lease of its epoch exists
	message bool   // its request is stored, and will be delivered
	request []byte // its request, when it is stored and will not be delivered
	// signature is that of request.
	signature *messages.Signature
}

// mend says what a live run needs. grace is how long a fresh run is left to whoever
// is at it.
func mend(s messages.Status, i inspection, now time.Time, grace time.Duration) repair {
	age := now.Sub(s.UpdatedAt)
	owned := held(&s) && (i.alive || age.Abs() < grace)
	switch {
	case s.State.Terminal() || owned:
		return leave
	case s.State == messages.StateScheduled:
		if now.Sub(s.NotBefore) >= grace {
			return promote
		}
		return leave
	case s.State == messages.StateCancelling && s.Owner == "" && s.Request != nil:
		return promote
	case s.State == messages.StateCancelling:
		return endIt
	case overdue(&s, now):
		return endIt
	case condemned(&s) && !i.message && age >= grace:
		return endIt
	case !i.message && age >= grace:
		return requeue
	}
	return leave
}

// Sweep closes cancelled and expired runs that no worker is at, and stores the
// request of a run again when it is gone. It returns how many runs it mended. One
// worker of a fleet calls it now and then; concurrent sweeps do no harm.
func (l *Ledger) Sweep(ctx context.Context, worker string) (int, error) {
	queue, err := l.queueNow(ctx) // before the statuses: a request that is stored later is too young
	if err != nil {
		return 0, fmt.Errorf("sweeping: %w", err)
	}
	statuses, err := l.liveRuns(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweeping: %w", err)
	}
	mended := 0
	var errs []error
	for _, status := range statuses {
		if err := l.renewKey(ctx, status); err != nil {
			errs = append(errs, fmt.Errorf("sweeping run %s: %w", status.RunID, err))
		}
		did, err := l.sweepLive(ctx, status, queue, worker)
		if err != nil && !errors.Is(err, errConflict) && !errors.Is(err, ErrLost) {
			errs = append(errs, fmt.Errorf("sweeping run %s: %w", status.RunID, err))
		}
		if did {
			mended++
		}
		delete(queue.requests, status.RequestSubject)
	}
	ticked := 0
	if !l.cfg.NoDispatch {
		ticked, err = l.sweepSchedules(ctx)
	}
	return mended + ticked, errors.Join(append(errs, err, l.sweepKeys(ctx), l.sweepQueue(ctx, queue))...)
}

// sweepLive does what a sweep does for one live run, whose status is as the sweep has seen it: most need nothing, and
// no question to the server tells so.
func (l *Ledger) sweepLive(ctx context.Context, s messages.Status, queue queueState, worker string) (bool, error) {
	now, grace := l.cfg.Now(), l.sweepGrace()
	if mend(s, inspection{}, now, grace) == leave {
		return false, nil
	}
	if queue.requests[s.RequestSubject] > 0 && mend(s, inspection{message: true}, now, grace) == leave {
		floor, err := l.floor(ctx, s)
		if err != nil || floor < queue.first {
			return false, err
		}
	}
	return l.sweepOne(ctx, Key{s.Tenant, s.RunID}, worker)
}

// Mend is Sweep for one run, which a cancel hint named.
func (l *Ledger) Mend(ctx context.Context, key Key, worker string) error {
	_, err := l.sweepOne(ctx, key, worker)
	if errors.Is(err, errConflict) || errors.Is(err, ErrLost) {
		return nil // somebody else is at it
	}
	return err
}

func (l *Ledger) sweepOne(ctx context.Context, key Key, worker string) (bool, error) {
	old, err := l.read(ctx, key, l.newest())
	if err == nil && !old.found {
		l.census.forget(l.statusSubject(key))
	}
	if err != nil || !old.found {
		return false, err
	}
	found, err := l.examine(ctx, old.status)
	if err != nil {
		return false, err
	}
	what := mend(old.status, found, l.cfg.Now(), l.sweepGrace())
	if what == leave || l.cfg.NoDispatch && what != endIt {
		return false, nil
	}
	if what == promote {
		now, err := l.serverTime(ctx)
		if err != nil {
			return false, err
		}
		return true, l.promote(ctx, key, now, worker)
	}
	zerolog.Ctx(ctx).Info().Str(fieldRunID, string(key.RunID)).Str("state", string(old.status.State)).Msg("mending a run that nobody is at")
	claim, err := l.take(ctx, old, worker)
	if err != nil || claim == nil {
		return err == nil, err
	}
	if what == requeue {
		return true, claim.requeue(ctx, found.request, found.signature)
	}
	return true, claim.Finish(ctx, closing(&old.status))
}

// sweepGrace is how long a run is left to whoever is at it: a submit may be repeated for as long as its publish.
func (l *Ledger) sweepGrace() time.Duration { return l.cfg.LeaseTTL + l.cfg.PublishTimeout }

// closing is the reply for a run that nobody owns and that is to end.
func closing(s *messages.Status) *messages.Reply {
	switch s.State {
	case messages.StateQueued:
		return expiredReply(s.StartBy)
	case messages.StateRunning:
		return deadReply(s)
	}
	return cancelledReply(s.Cancel)
}

func (l *Ledger) examine(ctx context.Context, s messages.Status) (inspection, error) {
	var i inspection
	var err error
	if held(&s) {
		if i.alive, err = l.leaseAlive(ctx, s); err != nil || i.alive {
			return i, err
		}
	}
	stored, err := l.newest()(ctx, l.js, l.queueStream(), s.RequestSubject)
	if errors.Is(err, natsx.ErrNoRecord) {
		return i, nil
	}
	if err != nil {
		return i, err
	}
	stranded, err := l.stranded(ctx, s, stored.Sequence)
	if i.message = !stranded; stranded {
		i.request, i.signature = stored.Data, signatureOf(stored.Header)
	}
	return i, err
}

// take seizes a run without a message in hand, and finishes it when its reply is
// stored already; the claim is nil then.
func (l *Ledger) take(ctx context.Context, old record, worker string) (*Claim, error) {
	now, stored, err := l.swap(ctx, old, seized(old.status, 0, worker, l.now()))
	if err != nil {
		return nil, err
	}
	if !stored {
		return nil, errConflict
	}
	claim := l.hold(now, absent{ledger: l, subject: old.status.RequestSubject}, l.clock())
	reply, err := l.Reply(ctx, claim.Key())
	if errors.Is(err, ErrNotFound) {
		return claim, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, claim.settle(ctx, reply)
}

// requeue stores the request again, as a stranded message (nil: there is none), the status
// of a delayed run or the run's first events keep it; nobody claimed a run without them, and its submit has not returned.
// A stranded message must go before another one can come, so the events keep it before that.
// The publish has no message id: the server would take it for the first one.
func (c *Claim) requeue(ctx context.Context, request []byte, signature *messages.Signature) error {
	l, status := c.ledger, c.Status()
	if request != nil {
		if err := c.keepRequest(ctx, request, signature); err != nil {
			return err
		}
	} else {
		request, signature = status.Request, status.Signature
	}
	if request == nil {
		event, err := l.accepted(ctx, c.Key())
		if errors.Is(err, ErrNotFound) {
			l.forget(ctx, status)
			return c.Finish(ctx, failed(messages.StateFailed, messages.CodeInternal, "the request is not stored; submit it again"))
		}
		if err != nil {
			return err
		}
		request, signature = event.Request, event.Signature
	}
	_, stored, err := l.swap(ctx, c.record, requeued(status, l.now()))
	if err != nil || !stored {
		return errors.Join(err, errConflict)
	}
	if err := c.msg.Ack(ctx); err != nil { // a stranded one would be in the way
		return err
	}
	return l.storeRequest(ctx, status.RequestSubject, request, signature)
}

// keepRequest stores the event that keeps the request, if there is none.
func (c *Claim) keepRequest(ctx context.Context, request []byte, signature *messages.Signature) error {
	if err := c.tellAccepted(ctx, request, signature); err != nil {
		return err
	}
	c.feed.flush()
	if err := c.feed.wait(ctx); err != nil {
		return fmt.Errorf("keeping the request of %s: %w", c.Key().RunID, err)
	}
	return nil
}

// storeRequest stores a request that may be stored already.
func (l *Ledger) storeRequest(ctx context.Context, subject string, request []byte, signature *messages.Signature) error {
	msg := &nats.Msg{Subject: subject, Data: request, Header: nats.Header{messages.RevisionHeader: {"0"}}}
	if err := setSignature(msg.Header, signature); err != nil {
		return err
	}
	_, err := l.requests.Store(ctx, msg)
	switch {
	case natsx.SubjectTaken(err):
		return nil
	case natsx.LimitReached(err):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// accepted reads the event that keeps the request; ErrNotFound.
func (l *Ledger) accepted(ctx context.Context, key Key) (*messages.Event, error) {
	first := natsx.FirstFromLeader
	if l.cfg.ByTenant {
		first = natsx.First
	}
	stored, err := first(ctx, l.js, l.cfg.Subjects.Stream("EVENTS"), l.cfg.Subjects.Events(key.Tenant, key.RunID))
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil, fmt.Errorf("request of %s: %w", key.RunID, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("request of %s: %w", key.RunID, err)
	}
	events, err := messages.DecodeEvents(stored.Data)
	if err == nil && (len(events) == 0 || events[0].Kind != messages.EventAccepted) {
		err = ErrNotFound // the oldest events have expired
	}
	if err != nil {
		return nil, fmt.Errorf("request of %s: %w", key.RunID, err)
	}
	return &events[0], nil
}

// message is what a claim needs of the fetched message.
type message interface {
	InProgress() error
	NakWithDelay(delay time.Duration) error
	// Ack removes the message and waits for the server's answer.
	Ack(ctx context.Context) error
}

// fetched is a message from a queue.
type fetched struct {
	jetstream.Msg
	pipe *natsx.Pipe
}

func (f fetched) Ack(ctx context.Context) error { return natsx.Ack(ctx, f.pipe, f.Msg) }

// absent stands for the message of a run that the sweeper took: acking it means to
// remove what may still be stored.
type absent struct {
	ledger  *Ledger
	subject string
}

func (absent) InProgress() error                { return nil }
func (absent) NakWithDelay(time.Duration) error { return nil }

func (a absent) Ack(ctx context.Context) error {
	stream, err := a.ledger.js.Stream(ctx, a.ledger.queueStream())
	if err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(a.subject))
}
