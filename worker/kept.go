package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
)

// kept is the slots of concurrency keys of abandoned runs: they have ended, but their nodes still work, so nobody else
// may start in their place.
type kept struct {
	mu    sync.Mutex // guards the fields below
	slots map[*run]*keptSlot
	due   time.Time // of the next renewal
}

// keptSlot is one of them. Its lock is held while the server is asked, so nobody may hold that of all slots and wait for it.
type keptSlot struct {
	mu   sync.Mutex // guards slot
	slot *ledger.Slot
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
		k.slots = map[*run]*keptSlot{}
	}
	k.slots[r] = &keptSlot{slot: slot}
	k.due = time.Time{}
}

// release gives the slot of a run up whose nodes have returned.
func (k *kept) release(r *run) {
	k.mu.Lock()
	r.returned = true
	s := k.slots[r]
	delete(k.slots, r)
	k.mu.Unlock()
	if s != nil {
		s.release()
	}
}

// toRenew gives the slots when they are to be renewed.
func (k *kept) toRenew(now time.Time, every time.Duration) []*keptSlot {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.slots) == 0 || now.Before(k.due) {
		return nil
	}
	k.due = now.Add(every)
	return slices.Collect(maps.Values(k.slots))
}

// renew keeps a slot for another lease, unless an earlier try is still under way.
func (s *keptSlot) renew(ctx context.Context) {
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	if s.slot == nil {
		return
	}
	err := s.slot.Renew(ctx)
	if err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Str("key", s.slot.Key().Key).Msg("the slot of an abandoned run was not renewed")
	}
	if errors.Is(err, ledger.ErrLost) {
		s.slot = nil
	}
}

func (s *keptSlot) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slot.Release()
	s.slot = nil
}
