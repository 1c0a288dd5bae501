package catalog

// Types is a registry of dataset types by name. It is a value: two projects in one process may have different ones.
// Its zero value is not usable; see NewTypes.
type Types struct {
	byName map[string]*typeEntry
}

type typeEntry struct {
	class string
	build Builder
}

// Spec is what a Builder gets: a catalog entry with credentials in place and placeholders filled.
type Spec struct {
	Name    string         // name of the dataset
	Type    string         // full class name of the type
	Args    map[string]any // constructor arguments: the entry without type, version and versioned
	Version *Version       // set when the entry is versioned
	Types   *Types         // the registry, for types that wrap other datasets
}

// Builder makes a dataset from a Spec. It checks its arguments; a wrong one is an ArgumentError.
type Builder func(spec Spec) (Dataset, error)

// NewTypes returns a registry that knows the built-in types: MemoryDataset, SharedMemoryDataset, CachedDataset.
func NewTypes() *Types {
	return &Types{byName: map[string]*typeEntry{}}
}

// Register adds a type. class is the full class name; names are what catalog.yml may call it, and each is found
// with and without the prefixes kedro.io. and kedro_datasets. (CAT-026).
func (t *Types) Register(class string, build Builder, names ...string) {
	for _, name := range append(names, class) {
		t.byName[name] = &typeEntry{class: class, build: build}
	}
}
