package catalog

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// Entry is one entry of catalog.yml. Config is a map[string]any; anything else is refused with Kedro's words (CAT-021).
type Entry struct {
	Name   string
	Config any
}

const (
	runtimePattern     = "{default}"
	memoryType         = "kedro.io.MemoryDataset"
	sharedMemoryType   = "kedro.io.SharedMemoryDataset"
	maxResolvedEntries = 1 << 16 // names from patterns that a blueprint remembers
)

// Blueprint is the compiled form of catalog entries: immutable, safe for concurrent use, shared by many catalogs.
// It remembers the entries that patterns gave for names, so a second catalog doesn't match them again.
type Blueprint struct {
	types       *Types
	names       []string // explicit entries, in order
	untyped     []string // those of them without a type: the first one in use is an error
	entries     map[string]*entry
	patterns    []*pattern // in matching order
	catchAll    *pattern   // of the user, or nil
	runtime     *pattern
	shared      bool // what nothing describes is a SharedMemoryDataset
	credentials map[string]any
	validators  *Validators
	validates   bool // some entry or pattern declares a validator
	unvalidated bool // validators are off unless the environment says otherwise

	resolved  sync.Map // name -> *entry, from patterns
	count     atomic.Int64
	described atomic.Pointer[described] // of the last layout
}

// pattern is a dataset factory.
type pattern struct {
	name    string
	config  map[string]any
	matcher *matcher
}

func newPattern(name string, config map[string]any) *pattern {
	return &pattern{name: name, config: config, matcher: newMatcher(name)}
}

// entry is the configuration of one name, with credentials in place and placeholders filled. It is never changed.
type entry struct {
	name     string
	config   map[string]any
	pattern  *pattern // that it was made from, or nil
	definite func() (definition, error)
	declared func() (*validatorSpec, error) // nil when it declares no validator
}

// validator returns the validator that the entry declares; nil when it has none.
func (e *entry) validator() (*validatorSpec, error) {
	if e.declared == nil {
		return nil, nil
	}
	return e.declared()
}

func (b *Blueprint) newEntry(name string, config map[string]any, from *pattern) *entry {
	e := &entry{name: name, config: config, pattern: from}
	e.definite = sync.OnceValues(func() (definition, error) { return b.types.define(config) })
	if _, ok := config[validatorKey]; ok {
		e.declared = sync.OnceValues(func() (*validatorSpec, error) { return b.parseValidator(name, config) })
	}
	return e
}

// Compile checks entries, resolves their credentials and orders the patterns. Of opts it uses Credentials,
// SharedMemory, Types, Unvalidated and Validators.
func Compile(entries []Entry, opts Options) (*Blueprint, error) {
	b := &Blueprint{types: opts.Types, entries: make(map[string]*entry, len(entries)), credentials: opts.Credentials, shared: opts.SharedMemory,
		validators: opts.Validators, unvalidated: opts.Unvalidated}
	if b.types == nil {
		b.types = NewTypes()
	}
	b.runtime = newPattern(runtimePattern, map[string]any{"type": memoryType})
	if b.shared {
		b.runtime.config = map[string]any{"type": sharedMemoryType}
	}
	if err := b.addPatterns(entries); err != nil {
		return nil, err
	}
	return b, b.addEntries(entries)
}

func (b *Blueprint) addPatterns(entries []Entry) error {
	for _, e := range entries {
		if !isPattern(e.Name) {
			continue
		}
		if err := checkPlaceholders(e.Name, e.Config); err != nil {
			return err
		}
		config, err := b.withCredentials(e.Config)
		if err != nil {
			return err
		}
		b.patterns = append(b.patterns, newPattern(e.Name, config))
		if _, ok := config[validatorKey]; ok {
			b.validates = true
		}
	}
	sortPatterns(b.patterns)
	var catchAll []string
	for _, p := range b.patterns {
		if specificity(p.name) == 0 {
			catchAll = append(catchAll, p.name)
		}
	}
	if len(catchAll) > 1 {
		return Errorf("Multiple catch-all patterns found in the catalog: %s. Only one catch-all pattern is allowed, remove the extras.",
			strings.Join(catchAll, ", "))
	}
	if len(catchAll) == 1 {
		last := len(b.patterns) - 1
		b.catchAll, b.patterns = b.patterns[last], b.patterns[:last]
	}
	return nil
}

// sortPatterns puts the most specific pattern first (CAT-042).
func sortPatterns(patterns []*pattern) {
	slices.SortStableFunc(patterns, func(a, c *pattern) int {
		return cmp.Or(specificity(c.name)-specificity(a.name),
			strings.Count(c.name, "{")-strings.Count(a.name, "{"),
			strings.Compare(a.name, c.name))
	})
}

// checkPlaceholders refuses a body that uses placeholders which the pattern's name lacks (CAT-044).
func checkPlaceholders(name string, config any) error {
	used := map[string]bool{}
	placeholdersIn(config, used)
	for _, known := range placeholder.FindAllString(name, -1) {
		delete(used, known)
	}
	if len(used) == 0 {
		return nil
	}
	return Errorf("Incorrect dataset configuration provided. Keys used in the configuration %s should present in the dataset pattern name %s.",
		quoteSet(slices.Sorted(maps.Keys(used))), name)
}

