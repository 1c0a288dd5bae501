package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// process is a server in a process of its own, with a submitter and a worker.
type process struct {
	server   *natstest.Process
	ledger   *ledger.Ledger
	consumer jetstream.Consumer
}

func newProcess(t *testing.T) *process {
	t.Helper()
	server := natstest.StartProcess(t, true)
	js := server.JetStream(natsx.Topology{Queues: []string{queue}, AckWait: time.Second})
	l, err := ledger.New(js, ledger.Config{LeaseTTL: time.Second})
	require.NoError(t, err)
	consumer, err := js.Consumer(t.Context(), "KEDGE_RUNS", natsx.ConsumerName(queue, "default", messages.P1))
	require.NoError(t, err)
	return &process{server: server, ledger: l, consumer: consumer}
}

// oneRun submits a run, and works off whatever the queue gives until this run ended.
func (p *process) oneRun(ctx context.Context, run messages.RunID) error {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	receipt, err := p.ledger.Submit(ctx, ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: run}})
	if err != nil {
		return fmt.Errorf("submitting %s: %w", run, err)
	}
	for ctx.Err() == nil {
		if status, err := p.ledger.Status(ctx, receipt.Key); err == nil && status.State.Terminal() {
			return nil
		}
		msg, err := p.consumer.Next(jetstream.FetchMaxWait(300 * time.Millisecond))
		if err != nil {
			continue
		}
		// An error leaves the message to its next delivery.
		if claim, err := p.ledger.Claim(ctx, msg, string("w-"+run)); err == nil && claim != nil {
			_ = claim.Finish(ctx, success())
		}
	}
	return fmt.Errorf("run %s has not ended", run)
}

func (p *process) replies(t *testing.T) uint64 {
	t.Helper()
	js, err := jetstream.New(p.server.Connect())
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), "KV_kedge_runs")
	require.NoError(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("kedge.reply.*.*.done"))
	require.NoError(t, err)
	total := uint64(0)
	for _, n := range info.State.Subjects {
		total += n
	}
	return total
}
