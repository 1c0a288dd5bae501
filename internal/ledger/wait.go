package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Waiter is a request in hand whose run waits for its concurrency key. Its methods are not
// safe for concurrent use.
type Waiter struct {
	ledger *Ledger
	msg    jetstream.Msg
	d      delivery
	old    record // the status as known
	known  bool
}

// Waiter gives the waiter of a request with a concurrency key; nil for any other one.
func (l *Ledger) Waiter(msg jetstream.Msg) *Waiter {
	if !bytes.Contains(msg.Data(), []byte(`"concurrency_key"`)) { // reading each request twice costs more
		return nil
	}
	d, err := l.inspect(msg)
	if err != nil || d.invalid != nil || d.request.ConcurrencyKey == "" {
		return nil // the claim answers it
	}
	old, known := d.promised()
	return &Waiter{ledger: l, msg: msg, d: d, old: old, known: known}
}

// Key names the concurrency key.
func (w *Waiter) Key() LimitKey { return w.d.limitKey() }

// RunID names the run.
func (w *Waiter) RunID() messages.RunID { return w.d.address.RunID }

// Compare orders waiters: by priority, then as they were submitted.
func (w *Waiter) Compare(other *Waiter) int {
	return cmp.Or(cmp.Compare(w.d.address.Priority, other.d.address.Priority), cmp.Compare(w.d.sequence, other.d.sequence))
}

// Redelivered reports whether the request was put back, or lost, before.
func (w *Waiter) Redelivered() bool {
	meta, err := w.msg.Metadata()
	return err == nil && meta.NumDelivered > 1
}

// Claim is [Ledger.Claim] for the request in hand. The slot, which may be nil, is one that
// another claim left: it goes to this run, or is given up.
func (w *Waiter) Claim(ctx context.Context, worker string, slot *Slot) (*Claim, error) {
	d := w.d
	d.slot = slot
	claim, err := w.ledger.claimFrom(ctx, w.msg, d, worker, w.old, w.known)
	if blocked := (*BlockedError)(nil); errors.As(err, &blocked) {
		w.old, w.known = blocked.Waiter.old, true
		blocked.Waiter = w
	}
	return claim, err
}

// Explain says in the status why the run waits, unless the status says so. A status that
// somebody else changed is left to the next claim.
func (w *Waiter) Explain(ctx context.Context, reason string) error {
	l := w.ledger
	if !w.known {
		old, err := l.read(ctx, Key{w.d.address.Tenant, w.d.address.RunID}, natsx.LastDirect)
		if err != nil {
			return err
		}
		w.old, w.known = old, true
	}
	now := queued(w.d)
	if w.old.found {
		now = w.old.status
	}
	if now.State != messages.StateQueued || now.Waiting == reason || now.NotBefore.After(l.now()) {
		return nil
	}
	stored, _, err := l.swap(ctx, w.old, waits(now, reason, l.now()))
	if err == nil {
		w.old = stored
	}
	return err
}

// Msg is the request's message.
func (w *Waiter) Msg() jetstream.Msg { return w.msg }

// InProgress keeps the request in hand for another ack wait.
func (w *Waiter) InProgress() error { return w.msg.InProgress() }

// PutBack gives the request back to its queue for a while.
func (w *Waiter) PutBack(delay time.Duration) error { return w.msg.NakWithDelay(delay) }

// with makes a claim the holder of a slot. The claim began no later than the slot.
func (c *Claim) with(slot *Slot) *Claim {
	if c == nil || slot == nil {
		return c
	}
	c.slot = slot
	if slot.since.Before(c.renewed) {
		c.renewed = slot.since
	}
	return c
}

// OnLeave names who gets the slot of the run's concurrency key, if it has one, when the run
// has ended or is put back: at once, so the callee must not wait. Without one the slot is
// given up.
func (c *Claim) OnLeave(heir func(*Slot)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heir = heir
}

// KeepSlot takes the slot from the claim, for a run whose nodes go on after its end: the
// caller renews it, and gives it up when nothing of the run works any more.
func (c *Claim) KeepSlot() *Slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := c.slot
	c.slot = nil
	return slot
}

func (c *Claim) leaveSlot() {
	slot := c.slot
	c.slot = nil
	switch {
	case slot == nil:
	case c.heir != nil:
		c.heir(slot)
	default:
		slot.Release()
	}
}
