package config

import (
	"bytes"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// walkInterval is how long a listing of the folders is taken for true.
const walkInterval = 100 * time.Millisecond

// Cache keeps parsed files, folder listings and resolved configuration over the
// loaders of a session. The zero value is ready; it is safe for concurrent use.
type Cache struct {
	// Reload walks the folders at every access instead of at most once in 100 ms.
	Reload bool

	// Fetch reads remote sources (CFG-071), at most once in 10 s unless Reload. Defaults to none: they are refused.
	Fetch Fetch

	archives archives
	remotes  remotes
	mu       sync.Mutex // guards the fields below
	layouts  map[string]*layout
	states   map[string]*snapshot
	parsed   map[string]*parsedFile
}

// layout is what decides which files are read and how they are merged.
type layout struct {
	key             string // equal for equal layouts
	confSource      string
	baseEnv, runEnv string
	hidden          bool
	patterns        map[string][]string
	matchers        map[string]*regexp.Regexp
	strategies      map[string]string
}

// reads tells whether any type of configuration wants the file.
func (l *layout) reads(relative string) bool {
	for _, m := range l.matchers {
		if m != nil && m.MatchString(relative) {
			return true
		}
	}
	return false
}

// snapshot is the state of the folders of one layout, with everything derived from it.
type snapshot struct {
	layout *layout
	source source
	base   *folder
	run    *folder // same as base when the environments are equal

	mu      sync.Mutex // guards the fields below
	checked time.Time
	kinds   map[string]*kind
	globals atomic.Pointer[globals]
}

// folder is one environment.
type folder struct {
	path    string
	exists  bool
	files   []file
	content []*parsedFile // of files
}

// snapshot gives the current state of a layout; its folders are walked if that is due.
func (c *Cache) snapshot(l *layout) (*snapshot, error) {
	now := time.Now()
	c.mu.Lock()
	known := c.states[l.key]
	c.mu.Unlock()
	if known != nil && !c.Reload && known.fresh(now) {
		return known, nil
	}
	next, err := c.walk(l)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if latest := c.states[l.key]; latest != nil && latest.same(next) {
		latest.touch(now)
		return latest, nil
	}
	next.checked = now
	if c.states == nil {
		c.states = map[string]*snapshot{}
	}
	c.states[l.key] = next
	return next, nil
}

func (s *snapshot) fresh(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.checked) < walkInterval
}

func (s *snapshot) touch(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked = now
}

// same tells whether two snapshots have the same files with the same content.
func (s *snapshot) same(other *snapshot) bool {
	return s.base.same(other.base) && s.run.same(other.run)
}

func (f *folder) same(other *folder) bool {
	return f.path == other.path && f.exists == other.exists && slices.Equal(f.content, other.content)
}

// walk lists both folders of a layout and parses what is new in them.
func (c *Cache) walk(l *layout) (*snapshot, error) {
	src, err := c.openSource(l.confSource)
	if err != nil {
		return nil, err
	}
	s := &snapshot{layout: l, source: src, kinds: map[string]*kind{}}
	if s.base, err = c.folder(src, l, l.baseEnv); err != nil {
		return nil, err
	}
	s.run = s.base
	if l.runEnv != l.baseEnv {
		if s.run, err = c.folder(src, l, l.runEnv); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (c *Cache) folder(src source, l *layout, env string) (*folder, error) {
	f := &folder{path: src.folder(env)}
	var err error
	if f.files, f.exists, err = src.list(f.path); err != nil {
		return nil, err
	}
	if !l.hidden {
		f.files = slices.DeleteFunc(f.files, func(file file) bool { return hidden(l.confSource, file) })
	}
	matched := f.files[:0]
	for _, file := range f.files {
		if l.reads(file.relative) {
			matched = append(matched, file)
			f.content = append(f.content, c.parse(src, file))
		}
	}
	f.files = matched
	return f, nil
}

// parse reads and parses a file unless that was done before.
func (c *Cache) parse(src source, f file) *parsedFile {
	now := time.Now()
	c.mu.Lock()
	known := c.parsed[f.path]
	same := known != nil && known.identity == f.identity && !known.racy
	c.mu.Unlock()
	if same {
		return known
	}
	data, err := src.read(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	racy := now.Sub(f.identity.changed) < walkInterval
	if known != nil && err == nil && known.readErr == nil && bytes.Equal(known.data, data) {
		known.identity, known.racy = f.identity, racy
		return known
	}
	if c.parsed == nil {
		c.parsed = map[string]*parsedFile{}
	}
	next := &parsedFile{path: f.path, data: data, readErr: err, identity: f.identity, racy: racy || err != nil}
	c.parsed[f.path] = next
	return next
}
