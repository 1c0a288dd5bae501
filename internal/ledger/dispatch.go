package ledger

import (
	"context"
	"errors"
	"fmt"
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
	now, err := l.serverTime(ctx)
	if err != nil {
		return err
	}
	var again time.Duration
	if timed.Run != "" {
		err = l.promote(ctx, Key{timed.Tenant, timed.Run}, now, worker)
	} else {
		again, err = l.tick(ctx, ScheduleKey{timed.Tenant, timed.Schedule}, now)
	}
	if err == nil && again > 0 {
		return msg.NakWithDelay(again)
	}
	if err != nil {
		return errors.Join(err, msg.NakWithDelay(dispatchRetry))
	}
	return natsx.Ack(ctx, l.pipe, msg)
}

// askTime reads the server's clock.
func (l *Ledger) askTime(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, l.cfg.Subjects.Stream("SCHEDULES"))
	if err != nil {
		return time.Time{}, fmt.Errorf("asking for the server's time: %w", err)
	}
	return stream.CachedInfo().TimeStamp.UTC(), nil
}
