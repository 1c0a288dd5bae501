package catalog

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
)

// loggerName is the Kedro logger whose lines a DataCatalog writes.
const loggerName = "kedro.io.data_catalog"

// Options says how a catalog is made from entries.
type Options struct {
	// Credentials are those of credentials.yml, by name.
	Credentials map[string]any
	// Datasets are put into the catalog as they are; they win over entries of the same name (CAT-025).
	Datasets []Named
	// LoadVersions pins versions by dataset name (CAT-024).
	LoadVersions map[string]string
	// Parameters become datasets (CAT-090). Defaults to none.
	Parameters *Parameters
	// SaveVersion is the version that all versioned datasets save. Defaults to a new timestamp.
	SaveVersion string
	// SharedMemory makes SharedMemoryDataset the type of names that nothing describes (Kedro's SharedMemoryDataCatalog).
	SharedMemory bool
	// Types are the types that entries may name. Defaults to NewTypes().
	Types *Types
	// Unvalidated switches declared validators off (Kedro's setting DATASET_VALIDATION = False, CAT-141).
	Unvalidated bool
	// Validators are those that entries may declare. Defaults to none.
	Validators *Validators
}

// Named is a dataset with its name.
type Named struct {
	Name    string
	Dataset Dataset
}

// DataCatalog holds the datasets of one run. It is safe for concurrent use.
type DataCatalog struct {
	blueprint  *Blueprint
	parameters *Parameters

	mu           sync.RWMutex        // guards the fields below
	live         table               // datasets in use, by name
	order        []string            // names in live that are no parameters of the options, in the order of registration
	params       int                 // where in order the parameters stand
	dropped      map[string]struct{} // entries and parameters replaced since
	loadVersions map[string]string   // shared with the options until it is changed
	saveVersion  string
	versioned    []string        // names in live of versioned datasets
	spare        []MemoryDataset // made together with the last one
	wanted       int             // how many may be asked for in a row

	saved sync.Map // names of datasets whose data was validated when this catalog saved it (CAT-147)

	removals atomic.Uint64 // counts the datasets that were replaced: what a Selection has found is good as long as it stays
}

// FromConfig compiles entries and returns a catalog over them (CAT-020). For many catalogs over the same entries
// use Compile once.
func FromConfig(ctx context.Context, entries []Entry, opts Options) (*DataCatalog, error) {
	b, err := Compile(entries, opts)
	if err != nil {
		return nil, err
	}
	return b.Catalog(ctx, opts)
}

// emptyBlueprint describes nothing.
var emptyBlueprint = sync.OnceValue(func() *Blueprint {
	b, err := Compile(nil, Options{})
	if err != nil {
		panic(err) // no entries, no errors
	}
	return b
})

// New returns an empty catalog, to be filled by Set.
func New() *DataCatalog {
	return &DataCatalog{blueprint: emptyBlueprint(), saveVersion: Timestamp()}
}

// Catalog returns a catalog over the blueprint. Of opts it uses Datasets, LoadVersions, Parameters and SaveVersion.
func (b *Blueprint) Catalog(ctx context.Context, opts Options) (*DataCatalog, error) {
	if err := b.checkLoadVersions(opts.LoadVersions); err != nil {
		return nil, err
	}
	c := &DataCatalog{blueprint: b, parameters: opts.Parameters,
		loadVersions: opts.LoadVersions, saveVersion: opts.SaveVersion}
	if c.saveVersion == "" {
		c.saveVersion = Timestamp()
	}
	for _, named := range opts.Datasets {
		if _, ok := b.entries[named.Name]; ok {
			zerolog.Ctx(ctx).Warn().Str("logger", loggerName).Str("dataset", named.Name).
				Msgf("Cannot register dataset '%s' from config: a dataset with the same name was already provided in the `datasets` argument.", named.Name)
			c.drop(named.Name)
		}
		if err := c.register(named.Name, named.Dataset); err != nil {
			return nil, err
		}
	}
	for _, name := range b.untyped {
		if !c.isDropped(name) {
			return nil, missingType(name)
		}
	}
	if b.validates {
		b.warnUnregistered(ctx)
	}
	c.params = len(c.order)
	for i := range opts.Parameters.len() {
		c.replaceByParameter(ctx, opts.Parameters.list[i].Name)
	}
	return c, nil
}

func missingType(name string) error {
	return Errorf("An exception occurred when parsing config for dataset '%s':\n'type' is missing from dataset catalog configuration."+interpolationHint, name, "top level ")
}

