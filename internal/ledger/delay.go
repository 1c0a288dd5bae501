package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/messages"
)

// A delayed run is a status in the state scheduled that holds its request, and a timer.
// The timer is the server's: at its time it becomes a message that says "look at this
// run" and nothing else. A timer that was lost, fired twice or set by somebody else does
// no harm, since the status decides, and the sweeper looks too.

// scheduled is the status of a run that enters its queue at a later time.
func scheduled(s messages.Status, request []byte, signature *messages.Signature, at time.Time) messages.Status {
	s.State, s.NotBefore, s.ScheduledFor, s.Request, s.Signature = messages.StateScheduled, at, at, request, signature
	return s
}

// promoted is the status of a delayed run whose time has come. It keeps the request until
// a worker has it, so that a crash before the request is stored does no harm.
func promoted(s messages.Status, now time.Time) messages.Status {
	s.State, s.NotBefore, s.UpdatedAt = messages.StateQueued, time.Time{}, now
	return s
}

// errand is what a run needs when its timer fires.
type errand int

const (
	errandNone    errand = iota // a worker has it, or it has ended
	errandRearm                 // the timer fired too early
	errandPromote               // its time has come
	errandStore                 // somebody died before its request was stored
	errandEnd                   // it was cancelled, and no worker will ever meet it
)

func errandFor(s *messages.Status, now time.Time) errand {
	switch {
	case s == nil || s.State.Terminal() || s.Request == nil:
		return errandNone
	case s.State == messages.StateScheduled && s.NotBefore.After(now):
		return errandRearm
	case s.State == messages.StateScheduled:
		return errandPromote
	case s.State == messages.StateQueued:
		return errandStore
	case s.State == messages.StateCancelling && s.Owner == "":
		return errandEnd
	}
	return errandNone
}

// farthest is how far ahead a time may lie: beyond some 200 years the server's clock
// overflows, and a timer fires at once.
const farthest = 100 * 365 * 24 * time.Hour

// delay makes the first status of a delayed run.
func (l *Ledger) delay(status messages.Status, body []byte, at time.Time) (messages.Status, error) {
	at = at.UTC().Round(0)
	if at.Sub(l.now()) > farthest {
		return status, &messages.FieldError{Field: "at", Code: messages.CodeInvalidRequest,
			Reason: fmt.Sprintf("%s lies more than 100 years ahead", at.Format(time.RFC3339))}
	}
	if !status.StartBy.IsZero() && !status.StartBy.After(at) {
		return status, &messages.FieldError{Field: "start_by", Code: messages.CodeInvalidRequest,
			Reason: fmt.Sprintf("%s is not after the time that the run waits for, %s", status.StartBy.Format(time.RFC3339), at.Format(time.RFC3339))}
	}
	signature, err := l.signRequest(status.RequestSubject, body, at)
	if err != nil {
		return status, err
	}
	status = scheduled(status, body, signature, at)
	value, err := status.Append(nil)
	if err == nil && len(value) > maxRequestBytes {
		err = &messages.FieldError{Code: messages.CodeTooLarge, Reason: fmt.Sprintf(
			"the status that keeps the request of a delayed run has %d bytes, at most %d are allowed; put large data into the object bucket and name it in inputs by ref",
			len(value), maxRequestBytes)}
	}
	return status, err
}

// arm sets the timer of what waits for a time, in place of an older one.
func (l *Ledger) arm(ctx context.Context, timed messages.Timed, at time.Time) error {
	msg := nats.NewMsg(l.cfg.Subjects.Timer(timed))
	// The client library's option cuts the time to whole seconds.
	msg.Header.Set("Nats-Schedule", "@at "+at.UTC().Format(time.RFC3339Nano))
	msg.Header.Set("Nats-Schedule-Target", l.cfg.Subjects.Due(timed))
	if _, err := l.timers.Store(ctx, msg); err != nil {
		return fmt.Errorf("setting the timer %s: %w", msg.Subject, err)
	}
	return nil
}

// hurry makes the dispatcher look now. Without it the sweeper does so somewhat later.
func (l *Ledger) hurry(ctx context.Context, timed messages.Timed) {
	atOnce := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // whatever the clocks say
	if err := l.arm(ctx, timed, atOnce); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("the dispatcher was not told; a sweep will find it")
	}
}

// promote does what a delayed run needs at the time now of the server. It may be repeated. ErrFull: its queue is full, it is to be tried
// again.
func (l *Ledger) promote(ctx context.Context, key Key, now time.Time, worker string) error {
	for range maxConflicts {
		old, err := l.read(ctx, key, l.newest())
		if err != nil {
			return err
		}
		switch errandFor(old.known(), now) {
		case errandNone:
			return nil
		case errandRearm:
			return l.arm(ctx, messages.Timed{Tenant: key.Tenant, Run: key.RunID}, old.status.NotBefore)
		case errandStore:
			return l.storeRequest(ctx, old.status.RequestSubject, old.status.Request, old.status.Signature)
		case errandEnd:
			err = l.endUnclaimed(ctx, old, worker)
		case errandPromote:
			var stored bool
			old, stored, err = l.swap(ctx, old, promoted(old.status, l.now()))
			if err == nil && stored {
				return l.storeRequest(ctx, old.status.RequestSubject, old.status.Request, old.status.Signature)
			}
		}
		if err != nil && !errors.Is(err, errConflict) {
			return err
		}
	}
	return fmt.Errorf("queueing run %s: %w", key.RunID, errConflict)
}

// endUnclaimed ends a cancelled run that no worker has.
func (l *Ledger) endUnclaimed(ctx context.Context, old record, worker string) error {
	claim, err := l.take(ctx, old, worker)
	if err != nil || claim == nil {
		return err
	}
	if err := claim.tellAccepted(ctx, old.status.Request, old.status.Signature); err != nil {
		return err
	}
	return claim.Finish(ctx, cancelledReply(old.status.Cancel))
}
