package config

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// kind is one type of configuration in one snapshot.
type kind struct {
	name string
	base *side
	run  *side // nil when the environments are equal

	combined atomic.Pointer[combination]
	// done is the last result that may serve other runs as well.
	done atomic.Pointer[finished]
	// absent says that there are no files, once that was found out without runtime parameters.
	absent atomic.Pointer[MissingConfigError]
}

// finished is a result, and on what it hangs.
type finished struct {
	value *pyyaml.Map
	taint taint
}

// reuse gives a result that holds for a run as well: it hangs on nothing, or on runtime
// parameters when neither run has any.
func (k *kind) reuse(runtime bool) *pyyaml.Map {
	done := k.done.Load()
	switch {
	case done == nil, runtime && (done.taint != 0 || k.name == "parameters"):
		return nil
	}
	return done.value
}

// missing gives the error of a type without files, nil when it may have some.
func (k *kind) missing(runtime bool) *MissingConfigError {
	if runtime && k.name == "parameters" {
		return nil // the runtime parameters may be wrong, which counts first
	}
	return k.absent.Load()
}

// keep stores a result for reuse.
func (k *kind) keep(value *pyyaml.Map, base, run *outcome, runtime bool) {
	on, kept := base.taint, base.kept
	if run != nil {
		on, kept = on|run.taint, kept && run.kept
	}
	if kept && on&taintOutside == 0 && (on == 0 || !runtime) {
		k.done.Store(&finished{value, on})
	}
}

// side is what one environment has of a type.
type side struct {
	folder *folder
	kind   string
	files  []*parsedFile

	once     sync.Once
	readErr  error   // of parsing a file
	keyErr   error   // duplicate keys
	mergeErr error   // files that don't fit together, found when both environments are read
	nameErr  error   // a key that isn't text, found after resolution
	roots    []*node // of credentials: the trees of the files
	tree     *node   // of other types: all files merged; nil when there are none

	resolved atomic.Pointer[resolvedSide]
	// decoded is the tree of credentials once their files are resolved one by one.
	decoded atomic.Pointer[node]
}

// resolvedSide is the first resolution of a side.
type resolvedSide struct {
	first   *pyyaml.Map
	dynamic []int // positions of the entries that hang on the run
	taint   taint
}

// outcome is the resolution of a side in one run: where dynamic entries got values.
type outcome struct {
	*resolvedSide
	values map[int]any
	kept   bool // resolvedSide is the one of all runs
}

// full is the resolved mapping of the side.
func (o *outcome) full() *pyyaml.Map {
	if len(o.values) == 0 {
		return o.first
	}
	return o.first.Replace(o.values)
}

// kind gives the state of a type; files are assigned to it by its patterns.
func (s *snapshot) kind(name string) *kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.kinds[name]; ok {
		return k
	}
	k := &kind{name: name, base: s.side(s.base, name)}
	if s.run != s.base {
		k.run = s.side(s.run, name)
	}
	s.kinds[name] = k
	return k
}

func (s *snapshot) side(f *folder, name string) *side {
	side := &side{folder: f, kind: name}
	matcher := s.layout.matchers[name]
	for i, file := range f.files {
		if matcher != nil && matcher.MatchString(file.relative) {
			side.files = append(side.files, f.content[i])
		}
	}
	return side
}

// load parses and merges the files, once. Credentials are resolved file by file, so
// they are merged later (CFG-056).
func (s *side) load() {
	s.once.Do(func() {
		roots := make([]*node, len(s.files))
		for i, file := range s.files {
			if roots[i], s.readErr = file.tree(); s.readErr != nil {
				return
			}
		}
		if s.keyErr = checkDuplicates(s.kind, s.files, roots); s.keyErr == nil && s.kind != "parameters" {
			s.nameErr = checkNames(roots)
		}
		switch {
		case s.kind == "credentials":
			s.roots = roots
		case s.keyErr == nil:
			s.tree, s.mergeErr = mergeAll(roots)
		}
	})
}

