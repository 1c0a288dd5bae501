package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// inFlight is how many runs the closed loop keeps under way.
const inFlight = 64

func rawRole(ctx context.Context, url string, slots int) error {
	fmt.Println("ready")
	return rawWork(ctx, url, slots)
}

// with starts a server with a fresh store and gives a connection to it.
func with(ctx context.Context, always bool, do func(nc *nats.Conn, server *process) error) error {
	dir, err := os.MkdirTemp("", "kedge-bench-store")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := start(ctx, "server", "-store", dir, fmt.Sprintf("-always=%v", always))
	if err != nil {
		return err
	}
	defer server.stop()
	nc, err := nats.Connect(server.Ready)
	if err != nil {
		return err
	}
	defer nc.Close()
	return do(nc, server)
}

// processes measures a worker's cold start, from the start of its process to the result of a run that waits, and its
// memory when idle.
func processes(ctx context.Context, report *report, o options) error {
	return with(ctx, false, func(nc *nats.Conn, server *process) error {
		submit, err := kedgeSubmitter(ctx, nc)
		if err != nil {
			return err
		}
		best := time.Hour
		for range 3 {
			wait, err := submit(ctx)
			if err != nil {
				return err
			}
			begin := time.Now()
			worker, err := start(ctx, "kedge", "-url", server.Ready)
			if err != nil {
				return err
			}
			err = wait(ctx)
			best = min(best, time.Since(begin))
			worker.stop()
			if err != nil {
				return err
			}
		}
		report.add("cold start to first result", millis(best), "ms", 50)
		idle, err := start(ctx, "kedge", "-url", server.Ready)
		if err != nil {
			return err
		}
		defer idle.stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(4 * time.Second):
		}
		all, err := idle.resident("VmRSS")
		if err != nil {
			return err
		}
		own, err := idle.resident("RssAnon")
		if err != nil {
			return err
		}
		report.add("idle worker, resident memory with the pages of its program", all, "MiB", 30)
		report.add("idle worker, resident memory of its own", own, "MiB", 30)
		return nil
	})
}

// recovery measures the default times: how long after SIGKILL of its worker a run starts elsewhere, and that a run of
// ten times AckWait is started once.
func recovery(ctx context.Context, report *report) error {
	return with(ctx, false, func(nc *nats.Conn, server *process) error {
		if _, err := kedgeSubmitter(ctx, nc); err != nil {
			return err
		}
		c, err := client.New(nc, client.Config{Queue: queue})
		if err != nil {
			return err
		}
		victim, err := start(ctx, "kedge", "-url", server.Ready, "-slots", "1")
		if err != nil {
			return err
		}
		defer victim.stop()
		killed := &messages.RunRequest{PipelineNames: []string{"long"}, RuntimeParams: map[string]any{"seconds": 20.0}}
		if _, err := c.Submit(ctx, killed); err != nil {
			return err
		}
		if err := untilRunning(ctx, c, killed.RunID, 1); err != nil {
			return err
		}
		heir, err := start(ctx, "kedge", "-url", server.Ready)
		if err != nil {
			return err
		}
		defer heir.stop()
		long := &messages.RunRequest{PipelineNames: []string{"long"}, RuntimeParams: map[string]any{"seconds": 10 * natsx.DefaultAckWait.Seconds()}}
		if _, err := c.Submit(ctx, long); err != nil {
			return err
		}
		begin := time.Now()
		victim.kill()
		if err := untilRunning(ctx, c, killed.RunID, 2); err != nil {
			return err
		}
		report.add("recovery: SIGKILL of the worker to the next start, default times", time.Since(begin).Seconds(), "s", 15)
		reply, err := c.Wait(ctx, long.RunID)
		if err != nil {
			return err
		}
		if reply.Error != nil {
			return errors.New("the long run failed: " + reply.Error.Message)
		}
		report.add("starts of a run of 10 x AckWait (120 s)", float64(reply.Result.Epoch), "", 1)
		return nil
	})
}

// untilRunning waits until a run is claimed for the n-th time.
func untilRunning(ctx context.Context, c *client.Client, run messages.RunID, n uint64) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := c.Status(ctx, run)
		if err == nil && status.State == messages.StateRunning && status.Epoch >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
