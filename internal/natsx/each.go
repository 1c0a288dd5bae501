package natsx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// eachBatch is how many messages one request of Each asks for.
const eachBatch = 256

// Each reads the messages of a stream below a filter as they are now, oldest first. Markers of deleted ones are left
// out.
func Each(ctx context.Context, js jetstream.JetStream, stream, filter string, read func(jetstream.Msg)) error {
	return EachFrom(ctx, js, stream, filter, 1, read)
}

// EachFrom is Each for the messages from a sequence on.
func EachFrom(ctx context.Context, js jetstream.JetStream, stream, filter string, from uint64, read func(jetstream.Msg)) error {
	consumer, err := js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		FilterSubject: filter, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", filter, err)
	}
	defer js.DeleteConsumer(context.WithoutCancel(ctx), stream, consumer.CachedInfo().Name) //nolint:errcheck // it goes by itself
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.Fetch(int(min(left, eachBatch)), jetstream.FetchContext(ctx))
		if err != nil {
			return fmt.Errorf("reading %s: %w", filter, err)
		}
		got := uint64(0)
		for msg := range batch.Messages() {
			got++
			if !(Record{Header: msg.Headers()}).deleted() {
				read(msg)
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return fmt.Errorf("reading %s: %w", filter, err)
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading %s: %w", filter, context.Cause(ctx))
		}
		left -= min(got, left)
		if got == 0 {
			return nil // what is missing was deleted meanwhile
		}
	}
	return nil
}

// First reads the oldest message of a subject as FirstFromLeader does, through a consumer: a right that can be cut by
// subject. ErrNoRecord.
func First(ctx context.Context, js jetstream.JetStream, stream, subject string) (Record, error) {
	consumer, err := js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		FilterSubject: subject, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return Record{}, fmt.Errorf("reading %s: %w", subject, err)
	}
	defer js.DeleteConsumer(context.WithoutCancel(ctx), stream, consumer.CachedInfo().Name) //nolint:errcheck // it goes by itself
	if consumer.CachedInfo().NumPending == 0 {
		return Record{}, ErrNoRecord
	}
	batch, err := consumer.Fetch(1, jetstream.FetchContext(ctx))
	if err != nil {
		return Record{}, fmt.Errorf("reading %s: %w", subject, err)
	}
	msg, got := <-batch.Messages()
	if !got {
		if err := errors.Join(batch.Error(), ctx.Err()); err != nil && !errors.Is(err, nats.ErrTimeout) {
			return Record{}, fmt.Errorf("reading %s: %w", subject, err)
		}
		return Record{}, ErrNoRecord // deleted meanwhile
	}
	meta, err := msg.Metadata()
	if err != nil {
		return Record{}, fmt.Errorf("reading %s: %w", subject, err)
	}
	record := Record{Data: msg.Data(), Header: msg.Headers(), Sequence: meta.Sequence.Stream, Time: meta.Timestamp}
	return record, record.check()
}
