package catalog

import (
	"context"
	"errors"
	"reflect"
	"regexp"
)

// Entry is one entry of catalog.yml. Config is a mapping; anything else is refused with Kedro's words (CAT-021).
type Entry struct {
	Name   string
	Config any
}

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
}

// Named is a dataset with its name.
type Named struct {
	Name    string
	Dataset Dataset
}

// Parameter is one parameter as a dataset: "parameters" or "params:...".
type Parameter struct {
	Name  string
	Value any
}

// Parameters is an immutable list of parameters that many catalogs may share: values are copied when they are loaded.
type Parameters struct {
	list  []Parameter
	index map[string]int
}

// NewParameters returns parameters in the given order. The values must not be changed afterwards.
func NewParameters(list []Parameter) *Parameters {
	p := &Parameters{list: list, index: make(map[string]int, len(list))}
	for i, param := range list {
		p.index[param.Name] = i
	}
	return p
}

// Blueprint is the compiled form of catalog entries: immutable, safe for concurrent use, shared by many catalogs.
type Blueprint struct{}

// Compile checks entries, resolves their credentials and orders the patterns. Of opts it uses Credentials, SharedMemory and Types.
func Compile(entries []Entry, opts Options) (*Blueprint, error) {
	return nil, errors.New("catalog: not written")
}

// Catalog returns a catalog over the blueprint. Of opts it uses Datasets, LoadVersions, Parameters and SaveVersion.
func (b *Blueprint) Catalog(ctx context.Context, opts Options) (*DataCatalog, error) {
	return nil, errors.New("catalog: not written")
}

// DataCatalog holds the datasets of one run. It is safe for concurrent use.
type DataCatalog struct{}

// FromConfig compiles entries and returns a catalog over them (CAT-020).
func FromConfig(ctx context.Context, entries []Entry, opts Options) (*DataCatalog, error) {
	b, err := Compile(entries, opts)
	if err != nil {
		return nil, err
	}
	return b.Catalog(ctx, opts)
}

// New returns an empty catalog of built-in types.
func New() *DataCatalog { return &DataCatalog{} }

// Load reads a dataset. Errors carry the dataset's name (CAT-055).
func (c *DataCatalog) Load(ctx context.Context, name string) (any, error) {
	return nil, errors.New("catalog: not written")
}

// LoadAs reads a dataset as the type a node wants; nil means whatever Load gives.
func (c *DataCatalog) LoadAs(ctx context.Context, name string, want reflect.Type) (any, error) {
	return nil, errors.New("catalog: not written")
}

// LoadVersion reads the given version of a dataset.
func (c *DataCatalog) LoadVersion(ctx context.Context, name, version string) (any, error) {
	return nil, errors.New("catalog: not written")
}

// Save writes data to a dataset (CAT-056).
func (c *DataCatalog) Save(ctx context.Context, name string, data any) error {
	return errors.New("catalog: not written")
}

// Exists tells whether a dataset has data; false for an unknown name (CAT-058).
func (c *DataCatalog) Exists(ctx context.Context, name string) (bool, error) {
	return false, errors.New("catalog: not written")
}

// Release drops what a dataset caches (CAT-059).
func (c *DataCatalog) Release(ctx context.Context, name string) error {
	return errors.New("catalog: not written")
}

// Confirm confirms a dataset (CAT-060).
func (c *DataCatalog) Confirm(ctx context.Context, name string) error {
	return errors.New("catalog: not written")
}

// GetOptions changes what Get answers.
type GetOptions struct {
	// Fallback makes a memory dataset for a name that nothing describes (fallback_to_runtime_pattern).
	Fallback bool
	// Version asks for a copy pinned to it when the dataset is versioned.
	Version *Version
}

// Get returns a dataset and registers it. An unknown name is ErrDatasetNotFound.
func (c *DataCatalog) Get(ctx context.Context, name string, opts GetOptions) (Dataset, error) {
	return nil, errors.New("catalog: not written")
}

// Set puts a dataset into the catalog; any other value is wrapped in a MemoryDataset (CAT-054).
func (c *DataCatalog) Set(ctx context.Context, name string, value any) error {
	return errors.New("catalog: not written")
}

// Has tells whether a name is registered or described by a pattern of the user (CAT-050).
func (c *DataCatalog) Has(name string) bool { return false }

// Keys lists the registered names: those not used yet, then those in use (CAT-053).
func (c *DataCatalog) Keys() []string { return nil }

// FilterOptions selects names; what is unset selects all (CAT-061).
type FilterOptions struct {
	Name   *regexp.Regexp // searched in the name
	Type   *regexp.Regexp // searched in the full class name
	ByType []string       // full class names
}

// Filter lists the names that pass all options, in the order of Keys.
func (c *DataCatalog) Filter(opts FilterOptions) ([]string, error) { return nil, nil }

// Type returns the full class name of a dataset without building it; "" for an unknown name.
func (c *DataCatalog) Type(name string) (string, error) { return "", nil }

// SaveVersion returns the version that versioned datasets of this catalog save (CAT-066).
func (c *DataCatalog) SaveVersion() string { return "" }

// Versions returns the versions that a registered dataset loads and saves; false when it isn't versioned.
func (c *DataCatalog) Versions(ctx context.Context, name string) (Version, bool, error) {
	return Version{}, false, nil
}

// Exported is a catalog as configuration again (CAT-130).
type Exported struct {
	Catalog      []Entry
	Credentials  map[string]any
	LoadVersions map[string]string // "" where none is pinned
	SaveVersion  string
}

// ToConfig exports the catalog. Memory datasets are left out.
func (c *DataCatalog) ToConfig() (Exported, error) { return Exported{}, nil }

// Patterns lists the dataset factories in the order in which they are tried, the runtime pattern last (CAT-161).
func (c *DataCatalog) Patterns() []string { return nil }

// Convert turns a value into the type that a node wants, without loss.
func Convert(value any, want reflect.Type) (any, error) {
	return nil, errors.New("catalog: not written")
}

// AbsolutePaths makes relative paths of catalog entries absolute below the project's folder (CAT-010).
func AbsolutePaths(projectPath string, conf map[string]any) (map[string]any, error) {
	return nil, errors.New("catalog: not written")
}

// IsParameter tells whether a dataset name is that of a parameter (CAT-092).
func IsParameter(name string) bool { return false }

// Timestamp returns a new version: the time as Kedro writes it, in UTC with milliseconds.
func Timestamp() string { return "" }
