package natsx

import (
	"sync"
	"time"
)

// Costs is what the committers of one connection measured about storing messages one
// by one and in batches. A busy machine makes everything slower for a while; what a
// sync for each write costs shows in the fastest stores too, so these are compared.
type Costs struct {
	mu     sync.Mutex // guards the fields below
	each   floor      // of a message among others, stored one by one
	batch  floor      // of a batch as a whole
	wishes int
}

const (
	// minBatch is the smallest number of messages worth a batch, and the smallest that
	// tells the cost of one: fewer measure the way to the server and back.
	minBatch = 8
	// remeasure is how many batches go before a plain round refreshes its figure.
	remeasure = 256
	// worthBatch is how many times dearer plain stores must be: a batch also takes
	// processor time, for its folder, which a busy server without syncs would lack.
	worthBatch = 2
	// firstBatch is assumed before a batch was measured: making its folder, mostly.
	firstBatch = 3 * time.Millisecond
)

// NewCosts assumes that nothing is gained by batches until plain stores were measured.
func NewCosts() *Costs { return &Costs{batch: floor{last: firstBatch}} }

// preferBatch tells whether size messages are stored sooner together.
func (k *Costs) preferBatch(size int) bool {
	if size < minBatch {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Duration(size)*k.each.get() <= worthBatch*k.batch.get() {
		return false
	}
	k.wishes++
	return k.wishes%remeasure != 0
}

// observeRound learns from size messages, stored one by one within took: the server
// works them off one after the other.
func (k *Costs) observeRound(size int, took time.Duration) {
	if size < minBatch {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.each.note(took / time.Duration(size))
}

// observeBatch learns from a batch that was stored.
func (k *Costs) observeBatch(took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.batch.note(took)
}

// floor is the smallest of the newest measurements.
type floor struct {
	last, current time.Duration // of the last window, of this one; 0: none
	count         int
}

// floorWindow is how many measurements are compared.
const floorWindow = 64

func (f *floor) note(d time.Duration) {
	if f.current == 0 || d < f.current {
		f.current = d
	}
	if f.count++; f.count == floorWindow {
		f.last, f.current, f.count = f.current, 0, 0
	}
}

// get is 0 before the first window is full.
func (f *floor) get() time.Duration {
	if f.current == 0 || f.last == 0 {
		return f.last
	}
	return min(f.last, f.current)
}
