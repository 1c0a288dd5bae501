package worker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// backlog is runs that wait before a worker comes.
type backlog struct {
	tenant   string
	priority messages.Priority
	runs     int
}

// name begins the ids of its runs.
func (b backlog) name() string { return b.tenant + "-" + string(b.priority) }

// startsOf submits backlogs, starts a worker and lists the backlogs in the order in which it starts their runs. The runs
// last no time: they free their slots while the worker asks for more.
func startsOf(t *testing.T, slots int, backlogs ...backlog) []string {
	t.Helper()
	tenants := []string{"a", "b"}
	server := natstest.Start(t)
	f := &fixture{t: t, server: server, js: server.JetStream(natsx.Topology{Queues: []string{queue}, Tenants: tenants, AckWait: fast.Lease})}
	total := 0
	for _, b := range backlogs {
		c, err := client.New(server.Connect(), client.Config{Queue: queue, Tenant: b.tenant})
		require.NoError(t, err)
		defer c.Close()
		for i := range b.runs {
			request := &messages.RunRequest{RunID: messages.RunID(fmt.Sprintf("%s-%d", b.name(), i)), Priority: b.priority}
			_, err := c.Submit(t.Context(), request)
			require.NoError(t, err)
		}
		total += b.runs
	}
	started := make(chan string, total)
	f.start(double{run: func(_ context.Context, opts session.RunOptions) (*session.Result, error) {
		started <- opts.RunID
		return &session.Result{RunID: opts.RunID}, nil
	}}, func(cfg *worker.Config) { cfg.Tenants, cfg.Concurrency = tenants, slots })
	var order []string
	ctx, cancel := context.WithTimeout(t.Context(), 2*deadline)
	defer cancel()
	for range total {
		select {
		case run := <-started:
			order = append(order, run[:strings.LastIndex(run, "-")])
		case <-ctx.Done():
			t.Fatalf("%d of %d runs were started", len(order), total)
		}
	}
	f.emptyQueue()
	return order
}

// before counts how many runs of one backlog start before the last of another.
func before(order []string, one, other backlog) int {
	count, seen := 0, 0
	for _, name := range order {
		switch name {
		case one.name():
			count++
		case other.name():
			if seen++; seen == other.runs {
				return count
			}
		}
	}
	return count
}

// TestTenantsTakeTurns lets a tenant with little to do come after one with a long backlog.
func TestTenantsTakeTurns(t *testing.T) {
	for _, slots := range []int{1, 4} {
		t.Run(fmt.Sprint(slots), func(t *testing.T) {
			t.Parallel()
			long, short := backlog{"a", messages.P1, 200}, backlog{"b", messages.P1, 30}
			order := startsOf(t, slots, long, short)
			// Turns are fetches, of one request to one for each slot, so the tenants don't get exactly the same.
			require.Less(t, before(order, long, short), short.runs*3)
		})
	}
}

// TestLowPrioritiesAreNotStarved submits a flood of the first priority before a few runs of the last.
func TestLowPrioritiesAreNotStarved(t *testing.T) {
	t.Parallel()
	floods := []backlog{{"a", messages.P0, 150}, {"b", messages.P0, 150}}
	low := []backlog{{"a", messages.P3, 3}, {"b", messages.P3, 3}}
	order := startsOf(t, 1, floods[0], floods[1], low[0], low[1])
	for _, l := range low {
		waited := before(order, floods[0], l) + before(order, floods[1], l)
		require.Less(t, waited, 200, "%s comes in one of 48 turns", l.name())
		require.Greater(t, waited, 60, "the first priority comes first")
	}
}
