package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Types is a registry of dataset types by name. It is a value: two projects in one process may have different ones.
// Register all types before the first use; from then on it is safe for concurrent use.
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
	Args    map[string]any // constructor arguments: the entry without type, version and versioned; not to be changed
	Version *Version       // set when the entry is versioned
	Types   *Types         // the registry, for types that wrap other datasets
}

// Builder makes a dataset from a Spec. It opens nothing. It checks its arguments; a wrong one is an *ArgumentError.
type Builder func(spec Spec) (Dataset, error)

// NewTypes returns a registry that knows the built-in types: MemoryDataset, SharedMemoryDataset, CachedDataset.
func NewTypes() *Types {
	t := &Types{byName: map[string]*typeEntry{}}
	t.Register(memoryClass, buildMemory, "MemoryDataset", "kedro.io.MemoryDataset", "memory_dataset.MemoryDataset")
	t.Register(sharedMemoryClass, buildSharedMemory, "SharedMemoryDataset", "kedro.io.SharedMemoryDataset", "shared_memory_dataset.SharedMemoryDataset")
	t.Register(cachedClass, buildCached, "CachedDataset", "kedro.io.CachedDataset", "cached_dataset.CachedDataset")
	return t
}

// Register adds a type, or replaces the one of the same name. class is the full class name; names are all the names
// that catalog.yml may call it by, besides class (CAT-026).
func (t *Types) Register(class string, build Builder, names ...string) {
	e := &typeEntry{class: class, build: build}
	t.byName[class] = e
	for _, name := range names {
		t.byName[name] = e
	}
}

// Names lists what catalog.yml may say, in order.
func (t *Types) Names() []string { return slices.Sorted(maps.Keys(t.byName)) }

// definition is a parsed entry: its type and the arguments of the constructor.
type definition struct {
	*typeEntry
	args      map[string]any
	versioned bool
	dropped   bool // a key version was removed (CAT-029)
}

// define parses the configuration of a dataset. Its errors are those of Kedro's parse_dataset_definition.
func (t *Types) define(config map[string]any) (definition, error) {
	name, ok := config["type"].(string)
	if !ok {
		return definition{}, Errorf("'type' must be the name of a dataset type, got %s", typeName(config["type"]))
	}
	if strings.Trim(name, ".") != name {
		return definition{}, Errorf("'type' class path does not support relative paths or paths ending with a dot.")
	}
	e, err := t.find(name)
	if err != nil {
		return definition{}, err
	}
	d := definition{typeEntry: e, args: make(map[string]any, len(config))}
	for key, value := range config {
		switch key {
		case "type", "validator":
		case "version":
			d.dropped = true
		case "versioned":
			d.versioned = truthy(value)
		default:
			d.args[key] = value
		}
	}
	return d, nil
}

const installHint = "\nHint: If you are trying to use a dataset from `kedro-datasets`, make sure that the package is installed in your current environment. " +
	"You can do so by running `pip install kedro-datasets` or `pip install kedro-datasets[<dataset-group>]` to install `kedro-datasets` along with " +
	"related dependencies for the specific dataset group."

// find looks a type up; the error says what Kedro says and lists the types there are (CAT-027).
func (t *Types) find(name string) (*typeEntry, error) {
	if e, ok := t.byName[name]; ok {
		return e, nil
	}
	module, class := "", name
	if i := strings.LastIndex(name, "."); i >= 0 {
		module, class = name[:i], name[i+1:]
	}
	text := fmt.Sprintf("Dataset '%s' not found in '%s'. Make sure the dataset name is correct.", class, module)
	if module == "" {
		text = fmt.Sprintf("Empty module name. Invalid dataset path: '%s'. Please check if it's correct.", name)
	}
	return nil, Errorf("%s%s\nKedge runs without Python and knows these types: %s.", text, installHint, strings.Join(t.short(), ", "))
}

// short lists each type once, by its shortest name.
func (t *Types) short() []string {
	shortest := map[*typeEntry]string{}
	for name, e := range t.byName {
		if old, ok := shortest[e]; !ok || len(name) < len(old) || len(name) == len(old) && name < old {
			shortest[e] = name
		}
	}
	return slices.Sorted(maps.Values(shortest))
}

// truthy is Python's truth of a value of configuration.
func truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int64:
		return v != 0
	case int:
		return v != 0
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}

// New makes a dataset from its configuration, as a catalog does (Kedro's AbstractDataset.from_config).
func (t *Types) New(name string, config map[string]any, version Version) (Dataset, error) {
	d, err := t.define(config)
	if err != nil {
		return nil, parseError(name, err)
	}
	return t.instantiate(name, d, version)
}

func parseError(name string, err error) error {
	return Errorf("An exception occurred when parsing config for dataset '%s':\n%w", name, err)
}

func (t *Types) instantiate(name string, d definition, version Version) (Dataset, error) {
	spec := Spec{Name: name, Type: d.class, Args: d.args, Types: t}
	if d.versioned {
		if version.Save == "" {
			version.Save = Timestamp()
		}
		spec.Version = &version
	}
	ds, err := d.build(spec)
	if err == nil {
		return ds, nil
	}
	var argument *ArgumentError
	if errors.As(err, &argument) {
		return nil, Errorf("\n%w.\nDataset '%s' must only contain arguments valid for the constructor of '%s'.", err, name, d.class)
	}
	return nil, Errorf("\n%w.\nFailed to instantiate dataset '%s' of type '%s'.", err, name, d.class)
}

// Arguments checks the names of constructor arguments: the error for an unknown or missing one is Python's (CAT-028).
func (s Spec) Arguments(required []string, optional ...string) error {
	class := s.Type[strings.LastIndex(s.Type, ".")+1:]
	for _, name := range slices.Sorted(maps.Keys(s.Args)) {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return &ArgumentError{Message: fmt.Sprintf("%s.__init__() got an unexpected keyword argument '%s'", class, name)}
		}
	}
	for _, name := range required {
		if _, ok := s.Args[name]; !ok {
			return &ArgumentError{Message: fmt.Sprintf("%s.__init__() missing 1 required keyword-only argument: '%s'", class, name)}
		}
	}
	if s.Version != nil && !slices.Contains(optional, "version") {
		return &ArgumentError{Message: fmt.Sprintf("%s.__init__() got an unexpected keyword argument 'version'", class)}
	}
	return nil
}
