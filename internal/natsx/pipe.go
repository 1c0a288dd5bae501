package natsx

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Pipe sends messages that want one answer each, for many callers at once, with one
// subscription for all answers.
type Pipe struct {
	nc     *nats.Conn
	prefix string // of the subjects of answers

	mu      sync.Mutex // guards the fields below
	sub     *nats.Subscription
	number  uint64           // of the last message
	sent    map[string]*call // unanswered, by the last token of their answer's subject
	reaping bool
}

// call is one message on its way.
type call struct {
	subject string
	sentAt  time.Time
	// answered is called once and must not block. The error is of the kind of
	// [Unanswered].
	answered func(answer *nats.Msg, err error)
}

// NewPipe makes the pipe of a connection. Its subscription starts with the first
// message.
func NewPipe(nc *nats.Conn) *Pipe {
	return &Pipe{nc: nc, prefix: nc.NewInbox() + ".", sent: map[string]*call{}}
}

// Close ends the subscription; what is on its way stays unanswered.
func (p *Pipe) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sub != nil {
		_ = p.sub.Unsubscribe() // the connection may be gone, and the subscription with it
		p.sub = nil
	}
}

// Request sends data to subject and waits for the answer.
func (p *Pipe) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	type result struct {
		msg *nats.Msg
		err error
	}
	arrived := make(chan result, 1)
	p.send(&nats.Msg{Subject: subject, Data: data}, func(msg *nats.Msg, err error) { arrived <- result{msg, err} })
	select {
	case r := <-arrived:
		return r.msg, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// send sends a message now. What the connection refuses is unanswered too, but told by
// its error.
func (p *Pipe) send(msg *nats.Msg, answered func(*nats.Msg, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &call{subject: msg.Subject, sentAt: time.Now(), answered: answered}
	if err := p.publish(msg, c); err != nil {
		go answered(nil, err) // its caller may hold a lock that the answer needs
	}
}

func (p *Pipe) publish(msg *nats.Msg, c *call) (err error) {
	if p.sub == nil {
		if p.sub, err = p.nc.Subscribe(p.prefix+"*", p.arrived); err != nil {
			return err
		}
	}
	p.number++
	token := strconv.FormatUint(p.number, 36)
	msg.Reply = p.prefix + token
	if err := p.nc.PublishMsg(msg); err != nil {
		return err
	}
	p.sent[token] = c
	if !p.reaping {
		p.reaping = true
		time.AfterFunc(tryTimeout/2, p.reap)
	}
	return nil
}

// arrived takes an answer.
func (p *Pipe) arrived(msg *nats.Msg) {
	token := strings.TrimPrefix(msg.Subject, p.prefix)
	p.mu.Lock()
	c := p.sent[token]
	delete(p.sent, token)
	p.mu.Unlock()
	if c == nil {
		return // too late
	}
	if len(msg.Data) == 0 && msg.Header.Get("Status") == "503" {
		c.answered(nil, nats.ErrNoResponders)
		return
	}
	c.answered(msg, nil)
}

// reap gives up on answers that did not come.
func (p *Pipe) reap() {
	var late []*call
	p.mu.Lock()
	for token, c := range p.sent {
		if time.Since(c.sentAt) >= tryTimeout || refusal(p.nc, c.subject) != nil {
			late = append(late, c)
			delete(p.sent, token)
		}
	}
	if p.reaping = len(p.sent) > 0; p.reaping {
		time.AfterFunc(tryTimeout/2, p.reap)
	}
	p.mu.Unlock()
	for _, c := range late {
		err := refusal(p.nc, c.subject)
		if err == nil {
			err = nats.ErrTimeout
		}
		c.answered(nil, err)
	}
}
