package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// fairSweep is how often a sweep starts at a lower priority, so that a flood of p0 can't starve the others.
const fairSweep = 8

// maxFetch bounds one request for messages.
const maxFetch = 256

// A hint leaves the server just before the consumer can deliver its request, so a source that was hinted at and gave
// nothing is asked again after hintPause, then after twice that, hintTries times in all.
const (
	hintPause = time.Millisecond
	hintTries = 6
)

// source is one consumer of the queue, and whether it may have something.
type source struct {
	consumer natsx.QueueConsumer
	waiting  bool
	tries    int // left since the last hint
}

// fetcher asks the consumers of the queue for requests: the only one of its process, and only for as many requests as
// there are free slots.
type fetcher struct {
	subjects messages.Subjects
	slots    *slots
	sweep    time.Duration
	hand     func(jetstream.Msg) // starts the work on a request; it gives the slot back
	woken    chan struct{}       // gets a token when a source may have something

	mu      sync.Mutex  // guards waiting of all sources
	sources [][]*source // by priority, then by tenant
	sweeps  int         // counts sweeps that found something, for fairness
}

func newFetcher(consumers []natsx.QueueConsumer, subjects messages.Subjects, slots *slots, sweep time.Duration, hand func(jetstream.Msg)) *fetcher {
	f := &fetcher{subjects: subjects, slots: slots, sweep: sweep, hand: hand, woken: make(chan struct{}, 1)}
	for _, priority := range messages.Priorities() {
		var level []*source
		for _, c := range consumers {
			if c.Priority == priority {
				level = append(level, &source{consumer: c})
			}
		}
		f.sources = append(f.sources, level)
	}
	return f
}

// loop fetches until ctx ends. Hints wake it for one consumer; once in each sweep interval it asks all of them, since
// redeliveries give no hint.
func (f *fetcher) loop(ctx context.Context) error {
	tick := time.NewTicker(f.sweep)
	defer tick.Stop()
	f.wakeAll()
	for {
		more := f.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var woken <-chan struct{}
		if !more { // with requests left only a free slot matters
			woken = f.woken
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-f.slots.freed:
		case <-tick.C:
			f.wakeAll()
		}
	}
}

// hint is called with the header of each stored request of the queue.
func (f *fetcher) hint(msg *nats.Msg) {
	address, err := f.subjects.ParseRequest(msg.Subject)
	if err != nil {
		return // not of ours; the sweep finds what there is
	}
	f.mu.Lock()
	for _, level := range f.sources {
		for _, s := range level {
			if s.consumer.Priority == address.Priority && s.consumer.Tenant == address.Tenant {
				s.waiting, s.tries = true, hintTries
			}
		}
	}
	f.mu.Unlock()
	f.wake()
}

// retry makes a source that gave nothing be asked again soon, if there was a hint.
func (f *fetcher) retry(s *source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.tries == 0 {
		return
	}
	pause := hintPause << (hintTries - s.tries)
	s.tries--
	time.AfterFunc(pause, func() {
		f.mu.Lock()
		s.waiting = true
		f.mu.Unlock()
		f.wake()
	})
}

// expect makes all sources be asked after a delay, when a request comes back that was put back: that gives no hint.
func (f *fetcher) expect(delay time.Duration) {
	time.AfterFunc(delay+hintPause, func() {
		f.wakeAll()
		f.wake()
	})
}

func (f *fetcher) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

func (f *fetcher) wakeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, level := range f.sources {
		for _, s := range level {
			s.waiting = true
		}
	}
}

// round asks the consumers that may have something, in order, while there are free slots. It reports whether requests
// may be left because the slots ran out. Who filled the free slots is asked again in the next round only, which has
// another order: short runs free slots faster than they are filled, and the others would wait for ever.
func (f *fetcher) round(ctx context.Context) (more bool) {
	found := 0
	defer func() { f.count(found) }()
	for _, s := range f.order() {
		if ctx.Err() != nil || !f.claimWaiting(s) {
			continue
		}
		n := f.slots.take(maxFetch)
		if n == 0 {
			f.setWaiting(s)
			return true
		}
		got, err := f.ask(ctx, s, n)
		f.slots.give(n - got)
		found += got
		switch {
		case err != nil: // the next sweep tries again
			zerolog.Ctx(ctx).Warn().Err(err).Str(fieldTenant, s.consumer.Tenant).Msg("fetch failed")
		case got == 0:
			f.retry(s)
		case got == n:
			f.setWaiting(s)
			if n < maxFetch {
				return true
			}
			f.wake() // there may be free slots
		}
	}
	return false
}

// ask fetches up to n requests from one consumer and hands them out.
func (f *fetcher) ask(ctx context.Context, s *source, n int) (got int, err error) {
	batch, err := s.consumer.FetchNoWait(n)
	if err != nil {
		return 0, err
	}
	for msg := range batch.Messages() {
		got++
		f.hand(msg)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && ctx.Err() == nil {
		return got, err
	}
	return got, nil
}

// claimWaiting takes the mark of a source. It is taken before asking, so that a hint that comes meanwhile counts.
func (f *fetcher) claimWaiting(s *source) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := s.waiting
	s.waiting = false
	return was
}

func (f *fetcher) setWaiting(s *source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.waiting = true
}

// order lists the sources to ask: priorities from the first to the last, but every eighth sweep starts at p1, p2 or p3
// in turn; inside a priority the tenant that comes first rotates.
func (f *fetcher) order() []*source {
	f.mu.Lock()
	defer f.mu.Unlock()
	return sweepOrder(f.sources, f.sweeps)
}

// count ends a sweep. One that found nothing does not bring the lower priorities nearer to their turn.
func (f *fetcher) count(found int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found > 0 {
		f.sweeps++
	}
}

// sweepOrder is the order of the n-th sweep, from 0. Ordinary sweeps and those that start at a lower priority have
// turns of their own: with one count for both, a number of tenants that fairSweep is a multiple of would let one of them
// never come first.
func sweepOrder(sources [][]*source, n int) []*source {
	levels, turns := slices.Clone(sources), make([]int, len(sources))
	for i := range turns {
		turns[i] = n - n/fairSweep
	}
	if n%fairSweep == fairSweep-1 {
		lower := len(levels) - 1
		first := 1 + (n/fairSweep)%lower
		turns[0], levels = n/fairSweep/lower, slices.Concat(levels[first:first+1], levels[:first], levels[first+1:])
	}
	var order []*source
	for l, level := range levels {
		for i := range level {
			if s := level[(i+turns[l])%len(level)]; s.waiting {
				order = append(order, s)
			}
		}
	}
	return order
}
