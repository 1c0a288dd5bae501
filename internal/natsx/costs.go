package natsx

import (
	"sync"
	"time"
)

// Costs is what the committers of one connection measured about storing messages one
// by one and in batches.
type Costs struct {
	mu     sync.Mutex    // guards the fields below
	each   time.Duration // of a message among others, stored one by one
	batch  time.Duration // of a batch as a whole
	wishes int
}

const (
	// minBatch is the smallest number of messages worth a batch, and the smallest that
	// tells the cost of one: fewer measure the way to the server and back.
	minBatch = 8
	// remeasure is how many batches go before a plain round refreshes its figure.
	remeasure = 256
	// firstBatch is assumed before a batch was measured: making its folder, mostly.
	firstBatch = 3 * time.Millisecond
)

// NewCosts assumes that nothing is gained by batches until plain stores were measured.
func NewCosts() *Costs { return &Costs{batch: firstBatch} }

// preferBatch tells whether size messages are stored sooner together.
func (k *Costs) preferBatch(size int) bool {
	if size < minBatch {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wishes++
	// On a busy machine both figures are mostly waiting; only a sync for each write
	// makes the difference this large.
	return k.wishes%remeasure != 0 && time.Duration(size)*k.each > 2*k.batch
}

// observeOne learns from one store, answered after took with before others ahead of
// it: the server works them off one after the other.
func (k *Costs) observeOne(before int, took time.Duration) { k.observeRound(before+1, took) }

// observeRound learns from size messages, stored one by one within took.
func (k *Costs) observeRound(size int, took time.Duration) {
	if size < minBatch {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.each += (took/time.Duration(size) - k.each) / 8
}

// observeBatch learns from a batch that was stored.
func (k *Costs) observeBatch(took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.batch += (took - k.batch) / 8
}
