package main

import (
	"context"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// submitFunc hands in one run and returns the wait for its result.
type submitFunc func(ctx context.Context) (wait func(context.Context) error, err error)

// closedLoop keeps inFlight runs under way until total have ended and returns results per second.
func closedLoop(ctx context.Context, submit submitFunc, inFlight, total int) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left atomic.Int64
	left.Store(int64(total))
	var group sync.WaitGroup
	begin := time.Now()
	for range inFlight {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if err := one(ctx, submit); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	group.Wait()
	return float64(total) / time.Since(begin).Seconds(), context.Cause(ctx)
}

// latency submits one run after another and returns the times from submit to result, sorted.
func latency(ctx context.Context, submit submitFunc, total int) ([]time.Duration, error) {
	times := make([]time.Duration, total)
	for i := range times {
		begin := time.Now()
		if err := one(ctx, submit); err != nil {
			return nil, err
		}
		times[i] = time.Since(begin)
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	return times, nil
}

func one(ctx context.Context, submit submitFunc) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	wait, err := submit(ctx)
	if err != nil {
		return err
	}
	return wait(ctx)
}

// quantile of sorted times, in milliseconds.
func quantile(times []time.Duration, q float64) float64 {
	return float64(times[int(q*float64(len(times)-1))].Microseconds()) / 1000
}
