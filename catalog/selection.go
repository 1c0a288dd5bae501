package catalog

import (
	"context"
	"reflect"
	"slices"

	"github.com/rs/zerolog"
)

// Selection is the datasets of a layout in a catalog, for a run that uses each of them several times: it knows them by
// place and looks each up once. A dataset that is replaced in the catalog later is replaced here too. After WarmUp a
// selection is safe for concurrent use.
type Selection struct {
	catalog  *DataCatalog
	layout   *Layout
	datasets []Dataset       // by place; nil before WarmUp
	removals uint64          // of the catalog at WarmUp
	log      *zerolog.Logger // of WarmUp
}

// Select returns a selection, of which nothing is looked up yet.
func (c *DataCatalog) Select(l *Layout) *Selection { return &Selection{catalog: c, layout: l} }

// WarmUp makes all datasets exist in the catalog, in order, those that nothing describes as memory datasets (Get with Fallback).
func (s *Selection) WarmUp(ctx context.Context) error {
	s.log = zerolog.Ctx(ctx)
	c := s.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.spare, c.wanted = nil, 0 }()
	c.live.adopt(s.layout)
	c.order = slices.Grow(c.order, len(s.layout.names))
	plain := c.blueprint.plainOf(s.layout)
	for i, name := range s.layout.names {
		c.wanted = len(s.layout.names) - i
		if plain[i] && c.live.vacant(s.layout, i) {
			c.live.laid[i] = c.memory()
			c.order = append(c.order, name)
			continue
		}
		if _, err := c.obtain(ctx, name, true); err != nil {
			return err
		}
	}
	s.datasets, s.removals = c.live.all(s.layout), c.removals.Load()
	return nil
}

// described is what a blueprint knows of a layout.
type described struct {
	layout *Layout
	plain  []bool // by place: a memory dataset, as neither an entry nor a pattern nor a parameter has the name
}

// plainOf tells for each place of a layout whether nothing describes its name. The last answer is remembered: runs of
// one pipeline ask for the same layout.
func (b *Blueprint) plainOf(l *Layout) []bool {
	if last := b.described.Load(); last != nil && last.layout == l {
		return last.plain
	}
	d := &described{layout: l, plain: make([]bool, len(l.names))}
	for i, name := range l.names {
		if !b.shared && !IsParameter(name) {
			e, err := b.resolve(name)
			d.plain[i] = err == nil && e.pattern == b.runtime
		}
	}
	b.described.Store(d)
	return d.plain
}

// Get returns the dataset of a place.
func (s *Selection) Get(ctx context.Context, i int) (Dataset, error) {
	if s.datasets != nil && s.removals == s.catalog.removals.Load() {
		return s.datasets[i], nil
	}
	return s.catalog.Get(ctx, s.layout.names[i], GetOptions{})
}

// LoadAs is DataCatalog.LoadAs by place.
func (s *Selection) LoadAs(ctx context.Context, i int, want reflect.Type) (any, error) {
	ds, err := s.Get(ctx, i)
	if err != nil {
		return nil, err
	}
	return s.catalog.loadNamed(ctx, s.logger(ctx), s.layout.names[i], ds, want)
}

// Save is DataCatalog.Save by place.
func (s *Selection) Save(ctx context.Context, i int, data any) error {
	ds, err := s.Get(ctx, i)
	if err != nil {
		return err
	}
	return s.catalog.saveNamed(ctx, s.logger(ctx), s.layout.names[i], ds, data)
}

// Release is DataCatalog.Release by place.
func (s *Selection) Release(ctx context.Context, i int) error {
	ds, err := s.Get(ctx, i)
	if err != nil {
		return err
	}
	s.catalog.saved.Delete(s.layout.names[i])
	return release(ctx, ds)
}

func (s *Selection) logger(ctx context.Context) *zerolog.Logger {
	if s.log == nil {
		return zerolog.Ctx(ctx)
	}
	return s.log
}
