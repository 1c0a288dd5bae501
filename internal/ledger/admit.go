package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Lowering a limit must let nobody in, whoever starts meanwhile. So a slot counts only when
// the limits, read once more after it was taken, still have a place for it: who took one
// before a change was there before, and who comes after it sees both the new limit and all
// slots that are held beyond it, and counts them.

// BlockedError says that a run waits for its concurrency key. The message is its caller's:
// to keep in hand with the Waiter, or to put back.
type BlockedError struct {
	// Reason says why, for people.
	Reason string
	// Delay is when it is worth trying again; 0: when a slot comes free, or the limit changes.
	Delay time.Duration
	// Waiter is the request in hand.
	Waiter *Waiter
}

// Error says why.
func (e *BlockedError) Error() string { return "the run waits for " + e.Reason }

// places is what a ledger remembers of limits and slots. Nothing rests on it: it spares reads.
type places struct {
	mu     sync.Mutex          // guards the fields below
	limits map[string]declared // by tenant, as read last
	// clean are the keys of which nobody has a slot beyond the limit, by the revision of the
	// limits for which that was seen: nobody can get one as long as it is the newest.
	clean map[LimitKey]uint64
	left  map[LimitKey]leftSlot // slots that were given up here
}

// maxRemembered bounds how many keys are remembered.
const maxRemembered = 10_000

func (p *places) recall(tenant string) (declared, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.limits[tenant]
	return known, ok
}

func (p *places) learn(tenant string, now declared) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set(&p.limits, tenant, now)
}

func (p *places) isClean(key LimitKey, revision uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen, ok := p.clean[key]
	return ok && seen == revision
}

func (p *places) setClean(key LimitKey, revision uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.clean) >= maxRemembered {
		clear(p.clean)
	}
	set(&p.clean, key, revision)
}

func (p *places) remember(key LimitKey, slot leftSlot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.left) >= maxRemembered {
		clear(p.left)
	}
	set(&p.left, key, slot)
}

// recallLeft gives what was remembered, once.
func (p *places) recallLeft(key LimitKey) (leftSlot, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot, ok := p.left[key]
	delete(p.left, key)
	return slot, ok
}

// admit lets a run that is to start pass its concurrency key: d gets a slot, if the key has a
// limit, and the start counts against its rate. Otherwise it gives a *BlockedError. It holds
// nothing that a run could use which waits for something else.
func (l *Ledger) admit(ctx context.Context, d *delivery, epoch uint64, worker string) error {
	if d.request.ConcurrencyKey == "" {
		return nil
	}
	tenant := d.address.Tenant
	owner := slotOwner{RunID: d.address.RunID, Epoch: epoch, Worker: worker}
	known, ok := l.places.recall(tenant)
	for range maxConflicts {
		if !ok {
			now, err := l.readLimits(ctx, tenant)
			if err != nil {
				return err
			}
			known, ok = now, true
		}
		blocked, err := l.enter(ctx, d, owner, known)
		if err != nil {
			return err
		}
		now, err := l.readLimits(ctx, tenant)
		if err != nil {
			return err
		}
		l.places.learn(tenant, now)
		if now.revision != known.revision {
			known = now
			continue
		}
		if blocked == nil {
			blocked, err = l.settleIn(ctx, d, now)
		}
		if err == nil && blocked != nil {
			d.dropSlot()
			return blocked
		}
		return err
	}
	return fmt.Errorf("concurrency key %q: %w", d.request.ConcurrencyKey, errConflict)
}

