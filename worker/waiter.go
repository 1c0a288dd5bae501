package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
)

// Times of a line.
const (
	// inheritTime is how long a slot that was left to this worker waits for a place here; the run that left it gives
	// its own place back about now.
	inheritTime = 100 * time.Millisecond
	// againTime is when a line that heard of a free slot and found none looks again: a replica may lag.
	againTime = 5 * time.Millisecond
	// explainAgain is how often a status is told anew why its run waits, when that changes.
	explainAgain = 30 * time.Second
)

// lines is the requests in hand that wait for their concurrency keys. They hold no place of the worker and no slot of a
// key: only their message, which the worker keeps alive.
type lines struct {
	worker *Worker
	ctx    context.Context // of the claims
	ended  context.Context // done when the worker stops
	end    context.CancelFunc
	expect func(time.Duration) // tells the fetcher when a request comes back; set before loop
	work   sync.WaitGroup

	mu     sync.Mutex // guards the fields below, and the lines
	byKey  map[ledger.LimitKey]*line
	count  int // requests in hand
	closed bool
}

// newLines makes the lines of a worker; ctx is that of its claims, which outlasts a stop.
func newLines(ctx context.Context, w *Worker) *lines {
	ls := &lines{worker: w, ctx: ctx, byKey: map[ledger.LimitKey]*line{}}
	ls.ended, ls.end = context.WithCancel(ctx)
	return ls
}

// loop keeps the requests in hand alive, and tells their statuses why they wait, until ctx ends. Then all of them are
// back in their queues.
func (ls *lines) loop(ctx context.Context) error {
	timing := ls.worker.cfg.Timing
	explain, beat := time.NewTicker(timing.Retry), time.NewTicker(timing.Heartbeat)
	defer explain.Stop()
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			ls.close()
			return nil
		case <-explain.C:
			ls.explain(timing.Retry)
		case <-beat.C:
			if ls.worker.slots.pausedBy() != "" {
				ls.putBackAll()
			}
			ls.beat()
		}
	}
}

// close ends the lines and puts their requests back.
func (ls *lines) close() {
	ls.mu.Lock()
	ls.closed = true
	ls.mu.Unlock()
	ls.end()
	ls.work.Wait()
	ls.putBackAll()
}

// all lists the requests in hand, with the reason why they wait.
func (ls *lines) all() (waiting []*inLine, reasons []string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byKey {
		for _, w := range l.waiting {
			waiting, reasons = append(waiting, w), append(reasons, l.reason)
		}
	}
	return waiting, reasons
}

func (ls *lines) beat() {
	waiting, _ := ls.all()
	for _, w := range waiting {
		if err := w.InProgress(); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
			zerolog.Ctx(ls.ctx).Warn().Err(err).Str(fieldRunID, string(w.RunID())).Msg("heartbeat of a waiting request failed")
		}
	}
}

// explain writes into the statuses of what waits for some time why it does.
func (ls *lines) explain(patience time.Duration) {
	waiting, reasons := ls.all()
	for i, w := range waiting {
		now := time.Now()
		if reasons[i] == "" || now.Sub(w.since) < patience || now.Sub(w.explained) < explainAgain || !w.busy.TryLock() {
			continue
		}
		w.explained = now
		told := ls.tell(w, reasons[i])
		w.busy.Unlock()
		if !told {
			return // a server that is away must not keep the lines from their signs of life
		}
	}
}

// tell reports whether the status was told, or need not be.
func (ls *lines) tell(w *inLine, reason string) bool {
	ctx, cancel := context.WithTimeout(ls.ctx, ls.worker.cfg.Timing.Heartbeat)
	defer cancel()
	err := w.Explain(ctx, reason)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str(fieldRunID, string(w.RunID())).Msg("the status could not be told why its run waits")
	}
	return err == nil
}

