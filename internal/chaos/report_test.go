package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// listener counts the replies that were ever stored for each run.
type listener struct {
	mu     sync.Mutex // guards stored
	stored map[string]map[uint64]bool
}

// listen follows the stream of replies past the proxies.
func (f *fleet) listen() *listener {
	l := &listener{stored: map[string]map[uint64]bool{}}
	consumer, err := f.js.OrderedConsumer(f.t.Context(), "KV_kedge_runs", jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{messages.Subjects{}.Done("*", "*")},
	})
	if err == nil {
		var following jetstream.ConsumeContext
		following, err = consumer.Consume(l.note)
		if err == nil {
			f.t.Cleanup(following.Stop)
		}
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return l
}

func (l *listener) note(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stored[msg.Subject()] == nil {
		l.stored[msg.Subject()] = map[uint64]bool{}
	}
	l.stored[msg.Subject()][meta.Sequence.Stream] = true
}

// doubles counts runs with more than one reply.
func (l *listener) doubles() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, sequences := range l.stored {
		if len(sequences) > 1 {
			n++
		}
	}
	return n
}

// start is one claim of a run.
type start struct {
	at     time.Time // by the server's clock
	worker string
}

// starts reads who started which run when.
func (f *fleet) starts() map[messages.RunID][]start {
	f.t.Helper()
	var all map[messages.RunID][]start
	f.eventually("reading the events", func(ctx context.Context) error {
		all = map[messages.RunID][]start{}
		var wrong error
		err := natsx.Each(ctx, f.js, "KEDGE_EVENTS", ">", func(msg jetstream.Msg) {
			meta, err := msg.Metadata()
			events, undecoded := messages.DecodeEvents(msg.Data())
			if err := errors.Join(err, undecoded); err != nil {
				wrong = err
				return
			}
			for _, e := range events {
				if e.Kind == messages.EventClaimed {
					all[e.RunID] = append(all[e.RunID], start{meta.Timestamp, e.Worker})
				}
			}
		})
		return errors.Join(err, wrong)
	})
	return all
}

// recoveries gives, for each run whose worker was killed under it, the time from the kill to the next start.
func (f *fleet) recoveries(starts map[messages.RunID][]start) []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []time.Duration
	for _, of := range starts {
		for i := range of[:len(of)-1] {
			if killed, ok := f.killed[of[i].worker]; ok && of[i].at.Before(killed) && of[i+1].at.After(killed) {
				all = append(all, of[i+1].at.Sub(killed))
			}
		}
	}
	slices.Sort(all)
	return all
}

// quantile of sorted values; 0 when there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(10 * time.Millisecond)
}

// table is what a form of the suite prints.
type table struct {
	title      string
	counts     map[string]int
	runs       int
	states     map[messages.State]int
	again      int // runs that were started more than once
	recoveries []time.Duration
	findings   []audit.Finding
	doubles    int
	wrong      int
	took       time.Duration
}

func (t table) String() string {
	var b strings.Builder
	row := func(what string, value any) { fmt.Fprintf(&b, "| %s | %v |\n", what, value) }
	fmt.Fprintf(&b, "\n| %s | |\n|---|---|\n", t.title)
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		row(name, t.counts[name])
	}
	var states []string
	for _, state := range slices.Sorted(maps.Keys(t.states)) {
		states = append(states, fmt.Sprintf("%d %s", t.states[state], state))
	}
	row("runs", fmt.Sprintf("%d: %s", t.runs, strings.Join(states, ", ")))
	row("started again", t.again)
	row("from a kill to the next start, p50 / p99 / most", fmt.Sprintf("%v / %v / %v, of %d",
		quantile(t.recoveries, 0.5), quantile(t.recoveries, 0.99), quantile(t.recoveries, 1), len(t.recoveries)))
	byKind := map[audit.Kind]int{}
	for _, found := range t.findings {
		byKind[found.Kind]++
	}
	byKind[audit.KindDouble] = max(byKind[audit.KindDouble], t.doubles)
	for _, kind := range audit.Kinds() {
		row(string(kind), byKind[kind])
	}
	row("wrong answers to submitters", t.wrong)
	row("took", t.took.Round(time.Second))
	return b.String()
}
