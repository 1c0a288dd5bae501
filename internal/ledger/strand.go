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
	floor, err := l.floor(ctx, s)
	return err == nil && sequence <= floor, err
}

// floor is the sequence up to which the consumer of a run takes all messages for
// acknowledged.
func (l *Ledger) floor(ctx context.Context, s messages.Status) (uint64, error) {
	name := natsx.ConsumerName(s.Queue, s.Tenant, s.Priority)
	if known, ok := l.floors.Load(name); ok && l.clock().Sub(known.(passed).at) < floorTime {
		return known.(passed).floor, nil
	}
	consumer, err := l.js.Consumer(ctx, l.queueStream(), name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil // the queue was taken out of service; it may come back
	}
	if err != nil {
		return 0, fmt.Errorf("asking consumer %s: %w", name, err)
	}
	floor := consumer.CachedInfo().AckFloor.Stream
	l.floors.Store(name, passed{floor: floor, at: l.clock()})
	return floor, nil
}

// queueState is what is stored in all queues.
type queueState struct {
	first    uint64            // the lowest sequence
	requests map[string]uint64 // by subject
}

func (l *Ledger) queueNow(ctx context.Context) (queueState, error) {
	stream, err := l.js.Stream(ctx, l.queueStream())
	if err != nil {
		return queueState{}, err
	}
	if stream.CachedInfo().State.Msgs == 0 {
		return queueState{}, nil
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(l.cfg.Subjects.Requests()))
	if err != nil {
		return queueState{}, err
	}
	return queueState{first: info.State.FirstSeq, requests: info.State.Subjects}, nil
}

// sweepQueue looks at the requests of no live run.
func (l *Ledger) sweepQueue(ctx context.Context, queue queueState) error {
	var errs []error
	for subject := range queue.requests {
		if len(errs) == maxOrphans {
			break
		}
		errs = append(errs, l.sweepOrphan(ctx, subject))
	}
	return errors.Join(errs...)
}

// maxOrphans bounds how many requests one sweep looks at.
const maxOrphans = 1000

// sweepOrphan removes a stranded request whose run has ended, and makes the status of a request that has none: its
// submitter has died, or knows nothing of statuses.
func (l *Ledger) sweepOrphan(ctx context.Context, subject string) error {
	address, err := l.cfg.Subjects.ParseRequest(subject)
	if err != nil {
		return nil //nolint:nilerr // nobody will take it, and the claim ends it
	}
	key := Key{address.Tenant, address.RunID}
	now, err := l.read(ctx, key, l.newest())
	if err != nil || now.found && (!now.status.State.Terminal() || now.status.RequestSubject != subject) {
		return err
	}
	stored, err := l.newest()(ctx, l.js, l.queueStream(), subject)
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil
	}
	switch {
	case err != nil:
		return err
	case !now.found:
		return l.adopt(ctx, now, subject, stored)
	}
	gone, err := l.stranded(ctx, now.status, stored.Sequence)
	if err != nil || !gone {
		return err
	}
	return absent{ledger: l, subject: subject}.Ack(ctx)
}

// adopt makes the status of a request that was stored without one some time ago.
func (l *Ledger) adopt(ctx context.Context, none record, subject string, stored natsx.Record) error {
	if l.now().Sub(stored.Time) < l.sweepGrace() {
		return nil
	}
	d, err := l.delivered(subject, stored.Data, stored.Sequence, stored.Time)
	if err != nil {
		return err
	}
	_, _, err = l.swap(ctx, none, queued(d))
	return err
}
