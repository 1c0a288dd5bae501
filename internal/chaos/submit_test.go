package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// crowd hands in runs and waits for their replies.
type crowd struct {
	f       *fleet
	clients []*client.Client
	group   sync.WaitGroup

	mu         sync.Mutex // guards the fields below
	random     *rand.Rand
	runs       []audit.Run
	states     map[messages.State]int
	wrong      []string // what a submitter was told and should not have been
	duplicates int
	late       int
	cancels    int
	full       int
	unstored   int
	keyed      int
}

// A part of the runs has one of a few concurrency keys, each with this limit.
const (
	keys     = 3
	keyLimit = 4
)

func newCrowd(f *fleet, seed uint64) *crowd {
	c := &crowd{f: f, random: rand.New(rand.NewPCG(seed, 7)), states: map[messages.State]int{}}
	for range 4 {
		c.clients = append(c.clients, f.client())
	}
	return c
}

// plan is what a submitter does with one run.
type plan struct {
	x, ms         int
	twice, late   bool
	cancel        time.Duration // after the submit; 0: never
	first, second *client.Client
	request       *messages.RunRequest
}

func (c *crowd) plan() plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := plan{x: len(c.runs), ms: c.random.IntN(50)}
	if c.random.IntN(20) == 0 {
		p.ms = c.random.IntN(int(c.f.lease.Milliseconds()) / 2) // some are long
	}
	p.twice, p.late = c.random.IntN(10) == 0, c.random.IntN(20) == 0
	if c.random.IntN(20) == 0 {
		p.cancel = time.Millisecond + time.Duration(c.random.IntN(200))*time.Millisecond
	}
	p.first, p.second = c.clients[c.random.IntN(4)], c.clients[c.random.IntN(4)]
	p.request = &messages.RunRequest{
		RunID: messages.NewRunID(time.Now()), RuntimeParams: map[string]any{"x": p.x, "ms": p.ms}, Outputs: []string{"answer"},
	}
	if c.random.IntN(5) == 0 {
		p.request.ConcurrencyKey = fmt.Sprint("chaos-", c.random.IntN(keys))
		c.keyed++
	}
	c.runs = append(c.runs, audit.Run{Tenant: messages.DefaultTenant, ID: p.request.RunID})
	return p
}

// submit starts n submitters with a run each, within a time.
func (c *crowd) submit(ctx context.Context, n int, within time.Duration) {
	for range n {
		p := c.plan()
		c.group.Go(func() { c.one(ctx, p) })
		wait(ctx, within/time.Duration(n))
	}
}

func (c *crowd) one(ctx context.Context, p plan) {
	if p.twice {
		c.count(&c.duplicates)
		c.group.Go(func() { c.handIn(ctx, p.second, p.request) })
	}
	if !c.handIn(ctx, p.first, p.request) {
		return
	}
	if p.cancel > 0 {
		c.count(&c.cancels)
		wait(ctx, p.cancel)
		_, _ = p.second.Cancel(ctx, p.request.RunID, "chaos") // an unanswered one is no promise
	}
	reply, err := p.first.Wait(ctx, p.request.RunID)
	if err != nil {
		c.complain("run %s has no reply: %v", p.request.RunID, err)
		return
	}
	c.check(p, reply)
	if p.late {
		c.count(&c.late)
		c.tooLate(ctx, p.request)
	}
}

// handIn submits until it is told that the run is stored, as a user would.
func (c *crowd) handIn(ctx context.Context, by *client.Client, request *messages.RunRequest) bool {
	for ctx.Err() == nil {
		copied := *request
		once, cancel := context.WithTimeout(ctx, 30*time.Second)
		_, err := by.Submit(once, &copied)
		cancel()
		if err == nil {
			return true
		}
		if errors.Is(err, client.ErrFull) {
			c.count(&c.full)
		}
		wait(ctx, 100*time.Millisecond)
	}
	c.complain("run %s could not be submitted", request.RunID)
	return false
}

// tooLate publishes the request of an ended run again, past the client, under its own and under another priority.
func (c *crowd) tooLate(ctx context.Context, request *messages.RunRequest) {
	body, err := json.Marshal(request)
	if err != nil {
		return
	}
	for _, priority := range []messages.Priority{messages.P1, messages.P3} {
		subject := messages.Subjects{}.Request(priority, queue, messages.DefaultTenant, request.RunID)
		// Some are refused, and may be; a server that is killed meanwhile never answers.
		_, _ = natsx.Publish(ctx, c.f.js, &nats.Msg{Subject: subject, Data: body}, 5*time.Second)
	}
}

func (c *crowd) check(p plan, reply *messages.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states[reply.State()]++
	switch state := reply.State(); {
	case state == messages.StateSucceeded:
		if got := string(reply.Result.Outputs["answer"].Value); got != fmt.Sprint(3*(p.x+1)) {
			c.wrong = append(c.wrong, fmt.Sprintf("run %s answers %s", p.request.RunID, got))
		}
	case state == messages.StateCancelled && p.cancel > 0, state == messages.StateDead:
	case state == messages.StateFailed && reply.Error.Code == messages.CodeInternal:
		// A sweeper whose clock is an hour early gave up a submit that was under way: no promise is
		// broken, the submitter is told to submit again.
		c.unstored++
	default:
		c.wrong = append(c.wrong, fmt.Sprintf("run %s ended as %s: %s", p.request.RunID, state, reply.Error.Message))
	}
}

func (c *crowd) complain(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *crowd) count(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

// wait waits for d or the end of ctx.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
