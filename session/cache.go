package session

import (
	"sync"
	"sync/atomic"
)

// latest remembers the value of the last key: what doesn't depend on runtime
// parameters has the same key in every run, and what does is never asked for again.
// Its zero value is empty.
type latest[K comparable, V any] struct {
	entry atomic.Pointer[struct {
		key   K
		value V
	}]
}

// get returns the value for key, made by build when key isn't the last one.
func (l *latest[K, V]) get(key K, build func() (V, error)) (V, error) {
	if e := l.entry.Load(); e != nil && e.key == key {
		return e.value, nil
	}
	value, err := build()
	if err != nil {
		return value, err
	}
	l.entry.Store(&struct {
		key   K
		value V
	}{key, value})
	return value, nil
}

// maxSlices bounds the sliced pipelines that a session remembers, since filters come
// from requests.
const maxSlices = 1024

// sliceCache remembers sliced pipelines by names and filters. Its zero value is empty.
type sliceCache struct {
	mu     sync.RWMutex // guards the fields below
	slices map[string]*slice
}

func (c *sliceCache) get(key []byte) *slice {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.slices[string(key)] // no copy of the key
}

func (c *sliceCache) put(key []byte, s *slice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slices == nil || len(c.slices) >= maxSlices {
		c.slices = make(map[string]*slice)
	}
	c.slices[string(key)] = s
}
