package runner

import (
	"context"
	"sync"
	"time"
)

// Progress tells whoever follows the run how far a node's function is: done of total, in whatever it
// counts. It may be called for every row: what comes within a tenth of a second of the last one is
// left out, but for the end. Outside of a run, or when nobody listens, it does nothing.
func Progress(ctx context.Context, done, total int) {
	t := TaskFrom(ctx)
	if t == nil || t.Request.Observe == nil || done < 0 || total <= 0 {
		return
	}
	if now := time.Now(); t.scope.progress.tell(now, done >= total) {
		t.Request.Observe(Event{Kind: NodeProgress, Time: now, Node: t.Node, Index: min(done, total), Total: total})
	}
}

// progressPause is the least time between two events of one node.
const progressPause = 100 * time.Millisecond

// progress is what was told of a node's progress.
type progress struct {
	mu    sync.Mutex // guards the fields below
	at    time.Time  // of the last event
	ended bool       // it was the end
}

// tell reports whether an event is to be sent now.
func (p *progress) tell(now time.Time, end bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || !end && now.Sub(p.at) < progressPause {
		return false
	}
	p.at, p.ended = now, end
	return true
}
