package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// All that a tenant declares for its concurrency keys lies in one value, so that one read
// tells which declaration holds for a key, and one revision tells whether that changed.

// declared is what a tenant declared, as stored.
type declared struct {
	messages.Limits
	revision uint64
}

// LimitsSubject is where a change of a tenant's limits is published; "*" makes it a filter.
func (l *Ledger) LimitsSubject(tenant string) string {
	return natsx.KeySubject(l.settingsBucket(), messages.LimitsKey(tenant))
}

// Limits reads what a tenant declared for its concurrency keys.
func (l *Ledger) Limits(ctx context.Context, tenant string) (messages.Limits, error) {
	now, err := l.readLimits(ctx, tenant)
	return now.Limits, err
}

func (l *Ledger) readLimits(ctx context.Context, tenant string) (declared, error) {
	stored, err := l.newest()(ctx, l.js, natsx.KeyStream(l.settingsBucket()), l.LimitsSubject(tenant))
	now := declared{revision: stored.Sequence}
	if errors.Is(err, natsx.ErrNoRecord) {
		err = nil
	} else if err == nil {
		now.Limits, err = messages.DecodeLimits(stored.Data)
	}
	if err != nil {
		return declared{}, fmt.Errorf("limits of tenant %s: %w", tenant, err)
	}
	return now, nil
}

// SetLimit declares a limit for a key, or for all keys of a prefix, see
// [messages.CheckLimitName].
func (l *Ledger) SetLimit(ctx context.Context, tenant, name string, limit messages.Limit) error {
	if err := errors.Join(messages.CheckLimitName(name), limit.Validate()); err != nil {
		return err
	}
	if limit.At.IsZero() {
		limit.At = l.now()
	}
	return l.changeLimits(ctx, tenant, func(now *messages.Limits) error {
		if _, known := now.Limits[name]; !known && len(now.Limits) >= messages.MaxLimits {
			return tooMany(len(now.Limits), "have a limit")
		}
		set(&now.Limits, name, limit)
		return nil
	})
}

// RemoveLimit removes a declaration; ErrNoLimit.
func (l *Ledger) RemoveLimit(ctx context.Context, tenant, name string) error {
	return l.changeLimits(ctx, tenant, func(now *messages.Limits) error {
		if _, known := now.Limits[name]; !known {
			return fmt.Errorf("limit of %q: %w", name, ErrNoLimit)
		}
		delete(now.Limits, name)
		return nil
	})
}

// PauseKey lets no run with a key, or with any key of a prefix, start until ResumeKey or the
// time of the pause. Runs under way go on.
func (l *Ledger) PauseKey(ctx context.Context, tenant, name string, pause messages.KeyPause) error {
	if err := messages.CheckLimitName(name); err != nil {
		return err
	}
	if pause.At.IsZero() {
		pause.At = l.now()
	}
	return l.changeLimits(ctx, tenant, func(now *messages.Limits) error {
		if _, known := now.Pauses[name]; !known && len(now.Pauses) >= messages.MaxLimits {
			return tooMany(len(now.Pauses), "are paused")
		}
		set(&now.Pauses, name, pause)
		return nil
	})
}

// ResumeKey ends a pause, if there is one by this name.
func (l *Ledger) ResumeKey(ctx context.Context, tenant, name string) error {
	return l.changeLimits(ctx, tenant, func(now *messages.Limits) error {
		delete(now.Pauses, name)
		return nil
	})
}

func tooMany(n int, what string) error {
	return &messages.FieldError{Field: "key", Code: messages.CodeInvalidRequest, Reason: fmt.Sprintf("%d keys %s, which is the most; name a prefix, such as team-*", n, what)}
}

func set[K comparable, V any](all *map[K]V, name K, value V) {
	if *all == nil {
		*all = map[K]V{}
	}
	(*all)[name] = value
}

// changeLimits changes the limits of a tenant by compare-and-set.
func (l *Ledger) changeLimits(ctx context.Context, tenant string, change func(*messages.Limits) error) error {
	for range maxConflicts {
		old, err := l.readLimits(ctx, tenant)
		if err != nil {
			return err
		}
		now := l.now()
		maps.DeleteFunc(old.Pauses, func(_ string, p messages.KeyPause) bool { return p.Over(now) })
		if err := change(&old.Limits); err != nil {
			return err
		}
		value, err := json.Marshal(old.Limits)
		if err != nil {
			return fmt.Errorf("writing limits of tenant %s: %w", tenant, err)
		}
		msg := natsx.Put(l.settingsBucket(), messages.LimitsKey(tenant), value, 0)
		natsx.Expect(msg, msg.Subject, old.revision)
		if _, err = l.settings.Store(ctx, msg); err == nil {
			return nil
		}
		if !natsx.WrongSequence(err) {
			return fmt.Errorf("writing limits of tenant %s: %w", tenant, err)
		}
	}
	return fmt.Errorf("writing limits of tenant %s: %w", tenant, errConflict)
}
