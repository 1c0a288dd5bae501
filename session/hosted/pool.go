package hosted

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Waits before another try to start a child, after one that failed.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// pool keeps a number of children warm. Whoever takes one has it alone until it is given back.
type pool struct {
	start  func(ctx context.Context) (*child, error)
	worn   func(c *child) string // why a child is to be replaced; "" to keep it
	size   int
	quiet  bool // whoever waits tells of starts that fail
	log    zerolog.Logger
	ctx    context.Context // of starts; ends with close
	cancel context.CancelFunc
	tasks  sync.WaitGroup // starts and stops under way

	mu         sync.Mutex // guards the fields below
	idle       []*child
	alive      int // idle or taken
	starting   int
	generation int
	waiting    []chan *child // each has room for one
	failed     error         // of the last start; nil after one that worked
	retry      time.Duration
	closed     bool
}

func newPool(ctx context.Context, size int, start func(context.Context) (*child, error), worn func(*child) string) *pool {
	p := &pool{start: start, worn: worn, size: size, log: *zerolog.Ctx(ctx)}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return p
}

// take gives an idle child of the present generation, and waits for one when there is none. When none is alive and
// none can be started, the error says why.
func (p *pool) take(ctx context.Context) (*child, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 { // watch takes out one that dies
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	if p.failed != nil && p.alive == 0 {
		defer p.mu.Unlock()
		return nil, p.failed
	}
	wait := make(chan *child, 1)
	p.waiting = append(p.waiting, wait)
	p.fill()
	p.mu.Unlock()
	select {
	case c, ok := <-wait:
		if !ok {
			return nil, p.reason()
		}
		return c, nil
	case <-ctx.Done():
		p.leave(wait)
		return nil, context.Cause(ctx)
	}
}

// reason is why waiting was in vain.
func (p *pool) reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	return p.failed
}

// leave ends a wait; a child that came at the same moment goes back.
func (p *pool) leave(wait chan *child) {
	p.mu.Lock()
	p.waiting = slices.DeleteFunc(p.waiting, func(other chan *child) bool { return other == wait })
	p.mu.Unlock()
	select {
	case c, ok := <-wait:
		if ok {
			p.give(c)
		}
	default:
	}
}

// give takes a child back, or ends it when it is broken or worn out. A worn one stays while its successor starts, and
// only one at a time is replaced, so that runs go on.
func (p *pool) give(c *child) {
	p.mu.Lock()
	defer p.mu.Unlock()
	why := ""
	switch {
	case p.closed || c.broken.Load() || c.dead() || c.generation != p.generation:
		p.drop(c)
		return
	case p.starting == 0:
		why = p.worn(c)
	}
	if why == "" {
		p.offer(c)
		return
	}
	p.log.Info().Int("pid", c.pid()).Int("runs", c.runs).Int("memory_mib", c.memory>>10).Msg("Python process is replaced: " + why)
	p.drop(c)
}

// offer hands a child to whoever waits longest, else keeps it. The caller holds the lock.
func (p *pool) offer(c *child) {
	if len(p.waiting) > 0 {
		p.waiting[0] <- c
		p.waiting = p.waiting[1:]
		return
	}
	p.idle = append(p.idle, c)
}

// drop ends a child and starts another. The caller holds the lock.
func (p *pool) drop(c *child) {
	p.alive--
	p.tasks.Go(func() { c.stop(c.cfg.Grace) })
	p.fill()
}

// fill starts as many children as are missing. The caller holds the lock.
func (p *pool) fill() {
	for !p.closed && p.alive+p.starting < p.size && p.retry == 0 {
		p.starting++
		generation := p.generation
		p.tasks.Go(func() { p.begin(generation) })
	}
}

// begin starts one child. After a failure nothing is started for a while, and who waits in vain is told.
func (p *pool) begin(generation int) {
	c, err := p.start(p.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if err != nil {
		p.fail(err)
		return
	}
	p.failed, p.retry = nil, 0
	c.generation = generation
	p.alive++
	p.tasks.Go(func() { p.watch(c) })
	if p.closed || generation != p.generation {
		p.drop(c)
		return
	}
	p.offer(c)
	p.fill()
}

// fail notes that a child could not be started. The caller holds the lock.
func (p *pool) fail(err error) {
	if p.closed {
		return
	}
	p.failed = err
	if !p.quiet {
		p.log.Error().Err(err).Msg("a Python process of the project could not be started")
	}
	if p.alive == 0 {
		for _, wait := range p.waiting {
			close(wait)
		}
		p.waiting = nil
	}
	wait := min(max(firstRetry, 2*p.retry), lastRetry)
	p.retry = wait
	p.tasks.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.ctx.Done():
		}
		p.again(wait)
	})
}

// again lets one start be tried after a failure.
func (p *pool) again(waited time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retry != waited || p.closed || p.alive+p.starting >= p.size {
		return
	}
	p.starting++
	generation := p.generation
	p.tasks.Go(func() { p.begin(generation) })
}

// watch replaces a child that dies while nobody uses it.
func (p *pool) watch(c *child) {
	select {
	case <-c.exited:
	case <-p.ctx.Done():
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.idle)
	p.idle = slices.DeleteFunc(p.idle, func(other *child) bool { return other == c })
	if len(p.idle) < before {
		p.log.Warn().Int("pid", c.pid()).Msg("an idle Python process of the project has died: " + c.cmd.ProcessState.String())
		p.drop(c)
	}
}

// renew replaces all children, because the project has changed; those at work are replaced when they are given back.
func (p *pool) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.generation++
	p.failed, p.retry = nil, 0
	old := p.idle
	p.idle = nil
	for _, c := range old {
		p.drop(c)
	}
	p.fill()
}

// close ends all idle children, and those at work when they are given back.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, wait := range p.waiting {
		close(wait)
	}
	p.waiting = nil
	old := p.idle
	p.idle = nil
	for _, c := range old {
		p.drop(c)
	}
	p.mu.Unlock()
	p.cancel()
	p.tasks.Wait()
}
