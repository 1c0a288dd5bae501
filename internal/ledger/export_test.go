package ledger

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// FinishUnaware is Finish without the look that a claim past its time takes first.
func FinishUnaware(ctx context.Context, c *Claim, reply *messages.Reply) error {
	c.mu.Lock()
	c.renewed = time.Now().Add(time.Hour)
	c.mu.Unlock()
	return c.Finish(ctx, reply)
}

// StoreDone does only the first step of Finish, as a process that dies after it, or
// whose answer is lost.
func StoreDone(ctx context.Context, c *Claim, reply *messages.Reply) error {
	done, err := c.ledger.doneMsg(sealed(reply, c.record.status, c.ledger.now()), c.record.revision)
	if err == nil {
		_, err = c.ledger.records.Store(ctx, done)
	}
	return err
}

// StoreEnd does the first two steps of Finish: all but giving back.
func StoreEnd(ctx context.Context, c *Claim, reply *messages.Reply) error {
	reply = sealed(reply, c.record.status, c.ledger.now())
	done, err := c.ledger.doneMsg(reply, c.record.revision)
	if err != nil {
		return err
	}
	if _, err := c.ledger.records.Store(ctx, done); err != nil {
		return err
	}
	return c.conclude(ctx, reply)
}

// StoreRelease does the first step of PutBack.
func StoreRelease(ctx context.Context, c *Claim, o Outcome) error {
	_, _, err := c.ledger.swap(ctx, c.record, released(c.record.status, o, c.ledger.now()))
	return err
}

// SwapTwice writes the same status twice, as a writer does whose first answer is lost.
func SwapTwice(ctx context.Context, c *Claim) (first, second bool, err error) {
	next := progressed(c.record.status, messages.Progress{Done: 1, Total: 2}, c.ledger.now())
	if _, first, err = c.ledger.swap(ctx, c.record, next); err != nil {
		return first, false, err
	}
	c.record, second, err = c.ledger.swap(ctx, c.record, next)
	return first, second, err
}

// SubmitSteps does only the first steps of a Submit with an idempotency key, as a
// process that dies after them: 1 takes the key, 2 writes the status too.
func SubmitSteps(ctx context.Context, l *Ledger, s Submission, steps int) error {
	status, _, err := l.prepare(ctx, s)
	if err != nil {
		return err
	}
	held, known, err := l.first(ctx, s.Request, status)
	if err != nil || known || steps == 1 {
		return err
	}
	status.RunID = held.owner.RunID
	status.RequestSubject = l.cfg.Subjects.Request(status.Priority, status.Queue, status.Tenant, status.RunID)
	_, _, err = l.swap(ctx, record{}, status)
	return err
}

// Promote does what a dispatcher does for a delayed run.
func Promote(ctx context.Context, l *Ledger, key Key, now time.Time) error {
	return l.promote(ctx, key, now, "dispatcher")
}

// StorePromotion does the first step of it.
func StorePromotion(ctx context.Context, l *Ledger, key Key) error {
	old, err := l.read(ctx, key, natsx.LastFromLeader)
	if err == nil {
		_, _, err = l.swap(ctx, old, promoted(old.status, l.now()))
	}
	return err
}

// TakeUniqueKey does only the first steps of a Submit with a unique key.
func TakeUniqueKey(ctx context.Context, l *Ledger, queue string, request *messages.RunRequest, status bool) error {
	first, _, err := l.prepare(ctx, Submission{Queue: queue, Request: request})
	if err != nil {
		return err
	}
	if _, err = l.occupy(ctx, first); err != nil || !status {
		return err
	}
	_, _, err = l.swap(ctx, record{}, first)
	return err
}

// StoreRequest does the last step of a Submit.
func StoreRequest(ctx context.Context, l *Ledger, queue string, request *messages.RunRequest) error {
	s := Submission{Queue: queue, Request: request}
	status, body, err := l.prepare(ctx, s)
	if err == nil {
		_, err = l.enqueue(ctx, s, body, record{status: status})
	}
	return err
}

// PassAll makes the ledger believe for a while that a queue's consumer takes all stored
// messages for acknowledged, as one may after its server was killed.
func PassAll(l *Ledger, queue string) {
	l.floors.Store(natsx.ConsumerName(queue, messages.DefaultTenant, messages.DefaultPriority), passed{floor: math.MaxUint64, at: l.clock().Add(time.Hour)})
}

// NextStart gives what a start at now makes of a rate that is used until a time, or how long it must wait.
func NextStart(used time.Time, rate messages.Rate, now time.Time) (time.Time, time.Duration) {
	after, wait := rateRecord{used}.next(rate, now)
	return after.UsedUntil, wait
}

// OweForEver makes a new ledger store the statuses that it owes only when somebody asks.
func OweForEver(l *Ledger) { l.debts = newDebts(-1) }

// DecodeStatus reads a stored status.
func DecodeStatus(data []byte) (status messages.Status, err error) {
	return status, json.Unmarshal(data, &status)
}

// LetGo makes the events of a claim that are gathered a message, and gives the error of the newest one.
func LetGo(ctx context.Context, c *Claim) error {
	c.feed.flush()
	c.feed.mu.Lock()
	newest := c.feed.pending[len(c.feed.pending)-1]
	c.feed.mu.Unlock()
	_, err := newest.Wait(ctx)
	return err
}

// Live gives the runs that the last sweep of a ledger took for live.
func Live(l *Ledger) []string { return slices.Collect(maps.Keys(l.census.live)) }
