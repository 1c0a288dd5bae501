package natsx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// Committer stores messages in one stream for many callers at once. Usually each is
// published at once, and answers are awaited later. On a server that syncs every
// write, though, an atomic batch costs one sync whatever its size: then what arrives
// while a batch is under way goes together into the next one. A client cannot see the
// server's sync setting, so the committers of a connection measure what pays, see
// [Costs].
//
// Messages are stored in the order of Add unless an answer was lost.
type Committer struct {
	js      jetstream.JetStream
	pipe    *Pipe
	standIn StandIn // nil in production
	timeout time.Duration
	costs   *Costs
	missing atomic.Int64 // answers to messages published one by one

	mu      sync.Mutex // guards the fields below
	waiting []*Commit
	leading bool
}

// NewCommitter makes a committer that repeats an unanswered store up to timeout. The
// committers of one connection share pipe and costs.
func NewCommitter(js jetstream.JetStream, pipe *Pipe, timeout time.Duration, costs *Costs) *Committer {
	standIn, _ := js.(StandIn)
	return &Committer{js: js, pipe: pipe, timeout: timeout, costs: costs, standIn: standIn}
}

// ErrDuplicate says that a message of the same id was stored before, perhaps with
// another content, and this one was not.
var ErrDuplicate = errors.New("a message of this id is stored already")

// Commit is one message on its way.
type Commit struct {
	committer *Committer
	msg       *nats.Msg
	deadline  time.Time
	sent      time.Time
	before    int64 // answers that were missing when it was published

	settled  chan struct{} // closed when the fields below are set
	sequence uint64
	err      error
}

// maxRound bounds a round, well below the server's 1000 messages for a batch.
const maxRound = 512

// Add starts to store a message and returns at once. An unanswered message is
// repeated, so it needs an expected sequence, a message id, or a reader that can bear
// it twice.
func (c *Committer) Add(msg *nats.Msg) *Commit {
	g := &Commit{committer: c, msg: msg, deadline: time.Now().Add(c.timeout), settled: make(chan struct{})}
	if c.standIn != nil {
		sequence, err := c.standIn.StoreRecord(context.Background(), msg)
		g.sequence = sequence
		g.settle(err)
		return g
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Nothing may overtake what waits for the leader.
	if !c.leading && !c.costs.preferBatch(int(c.missing.Load())) {
		g.publish()
		return g
	}
	c.waiting = append(c.waiting, g)
	if !c.leading {
		c.leading = true
		go c.lead()
	}
	return g
}

// Store is Add and Wait.
func (c *Committer) Store(ctx context.Context, msg *nats.Msg) (uint64, error) {
	return c.Add(msg).Wait(ctx)
}

// Wait gives the stream sequence of the stored message, or why it was not stored. When
// ctx ends first the message is still on its way.
func (g *Commit) Wait(ctx context.Context) (uint64, error) {
	select {
	case <-g.settled:
		return g.sequence, g.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (g *Commit) publish() {
	g.before, g.sent = g.committer.missing.Add(1), time.Now()
	g.committer.pipe.send(g.msg, g.answered)
}

func (g *Commit) answered(msg *nats.Msg, err error) {
	g.committer.missing.Add(-1)
	if err == nil {
		g.sequence, err = readAck(msg.Data)
		g.committer.costs.observeRound(int(g.before), time.Since(g.sent))
	}
	if Unanswered(err) {
		go g.repeat()
		return
	}
	g.settle(err)
}

func (g *Commit) settle(err error) {
	g.err = err
	close(g.settled)
}

// repeat stores the message with what is left of its time.
func (g *Commit) repeat() {
	g.msg.Reply = ""
	stored, err := Publish(context.Background(), g.committer.js, g.msg, time.Until(g.deadline))
	if err == nil {
		g.sequence = stored.Sequence
		if stored.Duplicate {
			err = ErrDuplicate
		}
	}
	g.settle(err)
}

// readAck reads a stream's answer to a stored message. The usual one has a fixed form,
// and a parser for every form costs more than the rest of the answer's way.
func readAck(data []byte) (sequence uint64, err error) {
	if rest, ok := bytes.CutPrefix(data, []byte(`{"stream":"`)); ok {
		_, rest, _ = bytes.Cut(rest, []byte(`","seq":`))
		if sequence, err = strconv.ParseUint(string(bytes.TrimSuffix(rest, []byte("}"))), 10, 64); err == nil {
			return sequence, nil
		}
	}
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		jetstream.PubAck
	}
	switch err := json.Unmarshal(data, &ack); {
	case err != nil:
		return 0, jetstream.ErrInvalidJSAck
	case ack.Error != nil:
		return 0, ack.Error
	case ack.Sequence == 0:
		return 0, jetstream.ErrInvalidJSAck
	case ack.Duplicate:
		return ack.Sequence, ErrDuplicate
	}
	return ack.Sequence, nil
}

// lead runs rounds until nothing waits.
func (c *Committer) lead() {
	for {
		round := c.take()
		if round == nil {
			return
		}
		start := time.Now()
		if c.costs.preferBatch(len(round)) && c.batch(round) {
			c.costs.observeBatch(time.Since(start))
			continue
		}
		for _, g := range round {
			g.publish()
		}
		for _, g := range round {
			<-g.settled
		}
	}
}

func (c *Committer) take() []*Commit {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.leading, c.waiting = false, nil
		return nil
	}
	n := min(maxRound, len(c.waiting))
	round := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return round
}

// batch stores a round in one commit, or nothing of it.
func (c *Committer) batch(round []*Commit) bool {
	msgs := make([]*nats.Msg, len(round))
	for i, g := range round {
		msgs[i] = g.msg
	}
	ctx, cancel := context.WithTimeout(context.Background(), tryTimeout)
	defer cancel()
	ack, err := jetstreamext.PublishMsgBatch(ctx, c.js, msgs, jetstreamext.BatchFlowControl{AckTimeout: tryTimeout})
	for _, msg := range msgs {
		for _, header := range []string{jetstreamext.BatchIDHeader, jetstreamext.BatchSeqHeader, jetstreamext.BatchCommitHeader} {
			msg.Header.Del(header)
		}
		msg.Reply = ""
	}
	if err != nil {
		return false
	}
	// A commit stores its messages one after the other.
	first := ack.Sequence - uint64(len(round)) + 1
	for i, g := range round {
		g.sequence = first + uint64(i)
		g.settle(nil)
	}
	return true
}
