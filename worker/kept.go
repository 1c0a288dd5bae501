package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
)

// kept is the slots of concurrency keys of abandoned runs: they have ended, but their nodes still work, so nobody else
// may start in their place.
type kept struct {
	mu    sync.Mutex // guards the fields below, and the slots
	slots map[*run]*ledger.Slot
	due   time.Time // of the next renewal
}

// add keeps the slot of a run that is abandoned, until its nodes have returned.
func (k *kept) add(r *run) {
	slot := r.claim.KeepSlot()
	if slot == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.returned {
		slot.Release()
		return
	}
	if k.slots == nil {
		k.slots = map[*run]*ledger.Slot{}
	}
	k.slots[r] = slot
	k.due = time.Time{}
}

// release gives the slot of a run up whose nodes have returned.
func (k *kept) release(r *run) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r.returned = true
	k.slots[r].Release()
	delete(k.slots, r)
}

// isDue reports, once, that the slots are to be renewed.
func (k *kept) isDue(now time.Time, every time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.slots) == 0 || now.Before(k.due) {
		return false
	}
	k.due = now.Add(every)
	return true
}

func (k *kept) renew(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for r, slot := range k.slots {
		if err := slot.Renew(ctx); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("key", slot.Key().Key).Msg("the slot of an abandoned run was not renewed")
			if errors.Is(err, ledger.ErrLost) {
				delete(k.slots, r)
			}
		}
	}
}
