package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// Mapping is loaded configuration: ordered, immutable, safe to share. Two equal
// pointers mean that nothing changed between two loads through one Cache.
type Mapping = pyyaml.Map

// Resolver computes ${name:arg, ...} (CFG-058). Arguments are parsed literals: nil,
// bool, int, float64, string, []any, *Mapping. The result may be any of these, or plain
// Go maps and slices. An error fails the configuration; its ErrorType method, where it
// has one, names it in the message.
type Resolver func(args []any) (any, error)

// Options are the arguments of Kedro's OmegaConfigLoader (CFG-001).
type Options struct {
	// BaseEnv is the folder of shared configuration below ConfSource. Defaults to ConfSource itself (CFG-008).
	BaseEnv string
	// Cache keeps parsed files over loaders. Defaults to none: files are looked at at every access (CFG-007).
	Cache *Cache
	// ConfSource is the folder or archive with the environments; a URL when the Cache can fetch it (CFG-071). Defaults to the
	// current folder.
	ConfSource string
	// DefaultRunEnv is the run environment when Env is empty. Defaults to ConfSource itself.
	DefaultRunEnv string
	// Env is the run environment. Defaults to DefaultRunEnv.
	Env string
	// Logger takes the DEBUG lines of CFG-034 and CFG-058. Defaults to nowhere.
	Logger zerolog.Logger
	// LookupEnv answers ${oc.env:NAME} in credentials. Defaults to os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// MergeStrategy maps a configuration type to "soft" or "destructive". Defaults to destructive (CFG-034).
	MergeStrategy map[string]string
	// Patterns replaces or adds glob patterns by configuration type (CFG-015). Defaults to Kedro's (CFG-014).
	Patterns map[string][]string
	// ReadHidden reads files in hidden folders too (CFG-019, ignore_hidden=False). Defaults to false.
	ReadHidden bool
	// Resolvers are custom resolvers by name (CFG-058). Defaults to none.
	Resolvers map[string]Resolver
	// RestrictTypeSelection forbids that runtime parameters choose the type of a dataset (CFG-060). Defaults to false.
	RestrictTypeSelection bool
	// RuntimeParams are merged over parameters (CFG-040) and feed ${runtime_params:}. Defaults to none.
	RuntimeParams map[string]any
}

// Loader answers configuration by type: "catalog", "parameters", "credentials",
// "globals" and the keys of Options.Patterns. It belongs to one run and isn't safe for
// concurrent use; many loaders may share a Cache concurrently.
type Loader struct {
	opts     Options
	layout   *layout
	assigned map[string]*Mapping
	globals  *globals          // nil until they are loaded
	runtime  *node             // tree of the runtime parameters, made when first needed
	hits     int               // how often a runtime parameter was found
	decoded  map[*side]decoded // credentials of this run, between reading and resolving
}

// globals are what ${globals:} refers to.
type globals struct {
	tree   *node
	taint  taint
	origin *snapshot // nil when they were assigned
}

// NewLoader makes a loader and reads globals at once: a missing folder is ignored
// there, a broken file is not (CFG-006).
func NewLoader(opts Options) (*Loader, error) {
	if opts.Cache == nil {
		opts.Cache = &Cache{Reload: true}
	}
	l := &Loader{opts: opts}
	var err error
	if l.layout, err = opts.Cache.layout(&l.opts); err != nil {
		return nil, err
	}
	l.logResolvers()
	if err := l.loadGlobals(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Loader) logResolvers() {
	if l.opts.Logger.Debug().Enabled() {
		for _, name := range slices.Sorted(maps.Keys(l.opts.Resolvers)) {
			l.opts.Logger.Debug().Msg("Registering new custom resolver: " + name)
		}
	}
}

// Get loads, merges and resolves the configuration of one type (CFG-002). Errors:
// an unknown type is a KeyError (CFG-003), no files [*MissingConfigError] (CFG-012,
// CFG-020), others are [*Error] or YAML's, with the type and text that Kedro has.
func (l *Loader) Get(key string) (*Mapping, error) {
	if value, ok := l.assigned[key]; ok {
		return value, nil
	}
	if _, ok := l.layout.patterns[key]; !ok {
		return nil, failf("KeyError", "No config patterns were found for '%s' in your config loader", key)
	}
	s, err := l.opts.Cache.snapshot(l.layout)
	if err != nil {
		return nil, err
	}
	return l.load(s, key)
}

// GetOr is Get, but an unknown type gives def; other errors pass (CFG-003).
func (l *Loader) GetOr(key string, def *Mapping) (*Mapping, error) {
	if !l.Has(key) && l.layout.patterns[key] == nil {
		return def, nil
	}
	return l.Get(key)
}

// Set makes Get(key) answer value as it is, bypassing files; "globals" feeds the
// globals resolver too (CFG-004).
func (l *Loader) Set(key string, value *Mapping) error {
	if key == "globals" {
		tree, err := newTree(value)
		if err != nil {
			return fmt.Errorf("set globals: %w", err)
		}
		l.globals = &globals{tree: tree}
	}
	if l.assigned == nil {
		l.assigned = map[string]*Mapping{}
	}
	l.assigned[key] = value
	return nil
}

// Keys are the configured types, sorted (CFG-005).
func (l *Loader) Keys() []string { return slices.Sorted(maps.Keys(l.layout.patterns)) }

// Has tells whether a value was Set for key (CFG-005).
func (l *Loader) Has(key string) bool {
	_, ok := l.assigned[key]
	return ok
}

// layout gives the layout of some options, compiled once.
func (c *Cache) layout(opts *Options) (*layout, error) {
	key := opts.layoutKey()
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.layouts[key]; ok {
		return known, nil
	}
	runEnv := opts.Env
	if runEnv == "" {
		runEnv = opts.DefaultRunEnv
	}
	l := &layout{key: key, confSource: opts.ConfSource, baseEnv: opts.BaseEnv, runEnv: runEnv, hidden: opts.ReadHidden,
		patterns: defaultPatterns(), matchers: map[string]*regexp.Regexp{}, strategies: maps.Clone(opts.MergeStrategy)}
	maps.Copy(l.patterns, opts.Patterns)
	for name, patterns := range l.patterns {
		m, err := matcher(patterns)
		if err != nil {
			return nil, fmt.Errorf("configuration type %s: %w", name, err)
		}
		l.matchers[name] = m
	}
	if c.layouts == nil {
		c.layouts = map[string]*layout{}
	}
	c.layouts[key] = l
	return l, nil
}

// layoutKey is equal for options that read and merge the same files.
func (o *Options) layoutKey() string {
	key := make([]byte, 0, 128)
	for _, text := range []string{o.ConfSource, o.BaseEnv, o.DefaultRunEnv, o.Env} {
		key = append(append(key, text...), 0)
	}
	key = strconv.AppendBool(key, o.ReadHidden)
	if len(o.Patterns)+len(o.MergeStrategy) > 0 {
		for _, name := range slices.Sorted(maps.Keys(o.Patterns)) {
			key = fmt.Appendf(key, " %q%q", name, o.Patterns[name])
		}
		for _, name := range slices.Sorted(maps.Keys(o.MergeStrategy)) {
			key = fmt.Appendf(key, " %q=%q", name, o.MergeStrategy[name])
		}
	}
	return string(key)
}
