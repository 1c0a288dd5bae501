package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// maxRequestBytes leaves room for the headers, and for the event that holds the request.
const maxRequestBytes = messages.MaxMessageBytes - 16<<10

// Submit stores a status and then the request. It may be repeated: the same run id with
// the same request is one run, and so is the same request with the same idempotency key,
// under the id of the first. While a run with the same unique key is live, Submit gives
// that one. Errors: *messages.FieldError for an invalid request,
// ErrConflict (a *KeyConflictError for an idempotency key), ErrNoQueue, ErrFull, and what
// the connection says; after one of the last kind the request may have been stored, and
// a repeat is safe.
func (l *Ledger) Submit(ctx context.Context, s Submission) (Receipt, error) {
	status, body, err := l.prepare(ctx, s)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := l.submit(ctx, s, status, body)
	if err != nil {
		return Receipt{}, fmt.Errorf("submitting run %s: %w", status.RunID, err)
	}
	return receipt, nil
}

func (l *Ledger) submit(ctx context.Context, s Submission, status messages.Status, body []byte) (Receipt, error) {
	switch {
	case s.Request.IdempotencyKey != "":
		return l.submitOnce(ctx, s, status, body)
	case s.Request.UniqueKey != "":
		return l.submitUnique(ctx, s, status, body)
	}
	if s.isBrief() {
		if receipt, brief, err := l.storeBrief(ctx, s, status, body); brief {
			return receipt, err
		}
	}
	return l.store(ctx, s, status, body)
}

// submitOnce stores the first request with an idempotency key. A later one repairs the
// first, if that was cut off after it took the key.
func (l *Ledger) submitOnce(ctx context.Context, s Submission, status messages.Status, body []byte) (Receipt, error) {
	held, known, err := l.first(ctx, s.Request, status)
	if err != nil {
		return Receipt{}, err
	}
	if known {
		return held.receipt(status.Tenant), nil
	}
	mine := held.owner.RunID == status.RunID
	if !mine {
		request := *s.Request
		request.RunID, s.Request = held.owner.RunID, &request
		if status, body, err = l.prepare(ctx, s); err != nil {
			return Receipt{}, err
		}
	}
	receipt, err := l.submitUnique(ctx, s, status, body)
	switch {
	case mine && errors.Is(err, ErrConflict):
		l.dropKey(ctx, held) // the run id is another request's: nobody can submit this one under it
	case err == nil && receipt.RunID != status.RunID:
		// A live run has the unique key: it is the first run of this idempotency key too.
		_, err = l.swapKey(ctx, held, keyOwner{RunID: receipt.RunID, Queue: receipt.Queue, Digest: held.owner.Digest}, l.keyTTL(status))
		if errors.Is(err, errConflict) {
			return l.submitOnce(ctx, s, status, body)
		}
	}
	receipt.Existing = receipt.Existing || !mine
	return receipt, err
}

// submitUnique stores a request unless a live run has its unique key.
func (l *Ledger) submitUnique(ctx context.Context, s Submission, status messages.Status, body []byte) (Receipt, error) {
	if status.UniqueKey == "" {
		return l.store(ctx, s, status, body)
	}
	held, err := l.occupy(ctx, status)
	if err != nil {
		return Receipt{}, err
	}
	if held.owner.RunID != status.RunID {
		return held.receipt(status.Tenant), nil
	}
	receipt, err := l.store(ctx, s, status, body)
	if held.fresh && (errors.Is(err, ErrConflict) || errors.Is(err, ErrFull)) {
		l.dropKey(ctx, held)
	}
	return receipt, err
}

// store writes the status of a run and then its request.
func (l *Ledger) store(ctx context.Context, s Submission, status messages.Status, body []byte) (Receipt, error) {
	receipt := Receipt{Key: Key{status.Tenant, status.RunID}, Queue: status.Queue}
	now, isNew, err := l.swap(ctx, record{}, status)
	if err == nil && !isNew {
		now, receipt.Existing, err = l.meet(ctx, now, status)
		isNew = !receipt.Existing
	}
	if err != nil {
		return Receipt{}, err
	}
	if now.status.Epoch > 0 {
		return receipt, nil // a worker has the request
	}
	if now.status.State == messages.StateScheduled {
		return receipt, l.arm(ctx, messages.Timed{Tenant: receipt.Tenant, Run: receipt.RunID}, now.status.NotBefore)
	}
	taken, err := l.enqueue(ctx, s, body, now)
	if isNew && errors.Is(err, ErrFull) {
		l.retract(ctx, now)
	}
	receipt.Existing = receipt.Existing || taken
	return receipt, err
}

// enqueue stores the request of a queued run. It reports whether it was stored before.
func (l *Ledger) enqueue(ctx context.Context, s Submission, body []byte, now record) (taken bool, err error) {
	request := &nats.Msg{Subject: now.status.RequestSubject, Data: body, Header: nats.Header{}}
	maps.Copy(request.Header, s.Header)
	signature := s.Signature
	if !s.Forwarded {
		if signature, err = l.signRequest(request.Subject, body, time.Time{}); err != nil {
			return false, err
		}
	}
	if err := setSignature(request.Header, signature); err != nil {
		return false, err
	}
	if now.found {
		// Who claims the run first need not read a status that is as submitted. One that was
		// cancelled meanwhile is not.
		revision := now.revision
		if now.status.State != messages.StateQueued {
			revision = 0
		}
		request.Header.Set(messages.RevisionHeader, strconv.FormatUint(revision, 10))
	}
	_, err = l.requests.Store(ctx, request)
	switch {
	case natsx.SubjectTaken(err):
		return true, nil
	case natsx.LimitReached(err):
		return false, fmt.Errorf("%w: %w", ErrFull, err)
	}
	return false, err
}

