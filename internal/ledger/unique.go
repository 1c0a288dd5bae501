package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// A unique key names the one live run that has it. It is taken before the run is
// stored, given up with the final status, and taken over when its owner turns out to
// have ended or never to have been stored. Since a submitter may sleep between any two
// steps, the first attempt of a run looks once more whether the run has its key: so of
// the runs with one key at most one is ever in work.

// tenure is what is known about the owner of a unique key.
type tenure int

const (
	tenureOver    tenure = iota // it has ended, or was never stored: the key is free
	tenureLive                  // it is queued or running
	tenureUnclear               // its submit may be under way
)

// judge says whether the owner of a unique key still has it. status is nil when there
// is none; request tells whether its request reached the queue; age is how long it has
// the key, and grace how long a submit may take.
func judge(status *messages.Status, request bool, age, grace time.Duration) tenure {
	switch {
	case status != nil && status.State.Terminal():
		return tenureOver
	case status != nil && request:
		return tenureLive
	case age >= grace:
		return tenureOver
	}
	return tenureUnclear
}

// submitPoll is how often a submit looks again at one that is under way.
const submitPoll = 50 * time.Millisecond

// occupy takes the unique key of a run, or gives the key as its live owner holds it. It
// waits for the outcome of another submit with the key.
func (l *Ledger) occupy(ctx context.Context, mine messages.Status) (heldKey, error) {
	name, owner := keyName(kindUnique, mine.Tenant, mine.UniqueKey), keyOwner{RunID: mine.RunID, Queue: mine.Queue}
	began := l.clock()
	for {
		held, err := l.createKey(ctx, name, owner, 0)
		if err != nil || held.owner == owner {
			return held, err
		}
		// The server's clock and ours may differ; we never wait longer than a submit takes.
		age := max(l.now().Sub(held.since), l.clock().Sub(began))
		switch what, err := l.tenure(ctx, mine.Tenant, held, age); {
		case err != nil:
			return heldKey{}, err
		case what == tenureLive:
			return held, nil
		case what == tenureOver:
			if held, err = l.swapKey(ctx, held, owner, 0); !errors.Is(err, errConflict) {
				return held, err
			}
			continue
		}
		if !l.pause(ctx, submitPoll) {
			return heldKey{}, fmt.Errorf("waiting for the submit of run %s with the same unique key: %w", held.owner.RunID, context.Cause(ctx))
		}
	}
}

func (l *Ledger) tenure(ctx context.Context, tenant string, held heldKey, age time.Duration) (tenure, error) {
	now, err := l.read(ctx, Key{tenant, held.owner.RunID}, l.newest())
	if err != nil {
		return tenureUnclear, err
	}
	request := false
	if now.found {
		if request, err = l.stored(ctx, now.status); err != nil {
			return tenureUnclear, err
		}
	}
	return judge(now.known(), request, age, l.cfg.PublishTimeout), nil
}

func (l *Ledger) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// confirm looks before the first attempt of a run whether the run has its unique key, and
// takes it for a request that was published without Submit. It changes the decision to
// run when another live run has the key.
func (l *Ledger) confirm(ctx context.Context, d delivery, run decision) (decision, error) {
	owner := keyOwner{RunID: d.address.RunID, Queue: d.address.Queue}
	name := keyName(kindUnique, d.address.Tenant, d.request.UniqueKey)
	held, err := l.readKey(ctx, name)
	if errors.Is(err, natsx.ErrNoRecord) {
		held, err = l.createKey(ctx, name, owner, 0)
	}
	if err != nil || held.owner == owner {
		return run, err
	}
	what, err := l.tenure(ctx, d.address.Tenant, held, l.now().Sub(held.since))
	switch {
	case err != nil:
		return run, err
	case what == tenureUnclear:
		return decision{action: actWait, reason: "another submit has the unique key", delay: ownerPoll}, nil
	case what == tenureLive:
		return decision{action: actClose, reason: "another live run has the unique key", reply: duplicateReply(d.request.UniqueKey, held.owner.RunID)}, nil
	}
	if _, err = l.swapKey(ctx, held, owner, 0); errors.Is(err, errConflict) {
		return decision{action: actWait, reason: "the unique key has just changed hands", delay: ownerPoll}, nil
	}
	return run, err
}

func duplicateReply(key string, owner messages.RunID) *messages.Reply {
	reply := failed(messages.StateRejected, messages.CodeDuplicate, fmt.Sprintf("run %s has the unique key %q", owner, key))
	reply.Error.Field = "unique_key"
	return reply
}

// sweepKeys removes the unique keys of runs that have ended or were never stored, which
// nobody may ever submit again.
func (l *Ledger) sweepKeys(ctx context.Context) error {
	var names []string
	err := l.each(ctx, l.keysBucket(), kindUnique+".>", func(name string, _ []byte) error {
		names = append(names, name)
		return nil
	})
	for _, name := range names {
		err = errors.Join(err, l.sweepKey(ctx, name))
	}
	return err
}

// sweepKey removes a unique key whose owner has it no longer.
func (l *Ledger) sweepKey(ctx context.Context, name string) error {
	held, err := l.readKey(ctx, name)
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil
	}
	var tenant string
	if err == nil {
		_, rest, _ := strings.Cut(name, ".")
		encoded, _, _ := strings.Cut(rest, ".")
		tenant, err = messages.DecodeToken(encoded)
	}
	if err != nil {
		return fmt.Errorf("sweeping key %s: %w", name, err)
	}
	what, err := l.tenure(ctx, tenant, held, l.now().Sub(held.since))
	if err == nil && what == tenureOver {
		l.dropKey(ctx, held)
	}
	return err
}

// vacate gives up the unique key of a run that has ended.
func (l *Ledger) vacate(ctx context.Context, s messages.Status) {
	l.surrender(ctx, kindUnique, s.Tenant, s.UniqueKey, s.RunID)
}

// forget gives up the idempotency key of a run whose request was never stored, so that
// the next submit with the key starts a new one.
func (l *Ledger) forget(ctx context.Context, s messages.Status) {
	l.surrender(ctx, kindIdempotency, s.Tenant, s.IdempotencyKey, s.RunID)
}

// surrender removes a key if the run has it. What fails is repaired by the next submit
// with the key.
func (l *Ledger) surrender(ctx context.Context, kind, tenant, key string, run messages.RunID) {
	if key == "" {
		return
	}
	held, err := l.readKey(ctx, keyName(kind, tenant, key))
	if err == nil && held.owner.RunID == run {
		l.dropKey(ctx, held)
	}
}
