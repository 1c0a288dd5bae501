package client

import (
	"context"
	"slices"
	"time"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// ErrNoLimit says that nobody declared a limit under this name.
var ErrNoLimit = ledger.ErrNoLimit

// Limits reads what the tenant declared for its concurrency keys. A key without a
// declaration lets one run start at a time.
func (c *Client) Limits(ctx context.Context) (messages.Limits, error) {
	limits, err := c.ledger.Limits(ctx, c.cfg.Tenant)
	return limits, c.explain(err)
}

// SetLimit declares, for a concurrency key or for each key of a prefix ("team-*"), how many
// runs may be under way at a time and how often they start. Once it has returned no run
// starts beyond it: runs under way go on, and a lowered limit lets nobody in until enough
// of them have ended. [*RejectedError].
func (c *Client) SetLimit(ctx context.Context, name string, limit messages.Limit) error {
	if limit.By == "" {
		limit.By = c.cfg.By
	}
	return c.explain(c.ledger.SetLimit(ctx, c.cfg.Tenant, name, limit))
}

// RemoveLimit removes a declaration; its keys are then as the next shorter prefix says, or
// undeclared. [ErrNoLimit].
func (c *Client) RemoveLimit(ctx context.Context, name string) error {
	return c.explain(c.ledger.RemoveLimit(ctx, c.cfg.Tenant, name))
}

// PauseKey lets no run with a concurrency key, or with any key of a prefix, start until
// ResumeKey, or until a time by the server's clock. Runs under way go on, submits are taken.
func (c *Client) PauseKey(ctx context.Context, name string, pause messages.KeyPause) error {
	if pause.By == "" {
		pause.By = c.cfg.By
	}
	return c.explain(c.ledger.PauseKey(ctx, c.cfg.Tenant, name, pause))
}

// ResumeKey ends a pause, if there is one by this name.
func (c *Client) ResumeKey(ctx context.Context, name string) error {
	return c.explain(c.ledger.ResumeKey(ctx, c.cfg.Tenant, name))
}

// KeyHolder is a run that holds a place of a concurrency key.
type KeyHolder struct {
	Key    string         `json:"key"`
	RunID  messages.RunID `json:"run_id"`
	Worker string         `json:"worker"`
}

// Keys is what holds for the tenant's concurrency keys now.
type Keys struct {
	Limits  messages.Limits
	Holders []KeyHolder
}

// Keys reads what was declared for the tenant's concurrency keys, and who holds them.
func (c *Client) Keys(ctx context.Context) (Keys, error) {
	limits, err := c.Limits(ctx)
	if err != nil {
		return Keys{}, err
	}
	found, err := c.ledger.Holders(ctx, c.cfg.Tenant)
	if err != nil {
		return Keys{}, c.explain(err)
	}
	keys := Keys{Limits: limits}
	for _, h := range found {
		keys.Holders = append(keys.Holders, KeyHolder{Key: h.Key, RunID: h.RunID, Worker: h.Worker})
	}
	return keys, nil
}

// Of lists the runs that hold a key.
func (k Keys) Of(key string) []messages.RunID {
	var runs []messages.RunID
	for _, h := range k.Holders {
		if h.Key == key {
			runs = append(runs, h.RunID)
		}
	}
	slices.Sort(runs)
	return runs
}

// why says what a run with a key waits for, for people; "" when the key lets it start. Of a
// rate the status of the run tells.
func (k Keys) why(key string, now time.Time) string {
	if key == "" {
		return ""
	}
	if pause, _, paused := k.Limits.Paused(key, now); paused {
		return messages.PauseText(key, pause)
	}
	limit, _ := k.Limits.For(key)
	if most, holders := limit.Effective(), k.Of(key); most > 0 && len(holders) >= most {
		return messages.TakenText(key, most, holders)
	}
	return ""
}