func (b *Blueprint) checkLoadVersions(versions map[string]string) error {
	var missing []string
	for name := range versions {
		if _, ok := b.entries[name]; ok {
			continue
		}
		p, _, err := b.matchPattern(name)
		if err != nil {
			return err
		}
		if p == nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return &DatasetError{Kind: kindDatasetNotFound,
		Message: "'load_versions' keys [" + strings.Join(missing, ", ") + "] are not found in the catalog."}
}

// replaceByParameter gives way to a parameter of the name of an entry.
func (c *DataCatalog) replaceByParameter(ctx context.Context, name string) {
	_, entry := c.blueprint.entries[name]
	if _, used := c.live.get(name); entry || used {
		c.warnReplacing(ctx, name)
		c.remove(name)
		delete(c.dropped, name)
	}
}

func (c *DataCatalog) warnReplacing(ctx context.Context, name string) {
	zerolog.Ctx(ctx).Warn().Str("logger", loggerName).Str("dataset", name).Msgf("Replacing dataset '%s'", name)
}

// isDropped, drop, remove, register, find, obtain, build and memory need the lock.
func (c *DataCatalog) isDropped(name string) bool {
	_, ok := c.dropped[name]
	return ok
}

func (c *DataCatalog) drop(name string) {
	if c.dropped == nil {
		c.dropped = map[string]struct{}{}
	}
	c.dropped[name] = struct{}{}
}

// remove forgets a dataset, its entry and its load version.
func (c *DataCatalog) remove(name string) {
	c.live.remove(name)
	c.removals.Add(1)
	c.saved.Delete(name)
	c.drop(name)
	c.versioned = slices.DeleteFunc(c.versioned, func(v string) bool { return v == name })
	if i := slices.Index(c.order, name); i >= 0 {
		c.order = slices.Delete(c.order, i, i+1)
		if i < c.params {
			c.params--
		}
	}
	if _, ok := c.loadVersions[name]; ok {
		c.loadVersions = maps.Clone(c.loadVersions)
		delete(c.loadVersions, name)
	}
}

// register adds a dataset under a free name; its save version must be the catalog's (CAT-072).
func (c *DataCatalog) register(name string, ds Dataset) error {
	if v := versioned(ds); v != nil {
		if err := c.adoptVersion(name, *v.Version()); err != nil {
			return err
		}
		c.versioned = append(c.versioned, name)
	}
	c.live.put(name, ds)
	c.order = append(c.order, name)
	return nil
}

func (c *DataCatalog) adoptVersion(name string, v Version) error {
	if v.Save != "" && c.saveVersion != v.Save {
		return &DatasetError{Kind: kindVersionAlreadyExists, Message: "Cannot add a dataset `" + name + "` with `" + v.Save +
			"` save version. Save version set for the catalog is `" + c.saveVersion +
			"`All datasets in the catalog must have the same save version."}
	}
	if v.Load != "" && c.loadVersions[name] != v.Load {
		pinned := maps.Clone(c.loadVersions)
		if pinned == nil {
			pinned = map[string]string{}
		}
		pinned[name] = v.Load
		c.loadVersions = pinned
	}
	return nil
}

// find returns a dataset that needs no construction of an entry: one in use, or a parameter.
func (c *DataCatalog) find(name string) (ds Dataset, parameter, ok bool) {
	if ds, ok := c.live.get(name); ok {
		return ds, false, true
	}
	if value, ok := c.parameters.get(name); ok && !c.isDropped(name) {
		return newParameter(value), true, true
	}
	return nil, false, false
}

// GetOptions changes what Get answers.
type GetOptions struct {
	// Fallback makes a memory dataset for a name that nothing describes (fallback_to_runtime_pattern).
	Fallback bool
	// Version asks for a copy pinned to it when the dataset is versioned.
	Version *Version
}

// Get returns a dataset, building it at its first use, and registers it. An unknown name is ErrDatasetNotFound.
func (c *DataCatalog) Get(ctx context.Context, name string, opts GetOptions) (Dataset, error) {
	ds, err := c.get(ctx, name, opts.Fallback)
	if err != nil || opts.Version == nil {
		return ds, err
	}
	if v, ok := ds.(Versioned); ok {
		return v.WithVersion(*opts.Version), nil
	}
	return ds, nil
}

func (c *DataCatalog) get(ctx context.Context, name string, fallback bool) (Dataset, error) {
	c.mu.RLock()
	ds, ok := c.live.get(name)
	c.mu.RUnlock()
	if ok {
		return ds, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.obtain(ctx, name, fallback)
}

// obtain is get under the lock.
func (c *DataCatalog) obtain(ctx context.Context, name string, fallback bool) (Dataset, error) {
	ds, parameter, ok := c.find(name)
	if !ok {
		return c.build(ctx, name, fallback)
	}
	if parameter {
		c.live.put(name, ds)
	}
	return ds, nil
}

// build makes the dataset of an entry and registers it.
func (c *DataCatalog) build(ctx context.Context, name string, fallback bool) (Dataset, error) {
	e, err := c.blueprint.resolve(name)
	if err != nil {
		return nil, err
	}
	if (e.pattern == c.blueprint.runtime && !fallback) || (e.pattern == nil && c.isDropped(name)) {
		return nil, &DatasetError{Kind: kindDatasetNotFound, Message: "Dataset '" + name + "' not found in the catalog"}
	}
	c.blueprint.warnCatchAll(ctx, e)
	if _, err := e.validator(); err != nil {
		return nil, err
	}
	ds, err := c.instantiate(ctx, e)
	if err != nil {
		return nil, err
	}
	if err := c.register(name, ds); err != nil {
		return nil, err
	}
	return ds, nil
}

func (c *DataCatalog) instantiate(ctx context.Context, e *entry) (Dataset, error) {
	if e.pattern == c.blueprint.runtime && !c.blueprint.shared {
		return c.memory(), nil
	}
	if _, ok := e.config["type"]; !ok {
		return nil, missingType(e.name)
	}
	if e.pattern != nil && climbs(e.config) > climbs(e.pattern.config) {
		return nil, Errorf("Dataset name '%s' leads out of the folder of the dataset pattern '%s'", e.name, e.pattern.name)
	}
	d, err := e.definite()
	if err != nil {
		return nil, parseError(e.name, err)
	}
	if d.dropped {
		zerolog.Ctx(ctx).Warn().Str("logger", "kedro.io.core").Str("dataset", e.name).
			Msg("'version' attribute removed from dataset configuration since it is a reserved word and cannot be directly specified")
	}
	return c.blueprint.types.instantiate(e.name, d, Version{Load: c.loadVersions[e.name], Save: c.saveVersion})
}

// memory returns an empty dataset. Those of a run are made together.
func (c *DataCatalog) memory() *MemoryDataset {
	if len(c.spare) == 0 {
		c.spare = make([]MemoryDataset, max(c.wanted, 1))
	}
	m := &c.spare[0]
	c.spare = c.spare[1:]
	return m
}

// climbs counts the parts ".." of the paths in an entry: a name that fills a pattern must not add any.
func climbs(value any) int {
	n := 0
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			if path, ok := item.(string); !ok {
				n += climbs(item)
			} else if key == "filepath" || key == "path" || key == "filename" {
				for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' }) {
					if part == ".." {
						n++
					}
				}
			}
		}
	case []any:
		for _, item := range v {
			n += climbs(item)
		}
	}
	return n
}

