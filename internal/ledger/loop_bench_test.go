package ledger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// inFlight is how many runs a submitter has waiting in the loops below.
const inFlight = 64

// BenchmarkLoop compares the life of a run with a bare loop of the same shape:
// request stored, fetched, reply stored, double ack.
func BenchmarkLoop(b *testing.B) {
	for _, always := range []bool{false, true} {
		b.Run(fmt.Sprintf("raw/always=%t", always), func(b *testing.B) { loop(b, always, rawSubmit, rawWork) })
		b.Run(fmt.Sprintf("ledger/always=%t", always), func(b *testing.B) { loop(b, always, ledgerSubmit, ledgerWork) })
	}
}

type (
	submitter func(ctx context.Context, js jetstream.JetStream) func(run messages.RunID) error
	worker    func(ctx context.Context, js jetstream.JetStream) func(msg jetstream.Msg) error
)

func loop(b *testing.B, always bool, submit submitter, work worker) {
	server := natstest.StartProcess(b, always)
	topology := natsx.Topology{Queues: []string{queue}}
	submitJS, workJS := server.JetStream(topology), server.JetStream(topology)
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { serve(ctx, b, workJS, work(ctx, workJS)) })

	send := submit(ctx, submitJS)
	done := make(chan *nats.Msg, 16*inFlight)
	sub, err := submitJS.Conn().ChanSubscribe(messages.Subjects{}.Done("*", "*"), done)
	require.NoError(b, err)
	slots := make(chan struct{}, inFlight)
	var ended sync.WaitGroup
	ended.Add(b.N)
	wg.Go(func() {
		seen := map[string]bool{} // a reply whose batch was refused comes twice
		for {
			select {
			case msg := <-done:
				if seen[msg.Subject] {
					continue
				}
				seen[msg.Subject] = true
				<-slots
				ended.Done()
			case <-ctx.Done():
				return
			}
		}
	})
	b.ResetTimer()
	for i := range b.N {
		slots <- struct{}{}
		go func() {
			// The reply may be faster than the answer to the submit.
			if err := send(messages.RunID(fmt.Sprintf("r%d", i))); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		}()
	}
	ended.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
	require.NoError(b, sub.Unsubscribe())
	cancel()
	wg.Wait()
}

// serve fetches what is free and works on it, as the worker does.
func serve(ctx context.Context, b *testing.B, js jetstream.JetStream, work func(jetstream.Msg) error) {
	consumer, err := js.Consumer(ctx, "KEDGE_RUNS", natsx.ConsumerName(queue, "default", messages.P1))
	require.NoError(b, err)
	slots := make(chan struct{}, inFlight)
	var wg sync.WaitGroup
	defer wg.Wait()
	for ctx.Err() == nil {
		batch, err := consumer.Fetch(max(1, inFlight-len(slots)), jetstream.FetchMaxWait(100*time.Millisecond))
		if err != nil {
			continue
		}
		for msg := range batch.Messages() {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if err := work(msg); err != nil && ctx.Err() == nil {
					b.Error(err)
				}
			})
		}
	}
}

func rawSubmit(ctx context.Context, js jetstream.JetStream) func(messages.RunID) error {
	return func(run messages.RunID) error {
		body, _ := json.Marshal(&messages.RunRequest{RunID: run})
		_, err := js.Publish(ctx, messages.Subjects{}.Request(messages.P1, queue, "default", run), body)
		return err
	}
}

func rawWork(ctx context.Context, js jetstream.JetStream) func(jetstream.Msg) error {
	return func(msg jetstream.Msg) error {
		address, err := messages.Subjects{}.ParseRequest(msg.Subject())
		if err != nil {
			return err
		}
		body, err := success().Encode()
		if err != nil {
			return err
		}
		if _, err := js.Publish(ctx, messages.Subjects{}.Done(address.Tenant, address.RunID), body); err != nil {
			return err
		}
		return msg.DoubleAck(ctx)
	}
}

func ledgerSubmit(ctx context.Context, js jetstream.JetStream) func(messages.RunID) error {
	l, err := ledger.New(js, ledger.Config{})
	if err != nil {
		panic(err)
	}
	return func(run messages.RunID) error {
		_, err := l.Submit(ctx, ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: run}})
		return err
	}
}

func ledgerWork(ctx context.Context, js jetstream.JetStream) func(jetstream.Msg) error {
	l, err := ledger.New(js, ledger.Config{})
	if err != nil {
		panic(err)
	}
	return func(msg jetstream.Msg) error {
		claim, err := l.Claim(ctx, msg, "w1")
		if err != nil || claim == nil {
			return fmt.Errorf("no claim: %w", err)
		}
		for _, kind := range []messages.EventKind{messages.EventNodeStarted, messages.EventNodeFinished} {
			if err := claim.Publish(ctx, messages.Event{Kind: kind, Node: "n", Index: 1, Total: 1}); err != nil {
				return err
			}
		}
		return claim.Finish(ctx, success())
	}
}
