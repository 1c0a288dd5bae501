package catalog

import (
	"maps"
	"reflect"
	"slices"
)

// Exported is a catalog as configuration again (CAT-130).
type Exported struct {
	Catalog      []Entry
	Credentials  map[string]any
	LoadVersions map[string]string // "" where none is pinned
	SaveVersion  string
}

// Configured is implemented by datasets that can tell the catalog entry they were made from.
type Configured interface{ Config() map[string]any }

// ToConfig exports the catalog. Memory datasets, and so parameters, are left out, as are datasets that were put in by Set
// and know no entry.
func (c *DataCatalog) ToConfig() Exported {
	c.mu.RLock()
	saveVersion, loadVersions := c.saveVersion, c.loadVersions
	c.mu.RUnlock()
	out := Exported{Credentials: map[string]any{}, LoadVersions: map[string]string{}, SaveVersion: saveVersion}
	for _, name := range c.Keys() {
		config, ok := c.config(name)
		if !ok || isMemoryType(config["type"]) {
			continue
		}
		config = unresolveCredentials(name, config, out.Credentials)
		if s, err := c.validatorOf(name); s != nil && err == nil {
			config[validatorKey] = s.config()
		}
		out.Catalog = append(out.Catalog, Entry{Name: name, Config: config})
		out.LoadVersions[name] = loadVersions[name]
	}
	return out
}

// config returns the entry of a registered name, without metadata; false for one that has none.
func (c *DataCatalog) config(name string) (map[string]any, bool) {
	c.mu.RLock()
	ds, _, inUse := c.find(name)
	replaced := c.isDropped(name)
	c.mu.RUnlock()
	if configured, ok := ds.(Configured); ok && inUse {
		return configured.Config(), true
	}
	if c.parameters.has(name) || replaced {
		return nil, false
	}
	if _, explicit := c.blueprint.entries[name]; !explicit && !c.blueprint.describes(name) {
		return nil, false
	}
	e, err := c.blueprint.resolve(name)
	if err != nil {
		return nil, false
	}
	config := maps.Clone(e.config)
	if d, err := e.definite(); err == nil && inUse {
		config["type"] = d.class
		delete(config, "metadata")
	}
	return config, true
}

func isMemoryType(name any) bool {
	return name == "MemoryDataset" || name == memoryClass || name == memoryType
}

// unresolveCredentials replaces the first credentials found by a reference, name_credentials, and stores them.
func unresolveCredentials(name string, config map[string]any, into map[string]any) map[string]any {
	reference := name + "_credentials"
	out := maps.Clone(config)
	for _, key := range slices.Sorted(maps.Keys(out)) {
		if key == "credentials" && truthy(out[key]) {
			into[reference] = out[key]
			out[key] = reference
			return out
		}
		if inner, ok := out[key].(map[string]any); ok {
			out[key] = unresolveCredentials(name, inner, into)
		}
	}
	return out
}

// Equal tells whether two catalogs hold the same datasets in use, entries and patterns (CAT-062).
func (c *DataCatalog) Equal(other *DataCatalog) bool {
	names := c.Keys()
	if !slices.Equal(names, other.Keys()) || !slices.Equal(c.Patterns(), other.Patterns()) {
		return false
	}
	for _, name := range names {
		if !sameDataset(c, other, name) {
			return false
		}
	}
	for i, p := range c.blueprint.patterns {
		if !reflect.DeepEqual(p.config, other.blueprint.patterns[i].config) {
			return false
		}
	}
	return true
}

// sameDataset compares what two catalogs have under a name: the dataset in use, else the entry or the parameter.
func sameDataset(a, b *DataCatalog, name string) bool {
	mine, mineInUse := a.inUse(name)
	theirs, theirsInUse := b.inUse(name)
	if mineInUse || theirsInUse {
		return mine == theirs
	}
	if value, ok := a.parameters.get(name); ok {
		other, _ := b.parameters.get(name)
		return reflect.DeepEqual(value, other)
	}
	config, _ := a.config(name)
	other, _ := b.config(name)
	return reflect.DeepEqual(config, other)
}

func (c *DataCatalog) inUse(name string) (Dataset, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	ds, parameter, ok := c.find(name)
	return ds, ok && !parameter
}

// Usage tells the datasets of one pipeline, each type with its names in order (CAT-160).
type Usage struct {
	Datasets  map[string][]string // registered
	Factories map[string][]string // made by patterns
	Defaults  map[string][]string // by the user's catch-all or in memory
}

// DescribeDatasets groups the datasets of a pipeline, given by name, by where they come from and by type. Parameters are
// left out (CAT-160).
func (c *DataCatalog) DescribeDatasets(names []string) (Usage, error) {
	u := Usage{Datasets: map[string][]string{}, Factories: map[string][]string{}, Defaults: map[string][]string{}}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if IsParameter(name) {
			continue
		}
		class, err := c.Type(name)
		if err != nil {
			return Usage{}, err
		}
		if class == "" {
			class, _ = c.blueprint.runtime.config["type"].(string)
		}
		group, err := c.group(u, name)
		if err != nil {
			return Usage{}, err
		}
		if !slices.Contains(group[class], name) {
			group[class] = append(group[class], name)
		}
	}
	return u, nil
}

func (c *DataCatalog) group(u Usage, name string) (map[string][]string, error) {
	c.mu.RLock()
	registered := c.registered(name)
	c.mu.RUnlock()
	if registered {
		return u.Datasets, nil
	}
	p, _, err := c.blueprint.matchPattern(name)
	if p != nil {
		return u.Factories, err
	}
	return u.Defaults, err
}

// ResolvePatterns returns the configuration of every registered dataset and of the given names, with credentials replaced by
// references. Parameters are left out (CAT-162).
func (c *DataCatalog) ResolvePatterns(names []string) (map[string]map[string]any, error) {
	out := map[string]map[string]any{}
	for _, name := range append(c.Keys(), names...) {
		if _, done := out[name]; done || IsParameter(name) {
			continue
		}
		config, ok := c.config(name)
		if !ok {
			e, err := c.blueprint.resolve(name)
			if err != nil {
				return nil, err
			}
			config = e.config
		}
		out[name] = unresolveCredentials(name, config, map[string]any{})
	}
	return out, nil
}
