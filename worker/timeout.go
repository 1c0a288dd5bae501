package worker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// timeoutError is the cause of the end of a run that took too long, or a node of which did.
type timeoutError struct {
	limit time.Duration
	nodes []string // that were running; of a node's timeout the one
	kind  error    // ErrTimeout or ErrNodeTimeout
}

// Error says which limit was passed, and where.
func (e *timeoutError) Error() string {
	if e.kind == ErrNodeTimeout { //nolint:errorlint // the kind is the value itself
		return fmt.Sprintf("node %s was stopped: it ran longer than the node timeout of %s", e.nodes[0], e.limit)
	}
	text := fmt.Sprintf("the run was stopped: its timeout of %s passed", e.limit)
	if len(e.nodes) > 0 {
		text += " in node " + strings.Join(e.nodes, ", ")
	}
	return text
}

func (e *timeoutError) Unwrap() error { return e.kind }

// nodeClocks measures the nodes under way of one run.
type nodeClocks struct {
	on    bool                      // else nobody asks
	limit time.Duration             // of a node; 0: none
	late  func(cause *timeoutError) // called when a node passes the limit

	mu      sync.Mutex // guards running
	running map[string]*time.Timer
}

// start notes that a node has begun.
func (c *nodeClocks) start(node string) {
	if !c.on {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = map[string]*time.Timer{}
	}
	var timer *time.Timer
	if c.limit > 0 {
		timer = time.AfterFunc(c.limit, func() {
			c.late(&timeoutError{limit: c.limit, nodes: []string{node}, kind: ErrNodeTimeout})
		})
	}
	c.running[node] = timer
}

// stop notes that a node has ended.
func (c *nodeClocks) stop(node string) {
	if !c.on {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if timer := c.running[node]; timer != nil {
		timer.Stop()
	}
	delete(c.running, node)
}

// close stops all clocks.
func (c *nodeClocks) close() {
	for _, node := range c.nodes() {
		c.stop(node)
	}
}

// nodes are those under way, sorted.
func (c *nodeClocks) nodes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.running))
}
