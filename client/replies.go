package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// replies hands the replies that the server has stored to those who wait for them: one
// subscription serves all waits of a client. The server sends them once and to whom it
// reaches, so a wait looks by itself from time to time. Runs are named by the subject
// where their reply arrives.
type replies struct {
	nc     *nats.Conn
	tenant string
	all    string // subject of all replies of the tenant
	ledger *ledger.Ledger

	mu       sync.Mutex // guards the fields below
	sub      *nats.Subscription
	refused  bool // and told
	waiting  map[string][]chan *nats.Msg
	underWay map[string]flight // runs submitted here whose reply has not arrived
}

// flight is a run under way.
type flight struct {
	run   messages.RunID
	since time.Time
	fresh bool // it is certain that no reply was stored before the submit
}

// maxUnderWay bounds what is remembered for replies that never arrive.
const maxUnderWay = 1 << 16

func newReplies(nc *nats.Conn, subjects messages.Subjects, tenant string, l *ledger.Ledger) *replies {
	return &replies{
		nc: nc, tenant: tenant, all: subjects.DoneStored(tenant, "*"), ledger: l,
		waiting: map[string][]chan *nats.Msg{}, underWay: map[string]flight{},
	}
}

// wait registers for one reply; leave must follow. A fresh run has no reply yet that one could look for.
func (r *replies) wait(run string) (arrival chan *nats.Msg, ours flight, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sub == nil || !r.sub.IsValid() {
		if r.sub, err = r.nc.Subscribe(r.all, r.arrived); err != nil {
			return nil, flight{}, err
		}
	}
	arrival = make(chan *nats.Msg, 1)
	r.waiting[run] = append(r.waiting[run], arrival)
	return arrival, r.underWay[run], nil
}

// leave ends a wait, which has the reply or wants it no longer.
func (r *replies) leave(run string, arrival chan *nats.Msg, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended {
		delete(r.underWay, run)
	}
	others := slices.DeleteFunc(r.waiting[run], func(c chan *nats.Msg) bool { return c == arrival })
	if len(others) == 0 {
		delete(r.waiting, run)
		return
	}
	r.waiting[run] = others
}

// arrived takes a reply that the server has stored. A forged one would need the right
// to publish where only the server does.
func (r *replies) arrived(msg *nats.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run, ours := r.underWay[msg.Subject]; ours {
		r.ledger.Heard(ledger.Key{Tenant: r.tenant, RunID: run.run}, time.Since(run.since))
		delete(r.underWay, msg.Subject)
	}
	for _, arrival := range r.waiting[msg.Subject] {
		arrival <- msg // has room: it gets one message only
	}
	delete(r.waiting, msg.Subject)
}

// submitting must precede a submit, since the run may end before the submit returns. It reports whether the end will be
// heard.
func (r *replies) submitting(subject string, run messages.RunID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sub == nil {
		return false // who never waits needs no subscription
	}
	if len(r.underWay) >= maxUnderWay {
		clear(r.underWay) // costs a look for each
	}
	r.underWay[subject] = flight{run: run, since: time.Now()}
	return !r.refused
}

// submitted tells the outcome: whether the run is a new one.
func (r *replies) submitted(run string, isNew bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if flight, open := r.underWay[run]; open && isNew {
		flight.fresh = true
		r.underWay[run] = flight
		return
	}
	delete(r.underWay, run)
}

// tellRefusal logs, once, that the server refused the subscription: then waits see
// replies only when they look.
func (r *replies) tellRefusal(ctx context.Context) {
	err := r.nc.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"`+r.all+`"`) {
		return
	}
	r.mu.Lock()
	told := r.refused
	r.refused = true
	r.mu.Unlock()
	if !told {
		zerolog.Ctx(ctx).Warn().Err(err).Msg("replies are seen late, since the server refused the subscription to them")
	}
}

// close ends the subscription.
func (r *replies) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sub != nil {
		_ = r.sub.Unsubscribe() // the connection may be gone, and the subscription with it
		r.sub = nil
	}
}