// enter looks whether the limits let a run start, and takes a slot. What it returns holds as
// long as the limits are as known.
func (l *Ledger) enter(ctx context.Context, d *delivery, owner slotOwner, known declared) (*BlockedError, error) {
	key := d.limitKey()
	limit, _ := known.For(key.Key)
	blocked, err := l.paused(ctx, key, known)
	if err == nil && blocked == nil && limit.Rate != nil {
		var wait time.Duration
		if wait, err = l.rateWait(ctx, key.Tenant, key.Key, *limit.Rate); err == nil && wait > 0 {
			blocked = l.tooFast(key, *limit.Rate, wait)
		}
	}
	most := limit.Effective()
	if blocked != nil || err != nil || most == 0 || d.slot != nil && d.slot.index >= most {
		d.dropSlot()
	}
	if blocked != nil || err != nil || most == 0 {
		return blocked, err
	}
	if d.slot != nil && d.slot.owner != owner { // handed over by a run that has ended
		if err := d.slot.store(ctx, owner); errors.Is(err, errNoSlot) {
			d.slot = nil
		} else if err != nil {
			return nil, err
		}
	}
	if d.slot != nil {
		return nil, nil
	}
	slot, holders, err := l.takeSlot(ctx, key, most, owner)
	if err != nil {
		return nil, err
	}
	if d.slot = slot; slot == nil {
		return &BlockedError{Reason: messages.TakenText(key.Key, most, holders)}, nil
	}
	return nil, nil
}

// paused reports whether a key is paused.
func (l *Ledger) paused(ctx context.Context, key LimitKey, known declared) (*BlockedError, error) {
	if len(known.Pauses) == 0 {
		return nil, nil
	}
	now, err := l.serverTime(ctx)
	if err != nil {
		return nil, err
	}
	pause, _, paused := known.Paused(key.Key, now)
	if !paused {
		return nil, nil
	}
	blocked := &BlockedError{Reason: messages.PauseText(key.Key, pause)}
	if !pause.Until.IsZero() {
		blocked.Delay = pause.Until.Sub(now)
	}
	return blocked, nil
}

func (l *Ledger) tooFast(key LimitKey, rate messages.Rate, wait time.Duration) *BlockedError {
	return &BlockedError{Reason: messages.RateText(key.Key, rate, l.now().Add(wait)), Delay: wait}
}

// settleIn does what is left when the limits have not changed since a slot was taken: it looks
// whether a lowered limit has room, and counts the start.
func (l *Ledger) settleIn(ctx context.Context, d *delivery, known declared) (*BlockedError, error) {
	key := d.limitKey()
	limit, _ := known.For(key.Key)
	if d.slot != nil && !l.places.isClean(key, known.revision) {
		if blocked, err := l.crowded(ctx, key, limit.Effective(), known.revision); blocked != nil || err != nil {
			return blocked, err
		}
	}
	if limit.Rate == nil {
		return nil, nil
	}
	wait, err := l.spend(ctx, key.Tenant, key.Key, *limit.Rate)
	if err != nil || wait == 0 {
		return nil, err
	}
	return l.tooFast(key, *limit.Rate, wait), nil
}

// crowded looks whether a limit that was lowered has room for the slot that was just taken.
func (l *Ledger) crowded(ctx context.Context, key LimitKey, most int, revision uint64) (*BlockedError, error) {
	stream := natsx.KeyStream(l.keysBucket())
	subjects, err := natsx.SubjectsOf(ctx, l.js, stream, l.SlotsSubject(key))
	if err != nil {
		return nil, err
	}
	beyond := slices.ContainsFunc(subjects, func(subject string) bool {
		index, ok := slotIndex(subject)
		return ok && index >= most
	})
	if !beyond {
		l.places.setClean(key, revision)
		return nil, nil
	}
	var holders []messages.RunID
	for _, subject := range subjects {
		stored, err := l.newest()(ctx, l.js, stream, subject)
		if errors.Is(err, natsx.ErrNoRecord) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var owner slotOwner
		_ = json.Unmarshal(stored.Data, &owner) // one that can't be read is held all the same
		holders = append(holders, owner.RunID)
	}
	if len(holders) <= most {
		return nil, nil
	}
	slices.Sort(holders)
	return &BlockedError{Reason: messages.TakenText(key.Key, most, holders)}, nil
}

func (d *delivery) limitKey() LimitKey {
	return LimitKey{d.address.Tenant, d.request.ConcurrencyKey}
}

func (d *delivery) dropSlot() {
	d.slot.Release()
	d.slot = nil
}
