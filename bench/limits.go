package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/messages"
)

// The runs of the figures of concurrency keys: one node that waits.
const (
	limitedRuns    = 1000
	limitedTakes   = 25 * time.Millisecond
	limitedWorkers = 8
	limitedKey     = "bench"
)

// limits measures what a concurrency key costs: where it binds, against what it allows at best; where it doesn't,
// against the same runs without a key.
func limits(ctx context.Context, report *report) error {
	const two = 2
	bare, _, err := limitedFleet(ctx, 0, two, 1, "")
	if err != nil {
		return err
	}
	bound, most, err := limitedFleet(ctx, two, limitedWorkers, 16, limitedKey)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d runs of %v, %d workers", limitedRuns, limitedTakes, limitedWorkers)
	report.add("concurrency key, limit 2: "+what+", against limit / duration", bound, "runs/s", two/limitedTakes.Seconds())
	report.add("concurrency key, limit 2: the same, against no key and 2 workers of 1 slot", bound, "runs/s", bare)
	report.add("concurrency key, limit 2: most at once", float64(most), "runs", two)
	plain, _, err := limitedFleet(ctx, 0, limitedWorkers, 1, "")
	if err != nil {
		return err
	}
	free, most, err := limitedFleet(ctx, 100, limitedWorkers, 1, limitedKey)
	if err != nil {
		return err
	}
	report.add("concurrency key that doesn't bind: "+what+" of 1 slot, against no key", free, "runs/s", plain)
	report.add("concurrency key that doesn't bind: most at once", float64(most), "runs", limitedWorkers)
	return nil
}

// limitedFleet lets workers with so many slots each work off the runs, and gives the throughput from the first start to
// the last end, and how many were under way at once.
func limitedFleet(ctx context.Context, limit, workers, slots int, key string) (throughput float64, most int, err error) {
	err = with(ctx, false, func(nc *nats.Conn, server *process) error {
		if _, err := kedgeSubmitter(ctx, nc); err != nil { // makes the streams
			return err
		}
		c, err := client.New(nc, client.Config{Queue: queue})
		if err != nil {
			return err
		}
		defer c.Close()
		if limit > 0 {
			if err := c.SetLimit(ctx, key, messages.Limit{Concurrency: limit}); err != nil {
				return err
			}
		}
		runs, err := submitLimited(ctx, c, key)
		if err != nil {
			return err
		}
		for range workers {
			w, err := start(ctx, "kedge", "-url", server.Ready, "-slots", strconv.Itoa(slots))
			if err != nil {
				return err
			}
			defer w.stop()
		}
		throughput, most, err = spans(ctx, c, runs)
		return err
	})
	return throughput, most, err
}

func submitLimited(ctx context.Context, c *client.Client, key string) ([]messages.RunID, error) {
	runs, errs := make([]messages.RunID, limitedRuns), make([]error, limitedRuns)
	var group sync.WaitGroup
	turns := make(chan struct{}, 32)
	for i := range runs {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			receipt, err := c.Submit(ctx, &messages.RunRequest{
				PipelineNames: []string{"long"}, RuntimeParams: map[string]any{"seconds": limitedTakes.Seconds()}, ConcurrencyKey: key,
			})
			runs[i], errs[i] = receipt.RunID, err
		})
	}
	group.Wait()
	return runs, errors.Join(errs...)
}

// spans waits for runs. A run counts from its claim to the making of its reply, which is before the reply is stored.
func spans(ctx context.Context, c *client.Client, runs []messages.RunID) (throughput float64, most int, err error) {
	type change struct {
		at time.Time
		by int
	}
	var changes []change
	for _, run := range runs {
		reply, err := c.Wait(ctx, run)
		if err != nil {
			return 0, 0, err
		}
		if reply.Error != nil {
			return 0, 0, fmt.Errorf("run %s ended as %s: %s", run, reply.Error.State, reply.Error.Message)
		}
		e := reply.Ended()
		changes = append(changes, change{e.FinishedAt.Add(-time.Duration(e.Took)), 1}, change{e.FinishedAt, -1})
	}
	slices.SortFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	now := 0
	for _, ch := range changes {
		now += ch.by
		most = max(most, now)
	}
	took := changes[len(changes)-1].at.Sub(changes[0].at)
	return float64(len(runs)) / took.Seconds(), most, nil
}
