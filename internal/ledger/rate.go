package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// A rate is kept by the generic cell rate algorithm: one time for each key, until which the
// starts so far have used the rate up. A start moves it by the interval of the rate; one is
// allowed as long as it isn't farther ahead than the burst. It is the server's time, so that
// no worker's clock lets through too much.

// rateRecord is the value of a key's rate.
type rateRecord struct {
	UsedUntil time.Time `json:"used_until"`
}

// next is the record after a start at now, or how long that start must wait.
func (r rateRecord) next(rate messages.Rate, now time.Time) (after rateRecord, wait time.Duration) {
	interval := rate.Interval()
	tolerance := time.Duration(max(rate.Burst, 1)-1) * interval
	if wait = r.UsedUntil.Add(-tolerance).Sub(now); wait > 0 {
		return r, wait
	}
	used := r.UsedUntil
	if used.Before(now) {
		used = now
	}
	return rateRecord{used.Add(interval)}, 0
}

// rateKey names the record of a rate in the bucket of keys.
func rateKey(tenant, key string) string { return keyName("rate", tenant, key) + ".used" }

// rateWait tells how long a start must wait by a rate, and spends nothing.
func (l *Ledger) rateWait(ctx context.Context, tenant, key string, rate messages.Rate) (wait time.Duration, err error) {
	r, _, now, err := l.readRate(ctx, tenant, key)
	if err != nil {
		return 0, err
	}
	_, wait = r.next(rate, now)
	return wait, nil
}

// contended is how soon a start is tried again that lost its turn to many others.
const contended = 10 * time.Millisecond

// spend counts a start against a rate, or tells how long it must wait. A start that is
// counted and then doesn't happen is lost: a rate is an upper bound.
func (l *Ledger) spend(ctx context.Context, tenant, key string, rate messages.Rate) (wait time.Duration, err error) {
	for range maxConflicts {
		r, revision, now, err := l.readRate(ctx, tenant, key)
		if err != nil {
			return 0, err
		}
		after, wait := r.next(rate, now)
		if wait > 0 {
			return wait, nil
		}
		value, err := json.Marshal(after)
		if err != nil {
			return 0, fmt.Errorf("rate of key %q: %w", key, err)
		}
		// An absent record means a rate of which nothing is used.
		ttl := wholeSeconds(after.UsedUntil.Sub(now)) + minTTL
		msg := natsx.Put(l.keysBucket(), rateKey(tenant, key), value, ttl)
		natsx.Expect(msg, msg.Subject, revision)
		_, err = l.keys.Store(ctx, msg)
		if err == nil {
			return 0, nil
		}
		if !natsx.WrongSequence(err) {
			return 0, fmt.Errorf("rate of key %q: %w", key, err)
		}
	}
	return contended, nil
}

func (l *Ledger) readRate(ctx context.Context, tenant, key string) (r rateRecord, revision uint64, now time.Time, err error) {
	bucket := l.keysBucket()
	stored, err := l.newest()(ctx, l.js, natsx.KeyStream(bucket), natsx.KeySubject(bucket, rateKey(tenant, key)))
	if err == nil {
		err = json.Unmarshal(stored.Data, &r)
	}
	if err != nil && !errors.Is(err, natsx.ErrNoRecord) {
		return r, 0, now, fmt.Errorf("rate of key %q: %w", key, err)
	}
	now, err = l.serverTime(ctx)
	return r, stored.Sequence, now, err
}

// wholeSeconds rounds a time to live up: the server counts in seconds.
func wholeSeconds(d time.Duration) time.Duration {
	return max(minTTL, (d + time.Second - 1).Truncate(time.Second))
}
