package catalog

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"slices"

	"github.com/rs/zerolog"
)

// Load reads a dataset. Errors carry the dataset's name (CAT-055).
func (c *DataCatalog) Load(ctx context.Context, name string) (any, error) {
	return c.load(ctx, name, GetOptions{}, nil)
}

// LoadAs reads a dataset as the type a node wants; nil means whatever Load gives. A dataset that decodes into types
// does so; any other value is converted without loss (see Convert).
func (c *DataCatalog) LoadAs(ctx context.Context, name string, want reflect.Type) (any, error) {
	return c.load(ctx, name, GetOptions{}, want)
}

// LoadVersion reads the given version of a dataset.
func (c *DataCatalog) LoadVersion(ctx context.Context, name, version string) (any, error) {
	return c.load(ctx, name, GetOptions{Version: &Version{Load: version}}, nil)
}

func (c *DataCatalog) load(ctx context.Context, name string, opts GetOptions, want reflect.Type) (any, error) {
	ds, err := c.Get(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return c.loadNamed(ctx, zerolog.Ctx(ctx), name, ds, want)
}

func (c *DataCatalog) loadNamed(ctx context.Context, log *zerolog.Logger, name string, ds Dataset, want reflect.Type) (any, error) {
	logAccess(log, "Loading data from", name, ds)
	if s := c.activeValidator(name, modeLoad); s != nil {
		return c.loadValidated(ctx, s, name, ds, want)
	}
	data, err := loadAs(ctx, ds, want)
	return data, prefixed(name, err)
}

// logAccess writes Kedro's line about a load or a save; nothing is formatted when nobody listens.
func logAccess(log *zerolog.Logger, what, name string, ds Dataset) {
	if e := log.Info(); e.Enabled() {
		e.Str("logger", loggerName).Str("dataset", name).Msgf("%s %s (%s)...", what, name, ds.Describe().Class())
	}
}

// prefixed puts the dataset's name before the text of a DatasetError; other errors keep their own (CAT-055).
func prefixed(name string, err error) error {
	if err == nil || !isDatasetError(err) {
		return err
	}
	return &DatasetError{Message: name + ": " + err.Error(), Err: err}
}

func isDatasetError(err error) bool {
	var known *DatasetError
	return errors.As(err, &known)
}

// loadAs loads ds, as want when it isn't nil, and puts a plain error into Kedro's words (CAT-057).
func loadAs(ctx context.Context, ds Dataset, want reflect.Type) (any, error) {
	data, err := decode(ctx, ds, want)
	if err == nil || isDatasetError(err) {
		return data, err
	}
	return nil, Errorf("Failed while loading data from dataset %s.\n%w", ds.Describe(), FileError(err))
}

func decode(ctx context.Context, ds Dataset, want reflect.Type) (any, error) {
	if want == undecodedType {
		return loadUndecoded(ctx, ds)
	}
	if want == nil || isAny(want) {
		return ds.Load(ctx)
	}
	// A value in memory is there already: a destination for it would be made in vain.
	_, inMemory := ds.(*MemoryDataset)
	if into, ok := ds.(IntoLoader); ok && !inMemory {
		dst := reflect.New(want)
		if err := into.LoadInto(ctx, dst.Interface()); err != nil {
			return nil, err
		}
		return dst.Elem().Interface(), nil
	}
	data, err := ds.Load(ctx)
	if err != nil {
		return nil, err
	}
	return Convert(data, want)
}

func isAny(t reflect.Type) bool { return t.Kind() == reflect.Interface && t.NumMethod() == 0 }

// Save writes data to a dataset; nil is refused (CAT-056).
func (c *DataCatalog) Save(ctx context.Context, name string, data any) error {
	ds, err := c.Get(ctx, name, GetOptions{})
	if err != nil {
		return err
	}
	return c.saveNamed(ctx, zerolog.Ctx(ctx), name, ds, data)
}

func (c *DataCatalog) saveNamed(ctx context.Context, log *zerolog.Logger, name string, ds Dataset, data any) error {
	logAccess(log, "Saving data to", name, ds)
	if s := c.activeValidator(name, modeSave); s != nil {
		return c.saveValidated(ctx, s, name, ds, data)
	}
	return prefixed(name, save(ctx, ds, data))
}

func save(ctx context.Context, ds Dataset, data any) error {
	if data == nil {
		return Errorf("Saving 'None' to a 'Dataset' is not allowed")
	}
	err := write(ctx, ds, data)
	if err == nil || isDatasetError(err) {
		return err
	}
	if passesUnwrapped(err) {
		return FileError(err)
	}
	return Errorf("Failed while saving data to dataset %s.\n%w", ds.Describe(), FileError(err))
}

func write(ctx context.Context, ds Dataset, data any) error {
	if file, ok := data.(File); ok {
		return saveFile(ctx, ds, file)
	}
	return ds.Save(ctx, data)
}

// ErrExistsNotSupported is returned by the Exists of a dataset that can't tell; the catalog then warns and says no (CAT-058).
var ErrExistsNotSupported = errors.New("existence can't be checked")

// Exists tells whether a dataset has data; false for an unknown name (CAT-058).
func (c *DataCatalog) Exists(ctx context.Context, name string) (bool, error) {
	ds, err := c.Get(ctx, name, GetOptions{})
	if errors.Is(err, ErrDatasetNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return exists(ctx, ds)
}

func exists(ctx context.Context, ds Dataset) (bool, error) {
	found, err := ds.Exists(ctx)
	switch {
	case err == nil:
		return found, nil
	case errors.Is(err, ErrVersionNotFound):
		return false, nil
	case errors.Is(err, ErrExistsNotSupported):
		zerolog.Ctx(ctx).Warn().Str("logger", "kedro.io.core").
			Msgf("'exists()' not implemented for '%s'. Assuming output does not exist.", ds.Describe().Class())
		return false, nil
	}
	return false, Errorf("Failed during exists check for dataset %s.\n%w", ds.Describe(), FileError(err))
}

// Release drops what a dataset caches (CAT-059).
func (c *DataCatalog) Release(ctx context.Context, name string) error {
	ds, err := c.Get(ctx, name, GetOptions{})
	if err != nil {
		return err
	}
	c.saved.Delete(name)
	return release(ctx, ds)
}

func release(ctx context.Context, ds Dataset) error {
	if err := ds.Release(ctx); err != nil {
		return Errorf("Failed during release for dataset %s.\n%w", ds.Describe(), FileError(err))
	}
	return nil
}

// Confirm confirms a dataset (CAT-060).
func (c *DataCatalog) Confirm(ctx context.Context, name string) error {
	zerolog.Ctx(ctx).Info().Str("logger", loggerName).Str("dataset", name).Msgf("Confirming dataset '%s'", name)
	ds, err := c.Get(ctx, name, GetOptions{})
	if err != nil {
		return err
	}
	confirmer, ok := ds.(Confirmer)
	if !ok {
		return Errorf("Dataset '%s' does not have 'confirm' method", name)
	}
	return confirmer.Confirm(ctx)
}

// Versions returns the versions that a dataset loads and saves; false when it isn't versioned. Load is "" when nothing
// was saved yet.
func (c *DataCatalog) Versions(ctx context.Context, name string) (Version, bool, error) {
	ds, err := c.Get(ctx, name, GetOptions{})
	if err != nil {
		return Version{}, false, err
	}
	v := versioned(ds)
	if v == nil {
		return Version{}, false, nil
	}
	load, err := v.ResolveLoadVersion(ctx)
	if err != nil && !errors.Is(err, ErrVersionNotFound) {
		return Version{}, true, err
	}
	saved, err := v.ResolveSaveVersion(ctx)
	return Version{Load: load, Save: saved}, true, err
}

// versioned is ds, or what it caches, when that has versions; nil otherwise.
func versioned(ds Dataset) Versioned {
	if w, ok := ds.(*CachedDataset); ok {
		ds = w.dataset
	}
	if v, ok := ds.(Versioned); ok && v.Version() != nil {
		return v
	}
	return nil
}

// Versioned lists the datasets in use that have versions, in the order of registration.
func (c *DataCatalog) Versioned() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.versioned)
}