// mergeAll merges the trees of files into one, nil when there are none, and uses them up.
func mergeAll(roots []*node) (*node, error) {
	if len(roots) == 0 {
		return nil, nil
	}
	merged := roots[0]
	m := merger{resolvers: builtin, consume: true}
	for _, root := range roots[1:] {
		if err := m.merge(merged, root); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// resolve resolves the entries of a tree; with keep only those that hang on the run,
// after the first time.
func (s *side) resolve(r *resolution, tree *node) (*outcome, error) {
	if tree == nil {
		return s.resolveNothing(r), nil
	}
	if tree.kind == listNode {
		return nil, failf("AttributeError", "'list' object has no attribute 'items'")
	}
	if known := s.resolved.Load(); known != nil && r.keep {
		return known.again(r, tree)
	}
	done := &resolvedSide{}
	pairs := make([]pyyaml.Pair, len(tree.items))
	for i, item := range tree.items {
		before := r.begin()
		value, err := r.plain(item)
		if err != nil {
			return nil, tree.place(tree.keys[i], err)
		}
		if on := r.end(before); on != 0 {
			done.dynamic = append(done.dynamic, i)
			done.taint |= on
		}
		pairs[i] = pyyaml.Pair{Key: tree.keys[i], Value: value}
	}
	done.first = pyyaml.NewMap(pairs...)
	if r.keep {
		s.resolved.Store(done)
	}
	return &outcome{resolvedSide: done, kept: r.keep}, nil
}

// resolveNothing is the outcome of a side without files: the same one in all runs, so
// that what is made of it can be recognised.
func (s *side) resolveNothing(r *resolution) *outcome {
	known := s.resolved.Load()
	if known == nil || !r.keep {
		known = &resolvedSide{first: pyyaml.NewMap()}
	}
	if r.keep {
		s.resolved.Store(known)
	}
	return &outcome{resolvedSide: known, kept: r.keep}
}

// checkNames refuses top-level keys that aren't text, where Kedro looks for a leading "_".
func checkNames(roots []*node) error {
	for _, root := range roots {
		for _, key := range root.keys {
			if _, err := argumentText(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// again resolves what hangs on the run.
func (done *resolvedSide) again(r *resolution, tree *node) (*outcome, error) {
	out := &outcome{resolvedSide: done, kept: true}
	if len(done.dynamic) == 0 {
		return out, nil
	}
	out.values = make(map[int]any, len(done.dynamic))
	for _, i := range done.dynamic {
		value, err := r.plain(tree.items[i])
		if err != nil {
			return nil, tree.place(tree.keys[i], err)
		}
		out.values[i] = value
	}
	return out, nil
}

// combination is how the entries of two sides make the result.
type combination struct {
	base, run *resolvedSide
	proto     *pyyaml.Map
	positions [2][]int // of each entry of base and run in proto, -1 when it isn't there
}

// combine merges two outcomes destructively, without templates when drop is set
// (CFG-034, CFG-038). run is nil when there is one environment.
func combine(base, run *outcome, drop bool) *combination {
	c := &combination{base: base.resolvedSide}
	var pairs []pyyaml.Pair
	places := map[any]int{}
	for which, side := range []*outcome{base, run} {
		if side == nil {
			continue
		}
		for key, value := range side.full().All() {
			at, known := places[pyyaml.Canonical(key)]
			switch {
			case drop && isTemplate(key):
				at = -1
			case known:
				pairs[at].Value = value
			default:
				at = len(pairs)
				places[pyyaml.Canonical(key)] = at
				pairs = append(pairs, pyyaml.Pair{Key: key, Value: value})
			}
			c.positions[which] = append(c.positions[which], at)
		}
	}
	if run != nil {
		c.run = run.resolvedSide
		c.hideReplaced()
	}
	c.proto = pyyaml.NewMap(pairs...)
	return c
}

// hideReplaced forgets where entries of base were that run replaces.
func (c *combination) hideReplaced() {
	replaced := map[int]bool{}
	for _, at := range c.positions[1] {
		replaced[at] = true
	}
	for i, at := range c.positions[0] {
		if replaced[at] {
			c.positions[0][i] = -1
		}
	}
}

// isTemplate tells whether a top-level key is only there to be referred to.
func isTemplate(key any) bool {
	text, ok := key.(string)
	return ok && strings.HasPrefix(text, "_")
}

// apply puts the values of a run into the result. Without any it is the very same
// mapping for all runs.
func (c *combination) apply(base, run *outcome) *pyyaml.Map {
	values := map[int]any{}
	for which, side := range []*outcome{base, run} {
		if side == nil {
			continue
		}
		for i, value := range side.values {
			if at := c.positions[which][i]; at >= 0 {
				values[at] = value
			}
		}
	}
	if len(values) == 0 {
		return c.proto
	}
	return c.proto.Replace(values)
}
