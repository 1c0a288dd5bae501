package catalog

import (
	"context"
	"sync"
)

const cachedClass = "kedro.io.cached_dataset.CachedDataset"

// CachedDataset keeps the data of another dataset in memory once it was loaded or saved (CAT-120).
type CachedDataset struct {
	dataset Dataset
	cache   *MemoryDataset
	loading sync.Mutex // one first load at a time, so that the inner dataset is read once
	version *Version   // as asked for in the entry
}

var _ Dataset = (*CachedDataset)(nil)

// NewCached wraps ds. copyMode is that of NewMemory.
func NewCached(ds Dataset, copyMode string) *CachedDataset {
	return &CachedDataset{dataset: ds, cache: &MemoryDataset{copyMode: copyMode}}
}

func buildCached(spec Spec) (Dataset, error) {
	if err := spec.Arguments([]string{"dataset"}, "version", "copy_mode", "metadata"); err != nil {
		return nil, err
	}
	mode := ""
	if spec.Args["copy_mode"] != nil {
		mode = display(spec.Args["copy_mode"])
	}
	switch inner := spec.Args["dataset"].(type) {
	case Dataset:
		return NewCached(inner, mode), nil
	case map[string]any:
		ds, err := buildInner(spec, inner)
		if err != nil {
			return nil, err
		}
		c := NewCached(ds, mode)
		c.version = spec.Version
		return c, nil
	}
	return nil, raise("ValueError", "The argument type of 'dataset' should be either a dict/YAML representation of the dataset, or the actual dataset object.")
}

func buildInner(spec Spec, config map[string]any) (Dataset, error) {
	if _, ok := config["versioned"]; ok {
		return nil, raise("ValueError", "Cached datasets should specify that they are versioned in the 'CachedDataset', not in the wrapped dataset.")
	}
	if _, ok := config["type"]; !ok {
		return nil, parseError("_cached", raise("KeyError", "'type'"))
	}
	d, err := spec.Types.define(config)
	if err != nil {
		return nil, parseError("_cached", err)
	}
	version := Version{}
	if spec.Version != nil {
		d.versioned, version = true, *spec.Version
	}
	return spec.Types.instantiate("_cached", d, version)
}

// Load returns the cached data; the first one reads the inner dataset.
func (c *CachedDataset) Load(ctx context.Context) (any, error) {
	c.loading.Lock()
	defer c.loading.Unlock()
	if cached, err := c.cache.Exists(ctx); err != nil || cached {
		return c.cache.Load(ctx)
	}
	data, err := loadAs(ctx, c.dataset, nil)
	if err != nil {
		return nil, err
	}
	if err := c.cache.Save(ctx, data); err != nil {
		return nil, err
	}
	return data, nil
}

// Save writes through to the inner dataset, then fills the cache.
func (c *CachedDataset) Save(ctx context.Context, data any) error {
	c.loading.Lock()
	defer c.loading.Unlock()
	if err := save(ctx, c.dataset, data); err != nil {
		return err
	}
	return c.cache.Save(ctx, data)
}

// Exists tells whether there is data in the cache or in the inner dataset.
func (c *CachedDataset) Exists(ctx context.Context) (bool, error) {
	if cached, err := c.cache.Exists(ctx); err != nil || cached {
		return cached, err
	}
	return exists(ctx, c.dataset)
}

// Release clears the cache and releases the inner dataset.
func (c *CachedDataset) Release(ctx context.Context) error {
	if err := c.cache.Release(ctx); err != nil {
		return err
	}
	return release(ctx, c.dataset)
}

// Describe shows the inner dataset and the cache (CAT-124).
func (c *CachedDataset) Describe() Description {
	return Description{Type: cachedClass, Args: []DescribedArg{
		{"dataset", c.dataset.Describe().String()}, {"cache", c.cache.Describe().String()},
	}}
}

// Unwrap returns the inner dataset.
func (c *CachedDataset) Unwrap() Dataset { return c.dataset }

// Ephemeral is true, as in Kedro: whether the inner dataset keeps the data makes no difference (CAT-125).
func (c *CachedDataset) Ephemeral() bool { return true }

// SingleProcess is true: the cache is in the memory of this process.
func (c *CachedDataset) SingleProcess() bool { return true }
