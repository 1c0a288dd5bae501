package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// Errors of starting a run again.
var (
	// ErrNotEnded: the run is live, so there is nothing to start again.
	ErrNotEnded = errors.New("run has not ended")
	// ErrNoRequest: the request of the run is not stored any more.
	ErrNoRequest = errors.New("the request is not stored any more; submit it again")
)

// DeadLetters lists the runs of the tenant that were given up and not redriven or
// purged since, newest first.
func (c *Client) DeadLetters(ctx context.Context) ([]messages.DeadLetter, error) {
	letters, err := c.ledger.Dead(ctx, c.cfg.Tenant)
	return letters, c.explain(err)
}

// Redrive starts the run of a dead letter again as a new run, whose retry_of names it,
// and then removes the letter. Repeating it after a failure is one new run. Errors as
// of Submit, and [ErrNoRequest].
func (c *Client) Redrive(ctx context.Context, letter *messages.DeadLetter) (Receipt, error) {
	if len(letter.Request) == 0 {
		return Receipt{}, fmt.Errorf("redriving run %s: %w", letter.RunID, ErrNoRequest)
	}
	// The id is the letter's, so that a second try meets the first one's run.
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", letter.Tenant, letter.RunID, letter.Epoch))
	at := letter.DiedAt.UTC().Format("2006-01-02T15.04.05.000Z")
	receipt, err := c.again(ctx, letter.Request, letter.RunID, messages.RunID(at+"-"+hex.EncodeToString(sum[:4])), letter.Queue)
	if err != nil {
		return Receipt{}, err
	}
	return receipt, c.PurgeDead(ctx, letter)
}

// PurgeDead removes a dead letter.
func (c *Client) PurgeDead(ctx context.Context, letter *messages.DeadLetter) error {
	return c.explain(c.ledger.PurgeDead(ctx, letter.Queue, ledger.Key{Tenant: c.cfg.Tenant, RunID: letter.RunID}))
}

// Retry starts a run that has ended again, as a new run whose retry_of names it.
// Errors as of Submit, and [ErrNotFound], [ErrNotEnded], [ErrNoRequest].
func (c *Client) Retry(ctx context.Context, run messages.RunID) (Receipt, error) {
	status, err := c.Status(ctx, run)
	if err != nil {
		return Receipt{}, err
	}
	if !status.State.Terminal() {
		return Receipt{}, fmt.Errorf("retrying run %s, which is %s: %w", run, status.State, ErrNotEnded)
	}
	request, err := c.ledger.Request(ctx, ledger.Key{Tenant: c.cfg.Tenant, RunID: run})
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("retrying run %s: %w", run, ErrNoRequest)
	}
	if err != nil {
		return Receipt{}, c.explain(err)
	}
	return c.again(ctx, request, run, messages.NewRunID(time.Now()), status.Queue)
}

// again submits a request as a new run. What belongs to the first run alone is left
// out: its deadline, and the key that would give back its result.
func (c *Client) again(ctx context.Context, stored []byte, of, id messages.RunID, queue string) (Receipt, error) {
	request, err := messages.DecodeRunRequest(stored)
	if err != nil {
		return Receipt{}, fmt.Errorf("the request of run %s: %w", of, c.explain(err))
	}
	request.RunID, request.RetryOf, request.StartBy, request.IdempotencyKey = id, of, time.Time{}, ""
	return c.Submit(ctx, request, ToQueue(queue))
}
