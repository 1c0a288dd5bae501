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

// Committer stores messages in one stream for many callers at once. What arrives
// while a round of stores is under way goes into the next round: a server that syncs
// every write commits an atomic batch with one sync, which makes waiting together
// cheaper than waiting in turn. Which way is cheaper depends on the server's sync
// setting, which a client cannot see, so the committer measures both.
//
// Messages of one group are stored in order, and none after one that was refused.
// Groups are independent of each other, and are stored in the order of Add unless an
// answer was lost.
type Committer struct {
	js      jetstream.JetStream
	timeout time.Duration

	mu      sync.Mutex // guards the fields below
	waiting []*Commit
	leading bool
	costs   costs // of the leader
}

// NewCommitter makes a committer that repeats an unanswered store up to timeout.
func NewCommitter(js jetstream.JetStream, timeout time.Duration) *Committer {
	return &Committer{js: js, timeout: timeout, costs: newCosts()}
}

// ErrDuplicate says that a message of the same id was stored before, perhaps with
// another content, and this one was not.
var ErrDuplicate = errors.New("a message of this id is stored already")

// Commit is one group on its way.
type Commit struct {
	msgs      []*nats.Msg
	deadline  time.Time
	sequences []uint64
	err       error
	done      chan struct{}
}

// maxRound bounds a round, well below the server's 1000 messages for a batch.
const maxRound = 512

// Add queues a group and returns at once. An unanswered message is repeated, so each
// needs an expected sequence, a message id, or a reader that can bear it twice.
func (c *Committer) Add(msgs ...*nats.Msg) *Commit {
	group := &Commit{msgs: msgs, deadline: time.Now().Add(c.timeout), done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, group)
	if !c.leading {
		c.leading = true
		go c.lead()
	}
	return group
}

// Store is Add and Wait.
func (c *Committer) Store(ctx context.Context, msgs ...*nats.Msg) ([]uint64, error) {
	return c.Add(msgs...).Wait(ctx)
}

// Wait gives the stream sequences of the messages that were stored, from the first
// on, and the error of the one that was not. When ctx ends first the stores go on.
func (g *Commit) Wait(ctx context.Context) ([]uint64, error) {
	select {
	case <-g.done:
		return g.sequences, g.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Done is closed when Wait would not block.
func (g *Commit) Done() <-chan struct{} { return g.done }

// lead runs rounds until nothing waits.
func (c *Committer) lead() {
	for {
		round, size := c.take()
		if round == nil {
			return
		}
		start := time.Now()
		batched := c.costs.preferBatch(size) && c.batch(round)
		if !batched {
			c.plain(round)
		}
		c.costs.observe(size, batched, time.Since(start))
		for _, group := range round {
			close(group.done)
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
		acks := make([]jetstream.PubAckFuture, len(live))
		errs := make([]error, len(live))
		for i, group := range live {
			acks[i], errs[i] = c.js.PublishMsgAsync(group.msgs[len(group.sequences)], jetstream.WithRetryAttempts(0))
		}
		timer := time.NewTimer(tryTimeout)
		var next []*Commit
		for i, group := range live {
			if errs[i] == nil {
				errs[i] = group.await(acks[i], timer.C)
			}
			if Unanswered(errs[i]) {
				errs[i] = c.repeat(group)
			}
			if group.err = errs[i]; group.err == nil && len(group.sequences) < len(group.msgs) {
				next = append(next, group)
			}
		}
		timer.Stop()
		live = next
	}
}

func (g *Commit) await(ack jetstream.PubAckFuture, timeout <-chan time.Time) error {
	select {
	case stored := <-ack.Ok():
		if stored.Duplicate {
			return ErrDuplicate
		}
		g.sequences = append(g.sequences, stored.Sequence)
		return nil
	case err := <-ack.Err():
		return err
	case <-timeout:
		return nats.ErrTimeout
	}
}

// repeat stores the group's next message with what is left of its time.
func (c *Committer) repeat(group *Commit) error {
	msg := group.msgs[len(group.sequences)]
	msg.Reply = ""
	ack, _, err := Publish(context.Background(), c.js, msg, time.Until(group.deadline))
	if err == nil && ack.Duplicate {
		err = ErrDuplicate
	}
	if err == nil {
		group.sequences = append(group.sequences, ack.Sequence)
	}
	return err
}

// costs is what the leader measured about the two ways of storing a round.
type costs struct {
	each   time.Duration // of a message among others, stored plainly
	batch  time.Duration // of a batch as a whole
	rounds int
}

const (
	// minMeasured is the smallest round that tells the cost of a message: a smaller
	// one measures the way to the server and back.
	minMeasured = 8
	// remeasure is after how many batches a plain round refreshes its figure.
	remeasure = 256
)

// newCosts assumes that nothing is gained by batches until a round was measured.
func newCosts() costs { return costs{batch: 3 * time.Millisecond} }

func (k *costs) preferBatch(size int) bool {
	k.rounds++
	return size >= minMeasured && k.rounds%remeasure != 0 && time.Duration(size)*k.each > k.batch
}

// observe keeps moving averages; a refused batch counts with the plain round that follows.
func (k *costs) observe(size int, batched bool, took time.Duration) {
	switch {
	case batched:
		k.batch += (took - k.batch) / 8
	case size >= minMeasured:
		k.each += (took/time.Duration(size) - k.each) / 4
	}
}
