package worker

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// run is one claimed run in this worker.
type run struct {
	claim   *ledger.Claim // it may wait for the server; what the services tell is kept here
	key     ledger.Key
	attempt int
	ctx     context.Context // of the session; its cause says why it ended
	stop    context.CancelCauseFunc
	calm    func() bool // for a run that has ended: the end of its context means nothing more
	inputs  inputs      // used by the slot's goroutine only
	// unnamed is the logger for the session, which adds the run's id itself.
	unnamed zerolog.Logger

	// ended is set by whoever ends the run: the slot's goroutine when the session returned, or the grace timer when
	// it didn't. Only one of them may.
	ended     atomic.Bool
	abandoned bool // it was the grace timer; set before conclude
	returned  bool // after it was abandoned; guarded by kept

	clocks nodeClocks

	logs struct {
		mu    sync.Mutex // guards lines, and keeps the lines in order
		lines int        // log lines seen
	}

	mu       sync.Mutex // guards the fields below
	progress messages.Progress
	told     messages.Progress // progress as of the last heartbeat
	due      time.Time         // of the next heartbeat
	expires  time.Time         // when the claim is over unless a heartbeat succeeds, by the monotonic clock
	beating  bool
}

// end claims the right to end the run; it is true once.
func (r *run) end() bool { return r.ended.CompareAndSwap(false, true) }

// expired reports whether the last sign of life is too old: another worker may have taken the run over.
func (r *run) expired(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.After(r.expires)
}

// advance notes how far the run is.
func (r *run) advance(done, total int, node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = messages.Progress{Done: max(done, r.progress.Done), Total: total, Node: node}
}

// news gives the progress when it changed since the last heartbeat, else nil.
func (r *run) news() *messages.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress == r.told {
		return nil
	}
	r.told = r.progress
	p := r.progress
	return &p
}

// runs is the table of the runs in hand.
type runs struct {
	mu    sync.Mutex // guards byKey
	byKey map[ledger.Key]*run
}

func newRuns() *runs { return &runs{byKey: map[ledger.Key]*run{}} }

func (t *runs) add(r *run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byKey[r.key] = r
}

// remove takes r out of the table. The same run may be in hand again under a newer claim: that one stays.
func (t *runs) remove(r *run) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey[r.key] == r {
		delete(t.byKey, r.key)
	}
}

func (t *runs) all() []*run {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]*run, 0, len(t.byKey))
	for _, r := range t.byKey {
		list = append(list, r)
	}
	return list
}
