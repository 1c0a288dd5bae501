package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// A concurrency key with a limit of n has n slots, the keys slot.<tenant>.<key>.0 to n-1 of
// the bucket of keys. A run has a slot before it is claimed, and until its reply is stored.
// The slot runs out later than the claim that it was taken for, so a worker that vanished
// blocks nobody for long, and one that only slept stops before its slot is another's.

const kindSlot = "slot"

// slotMargin is how much longer than its claim a slot lasts: so long a worker may take to see
// that the claim is over.
const slotMargin = time.Second

func (l *Ledger) slotTTL() time.Duration { return wholeSeconds(l.cfg.LeaseTTL + slotMargin) }

// slotOwner is the value of a slot.
type slotOwner struct {
	RunID  messages.RunID `json:"run_id"`
	Epoch  uint64         `json:"epoch"` // of the claim that it was taken for
	Worker string         `json:"worker"`
}

// LimitKey names a concurrency key.
type LimitKey struct{ Tenant, Key string }

// slots is the prefix of the slots' names in the bucket.
func (k LimitKey) slots() string { return keyName(kindSlot, k.Tenant, k.Key) + "." }

// SlotsSubject is where the slots of a key are stored, so where it is heard that one comes
// free; a filter.
func (l *Ledger) SlotsSubject(key LimitKey) string {
	return natsx.KeySubject(l.keysBucket(), key.slots()+"*")
}

// Slot is one of the places that a concurrency key has. It belongs to a claim, or to whoever
// the claim left it to. Its methods are not safe for concurrent use. A nil slot is none.
type Slot struct {
	ledger   *Ledger
	key      LimitKey
	index    int
	owner    slotOwner
	revision uint64
	since    time.Time // before it was stored last, by the monotonic clock
}

// Key names the concurrency key.
func (s *Slot) Key() LimitKey { return s.key }

// errNoSlot says that a slot is not as its holder knows it.
var errNoSlot = errors.New("the slot is another's")

// store writes a slot for an owner while it is as known. errNoSlot: it is not.
func (s *Slot) store(ctx context.Context, owner slotOwner) error {
	l, since := s.ledger, s.ledger.clock()
	value, err := json.Marshal(owner)
	if err != nil {
		return fmt.Errorf("storing slot of %q: %w", s.key.Key, err)
	}
	msg := natsx.Put(l.keysBucket(), s.name(), value, l.slotTTL())
	natsx.Expect(msg, msg.Subject, s.revision)
	revision, err := l.keys.Store(ctx, msg)
	if natsx.WrongSequence(err) {
		return s.recognise(ctx, owner, since)
	}
	if err != nil {
		return fmt.Errorf("storing slot of %q: %w", s.key.Key, err)
	}
	s.owner, s.revision, s.since = owner, revision, since
	return nil
}

// recognise finds out whether a store was refused because of an earlier try of its own whose
// answer was lost.
func (s *Slot) recognise(ctx context.Context, owner slotOwner, since time.Time) error {
	l, subject := s.ledger, natsx.KeySubject(s.ledger.keysBucket(), s.name())
	stored, err := l.newest()(ctx, l.js, natsx.KeyStream(l.keysBucket()), subject)
	if errors.Is(err, natsx.ErrNoRecord) {
		return errNoSlot
	}
	if err != nil {
		return fmt.Errorf("reading slot of %q: %w", s.key.Key, err)
	}
	var found slotOwner
	if json.Unmarshal(stored.Data, &found) != nil || found != owner {
		return errNoSlot
	}
	s.owner, s.revision = owner, stored.Sequence
	if s.since.IsZero() || since.Before(s.since) {
		s.since = since // of its own tries the first one may be what is stored
	}
	return nil
}

func (s *Slot) name() string { return s.key.slots() + strconv.Itoa(s.index) }

// Renew keeps the slot for another lease. ErrLost: it ran out, and may be another's.
func (s *Slot) Renew(ctx context.Context) error {
	if s == nil {
		return nil
	}
	err := s.store(ctx, s.owner)
	if errors.Is(err, errNoSlot) {
		return ErrLost
	}
	return err
}

// Release gives the slot up, without waiting. What is lost of that runs out. The next run
// with the key that this ledger claims soon takes it again without a search.
func (s *Slot) Release() {
	if removed := s.remove(); removed != nil {
		s.ledger.places.remember(s.key, leftSlot{s.index, removed, s.ledger.clock()})
	}
}

// Yield is Release in favour of all others.
func (s *Slot) Yield() { s.remove() }

func (s *Slot) remove() *natsx.Commit {
	if s == nil || s.revision == 0 {
		return nil
	}
	msg := natsx.Remove(s.ledger.keysBucket(), s.name(), minTTL)
	natsx.Expect(msg, msg.Subject, s.revision)
	s.revision = 0
	return s.ledger.keys.Add(msg)
}

