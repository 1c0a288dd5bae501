package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// rounds is how often the two loops take turns. Other load on the machine comes and goes within seconds: two long
// measurements one after the other say more about it than about the loops, many short turns meet the same of it.
const rounds = 15

// loops measures Kedge's worker loop beside the raw one.
func loops(ctx context.Context, report *report, o options) error {
	slots := []int{o.slots}
	if o.slots == 0 {
		slots = []int{16, inFlight}
	}
	for _, always := range []bool{false, true} {
		if o.sync == "default" && always || o.sync == "always" && !always {
			continue
		}
		for _, slots := range slots {
			if err := loopsOf(ctx, report, always, o.runs, slots); err != nil {
				return err
			}
		}
	}
	return nil
}

func loopsOf(ctx context.Context, report *report, always bool, runs, slots int) error {
	name := fmt.Sprintf("%d slots, default sync", slots)
	if always {
		name, runs = fmt.Sprintf("%d slots, SyncAlways", slots), runs/4
	}
	raw, kedge := &rig{role: "raw", slots: slots}, &rig{role: "kedge", slots: slots}
	err := raw.with(ctx, always, func() error {
		return kedge.with(ctx, always, func() error { return takeTurns(ctx, raw, kedge, runs) })
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	report.add("raw nats.go loop, 64 in flight, "+name, median(raw.rates), "runs/s", 0)
	report.compare("worker loop, 64 in flight, "+name, kedge.rates, "runs/s", raw.rates)
	report.add("raw nats.go loop, processor time a run, "+name, median(raw.costs), "ms", 0)
	report.compare("worker loop, processor time a run, "+name, kedge.costs, "ms", raw.costs)
	report.add("submit to result, p50, "+name, kedge.p50, "ms", raw.p50)
	report.add("submit to result, p99, "+name, kedge.p99, "ms", raw.p99)
	return nil
}

// takeTurns lets each rig do so many runs in turns; who begins changes.
func takeTurns(ctx context.Context, raw, kedge *rig, runs int) error {
	pair := []*rig{raw, kedge}
	for range rounds {
		for _, r := range pair {
			if err := r.turn(ctx, max(1, runs/rounds)); err != nil {
				return fmt.Errorf("%s: %w", r.role, err)
			}
		}
		slices.Reverse(pair)
	}
	for _, r := range pair {
		times, err := latency(ctx, r.submit, 500)
		if err != nil {
			return fmt.Errorf("%s: %w", r.role, err)
		}
		r.p50, r.p99 = quantile(times, 0.5), quantile(times, 0.99)
	}
	return nil
}

// rig is one kind of worker with a server of its own, and what it reached.
type rig struct {
	role  string
	slots int

	submit       submitFunc
	pids         []int     // of all its processes
	rates, costs []float64 // of each turn: runs/s, and milliseconds of all processes for one run
	p50, p99     float64   // milliseconds from submit to result, one run at a time
}

// with starts the rig, and stops it when do has returned.
func (r *rig) with(ctx context.Context, always bool, do func() error) error {
	return with(ctx, always, func(nc *nats.Conn, server *process) (err error) {
		if r.submit, err = submitterOf(ctx, r.role, nc); err != nil {
			return err
		}
		worker, err := start(ctx, r.role, "-url", server.Ready, "-slots", fmt.Sprint(r.slots))
		if err != nil {
			return err
		}
		defer worker.stop()
		r.pids = []int{os.Getpid(), server.cmd.Process.Pid, worker.cmd.Process.Pid}
		if _, err := closedLoop(ctx, r.submit, inFlight, 500); err != nil { // warm
			return err
		}
		return do()
	})
}

func (r *rig) turn(ctx context.Context, runs int) error {
	before, err := cpu(r.pids...)
	if err != nil {
		return err
	}
	rate, err := closedLoop(ctx, r.submit, inFlight, runs)
	if err != nil {
		return err
	}
	after, err := cpu(r.pids...)
	r.rates, r.costs = append(r.rates, rate), append(r.costs, (after-before)*1000/float64(runs))
	return err
}

func submitterOf(ctx context.Context, role string, nc *nats.Conn) (submitFunc, error) {
	if role == "kedge" {
		return kedgeSubmitter(ctx, nc)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	if err := rawSetup(ctx, js); err != nil {
		return nil, err
	}
	s, err := newRawSubmitter(ctx, nc)
	if err != nil {
		return nil, err
	}
	return s.submit, nil
}