const interpolationHint = "\nHint: If this catalog entry is intended for variable interpolation, make sure that the %skey is preceded by an underscore."

func (b *Blueprint) addEntries(entries []Entry) error {
	for _, e := range entries {
		if _, ok := e.Config.(map[string]any); !ok {
			return Errorf("Catalog entry '%s' is not a valid dataset configuration. "+interpolationHint, e.Name, "")
		}
		if isPattern(e.Name) {
			continue
		}
		config, err := b.withCredentials(e.Config)
		if err != nil {
			return err
		}
		if _, again := b.entries[e.Name]; !again {
			b.names = append(b.names, e.Name)
		}
		if _, typed := config["type"]; !typed {
			b.untyped = append(b.untyped, e.Name)
		}
		made := b.newEntry(e.Name, config, nil)
		if s, err := made.validator(); err != nil {
			return err
		} else if s != nil {
			b.validates = true
		}
		b.entries[e.Name] = made
	}
	return nil
}

// withCredentials replaces the names of credentials by the credentials (CAT-030).
func (b *Blueprint) withCredentials(config any) (map[string]any, error) {
	m, ok := config.(map[string]any)
	if !ok {
		return nil, raise("AttributeError", "'%s' object has no attribute 'items'", typeName(config))
	}
	out := make(map[string]any, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value := m[key]
		if name, ok := value.(string); ok && key == "credentials" {
			found, ok := b.credentials[name]
			if !ok {
				return nil, raise("KeyError", "Unable to find credentials '%s': check your data catalog and credentials configuration. "+
					"See https://docs.kedro.org/en/stable/catalog-data/data_catalog/ for an example.", name)
			}
			out[key] = found
			continue
		}
		if inner, ok := value.(map[string]any); ok {
			resolved, err := b.withCredentials(inner)
			if err != nil {
				return nil, err
			}
			out[key] = resolved
			continue
		}
		out[key] = value
	}
	return out, nil
}

// matchPattern finds the first ordinary pattern that matches name; nil when there is none.
func (b *Blueprint) matchPattern(name string) (*pattern, map[string]any, error) {
	for _, p := range b.patterns {
		fields, ok, err := p.matcher.match(name)
		if ok || err != nil {
			return p, fields, err
		}
	}
	return nil, nil, nil
}

// matchCatchAll matches name against the user's catch-all pattern.
func (b *Blueprint) matchCatchAll(name string) (*pattern, map[string]any, error) {
	if b.catchAll == nil {
		return nil, nil, nil
	}
	fields, ok, err := b.catchAll.matcher.match(name)
	if !ok {
		return nil, nil, err
	}
	return b.catchAll, fields, err
}

// matchAny finds the pattern for name: an ordinary one, the user's catch-all, the runtime pattern (CAT-045).
func (b *Blueprint) matchAny(name string) (*pattern, map[string]any, error) {
	if p, fields, err := b.matchPattern(name); p != nil || err != nil {
		return p, fields, err
	}
	if p, fields, err := b.matchCatchAll(name); p != nil || err != nil {
		return p, fields, err
	}
	fields, ok, err := b.runtime.matcher.match(name)
	if err == nil && !ok {
		err = raise("StopIteration", "") // Kedro's answer to an empty name
	}
	return b.runtime, fields, err
}

// resolve returns the entry of name, made from a pattern when there is no explicit one.
func (b *Blueprint) resolve(name string) (*entry, error) {
	if e, ok := b.entries[name]; ok {
		return e, nil
	}
	if e, ok := b.resolved.Load(name); ok {
		return e.(*entry), nil
	}
	p, fields, err := b.matchAny(name)
	if err != nil {
		return nil, err
	}
	filled, err := fillAll(p.config, fields)
	if err != nil {
		return nil, err
	}
	e := b.newEntry(name, filled.(map[string]any), p)
	if b.count.Add(1) <= maxResolvedEntries {
		b.resolved.Store(name, e)
	}
	return e, nil
}

// describes tells whether an explicit entry, a pattern or the user's catch-all describes name (CAT-050).
func (b *Blueprint) describes(name string) bool {
	e, err := b.resolve(name)
	return err == nil && e.pattern != b.runtime
}

// warnCatchAll logs that the user's catch-all pattern made an entry (CAT-046).
func (b *Blueprint) warnCatchAll(ctx context.Context, e *entry) {
	if e.pattern != nil && e.pattern == b.catchAll {
		zerolog.Ctx(ctx).Warn().Str("logger", "kedro.io.catalog_config_resolver").Str("dataset", e.name).
			Msgf("Config from the dataset pattern '%s' in the catalog will be used to override the default dataset creation for '%s'", e.pattern.name, e.name)
	}
}

// Patterns lists the dataset factories in the order in which they are tried, the runtime pattern last (CAT-161).
func (b *Blueprint) Patterns() []string {
	var names []string
	for _, p := range b.patterns {
		names = append(names, p.name)
	}
	if b.catchAll != nil {
		names = append(names, b.catchAll.name)
	}
	if !slices.Contains(names, b.runtime.name) {
		names = append(names, b.runtime.name)
	}
	return names
}