// leftSlot is a slot that was given up a moment ago.
type leftSlot struct {
	index   int
	removed *natsx.Commit
	at      time.Time
}

// retake takes the slot that was given up last, if nobody else has it by now.
func (l *Ledger) retake(ctx context.Context, key LimitKey, limit int, owner slotOwner) *Slot {
	left, ok := l.places.recallLeft(key)
	if !ok || left.index >= limit || l.clock().Sub(left.at) >= minTTL {
		return nil
	}
	revision, err := left.removed.Wait(ctx)
	if err != nil {
		return nil
	}
	slot := &Slot{ledger: l, key: key, index: left.index, revision: revision}
	if slot.store(ctx, owner) != nil { // what it left open runs out
		return nil
	}
	return slot
}

// takeSlot takes a free slot below limit, or gives the runs that hold the key.
func (l *Ledger) takeSlot(ctx context.Context, key LimitKey, limit int, owner slotOwner) (*Slot, []messages.RunID, error) {
	if slot := l.retake(ctx, key, limit, owner); slot != nil {
		return slot, nil, nil
	}
	for range maxConflicts {
		places, holders, err := l.lookSlots(ctx, key)
		if err != nil {
			return nil, nil, err
		}
		free := vacant(places, limit)
		if len(free) == 0 || len(holders) >= limit {
			return nil, holders, nil
		}
		slot := free[rand.IntN(len(free))] //nolint:gosec // it keeps workers from meeting, it hides nothing
		slot.ledger, slot.key = l, key
		if err := slot.store(ctx, owner); !errors.Is(err, errNoSlot) {
			return &slot, nil, err
		}
	}
	return nil, nil, nil
}

// lookSlots reads the slots of a key, which may lag behind, and who holds them.
func (l *Ledger) lookSlots(ctx context.Context, key LimitKey) (places map[int]place, holders []messages.RunID, err error) {
	found, err := natsx.LastsDirect(ctx, l.js, natsx.KeyStream(l.keysBucket()), l.SlotsSubject(key))
	if err != nil {
		return nil, nil, fmt.Errorf("slots of %q: %w", key.Key, err)
	}
	places = make(map[int]place, len(found))
	for _, record := range found {
		index, ok := slotIndex(record.Subject)
		if !ok {
			continue
		}
		free := record.Deleted
		if !free {
			if free, err = l.overdue(ctx, record.Record, l.slotTTL()); err != nil {
				return nil, nil, fmt.Errorf("slots of %q: %w", key.Key, err)
			}
		}
		places[index] = place{revision: record.Sequence, free: free}
		if !free {
			var owner slotOwner
			if err := json.Unmarshal(record.Data, &owner); err != nil {
				zerolog.Ctx(ctx).Warn().Err(err).Str("subject", record.Subject).Msg("a slot cannot be read, it counts as taken")
			}
			holders = append(holders, owner.RunID)
		}
	}
	slices.Sort(holders)
	return places, holders, nil
}

// place is what is known of a slot's name.
type place struct {
	revision uint64
	free     bool // what is stored is the marker of a slot that was given up, or has run out
}

// vacant lists the slots below limit that nobody has.
func vacant(places map[int]place, limit int) []Slot {
	var free []Slot
	for index := range limit {
		if p, known := places[index]; !known || p.free {
			free = append(free, Slot{index: index, revision: p.revision})
		}
	}
	return free
}

// slotIndex is the number at the end of a slot's subject.
func slotIndex(subject string) (int, bool) {
	index, err := strconv.Atoi(subject[strings.LastIndexByte(subject, '.')+1:])
	return index, err == nil && index >= 0
}

// Holder is a run that holds a slot of a concurrency key.
type Holder struct {
	LimitKey
	RunID  messages.RunID
	Worker string
}

// Holders reads who holds the slots of a tenant's concurrency keys.
func (l *Ledger) Holders(ctx context.Context, tenant string) ([]Holder, error) {
	var all []Holder
	err := l.each(ctx, l.keysBucket(), kindSlot+"."+messages.EncodeToken(tenant)+".>", func(name string, value []byte) error {
		tokens := strings.Split(name, ".")
		if len(tokens) != 4 {
			return fmt.Errorf("%q names no slot", name)
		}
		key, err := messages.DecodeKey(tokens[2])
		var owner slotOwner
		if err = errors.Join(err, json.Unmarshal(value, &owner)); err != nil {
			return err
		}
		all = append(all, Holder{LimitKey{tenant, key}, owner.RunID, owner.Worker})
		return nil
	})
	return all, err
}
