package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/natsx"
)

// dispatchRetry is how soon a due message is looked at again that could not be served.
const dispatchRetry = 5 * time.Second

// Dispatch does what a message of the dispatcher's consumer asks for, and settles it.
// Every worker may do so for every queue, several at once, and any step may be repeated.
// An error means that it will be delivered again.
func (l *Ledger) Dispatch(ctx context.Context, msg jetstream.Msg, worker string) error {
	timed, err := l.cfg.Subjects.ParseDue(msg.Subject())
	if err != nil {
		return errors.Join(err, msg.TermWithReason(err.Error()))
	}
	meta, err := msg.Metadata()
	if err != nil {
		return err
	}
	// The server's clock fired the timer; a worker's that lags must not doubt it.
	now := l.now()
	if fired := meta.Timestamp.UTC(); fired.After(now) {
		now = fired
	}
	if timed.Run != "" {
		err = l.promote(ctx, Key{timed.Tenant, timed.Run}, now, worker)
	}
	if err != nil {
		return errors.Join(err, msg.NakWithDelay(dispatchRetry))
	}
	return natsx.Ack(ctx, l.pipe, msg)
}