// prepare checks a submission and gives its first status and its body.
func (l *Ledger) prepare(ctx context.Context, s Submission) (messages.Status, []byte, error) {
	none := messages.Status{}
	address := messages.RequestAddress{
		Priority: s.Request.Priority, Queue: s.Queue, Tenant: s.Tenant, RunID: s.Request.RunID,
	}
	if address.Tenant == "" {
		address.Tenant = messages.DefaultTenant
	}
	if address.Priority == "" {
		address.Priority = messages.DefaultPriority
	}
	if err := errors.Join(s.Request.Validate(), checkIDField("queue", address.Queue), checkIDField("tenant", address.Tenant)); err != nil {
		return none, nil, err
	}
	body, err := json.Marshal(s.Request)
	if err != nil {
		return none, nil, fmt.Errorf("writing request: %w", err)
	}
	if len(body) > maxRequestBytes {
		return none, nil, &messages.FieldError{Code: messages.CodeTooLarge, Reason: fmt.Sprintf(
			"the request has %d bytes, at most %d are allowed; put large data into the object bucket and name it in inputs by ref",
			len(body), maxRequestBytes)}
	}
	if err := l.checkQueue(ctx, address); err != nil {
		return none, nil, err
	}
	digest := messages.Digest(body)
	if s.Request.IdempotencyKey != "" {
		if digest, err = s.Request.KeyDigest(address.Queue); err != nil {
			return none, nil, err
		}
	}
	status := queued(delivery{
		address: address, request: s.Request, digest: digest, storedAt: l.now(),
		subject: l.cfg.Subjects.Request(address.Priority, address.Queue, address.Tenant, address.RunID),
	})
	if !s.At.IsZero() { // whether it has passed, the server's clock decides
		status, err = l.delay(status, body, s.At)
	}
	return status, body, err
}

func checkIDField(field, id string) error {
	if err := messages.CheckID(id); err != nil {
		return &messages.FieldError{Field: field, Reason: err.Error(), Code: messages.CodeInvalidRequest}
	}
	return nil
}

// checkQueue refuses a queue or tenant that nobody declared, where a request would
// wait for ever. It asks once for each.
func (l *Ledger) checkQueue(ctx context.Context, a messages.RequestAddress) error {
	name := natsx.ConsumerName(a.Queue, a.Tenant, a.Priority)
	if _, known := l.declared.Load(name); known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	switch _, err := l.js.Consumer(ctx, l.queueStream(), name); {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("queue %s, tenant %s: %w", a.Queue, a.Tenant, ErrNoQueue)
	case err != nil:
		return fmt.Errorf("looking for queue %s: %w", a.Queue, err)
	}
	l.declared.Store(name, true)
	return nil
}

// lookTimeout bounds a question that a healthy server answers at once.
const lookTimeout = 5 * time.Second

// meet handles a status that was there before: the same request, perhaps claimed
// already, or another one under its run id.
func (l *Ledger) meet(ctx context.Context, old record, status messages.Status) (now record, existing bool, err error) {
	if !old.found {
		// A submit that was refused left a marker.
		now, stored, err := l.swap(ctx, old, status)
		if err == nil && !stored {
			err = errConflict
		}
		return now, false, err
	}
	if old.status.RequestDigest != status.RequestDigest || old.status.RequestSubject != status.RequestSubject {
		return old, false, ErrConflict
	}
	return old, true, nil
}

// retract removes the status of a request that was not stored. A crash before this is
// repaired by the sweeper.
func (l *Ledger) retract(ctx context.Context, now record) {
	remove := natsx.Remove(l.runsBucket(), messages.StatusKey(now.status.Tenant, now.status.RunID), minTTL)
	natsx.Expect(remove, remove.Subject, now.revision)
	if _, err := l.records.Store(ctx, remove); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("the status of a refused request was not removed")
	}
}

// Cancel marks a run as cancelling; its owner, or whoever meets it next, ends it.
// Repeating it changes nothing. ErrEnded with the final status when the run has
// ended, ErrNotFound.
func (l *Ledger) Cancel(ctx context.Context, key Key, cancel messages.Cancel) (messages.Status, error) {
	if cancel.At.IsZero() {
		cancel.At = l.now()
	}
	read, late := natsx.LastDirect, false
	for range maxConflicts {
		old, err := l.read(ctx, key, read)
		switch {
		case err != nil:
			return messages.Status{}, err
		case !old.found && !late:
			late = true
			read = l.late(ctx, key)
			continue
		case !old.found:
			return messages.Status{}, fmt.Errorf("cancelling run %s: %w", key.RunID, ErrNotFound)
		case old.status.State.Terminal():
			return old.status, fmt.Errorf("cancelling run %s: %w", key.RunID, ErrEnded)
		case old.status.State == messages.StateCancelling:
			return old.status, nil
		}
		now, stored, err := l.swap(ctx, old, cancelling(old.status, cancel, l.now()))
		if stored && old.status.State == messages.StateScheduled {
			l.hurry(ctx, messages.Timed{Tenant: key.Tenant, Run: key.RunID})
		}
		if err != nil || stored {
			return now.status, err
		}
		read = l.newest()
	}
	return messages.Status{}, fmt.Errorf("cancelling run %s: %w", key.RunID, errConflict)
}
