package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// A run that took its worker down may do so again, and its neighbours with it; but it
// may be one of those neighbours. So a run that was lost so often is started alone on
// its worker, and given up only when it is lost then.

// suspectLosses is how many losses make a run one that must start alone.
const suspectLosses = 2

// ErrAlone says that the run must have its worker to itself: the claimer calls
// ClaimAlone when it has nothing else in hand, or puts the message back.
var ErrAlone = errors.New("the run was lost before and must run alone")

// lossesBy is how often the run was lost, the newest claim included when its worker is
// lost.
func lossesBy(s *messages.Status) int {
	if s.State == messages.StateRunning {
		return s.Losses + 1
	}
	return s.Losses
}

// condemned reports whether the newest claim, now lost, was alone on its worker.
func condemned(s *messages.Status) bool { return s.State == messages.StateRunning && s.Alone }

// deadReply gives up a run whose newest claim was lost.
func deadReply(s *messages.Status) *messages.Reply {
	return failed(messages.StateDead, messages.CodePoison, fmt.Sprintf(
		"the run was lost %d times, the last time while worker %s ran nothing else", s.Losses+1, s.Owner))
}

// letter is the dead letter of a run that is about to end with reply.
func letter(s messages.Status, reply *messages.Reply, request []byte) *messages.DeadLetter {
	e := reply.Error
	return &messages.DeadLetter{
		RunID: s.RunID, Tenant: s.Tenant, Queue: s.Queue, DiedAt: e.FinishedAt, Code: e.Code, Message: e.Message,
		Epoch: s.Epoch, Worker: s.Owner, Attempts: s.Attempt, Losses: s.Losses + 1, Retries: s.Retries,
		SubmittedAt: s.SubmittedAt, Request: request,
	}
}

// bury stores the dead letter, before the reply: a run that is dead has one. Whoever
// repeats the step replaces it by the same.
func (c *Claim) bury(ctx context.Context, reply *messages.Reply) error {
	request, err := c.body(ctx)
	if err != nil {
		return err
	}
	msg, err := c.ledger.deadMsg(letter(c.record.status, reply, request))
	if err != nil {
		return err
	}
	if _, err := c.ledger.dead.Store(ctx, msg); err != nil && !errors.Is(err, natsx.ErrDuplicate) {
		return fmt.Errorf("storing the dead letter of %s: %w", c.record.status.RunID, err)
	}
	return nil
}

// exhume removes the letter of a run that ends otherwise: whoever wrote it died before
// the reply, and somebody cancelled the run then.
func (c *Claim) exhume(ctx context.Context) {
	s := c.record.status
	if err := c.ledger.PurgeDead(ctx, s.Queue, Key{s.Tenant, s.RunID}); err != nil {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("a dead letter that is not needed was not removed")
	}
}

// body is the stored request: the fetched message's, else the one that the status, the queue
// or the run's first event keeps; nil when it is gone.
func (c *Claim) body(ctx context.Context) ([]byte, error) {
	if fetched, ok := c.msg.(interface{ Data() []byte }); ok {
		return fetched.Data(), nil
	}
	l, s := c.ledger, c.record.status
	if s.Request != nil {
		return s.Request, nil
	}
	stored, err := l.newest()(ctx, l.js, l.queueStream(), s.RequestSubject)
	if !errors.Is(err, natsx.ErrNoRecord) {
		return stored.Data, err
	}
	event, err := l.accepted(ctx, c.Key())
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return event.Request, nil
}

// deadMsg leaves the request out of a letter when both don't fit.
func (l *Ledger) deadMsg(letter *messages.DeadLetter) (*nats.Msg, error) {
	body, err := json.Marshal(letter)
	if err != nil || len(body) > messages.MaxMessageBytes-4<<10 {
		short := *letter
		short.Request = nil
		if body, err = json.Marshal(short); err != nil {
			return nil, fmt.Errorf("writing the dead letter of %s: %w", letter.RunID, err)
		}
	}
	msg := nats.NewMsg(l.cfg.Subjects.Dead(letter.Queue, letter.Tenant, letter.RunID))
	msg.Data = body
	msg.Header.Set(nats.MsgIdHdr, fmt.Sprintf("%s/%s/%d/dead", letter.Tenant, letter.RunID, letter.Epoch))
	return msg, nil
}

// Dead lists the dead letters of a tenant, newest first.
func (l *Ledger) Dead(ctx context.Context, tenant string) ([]messages.DeadLetter, error) {
	var all []messages.DeadLetter
	filter := l.cfg.Subjects.Dead("*", tenant, "*")
	err := natsx.Each(ctx, l.js, l.cfg.Subjects.Stream("DEAD"), filter, func(msg jetstream.Msg) {
		letter, err := messages.DecodeDeadLetter(msg.Data())
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("subject", msg.Subject()).Msg("skipping a dead letter that cannot be read")
			return
		}
		all = append(all, *letter)
	})
	if err != nil {
		return nil, fmt.Errorf("reading dead letters: %w", err)
	}
	slices.SortFunc(all, func(a, b messages.DeadLetter) int {
		return cmp.Or(b.DiedAt.Compare(a.DiedAt), cmp.Compare(b.RunID, a.RunID))
	})
	return all, nil
}

// PurgeDead removes the dead letter of a run, if there is one.
func (l *Ledger) PurgeDead(ctx context.Context, queue string, key Key) error {
	msg := natsx.Tombstone(l.cfg.Subjects.Dead(queue, key.Tenant, key.RunID), minTTL)
	if _, err := l.dead.Store(ctx, msg); err != nil {
		return fmt.Errorf("removing the dead letter of %s: %w", key.RunID, err)
	}
	return nil
}

// Request reads the request of a run as it was submitted, from the run's first event
// or from its place in the queue; ErrNotFound.
func (l *Ledger) Request(ctx context.Context, key Key) ([]byte, error) {
	event, err := l.accepted(ctx, key)
	if err == nil {
		return event.Request, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	status, err := l.Status(ctx, key)
	if err != nil {
		return nil, err
	}
	stored, err := l.newest()(ctx, l.js, l.queueStream(), status.RequestSubject)
	if errors.Is(err, natsx.ErrNoRecord) {
		err = fmt.Errorf("request of %s: %w", key.RunID, ErrNotFound)
	}
	return stored.Data, err
}
