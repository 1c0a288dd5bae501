package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// scope says which resolvers a pass has.
type scope int

const (
	scopeUsual   scope = iota
	scopeGlobals       // without runtime_params (CFG-054)
	scopeEnv           // with oc.env (CFG-055)
)

func (l *Loader) resolution(s *snapshot, in scope) *resolution {
	// What was settled with other globals than the snapshot's own is of no use to others.
	keep := in == scopeGlobals || l.globals != nil && l.globals.origin == s
	return newResolution(l.resolvers(in), keep)
}

// resolvers finds a resolver by name. Kedro's own go before custom ones, OmegaConf's too.
func (l *Loader) resolvers(in scope) func(name string) (resolver, bool) {
	return func(name string) (resolver, bool) {
		switch {
		case name == "globals":
			return l.globalsValue, true
		case name == "runtime_params" && in != scopeGlobals:
			return l.runtimeValue, true
		}
		if known, ok := builtin(name); ok {
			return known, true
		}
		if resolve, ok := l.opts.Resolvers[name]; ok && name != "runtime_params" {
			return custom(resolve), true
		}
		if name == "oc.env" && in == scopeEnv {
			return environment(l.opts.LookupEnv), true
		}
		return nil, false
	}
}

// runtimeTree is the tree of the runtime parameters.
func (l *Loader) runtimeTree() (*node, error) {
	if l.runtime == nil {
		value, err := pyyaml.FromPlain(l.opts.RuntimeParams)
		if err != nil {
			return nil, failf("ValueError", "read runtime parameters: %v", err)
		}
		tree, err := newTree(value)
		if err != nil {
			return nil, err
		}
		l.runtime = tree
	}
	return l.runtime, nil
}

// loadGlobals reads globals for the resolver (CFG-052).
func (l *Loader) loadGlobals() error {
	s, err := l.opts.Cache.snapshot(l.layout)
	if err != nil {
		return err
	}
	if known := s.globals.Load(); known != nil {
		l.globals = known
		return nil
	}
	k := s.kind("globals")
	value, err := l.load(s, "globals")
	var absent *MissingConfigError
	if errors.As(err, &absent) {
		value, err = pyyaml.NewMap(), nil
	}
	if err != nil {
		return err
	}
	tree, err := newTree(value)
	if err != nil {
		return err
	}
	l.globals = &globals{tree: tree, origin: s, taint: k.taint()}
	if l.globals.taint == 0 {
		s.globals.Store(l.globals)
	}
	return nil
}

// taint tells on what the type's resolved values hang.
func (k *kind) taint() taint {
	var on taint
	for _, side := range []*side{k.base, k.run} {
		if side != nil && side.resolved.Load() != nil {
			on |= side.resolved.Load().taint
		}
	}
	return on
}

