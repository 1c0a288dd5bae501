package worker

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/kedge-run/kedge/internal/ledger"
)

// How many requests wait in hand for their concurrency keys. The others of a key are put back, so that a backlog costs
// a redelivery now and then instead of a sign of life of each every few seconds.
const (
	maxInLine = 16  // of one key
	maxInHand = 256 // of all keys, and how many keys have a line; each of these has one request in hand all the same
)

// maxStreak is how often in a row a slot goes from one run of this worker to the next one that waits here. Then it is
// left to all workers, so that what waits elsewhere has its turn.
const maxStreak = 16

// longestPutBack bounds how long a request is put back that waits for its key.
const longestPutBack = 30 * time.Second

// line is the requests in hand that wait for one concurrency key, and what their worker knows of the key.
type line struct {
	key   ledger.LimitKey
	woken chan struct{} // gets a token when a slot may be free

	// Guarded by the lock of lines.
	waiting []*inLine // first to start, first
	reason  string    // why the first one waits
	streak  int
	pace    pace
}

// inLine is one request in hand.
type inLine struct {
	*ledger.Waiter
	since     time.Time
	explained time.Time // when the status was told why it waits

	busy sync.Mutex // held by whoever uses the waiter
}

func newLine(key ledger.LimitKey) *line {
	return &line{key: key, woken: make(chan struct{}, 1), pace: pace{made: time.Now()}}
}

// insert puts a request behind those that come before it.
func (l *line) insert(w *inLine) {
	at, _ := slices.BinarySearchFunc(l.waiting, w, func(a, b *inLine) int { return a.Compare(b.Waiter) })
	l.waiting = slices.Insert(l.waiting, at, w)
}

// first takes the first request out of the line; nil: there is none.
func (l *line) first() *inLine {
	if len(l.waiting) == 0 {
		return nil
	}
	first := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	return first
}

// last takes the last request out of the line.
func (l *line) last() *inLine {
	last := l.waiting[len(l.waiting)-1]
	l.waiting = slices.Delete(l.waiting, len(l.waiting)-1, len(l.waiting))
	return last
}

func (l *line) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// The times of a pace.
const (
	quickest = time.Millisecond      // between two returns
	soonest  = 20 * time.Millisecond // after which a request comes back
	latest   = time.Second           // after which one comes back that is the only one
)

// pace spreads the returns of requests that are put back. Each worker lets them return as fast as the whole fleet
// starts runs of the key: then it is never short of them, and they come no more often than that.
type pace struct {
	made     time.Time
	started  time.Time     // when a run of the key was started last, by any worker
	interval time.Duration // between starts, smoothed; 0: unknown
	back     time.Time     // when the request comes back that was put back last
	holders  map[string]string
}

// heard notes what was stored as the holder of a slot: a run that starts, or one that is alive.
func (p *pace) heard(slot, holder string, now time.Time) {
	if p.holders[slot] == holder {
		return
	}
	if p.holders == nil {
		p.holders = map[string]string{}
	}
	p.holders[slot] = holder
	if !p.started.IsZero() {
		p.interval = (7*p.interval + now.Sub(p.started)) / 8
	}
	p.started = now
}

// delay says for how long the next request is put back.
func (p *pace) delay(now time.Time) time.Duration {
	quiet := now.Sub(p.made)
	if !p.started.IsZero() {
		quiet = now.Sub(p.started)
	}
	spacing := max(p.interval, quiet, quickest)
	p.back = p.back.Add(spacing)
	if first := now.Add(min(latest, max(soonest, spacing*maxInLine/2))); p.back.Before(first) {
		p.back = first
	}
	if last := now.Add(longestPutBack); p.back.After(last) {
		p.back = last
		return longestWait()
	}
	return p.back.Sub(now)
}

// longestWait spreads the returns of those that come back late.
func longestWait() time.Duration {
	return longestPutBack/2 + rand.N(longestPutBack/2) //nolint:gosec // it hides nothing
}