// Set puts a dataset into the catalog; any other value, nil too, is wrapped in a MemoryDataset (CAT-054).
func (c *DataCatalog) Set(ctx context.Context, name string, value any) error {
	ds, ok := value.(Dataset)
	if !ok {
		memory, err := NewMemory(value, "")
		if err != nil {
			return err
		}
		ds = memory
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.registered(name) {
		c.warnReplacing(ctx, name)
		c.remove(name)
	}
	return c.register(name, ds)
}

// registered tells whether a name is in use or has an entry or a parameter of its own; it needs the lock.
func (c *DataCatalog) registered(name string) bool {
	if _, ok := c.live.get(name); ok {
		return true
	}
	if c.isDropped(name) {
		return false
	}
	_, entry := c.blueprint.entries[name]
	_, parameter := c.parameters.get(name)
	return entry || parameter
}

// Has tells whether a name is registered or described by a pattern of the user (CAT-050).
func (c *DataCatalog) Has(name string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.registered(name) {
		return true
	}
	if _, explicit := c.blueprint.entries[name]; explicit {
		return false // it was replaced and the replacement is gone
	}
	return c.blueprint.describes(name)
}

// Keys lists the registered names: those not used yet, then those in use, each in the order of registration (CAT-053).
func (c *DataCatalog) Keys() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	keys := make([]string, 0, len(c.blueprint.names)+len(c.order)+c.parameters.len())
	for _, name := range c.blueprint.names {
		if _, used := c.live.get(name); !used && !c.isDropped(name) && !c.parameters.has(name) {
			keys = append(keys, name)
		}
	}
	keys = append(keys, c.order[:c.params]...)
	for i := range c.parameters.len() {
		if name := c.parameters.list[i].Name; !c.isDropped(name) {
			keys = append(keys, name)
		}
	}
	return append(keys, c.order[c.params:]...)
}

// SaveVersion returns the version that versioned datasets of this catalog save (CAT-066).
func (c *DataCatalog) SaveVersion() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.saveVersion
}

// Patterns lists the dataset factories in the order in which they are tried, the runtime pattern last (CAT-161).
func (c *DataCatalog) Patterns() []string { return c.blueprint.Patterns() }
