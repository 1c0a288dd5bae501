package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Kinds of keys in the bucket kedge_keys; a key is <kind>.<tenant>.<encoded key>.
const (
	kindIdempotency = "idem"
	kindUnique      = "unique"
)

// keyOwner is the value of an idempotency or unique key.
type keyOwner struct {
	RunID messages.RunID `json:"run_id"`
	Queue string         `json:"queue"`
	// Digest is what the first request with an idempotency key asked for.
	Digest string `json:"digest,omitempty"`
}

// heldKey is a key as stored.
type heldKey struct {
	name     string // in the bucket
	owner    keyOwner
	revision uint64
	since    time.Time // when it was stored, by the server's clock
	fresh    bool      // it was stored just now
}

// receipt is what a submit gets that met the owner of the key.
func (h heldKey) receipt(tenant string) Receipt {
	return Receipt{Key: Key{tenant, h.owner.RunID}, Queue: h.owner.Queue, Existing: true}
}

func (l *Ledger) keysBucket() string { return l.cfg.Subjects.Bucket("keys") }

func keyName(kind, tenant, key string) string {
	return kind + "." + messages.EncodeToken(tenant) + "." + messages.EncodeKey(key)
}

// createKey stores a key for owner unless somebody has it, and gives what is stored:
// with owner's own run id, if this try or an earlier one of the same run stored it.
func (l *Ledger) createKey(ctx context.Context, name string, owner keyOwner, ttl time.Duration) (heldKey, error) {
	var after uint64 // the marker of a key that was removed or ran out
	for range maxConflicts {
		held, err := l.swapKey(ctx, heldKey{name: name, revision: after}, owner, ttl)
		if !errors.Is(err, errConflict) {
			return held, err
		}
		held, err = l.readKey(ctx, name)
		if !errors.Is(err, natsx.ErrNoRecord) {
			return held, err
		}
		after = held.revision
	}
	return heldKey{}, fmt.Errorf("storing key %s: %w", name, errConflict)
}

// swapKey gives a key to owner while it is as in old. errConflict: it is not.
func (l *Ledger) swapKey(ctx context.Context, old heldKey, owner keyOwner, ttl time.Duration) (heldKey, error) {
	value, err := json.Marshal(owner)
	if err != nil {
		return heldKey{}, fmt.Errorf("storing key %s: %w", old.name, err)
	}
	msg := natsx.Put(l.keysBucket(), old.name, value, ttl)
	natsx.Expect(msg, msg.Subject, old.revision)
	revision, err := l.keys.Store(ctx, msg)
	if natsx.WrongSequence(err) {
		return heldKey{}, errConflict
	}
	if err != nil {
		return heldKey{}, fmt.Errorf("storing key %s: %w", old.name, err)
	}
	return heldKey{name: old.name, owner: owner, revision: revision, since: l.now(), fresh: true}, nil
}

// readKey reads a key; natsx.ErrNoRecord, then with the revision of what marks the
// absence.
func (l *Ledger) readKey(ctx context.Context, name string) (heldKey, error) {
	bucket := l.keysBucket()
	stored, err := l.newest()(ctx, l.js, natsx.KeyStream(bucket), natsx.KeySubject(bucket, name))
	held := heldKey{name: name, revision: stored.Sequence, since: stored.Time}
	if err == nil {
		err = json.Unmarshal(stored.Data, &held.owner)
	}
	if err != nil && !errors.Is(err, natsx.ErrNoRecord) {
		err = fmt.Errorf("reading key %s: %w", name, err)
	}
	return held, err
}

// dropKey removes a key while it is as held. Somebody else's is left alone; what could
// not be removed is repaired by the next submit with the key.
func (l *Ledger) dropKey(ctx context.Context, held heldKey) {
	msg := natsx.Remove(l.keysBucket(), held.name, minTTL)
	natsx.Expect(msg, msg.Subject, held.revision)
	if _, err := l.keys.Store(ctx, msg); err != nil && !natsx.WrongSequence(err) {
		zerolog.Ctx(ctx).Warn().Err(err).Str("key", held.name).Msg("a key was not removed")
	}
}

// first says which run a submit with an idempotency key is: the submission's own, or
// the first one with the key. known is true when nothing is left to do for that run:
// its request was stored, even if its record is gone by now.
func (l *Ledger) first(ctx context.Context, request *messages.RunRequest, mine messages.Status) (held heldKey, known bool, err error) {
	held, err = l.createKey(ctx, keyName(kindIdempotency, mine.Tenant, request.IdempotencyKey),
		keyOwner{RunID: mine.RunID, Queue: mine.Queue, Digest: mine.RequestDigest}, l.keyTTL(mine))
	if err != nil {
		return heldKey{}, false, err
	}
	if held.owner.Digest != mine.RequestDigest {
		return heldKey{}, false, &KeyConflictError{Key: request.IdempotencyKey, RunID: held.owner.RunID}
	}
	if held.owner.RunID == mine.RunID {
		return held, false, nil
	}
	now, err := l.read(ctx, Key{mine.Tenant, held.owner.RunID}, l.newest())
	if err != nil {
		return heldKey{}, false, err
	}
	if !now.found {
		// A record expires no sooner than the retention after its submit; one that is
		// absent before that was never written, since that submit was cut off.
		return held, l.now().Sub(held.since) >= l.cfg.Retention, nil
	}
	known, err = l.stored(ctx, now.status)
	return held, known, err
}

// renewKey keeps the idempotency key of a run that lives long, so that the key outlives the
// result: it has half of its time left at least, when the run ends.
func (l *Ledger) renewKey(ctx context.Context, s messages.Status) error {
	half := l.cfg.KeyRetention / 2
	if s.IdempotencyKey == "" || s.NotBefore.After(l.now()) || l.now().Sub(s.SubmittedAt) < half {
		return nil
	}
	held, err := l.readKey(ctx, keyName(kindIdempotency, s.Tenant, s.IdempotencyKey))
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil
	}
	if err != nil || held.owner.RunID != s.RunID || l.now().Sub(held.since) < half {
		return err
	}
	_, err = l.swapKey(ctx, held, held.owner, l.cfg.KeyRetention)
	if errors.Is(err, errConflict) {
		return nil // somebody else did
	}
	return err
}

// keyTTL keeps an idempotency key from the time of a run on.
func (l *Ledger) keyTTL(s messages.Status) time.Duration {
	return l.cfg.KeyRetention + max(0, s.NotBefore.Sub(l.now()).Truncate(time.Second))
}

// stored reports whether the request of a run was stored: a worker has had it, it is in
// its queue, or the status of a delayed run holds it, which it does until a worker has it.
func (l *Ledger) stored(ctx context.Context, s messages.Status) (bool, error) {
	if s.Epoch > 0 || s.Request != nil || s.State.Terminal() {
		return true, nil
	}
	_, err := l.newest()(ctx, l.js, l.queueStream(), s.RequestSubject)
	if errors.Is(err, natsx.ErrNoRecord) {
		return false, nil
	}
	return err == nil, err
}

// KeyConflictError says that an idempotency key belongs to another request. It wraps
// ErrConflict.
type KeyConflictError struct {
	Key   string
	RunID messages.RunID // of the first request with the key
}

// Error names the first run.
func (e *KeyConflictError) Error() string {
	return fmt.Sprintf("idempotency key %q was used for another request, run %s", e.Key, e.RunID)
}

// Unwrap gives ErrConflict.
func (e *KeyConflictError) Unwrap() error { return ErrConflict }