// join takes a request into the line of its key, if others wait there: it comes after them. It is false when nobody
// does, and the request may be claimed.
func (ls *lines) join(waiter *ledger.Waiter) bool {
	ls.mu.Lock()
	l := ls.byKey[waiter.Key()]
	if l == nil || len(l.waiting) == 0 {
		ls.mu.Unlock()
		return false
	}
	ls.enter(l, waiter)
	return true
}

// park takes a request into the line of its key, which it makes if there is none.
func (ls *lines) park(blocked *ledger.BlockedError) {
	ls.mu.Lock()
	if ls.closed {
		ls.mu.Unlock()
		_ = blocked.Waiter.PutBack(ls.worker.cfg.Timing.Putback)
		return
	}
	key := blocked.Waiter.Key()
	l := ls.byKey[key]
	if l == nil && len(ls.byKey) >= maxInHand { // each line costs the server a look every second
		ls.mu.Unlock()
		ls.putBack(&inLine{Waiter: blocked.Waiter}, blocked.Reason, longestWait())
		return
	}
	if l == nil {
		l = newLine(key)
		ls.byKey[key] = l
		ls.work.Go(func() { ls.serve(l) })
	}
	l.reason = blocked.Reason
	ls.enter(l, blocked.Waiter)
	l.wake() // what it waits for may have come meanwhile
}

// enter puts a request into a line, and the last one back if they are too many. It lets go of the lock.
func (ls *lines) enter(l *line, waiter *ledger.Waiter) {
	l.insert(&inLine{Waiter: waiter, since: time.Now()})
	ls.count++
	var out *inLine
	if len(l.waiting) > maxInLine || ls.count > maxInHand && len(l.waiting) > 1 {
		out = l.last()
		ls.count--
	}
	reason, delay := l.reason, time.Duration(0)
	if out != nil {
		delay = l.pace.delay(time.Now())
	}
	ls.mu.Unlock()
	if out != nil {
		ls.putBack(out, reason, delay)
	}
}

// putBack gives a request back. When it comes again its status knows why it waits.
func (ls *lines) putBack(out *inLine, reason string, delay time.Duration) {
	out.busy.Lock()
	defer out.busy.Unlock()
	if !out.Redelivered() {
		ls.tell(out, reason)
	}
	if delay < ls.worker.cfg.Timing.Sweep {
		defer ls.expect(delay)
	}
	if err := out.PutBack(delay); err != nil {
		zerolog.Ctx(ls.ctx).Warn().Err(err).Str(fieldRunID, string(out.RunID())).Msg("a waiting request could not be put back, it comes again after its ack wait")
	}
}

// putBackAll empties the lines.
func (ls *lines) putBackAll() {
	ls.mu.Lock()
	var out []*inLine
	for _, l := range ls.byKey {
		out = append(out, l.waiting...)
		l.waiting = nil
	}
	ls.count -= len(out)
	ls.mu.Unlock()
	for _, w := range out {
		_ = w.PutBack(ls.worker.cfg.Timing.Putback)
	}
}

// wakeAll lets all lines look: the limits have changed.
func (ls *lines) wakeAll() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byKey {
		l.wake()
	}
}

// serve starts the requests of a line as its key lets them, until nobody has waited there for a while.
func (ls *lines) serve(l *line) {
	freed, err := ls.worker.cfg.Conn.Subscribe(ls.worker.ledger.SlotsSubject(l.key), func(msg *nats.Msg) {
		if len(msg.Data) == 0 { // a slot was given up
			l.wake()
			return
		}
		ls.mu.Lock()
		l.pace.heard(msg.Subject, string(msg.Data), time.Now())
		ls.mu.Unlock()
	})
	if err != nil {
		zerolog.Ctx(ls.ctx).Warn().Err(err).Str("key", l.key.Key).Msg("free slots of a concurrency key can't be heard of, they are looked for")
	} else {
		defer freed.Unsubscribe() //nolint:errcheck // the connection may be gone, and the subscription with it
	}
	poll := time.NewTicker(ls.worker.cfg.Timing.Sweep)
	defer poll.Stop()
	turn := time.NewTimer(0)
	defer turn.Stop()
	for again := true; ; {
		heard := false
		select {
		case <-ls.ended.Done():
			return
		case <-l.woken:
			heard = true
		case <-turn.C:
		case <-poll.C:
			if ls.retire(l) {
				return
			}
		}
		wait := ls.advance(l)
		if wait == 0 && heard && again {
			wait = againTime
		}
		again = wait != againTime
		if wait > 0 {
			turn.Reset(wait)
		}
	}
}

