package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// maxRequestBytes leaves room for the headers, and for the accepted event that holds
// the request.
const maxRequestBytes = messages.MaxMessageBytes - 16<<10

// Submit stores a request, its status and its accepted event in one round trip. It
// may be repeated: the same run id with the same request is one run. Errors:
// *messages.FieldError for an invalid request, ErrConflict, ErrNoQueue, ErrFull, and
// what the connection says; after one of the last kind the request may have been
// stored, and a repeat is safe.
func (l *Ledger) Submit(ctx context.Context, s Submission) (Receipt, error) {
	status, body, err := l.prepare(ctx, s)
	if err != nil {
		return Receipt{}, err
	}
	request := &nats.Msg{Subject: status.RequestSubject, Data: body, Header: nats.Header{}}
	maps.Copy(request.Header, s.Header)
	statusMsg, err := l.statusMsg(status, 0)
	if err != nil {
		return Receipt{}, err
	}
	acceptedMsg, err := l.acceptedMsg(status, body)
	if err != nil {
		return Receipt{}, err
	}
	// The event goes first, so that it stands before those of a worker that is quick.
	accepted, stored, created := l.events.Add(acceptedMsg), l.requests.Add(request), l.records.Add(statusMsg)

	sequences, err := stored.Wait(ctx)
	taken := natsx.SubjectTaken(err)
	if err != nil && !taken {
		return Receipt{}, l.refused(ctx, status, created, err)
	}
	receipt := Receipt{Key: Key{status.Tenant, status.RunID}, Queue: status.Queue, Existing: taken}
	if _, err := created.Wait(ctx); natsx.WrongSequence(err) {
		if receipt.Existing, err = l.meet(ctx, status, sequences); err != nil {
			return Receipt{}, err
		}
	} else if err != nil {
		return Receipt{}, fmt.Errorf("submitting run %s: status: %w", status.RunID, err)
	}
	if _, err := accepted.Wait(ctx); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("run_id", string(status.RunID)).Msg("the accepted event was not stored")
	}
	return receipt, nil
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
	if err := errors.Join(s.Request.Validate(), checkSupported(s.Request), checkIDField("queue", address.Queue), checkIDField("tenant", address.Tenant)); err != nil {
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
	return queued(delivery{
		address: address, request: s.Request, digest: messages.Digest(body), storedAt: l.now(),
		subject: l.cfg.Subjects.Request(address.Priority, address.Queue, address.Tenant, address.RunID),
	}), body, nil
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
func (l *Ledger) meet(ctx context.Context, status messages.Status, sequences []uint64) (existing bool, err error) {
	old, err := l.read(ctx, Key{status.Tenant, status.RunID}, natsx.LastFromLeader)
	if err != nil {
		return false, err
	}
	if !old.found {
		// A submit that was refused left a marker.
		_, stored, err := l.swap(ctx, old, status)
		if err == nil && !stored {
			err = fmt.Errorf("submitting run %s: %w", status.RunID, errConflict)
		}
		return false, err
	}
	if old.status.RequestDigest != status.RequestDigest || old.status.RequestSubject != status.RequestSubject {
		return false, fmt.Errorf("submitting run %s: %w", status.RunID, ErrConflict)
	}
	claimedAlready := len(sequences) > 0 && old.status.RequestSequence == sequences[0]
	return !claimedAlready, nil
}

// refused removes the status of a request that was not stored. A crash before this
// is repaired by the sweeper, which stores the request once there is room.
func (l *Ledger) refused(ctx context.Context, status messages.Status, created *natsx.Commit, err error) error {
	if !natsx.LimitReached(err) {
		return fmt.Errorf("submitting run %s: %w", status.RunID, err)
	}
	if sequences, made := created.Wait(ctx); made == nil {
		remove := natsx.Remove(l.runsBucket(), messages.StatusKey(status.Tenant, status.RunID), minTTL)
		natsx.Expect(remove, remove.Subject, sequences[0])
		if _, err := l.records.Store(ctx, remove); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("the status of a refused request was not removed")
		}
	}
	return fmt.Errorf("submitting run %s: %w: %w", status.RunID, ErrFull, err)
}

// Cancel marks a run as cancelling; its owner, or whoever meets it next, ends it.
// Repeating it changes nothing. ErrEnded with the final status when the run has
// ended, ErrNotFound.
func (l *Ledger) Cancel(ctx context.Context, key Key, cancel messages.Cancel) (messages.Status, error) {
	if cancel.At.IsZero() {
		cancel.At = l.now()
	}
	read := natsx.LastDirect
	for range maxConflicts {
		old, err := l.read(ctx, key, read)
		switch {
		case err != nil:
			return messages.Status{}, err
		case !old.found:
			return messages.Status{}, fmt.Errorf("cancelling run %s: %w", key.RunID, ErrNotFound)
		case old.status.State.Terminal():
			return old.status, fmt.Errorf("cancelling run %s: %w", key.RunID, ErrEnded)
		case old.status.State == messages.StateCancelling:
			return old.status, nil
		}
		now, stored, err := l.swap(ctx, old, cancelling(old.status, cancel, l.now()))
		if err != nil || stored {
			return now.status, err
		}
		read = natsx.LastFromLeader
	}
	return messages.Status{}, fmt.Errorf("cancelling run %s: %w", key.RunID, errConflict)
}
