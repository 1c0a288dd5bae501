package natsx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// eachBatch is how many messages one request of Each asks for.
	eachBatch = 256
	// eachTries is how often in a row a server may tell of messages and send none: they may be removed just then.
	eachTries = 10
)

// Each reads the messages of a stream below a filter as they are now, oldest first. Markers of deleted ones are left
// out.
func Each(ctx context.Context, js jetstream.JetStream, stream, filter string, read func(jetstream.Msg)) error {
	return EachFrom(ctx, js, stream, filter, 1, read)
}

// EachFrom is Each for the messages from a sequence on.
func EachFrom(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64, read func(jetstream.Msg)) error {
	for tries := 0; tries < eachTries; tries++ {
		left, err := eachRound(ctx, js, stream, filter, from, math.MaxUint64, func(msg jetstream.Msg, at uint64) {
			tries, from = -1, at+1
			if !(Record{Header: msg.Headers()}).deleted() {
				read(msg)
			}
		})
		if err != nil || left == 0 {
			return err
		}
	}
	return errNotSent(filter)
}

// First reads the oldest message of a subject as FirstFromLeader does, through a consumer: a right that can be cut by
// subject. ErrNoRecord.
func First(ctx context.Context, js jetstream.JetStream, stream, subject string) (Record, error) {
	for range eachTries {
		var first jetstream.Msg
		left, err := eachRound(ctx, js, stream, subject, 1, 1, func(msg jetstream.Msg, _ uint64) { first = msg })
		switch {
		case err != nil:
			return Record{}, err
		case first != nil:
			meta, err := first.Metadata()
			if err != nil {
				return Record{}, fmt.Errorf("reading %s: %w", subject, err)
			}
			record := Record{Data: first.Data(), Header: first.Headers(), Sequence: meta.Sequence.Stream, Time: meta.Timestamp}
			return record, record.check()
		case left == 0:
			return Record{}, ErrNoRecord
		}
	}
	return Record{}, errNotSent(subject)
}

func errNotSent(filter string) error {
	return fmt.Errorf("reading %s: the server tells of messages and does not send them", filter)
}

// eachRound reads at most that many messages, from a sequence on, with one consumer. It never waits for messages: what
// was removed after the server had counted it would not come. Left is how many there still seem to be then.
func eachRound(ctx context.Context, js jetstream.JetStream, stream, filter string, from, most uint64, read func(msg jetstream.Msg, at uint64)) (left uint64, err error) {
	consumer, err := js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		FilterSubject: filter, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", filter, err)
	}
	defer js.DeleteConsumer(context.WithoutCancel(ctx), stream, consumer.CachedInfo().Name) //nolint:errcheck // it goes by itself
	for left = consumer.CachedInfo().NumPending; left > 0 && most > 0; {
		batch, err := consumer.FetchNoWait(int(min(left, most, eachBatch)))
		if err != nil {
			return left, fmt.Errorf("reading %s: %w", filter, err)
		}
		got := uint64(0)
		for msg := range batch.Messages() {
			meta, err := msg.Metadata()
			if err != nil {
				return left, fmt.Errorf("reading %s: %w", filter, err)
			}
			got++
			left = min(left-1, meta.NumPending)
			read(msg, meta.Sequence.Stream)
		}
		if err := errors.Join(batch.Error(), context.Cause(ctx)); err != nil {
			return left, fmt.Errorf("reading %s: %w", filter, err)
		}
		if got == 0 {
			break
		}
		most -= got
	}
	return left, nil
}
