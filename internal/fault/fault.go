// Package fault lets a test stop, break or delay a program at a named place. In production nobody sets anything, and
// a point costs one comparison with nil.
package fault

import (
	"context"
	"sync"
)

// Points maps names of places to what shall happen there. A nil *Points does nothing. It is safe for concurrent use.
type Points struct {
	mu   sync.Mutex // guards acts
	acts map[string]func(ctx context.Context) error
}

// Set makes act happen whenever the place is passed; nil removes it.
func (p *Points) Set(place string, act func(ctx context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.acts == nil {
		p.acts = map[string]func(ctx context.Context) error{}
	}
	p.acts[place] = act
}

// At is called where the program passes the place. The program treats an error as if the step that follows had
// failed with it.
func (p *Points) At(ctx context.Context, place string) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	act := p.acts[place]
	p.mu.Unlock()
	if act == nil {
		return nil
	}
	return act(ctx)
}