// load answers Get for a type that has patterns.
func (l *Loader) load(s *snapshot, key string) (*Mapping, error) {
	k := s.kind(key)
	runtime := len(l.opts.RuntimeParams) > 0
	if known := k.reuse(runtime); known != nil && l.globals != nil && l.globals.origin == s {
		return known, nil
	}
	if absent := k.missing(runtime); absent != nil {
		return nil, absent
	}
	for _, side := range []*side{k.base, k.run} {
		if side == nil {
			continue
		}
		if err := l.read(s, side); err != nil {
			return nil, err
		}
	}
	base, err := l.resolveSide(s, k.base)
	if err != nil {
		return nil, err
	}
	if k.run == nil {
		result := k.finish(base, nil)
		k.keep(result, base, nil, runtime)
		return result, nil
	}
	run, err := l.resolveSide(s, k.run)
	if err != nil {
		return nil, err
	}
	result, err := l.merge(k, base, run)
	if err != nil {
		return nil, err
	}
	if len(k.base.files)+len(k.run.files) == 0 && key != "globals" {
		absent := &MissingConfigError{fmt.Sprintf("No files of YAML or JSON format found in %s or %s matching the glob pattern(s): %s",
			s.base.path, s.run.path, pyyaml.Repr(anyList(l.layout.patterns[key])))}
		if !runtime {
			k.absent.Store(absent)
		}
		return nil, absent
	}
	k.keep(result, base, run, runtime)
	return result, nil
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// read reports what is wrong with the files of a folder (CFG-012, CFG-022, CFG-031).
// Credentials are resolved here, file by file (CFG-056).
func (l *Loader) read(s *snapshot, side *side) error {
	if !side.folder.exists {
		text := "Given configuration path either does not exist or is not a valid directory: " + side.folder.path
		if err := failureOf(s.source); err != nil {
			text += ". Error: " + err.Error()
		}
		return &MissingConfigError{text}
	}
	side.load()
	if side.readErr != nil {
		return side.readErr
	}
	if side.kind == "credentials" {
		if err := l.decode(s, side); err != nil {
			return err
		}
	}
	return side.keyErr
}

// decode resolves the files of credentials one by one, with oc.env, and merges them.
func (l *Loader) decode(s *snapshot, side *side) error {
	r := l.resolution(s, scopeEnv)
	if side.decoded.Load() != nil && r.keep {
		return nil
	}
	roots := make([]*node, len(side.roots))
	for i, root := range side.roots {
		value, err := r.plain(root)
		if err != nil {
			return err
		}
		if roots[i], err = newTree(value); err != nil {
			return unplaced(err)
		}
	}
	merged, err := mergeAll(roots)
	if err == nil && r.keep && r.taint == 0 {
		side.decoded.Store(merged)
		return nil
	}
	l.remember(side, decoded{merged, err})
	return nil
}

// remember keeps credentials that hang on the run until they are resolved.
func (l *Loader) remember(of *side, what decoded) {
	if l.decoded == nil {
		l.decoded = map[*side]decoded{}
	}
	l.decoded[of] = what
}

// decoded is what became of the files of credentials in this run, until they are resolved.
type decoded struct {
	tree *node
	err  error // files that don't fit together
}

// resolveSide resolves one environment (CFG-037, CFG-040).
func (l *Loader) resolveSide(s *snapshot, side *side) (*outcome, error) {
	if side.mergeErr != nil {
		return nil, side.mergeErr
	}
	in := scopeUsual
	tree := side.tree
	r := l.resolution(s, in)
	switch side.kind {
	case "globals":
		r = l.resolution(s, scopeGlobals)
	case "credentials":
		tree = side.decoded.Load()
		if own, ok := l.decoded[side]; ok {
			delete(l.decoded, side)
			if own.err != nil {
				return nil, own.err
			}
			tree, r.keep = own.tree, false
		}
	case "parameters":
		if tree != nil && len(l.opts.RuntimeParams) > 0 {
			var err error
			if tree, err = l.withRuntime(tree); err != nil {
				return nil, err
			}
			r.keep = false
		}
	}
	out, err := side.resolve(r, tree)
	if err != nil {
		return nil, refuseRuntime(err)
	}
	if side.kind == "catalog" && l.opts.RestrictTypeSelection {
		if err := l.guard(r, tree, out); err != nil {
			return nil, err
		}
	}
	return out, side.nameErr
}

// withRuntime merges the runtime parameters over a copy of the parameters.
func (l *Loader) withRuntime(tree *node) (*node, error) {
	runtime, err := l.runtimeTree()
	if err != nil {
		return nil, err
	}
	merged := tree.clone(nil, nil)
	return merged, mergeInto(merged, runtime, l.resolvers(scopeUsual))
}

// refuseRuntime is Kedro's text for runtime_params where they have no place (CFG-054).
func refuseRuntime(err error) error {
	if errorType(err) == "UnsupportedInterpolationType" && strings.Contains(err.Error(), "runtime_params") {
		return failf("UnsupportedInterpolationType", "The `runtime_params:` resolver is not supported for globals.")
	}
	return err
}

// finish makes the result of a destructive merge, from what is known where possible.
func (k *kind) finish(base, run *outcome) *Mapping {
	c := k.combined.Load()
	known := c != nil && c.base == base.resolvedSide && (run == nil || c.run == run.resolvedSide)
	if !known {
		c = combine(base, run, k.name != "parameters")
		if base.kept && (run == nil || run.kept) {
			k.combined.Store(c)
		}
	}
	return c.apply(base, run)
}

// merge puts the run environment over base by the type's strategy (CFG-034..036).
func (l *Loader) merge(k *kind, base, run *outcome) (*Mapping, error) {
	name := "destructive"
	if given, ok := l.layout.strategies[k.name]; ok {
		name = given
	}
	switch strings.ToLower(name) {
	case "destructive":
		l.logOverrides(k, base, run)
		return k.finish(base, run), nil
	case "soft":
		return k.soften(base, run)
	}
	return nil, failf("ValueError", "Merging strategy %s not supported. The accepted merging strategies are ['soft', 'destructive'].", name)
}

// soften merges both sides recursively.
func (k *kind) soften(base, run *outcome) (*Mapping, error) {
	static := base.kept && run.kept && len(base.dynamic)+len(run.dynamic) == 0
	c := k.combined.Load()
	if static && c != nil && c.base == base.resolvedSide && c.run == run.resolvedSide {
		return c.proto, nil
	}
	var trees [2]*node
	for i, side := range []*outcome{base, run} {
		var err error
		if trees[i], err = newTree(combine(side, nil, k.name != "parameters").proto); err != nil {
			return nil, err
		}
	}
	if err := mergeInto(trees[0], trees[1], builtin); err != nil {
		return nil, err
	}
	merged := trees[0].raw().(*pyyaml.Map)
	if static {
		k.combined.Store(&combination{base: base.resolvedSide, run: run.resolvedSide, proto: merged})
	}
	return merged, nil
}

// logOverrides says at DEBUG which keys of base are replaced.
func (l *Loader) logOverrides(k *kind, base, run *outcome) {
	if !l.opts.Logger.Debug().Enabled() {
		return
	}
	var common []string
	for _, key := range run.first.Keys() {
		text, ok := key.(string)
		if _, inBase := base.first.Get(key); inBase && ok && (k.name == "parameters" || !strings.HasPrefix(text, "_")) {
			common = append(common, text)
		}
	}
	if len(common) > 0 {
		slices.Sort(common)
		l.opts.Logger.Debug().Msgf("Config from path '%s' will override the following existing top-level config keys: %s",
			k.run.folder.path, strings.Join(common, ", "))
	}
}
