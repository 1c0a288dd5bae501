package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// The status "queued" of a run that ends at once is seen by nobody, and is a sixth of what such a run stores. So a
// submitter that hears how its runs end stores the request of a brief run alone, and owes its status: it stores that
// only for a run of which it has heard nothing after briefTime. The claim makes the status of a run that has none, as
// it does for a request that somebody published by hand. Should the submitter die before it has paid, the claim or
// a sweeper makes it.

// briefTime is how long a brief run may take, from its submit to its reply.
const briefTime = 50 * time.Millisecond

// maxOwed bounds the statuses that a ledger owes.
const maxOwed = 1 << 14

// debts are the statuses that a ledger owes.
type debts struct {
	wait   time.Duration // how long a status is owed; negative: until somebody asks
	paying chan struct{} // holds a token while debts are paid

	mu    sync.Mutex // guards the fields below
	owed  map[Key]debt
	timer *time.Timer // runs while anything is owed
	slow  bool        // the last run that was heard of was not brief

	ctx  context.Context // of the timer
	stop context.CancelFunc
}

func newDebts(wait time.Duration) *debts {
	d := &debts{wait: wait, paying: make(chan struct{}, 1), owed: map[Key]debt{}}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

type debt struct {
	status messages.Status
	since  time.Time // when the request was stored; zero: it is on its way
}

// expect notes a brief run whose request is about to be stored, unless runs are not brief at present: each would
// cost its claim a conflict.
func (d *debts) expect(key Key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.slow || len(d.owed) >= maxOwed {
		return false
	}
	d.owed[key] = debt{}
	return true
}

// owe notes that the request is stored. Its run may be over by now.
func (d *debts) owe(key Key, status messages.Status, now time.Time, pay func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, open := d.owed[key]; !open {
		return
	}
	d.owed[key] = debt{status: status, since: now}
	if d.timer == nil && d.wait >= 0 {
		d.timer = time.AfterFunc(d.wait, pay)
	}
}

// clear forgets a debt.
func (d *debts) clear(key Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.owed, key)
}

// heard forgets the debt of a run that has ended.
func (d *debts) heard(key Key, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.owed, key)
	d.slow = took >= d.wait
}

// open gives the status that is owed for a run.
func (d *debts) open(key Key) (messages.Status, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	debt, open := d.owed[key]
	return debt.status, open && !debt.since.IsZero()
}

// due gives what has been owed since before a time.
func (d *debts) due(before time.Time) map[Key]messages.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := map[Key]messages.Status{}
	for key, debt := range d.owed {
		if !debt.since.IsZero() && debt.since.Before(before) {
			found[key] = debt.status
		}
	}
	return found
}

// again lets the timer run on while anything is owed. Late tells that a run was not brief.
func (d *debts) again(late bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = d.slow || late
	if len(d.owed) == 0 {
		d.timer = nil
		return
	}
	d.timer.Reset(d.wait / 2)
}

// Heard tells that a run of this ledger has ended, and how long after its submit.
func (l *Ledger) Heard(key Key, took time.Duration) { l.debts.heard(key, took) }

// isBrief reports whether nothing but a claim would look for the status of a request.
func (s Submission) isBrief() bool {
	return s.Brief && s.At.IsZero() && s.Request.StartBy.IsZero() && s.Request.ConcurrencyKey == ""
}

// storeBrief stores the request of a brief run and owes its status; false when runs are not brief at present.
func (l *Ledger) storeBrief(ctx context.Context, s Submission, status messages.Status, body []byte) (Receipt, bool, error) {
	receipt := Receipt{Key: Key{status.Tenant, status.RunID}, Queue: status.Queue}
	if !l.debts.expect(receipt.Key) {
		return Receipt{}, false, nil
	}
	if _, err := l.enqueue(ctx, s, body, record{status: status}); err != nil {
		l.debts.clear(receipt.Key)
		return Receipt{}, true, err
	}
	l.debts.owe(receipt.Key, status, time.Now(), l.payDue)
	return receipt, true, nil
}

// payDue stores the statuses of runs that are not brief after all.
func (l *Ledger) payDue() {
	if l.debts.ctx.Err() != nil {
		return
	}
	tried := l.pay(l.debts.ctx, l.debts.due(time.Now().Add(-l.debts.wait)))
	l.debts.again(tried > 0)
}

// payFor stores the status of a run, if it is owed.
func (l *Ledger) payFor(ctx context.Context, key Key) bool {
	status, ok := l.debts.open(key)
	if ok {
		l.pay(ctx, map[Key]messages.Status{key: status})
	}
	return ok
}

// payAll stores all statuses that are owed.
func (l *Ledger) payAll(ctx context.Context) { l.pay(ctx, l.debts.due(farFuture)) }

// farFuture is after every debt.
var farFuture = time.Unix(1<<40, 0)

// pay stores statuses. A run that has one by now was claimed, or is paid; one whose status could not be stored is owed
// on.
func (l *Ledger) pay(ctx context.Context, owed map[Key]messages.Status) (tried int) {
	if len(owed) == 0 {
		return 0
	}
	select {
	case l.debts.paying <- struct{}{}:
		defer func() { <-l.debts.paying }()
	case <-ctx.Done():
		return 0
	}
	commits := map[Key]*natsx.Commit{}
	for key, status := range owed {
		msg, err := l.statusMsg(status, 0)
		if err != nil {
			l.debts.clear(key)
			continue
		}
		commits[key] = l.records.Add(msg)
	}
	for key, commit := range commits {
		if _, err := commit.Wait(ctx); err == nil || natsx.WrongSequence(err) {
			l.debts.clear(key)
		}
	}
	return len(commits)
}
