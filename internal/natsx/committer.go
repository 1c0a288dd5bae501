package natsx

import (
	"context"
	"errors"
	"sync"
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
// Messages of one group are stored in order, and none after one that was refused.
// Groups are independent of each other; they are stored in the order of Add unless an
// answer was lost.
type Committer struct {
	js      jetstream.JetStream
	timeout time.Duration
	costs   *Costs

	mu      sync.Mutex // guards the fields below
	waiting []*Commit
	leading bool
}

// NewCommitter makes a committer that repeats an unanswered store up to timeout. The
// committers of one connection share costs.
func NewCommitter(js jetstream.JetStream, timeout time.Duration, costs *Costs) *Committer {
	return &Committer{js: js, timeout: timeout, costs: costs}
}

// ErrDuplicate says that a message of the same id was stored before, perhaps with
// another content, and this one was not.
var ErrDuplicate = errors.New("a message of this id is stored already")

// Commit is one group on its way.
type Commit struct {
	committer *Committer
	msgs      []*nats.Msg
	deadline  time.Time
	sequences []uint64
	err       error
	// led is closed by the leader when it is through with the group; nil when the
	// group's messages are published one by one, and Wait drives it.
	led    chan struct{}
	ack    jetstream.PubAckFuture // of the message that was published last
	sent   time.Time
	before int // stores on their way when it was published
}

// maxRound bounds a round, well below the server's 1000 messages for a batch.
const maxRound = 512

// Add starts to store a group and returns at once. Wait must follow when the group
// has more than one message, or when its fate matters. An unanswered message is
// repeated, so each needs an expected sequence, a message id, or a reader that can
// bear it twice.
func (c *Committer) Add(msgs ...*nats.Msg) *Commit {
	group := &Commit{committer: c, msgs: msgs, deadline: time.Now().Add(c.timeout)}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Nothing may overtake what waits for the leader.
	if !c.leading && !c.costs.preferBatch(c.js.PublishAsyncPending()) {
		group.publish()
		return group
	}
	group.led = make(chan struct{})
	c.waiting = append(c.waiting, group)
	if !c.leading {
		c.leading = true
		go c.lead()
	}
	return group
}

// Store is Add and Wait.
func (c *Committer) Store(ctx context.Context, msgs ...*nats.Msg) ([]uint64, error) {
	group := c.Add(msgs...)
	sequences, err := group.Wait(ctx)
	if group.led == nil && err == nil {
		c.costs.observeOne(group.before, time.Since(group.sent))
	}
	return sequences, err
}

// Wait gives the stream sequences of the messages that were stored, from the first
// on, and the error of the one that was not. One goroutine may wait, and again when
// ctx ended.
func (g *Commit) Wait(ctx context.Context) ([]uint64, error) {
	if g.led != nil {
		select {
		case <-g.led:
			return g.sequences, g.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	for g.err == nil && len(g.sequences) < len(g.msgs) {
		if err := g.step(ctx); err != nil && ctx.Err() != nil {
			return g.sequences, context.Cause(ctx)
		}
		if g.err == nil && len(g.sequences) < len(g.msgs) {
			g.publish()
		}
	}
	return g.sequences, g.err
}

// publish sends the next message; step awaits its answer.
func (g *Commit) publish() {
	js := g.committer.js
	g.before, g.sent = js.PublishAsyncPending(), time.Now()
	g.ack, g.err = js.PublishMsgAsync(g.msgs[len(g.sequences)], jetstream.WithRetryAttempts(0))
	if Unanswered(g.err) {
		g.ack, g.err = nil, nil // step repeats it
	}
}

// step takes the answer to the message that was published, and repeats the message
// when there is none. A non-nil error is g.err, or the end of ctx.
func (g *Commit) step(ctx context.Context) error {
	err := nats.ErrTimeout
	if g.ack != nil {
		try, cancel := context.WithDeadline(ctx, g.sent.Add(tryTimeout))
		err = g.await(try, g.ack)
		cancel()
	}
	if err != nil && ctx.Err() != nil {
		return err
	}
	if Unanswered(err) {
		err = g.repeat(ctx)
	}
	if err == nil || ctx.Err() == nil {
		g.err = err
	}
	return err
}

// lead runs rounds until nothing waits.
func (c *Committer) lead() {
	for {
		round, size := c.take()
		if round == nil {
			return
		}
		start := time.Now()
		if c.costs.preferBatch(size) && c.batch(round) {
			c.costs.observeBatch(time.Since(start))
		} else {
			c.plain(round)
			c.costs.observeRound(size, time.Since(start))
		}
		for _, group := range round {
			close(group.led)
		}
	}
}

func (c *Committer) take() (round []*Commit, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.waiting) > 0 && size < maxRound {
		size += len(c.waiting[0].msgs)
		round = append(round, c.waiting[0])
		c.waiting[0] = nil
		c.waiting = c.waiting[1:]
	}
	if round == nil {
		c.leading, c.waiting = false, nil
	}
	return round, size
}

// batch stores a round in one commit, or nothing of it.
func (c *Committer) batch(round []*Commit) bool {
	var msgs []*nats.Msg
	for _, group := range round {
		msgs = append(msgs, group.msgs...)
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
	sequence := ack.Sequence - uint64(len(msgs))
	for _, group := range round {
		for range group.msgs {
			sequence++
			group.sequences = append(group.sequences, sequence)
		}
	}
	return true
}

// plain stores the first messages of all groups, then the second ones, and so on, so
// that a group's next message leaves only after its last one was stored.
func (c *Committer) plain(round []*Commit) {
	for live := round; len(live) > 0; {
		for _, group := range live {
			group.publish()
		}
		var next []*Commit
		for _, group := range live {
			if group.err == nil {
				_ = group.step(context.Background())
			}
			if group.err == nil && len(group.sequences) < len(group.msgs) {
				next = append(next, group)
			}
		}
		live = next
	}
}

func (g *Commit) await(ctx context.Context, ack jetstream.PubAckFuture) error {
	select {
	case stored := <-ack.Ok():
		return g.took(stored)
	case err := <-ack.Err():
		return err
	case <-ctx.Done():
		return nats.ErrTimeout
	}
}

func (g *Commit) took(stored *jetstream.PubAck) error {
	if stored.Duplicate {
		return ErrDuplicate
	}
	g.sequences = append(g.sequences, stored.Sequence)
	return nil
}

// repeat stores the group's next message with what is left of its time.
func (g *Commit) repeat(ctx context.Context) error {
	msg := g.msgs[len(g.sequences)]
	msg.Reply = ""
	stored, err := Publish(ctx, g.committer.js, msg, time.Until(g.deadline))
	if err != nil {
		return err
	}
	return g.took(stored)
}
