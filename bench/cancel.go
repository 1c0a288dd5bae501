package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/messages"
)

// commandPipelines are nodes that are programs: each writes its process id to a file. One ends when it is asked to, the
// other ignores that and must be killed.
var commandPipelines = map[string]string{
	"polite":   "echo $$ > {params.file}; exec sleep 600",
	"stubborn": "trap '' TERM INT HUP; echo $$ > {params.file}; while :; do sleep 1; done",
}

func writeCommandPipelines(dir string) error {
	folder := filepath.Join(dir, "pipelines")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var errs []error
	for name, command := range commandPipelines {
		text := fmt.Sprintf("nodes:\n  - name: %s\n    command: |\n      %s\n    inputs: params:file\n    outputs: never_%s\n", name, command, name)
		errs = append(errs, os.WriteFile(filepath.Join(folder, name+".yml"), []byte(text), 0o644))
	}
	return errors.Join(errs...)
}

const (
	cancelled    = 64 // runs of each kind
	cancelSlots  = 16
	commandGrace = 5 // seconds, the default of a project
)

// cancels measures the time from the call of Cancel to the death of the program that a running node is.
func cancels(ctx context.Context, report *report) error {
	return with(ctx, false, func(nc *nats.Conn, server *process) error {
		if _, err := kedgeSubmitter(ctx, nc); err != nil { // makes the streams
			return err
		}
		w, err := start(ctx, "kedge", "-url", server.Ready, "-slots", strconv.Itoa(cancelSlots))
		if err != nil {
			return err
		}
		defer w.stop()
		c, err := client.New(nc, client.Config{Queue: queue})
		if err != nil {
			return err
		}
		defer c.Close()
		for _, kind := range []struct {
			pipeline, name string
			budget         float64
		}{{"polite", "that ends at SIGTERM", 0}, {"stubborn", "that ignores signals (killed after the grace of 5 s)", commandGrace * 1000}} {
			times, err := cancelMany(ctx, c, kind.pipeline)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.pipeline, err)
			}
			report.add("cancel to dead process of a command "+kind.name+", p50", quantile(times, 0.5), "ms", kind.budget)
			report.add("cancel to dead process of a command "+kind.name+", p99", quantile(times, 0.99), "ms", kind.budget)
		}
		return nil
	})
}

// cancelMany runs and cancels one kind, as many at a time as there are slots, and gives the times, sorted.
func cancelMany(ctx context.Context, c *client.Client, pipeline string) ([]time.Duration, error) {
	dir, err := os.MkdirTemp("", "kedge-bench-cancel")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	times, errs := make([]time.Duration, cancelled), make([]error, cancelled)
	var group sync.WaitGroup
	turns := make(chan struct{}, cancelSlots)
	for i := range cancelled {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			times[i], errs[i] = cancelOne(ctx, c, pipeline, filepath.Join(dir, strconv.Itoa(i)))
		})
	}
	group.Wait()
	slices.Sort(times)
	return times, errors.Join(errs...)
}

func cancelOne(ctx context.Context, c *client.Client, pipeline, file string) (took time.Duration, err error) {
	receipt, err := c.Submit(ctx, &messages.RunRequest{PipelineNames: []string{pipeline}, RuntimeParams: map[string]any{"file": file}})
	if err != nil {
		return 0, err
	}
	pid := 0
	if err := until(ctx, func() bool {
		text, _ := os.ReadFile(file)
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil && strings.HasSuffix(string(text), "\n")
	}); err != nil {
		return 0, err
	}
	asked := time.Now()
	if _, err := c.Cancel(ctx, receipt.RunID, ""); err != nil {
		return 0, err
	}
	if err := until(ctx, func() bool { return syscall.Kill(pid, 0) != nil }); err != nil {
		return 0, err
	}
	took = time.Since(asked)
	reply, err := c.Wait(ctx, receipt.RunID)
	if err == nil && reply.State() != messages.StateCancelled {
		err = fmt.Errorf("run %s ended as %s", receipt.RunID, reply.State())
	}
	return took, err
}

// until looks every millisecond.
func until(ctx context.Context, so func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}
