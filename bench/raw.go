package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The floor under Kedge's worker loop: what anyone would write by hand with nats.go. A request is stored in a work
// queue, fetched, its reply stored in a second stream, and the request acked twice; no status, no events, no fence.

const (
	rawRequests = "RAW_REQUESTS"
	rawReplies  = "RAW_REPLIES"
	rawConsumer = "work"
)

var rawBody = []byte(`{"ok":true}`)

// rawSetup makes the two streams and the consumer.
func rawSetup(ctx context.Context, js jetstream.JetStream) error {
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: rawRequests, Subjects: []string{"raw.run.>"}, Retention: jetstream.WorkQueuePolicy,
	}); err != nil {
		return err
	}
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: rawReplies, Subjects: []string{"raw.reply.>"},
	}); err != nil {
		return err
	}
	_, err := js.CreateOrUpdateConsumer(ctx, rawRequests, jetstream.ConsumerConfig{
		Durable: rawConsumer, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1,
	})
	return err
}

// rawWork is the raw worker: one fetcher that asks for as many messages as slots are free, one goroutine a message.
func rawWork(ctx context.Context, url string, slots int) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.Consumer(ctx, rawRequests, rawConsumer)
	if err != nil {
		return err
	}
	free := make(chan struct{}, slots)
	for range slots {
		free <- struct{}{}
	}
	for ctx.Err() == nil {
		n := takeAll(free)
		if err := rawFetch(ctx, js, consumer, n, free); err != nil {
			return err
		}
	}
	return nil
}

// takeAll takes every free slot, at least one.
func takeAll(free chan struct{}) int {
	<-free
	for n := 1; ; n++ {
		select {
		case <-free:
		default:
			return n
		}
	}
}

// rawFetch hands out up to n waiting messages, or waits up to 5 s for the first; slots that it has no use for go
// back.
func rawFetch(ctx context.Context, js jetstream.JetStream, consumer jetstream.Consumer, n int, free chan struct{}) error {
	batch, err := consumer.FetchNoWait(n)
	if err != nil {
		return err
	}
	taken := 0
	for msg := range batch.Messages() {
		taken++
		go rawAnswer(ctx, js, msg, free)
	}
	if taken == 0 {
		if batch, err = consumer.Fetch(1, jetstream.FetchMaxWait(5*time.Second)); err != nil {
			return err
		}
		for msg := range batch.Messages() {
			taken++
			go rawAnswer(ctx, js, msg, free)
		}
	}
	for range n - taken {
		free <- struct{}{}
	}
	return nil
}

func rawAnswer(ctx context.Context, js jetstream.JetStream, msg jetstream.Msg, free chan struct{}) {
	defer func() { free <- struct{}{} }()
	id := msg.Subject()[strings.LastIndexByte(msg.Subject(), '.')+1:]
	if _, err := js.Publish(ctx, "raw.reply."+id, rawBody); err != nil {
		return
	}
	_ = msg.DoubleAck(ctx)
}

// rawSubmitter submits to the raw worker and sees the replies through one ordered consumer.
type rawSubmitter struct {
	js     jetstream.JetStream
	prefix string

	mu      sync.Mutex // guards waiting and next
	waiting map[string]chan struct{}
	next    int
}

func newRawSubmitter(ctx context.Context, nc *nats.Conn) (*rawSubmitter, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	s := &rawSubmitter{js: js, prefix: nats.NewInbox()[7:], waiting: map[string]chan struct{}{}}
	replies, err := js.OrderedConsumer(ctx, rawReplies, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return nil, err
	}
	_, err = replies.Consume(func(msg jetstream.Msg) {
		id := msg.Subject()[len("raw.reply."):]
		s.mu.Lock()
		defer s.mu.Unlock()
		if done := s.waiting[id]; done != nil {
			close(done)
			delete(s.waiting, id)
		}
	})
	return s, err
}

func (s *rawSubmitter) submit(ctx context.Context) (wait func(context.Context) error, err error) {
	done := make(chan struct{})
	s.mu.Lock()
	s.next++
	id := fmt.Sprintf("%s-%d", s.prefix, s.next)
	s.waiting[id] = done
	s.mu.Unlock()
	if _, err := s.js.Publish(ctx, "raw.run."+id, rawBody, jetstream.WithMsgID(id)); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return errors.New("raw reply did not come: " + id)
		}
	}, nil
}