// FilterOptions selects names; what is unset selects all (CAT-061).
type FilterOptions struct {
	Name   *regexp.Regexp // searched in the name
	Type   *regexp.Regexp // searched in the full class name
	ByType []string       // full class names, compared exactly
}

// Filter lists the names that pass all options, in the order of Keys.
func (c *DataCatalog) Filter(opts FilterOptions) ([]string, error) {
	var names []string
	for _, name := range c.Keys() {
		if opts.Name != nil && !opts.Name.MatchString(name) {
			continue
		}
		if opts.Type != nil || len(opts.ByType) > 0 {
			class, err := c.Type(name)
			if err != nil {
				return nil, err
			}
			if (opts.Type != nil && !opts.Type.MatchString(class)) || (len(opts.ByType) > 0 && !slices.Contains(opts.ByType, class)) {
				continue
			}
		}
		names = append(names, name)
	}
	return names, nil
}

// Type returns the full class name of a dataset without building it; "" for an unknown name.
func (c *DataCatalog) Type(name string) (string, error) {
	if !c.Has(name) {
		return "", nil
	}
	c.mu.RLock()
	ds, _, ok := c.find(name)
	c.mu.RUnlock()
	if ok {
		return ds.Describe().Type, nil
	}
	e, err := c.blueprint.resolve(name)
	if err != nil {
		return "", err
	}
	d, err := e.definite()
	if err != nil {
		return "", err
	}
	return d.class, nil
}
