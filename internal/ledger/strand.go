package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// A server that was killed may come back with a consumer whose state is newer than what
// it knows of the messages in hand: it takes them for acknowledged, though they are
// stored, and never delivers them again. Such a request is stranded. The sweeper stores
// it again, or removes it when its run has ended.

// passed is up to where a consumer takes all messages for acknowledged.
type passed struct {
	floor uint64
	at    time.Time // when it was asked for
}

// floorTime is how long the answer of a consumer serves: an old one finds less.
const floorTime = time.Second

// stranded reports whether the consumer of a run has passed its request, which is stored
// at sequence.
func (l *Ledger) stranded(ctx context.Context, s messages.Status, sequence uint64) (bool, error) {
	name := natsx.ConsumerName(s.Queue, s.Tenant, s.Priority)
	if known, ok := l.floors.Load(name); ok && l.clock().Sub(known.(passed).at) < floorTime {
		return sequence <= known.(passed).floor, nil
	}
	consumer, err := l.js.Consumer(ctx, l.queueStream(), name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return false, nil // the queue was taken out of service; it may come back
	}
	if err != nil {
		return false, fmt.Errorf("asking consumer %s: %w", name, err)
	}
	floor := consumer.CachedInfo().AckFloor.Stream
	l.floors.Store(name, passed{floor: floor, at: l.clock()})
	return sequence <= floor, nil
}

// sweepQueue removes stranded requests of runs that have ended, and makes the statuses of requests that have none.
func (l *Ledger) sweepQueue(ctx context.Context, statuses []messages.Status) error {
	stream, err := l.js.Stream(ctx, l.queueStream())
	if err != nil {
		return err
	}
	if stream.CachedInfo().State.Msgs == 0 {
		return nil
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(l.cfg.Subjects.Requests()))
	if err != nil {
		return err
	}
	var errs []error
	unknown := info.State.Subjects
	for _, s := range statuses {
		if s.State.Terminal() && unknown[s.RequestSubject] > 0 {
			errs = append(errs, l.clear(ctx, s))
		}
		delete(unknown, s.RequestSubject)
	}
	adopted := 0
	for subject := range unknown {
		if adopted++; adopted > maxAdopted {
			break
		}
		errs = append(errs, l.adopt(ctx, subject))
	}
	return errors.Join(errs...)
}

// maxAdopted bounds how many requests one sweep looks at.
const maxAdopted = 1000

// clear removes the request of a run that has ended, if its consumer has passed it.
func (l *Ledger) clear(ctx context.Context, s messages.Status) error {
	stored, err := natsx.LastFromLeader(ctx, l.js, l.queueStream(), s.RequestSubject)
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil
	}
	if err != nil {
		return err
	}
	gone, err := l.stranded(ctx, s, stored.Sequence)
	if err != nil || !gone {
		return err
	}
	return absent{ledger: l, subject: s.RequestSubject}.Ack(ctx)
}