// retire ends a line that was empty for as long as its requests may be away.
func (ls *lines) retire(l *line) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(l.waiting) > 0 || time.Now().Before(l.pace.back) {
		return false
	}
	delete(ls.byKey, l.key)
	return true
}

// advance starts requests of a line until one must wait. It tells how long, if that is known.
func (ls *lines) advance(l *line) (wait time.Duration) {
	for ls.holds(l) && ls.worker.slots.takeFirst(ls.ended) {
		blocked, more := ls.start(l, nil)
		if blocked != nil {
			return blocked.Delay
		}
		if !more {
			return 0
		}
	}
	return 0
}

func (ls *lines) holds(l *line) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(l.waiting) > 0
}

// start starts the first request of a line on a place of the worker that the caller took. The slot is one that another
// run left, or nil. It reports what the request waits for, then in line again, and whether there was one.
func (ls *lines) start(l *line, slot *ledger.Slot) (blocked *ledger.BlockedError, more bool) {
	w := ls.worker
	ls.mu.Lock()
	first := l.first()
	if first != nil {
		ls.count--
	}
	ls.mu.Unlock()
	if first == nil {
		slot.Release()
		w.slots.give(1)
		return nil, false
	}
	first.busy.Lock()
	defer first.busy.Unlock()
	asked := time.Now()
	claim, err := first.Claim(ls.ctx, w.cfg.ID, slot)
	switch {
	case errors.As(err, &blocked):
		w.slots.give(1)
		ls.mu.Lock()
		l.reason = blocked.Reason
		l.insert(first)
		ls.count++
		ls.mu.Unlock()
	case errors.Is(err, ledger.ErrAlone):
		go func() {
			defer w.slots.give(1)
			w.executeAlone(ls.ctx, first.Msg())
		}()
	case err != nil:
		w.slots.give(1)
		zerolog.Ctx(ls.ctx).Warn().Err(err).Str(fieldRunID, string(first.RunID())).Msg("claim failed, the request is put back")
		_ = first.PutBack(w.cfg.Timing.Putback)
	case claim == nil: // it was cancelled, or the like
		w.slots.give(1)
	default:
		go func() {
			defer w.slots.give(1)
			w.work(ls.ctx, claim, asked)
		}()
	}
	return blocked, true
}

// inherit gives the slot of a run that has ended to the next one that waits here, or up.
func (ls *lines) inherit(slot *ledger.Slot) {
	ls.mu.Lock()
	l := ls.byKey[slot.Key()]
	if ls.closed || l == nil || len(l.waiting) == 0 || l.streak >= maxStreak {
		others := !ls.closed && l != nil && l.streak >= maxStreak
		if l != nil {
			l.streak = 0
		}
		ls.mu.Unlock()
		if others {
			slot.Yield()
		} else {
			slot.Release()
		}
		return
	}
	l.streak++
	ls.work.Add(1)
	ls.mu.Unlock()
	go func() {
		defer ls.work.Done()
		ctx, cancel := context.WithTimeout(ls.ended, inheritTime)
		defer cancel()
		if !ls.worker.slots.takeFirst(ctx) {
			slot.Release()
			return
		}
		_, _ = ls.start(l, slot) // what waits again waits in line
	}()
}
