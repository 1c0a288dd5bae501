package dataset

import (
	"context"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
	"github.com/rs/zerolog"
)

const partitionedClass = "kedro_datasets.partitions.partitioned_dataset.PartitionedDataset"

// LoadFunc loads one partition. A load of a PartitionedDataset gives a map[string]LoadFunc, by partition id.
type LoadFunc = func(ctx context.Context) (any, error)

// partitions is a folder of which each file is a dataset of its own: what PartitionedDataset and IncrementalDataset share.
type partitions struct {
	class     string
	entry     map[string]any
	types     *catalog.Types
	address   string // as given: a path or a URL
	prefix    string // protocol:// when the address has it
	folder    string // name in the store
	store     storage.Tree
	config    map[string]any // of the dataset of a partition, without its path
	versioned bool
	version   string // that all partitions save
	pathArg   string
	suffix    string
	depth     int // folders to go down, negative for all
	warning   string
	describe  func() catalog.Description
}

// partitionedDataset is Kedro's PartitionedDataset.
type partitionedDataset struct {
	partitions
	overwrite bool
	lazily    bool // functions among the data are called to get the data

	mu sync.Mutex // guards the field below
	// found are the files listed last; nil when they have to be listed.
	found []string
}

var (
	_ catalog.IntoLoader = (*partitionedDataset)(nil)
	_ catalog.Configured = (*partitionedDataset)(nil)
)

func buildPartitioned(spec buildSpec) (catalog.Dataset, error) {
	if err := spec.Arguments([]string{"path", "dataset"}, "filepath_arg", "filename_suffix", "credentials", "load_args", "fs_args", "overwrite", "save_lazily", "metadata"); err != nil {
		return nil, err
	}
	p, err := newPartitions(spec)
	if err != nil {
		return nil, err
	}
	a := &args{name: spec.Name, values: spec.Args}
	d := &partitionedDataset{partitions: p, overwrite: a.boolean("overwrite", false), lazily: a.boolean("save_lazily", true)}
	return d, a.err
}

// newPartitions reads the arguments that both kinds take.
func newPartitions(spec buildSpec) (partitions, error) {
	a := &args{name: spec.Name, values: spec.Args}
	p := partitions{class: spec.Type, entry: spec.Args, types: spec.Types, pathArg: a.text("filepath_arg", "filepath"), suffix: a.text("filename_suffix", ""),
		address: strings.TrimRight(a.text("path", ""), "/"), version: catalog.Timestamp()}
	load := argsOf(spec, "load_args", "withdirs", "detail", "refresh")
	p.depth = load.number("maxdepth", -1)
	if err := firstError(a.err, load.done()); err != nil {
		return p, err
	}
	protocol, folder, store, err := openStore(spec, p.address)
	if err != nil {
		return p, err
	}
	tree, ok := store.(storage.Tree)
	if !ok {
		return p, catalog.Errorf("%s:// knows no folders, so it can't hold partitions", protocol)
	}
	if strings.HasPrefix(p.address, protocol+"://") {
		p.prefix = protocol + "://"
	}
	p.folder, p.store = folder, tree
	return p, p.readDataset(spec)
}

// readDataset reads the definition of the dataset of a partition, and makes one to see whether it is right.
func (p *partitions) readDataset(spec buildSpec) error {
	switch given := spec.Args["dataset"].(type) {
	case string:
		p.config = map[string]any{"type": given}
	case map[string]any:
		p.config = maps.Clone(given)
	default:
		return &catalog.ArgumentError{Message: "dataset must be the name of a type or a mapping with it, got " + catalog.TypeName(given)}
	}
	if _, ok := p.config["type"]; !ok {
		return &catalog.Exception{Type: "KeyError", Message: "'type'"}
	}
	if _, ok := p.config[p.pathArg]; ok {
		p.warning = "'" + p.pathArg + "' key must not be specified in the dataset definition as it will be overwritten by partition path"
	}
	for _, name := range []string{"credentials", "fs_args"} {
		if given := spec.Args[name]; given != nil {
			if _, own := p.config[name]; !own {
				p.config[name] = given
			} else if name == "credentials" {
				p.warning = "Top-level credentials will not propagate into the underlying dataset since credentials were explicitly defined in the dataset config."
			}
		}
	}
	p.versioned = p.config["versioned"] == true
	probe, err := p.dataset("probe" + p.suffix)
	if err != nil {
		return err
	}
	inner := probe.Describe()
	p.describe = func() catalog.Description { return p.description(inner) }
	return nil
}

// dataset makes the dataset of a file.
func (p *partitions) dataset(file string) (catalog.Dataset, error) {
	config := maps.Clone(p.config)
	config[p.pathArg] = file
	return p.types.New("partition", config, catalog.Version{Save: p.version})
}

// description shows the path, and the dataset with the arguments it was given.
func (p *partitions) description(inner catalog.Description) catalog.Description {
	shown := catalog.Description{Type: inner.Type}
	for _, name := range slices.Sorted(maps.Keys(p.config)) {
		if name != "type" && name != "credentials" && name != "versioned" {
			shown.Args = append(shown.Args, catalog.DescribedArg{Name: name, Value: p.config[name]})
		}
	}
	return catalog.Description{Type: p.class, Args: []catalog.DescribedArg{
		{Name: "filepath", Value: p.address}, {Name: "dataset", Value: shown.String()}}}
}

// Describe shows what Kedro shows.
func (p *partitions) Describe() catalog.Description { return p.describe() }

// Config returns the catalog entry of the dataset.
func (p *partitions) Config() map[string]any {
	return configOf(p.class, p.entry)
}

// list finds the files of the partitions, in order.
func (p *partitions) list(ctx context.Context) ([]string, error) {
	if p.warning != "" {
		zerolog.Ctx(ctx).Warn().Str("logger", "py.warnings").Msg(p.warning)
	}
	files, err := p.store.Find(ctx, p.folder)
	if err != nil {
		return nil, err
	}
	found := make([]string, 0, len(files))
	for _, file := range files {
		below := strings.TrimPrefix(file, p.folder+"/")
		if !strings.HasSuffix(file, p.suffix) || p.depth >= 0 && strings.Count(below, "/") >= p.depth {
			continue
		}
		if p.versioned { // name/version/name
			file = path.Dir(path.Dir(file))
		}
		if len(found) == 0 || found[len(found)-1] != file {
			found = append(found, file)
		}
	}
	return found, nil
}

// id returns the name of the partition in a file.
func (p *partitions) id(file string) string {
	return strings.TrimSuffix(strings.TrimLeft(strings.TrimPrefix(file, p.folder), "/"), p.suffix)
}

// file returns the path or URL of a partition; its name must not lead out of the folder.
func (p *partitions) file(id string) (string, error) {
	if err := p.inside(id); err != nil {
		return "", err
	}
	return p.prefix + p.folder + "/" + strings.TrimLeft(id, "/") + p.suffix, nil
}

func (p *partitions) inside(id string) error {
	base := path.Clean(p.folder)
	full := path.Join(base, strings.ReplaceAll(id, `\`, "/"))
	if full != base && !strings.HasPrefix(full, strings.TrimSuffix(base, "/")+"/") {
		return catalog.Errorf("Path '%s' resolves to '%s' which is outside the dataset directory '%s'.", id, full, p.folder)
	}
	return nil
}

// load returns a partition as want, nil for the type's own choice.
func (p *partitions) load(ctx context.Context, file string, want reflect.Type) (any, error) {
	ds, err := p.dataset(p.prefix + file)
	if err != nil {
		return nil, err
	}
	return catalog.LoadDataset(ctx, ds, want)
}

// files lists the partitions, once until they are released or saved.
func (d *partitionedDataset) files(ctx context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found != nil {
		return d.found, nil
	}
	found, err := d.list(ctx)
	if err == nil {
		d.found = found
	}
	return found, err
}

func (d *partitionedDataset) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found = nil
}

// Load returns a map[string]LoadFunc that loads each partition when it is called.
func (d *partitionedDataset) Load(ctx context.Context) (any, error) {
	out := map[string]LoadFunc{}
	return out, d.LoadInto(ctx, &out)
}

// LoadInto fills a map from partition ids to functions that load a partition as their result's type, such as
// func(context.Context) ([]Row, error), or to the data itself.
func (d *partitionedDataset) LoadInto(ctx context.Context, dst any) error {
	d.forget() // a load looks afresh
	files, err := d.files(ctx)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return catalog.Errorf("No partitions found in '%s'", d.address)
	}
	return d.fill(ctx, files, dst)
}

// Save writes the partitions of a map, one after the other in the order of their ids. Each is replaced as a whole.
func (d *partitionedDataset) Save(ctx context.Context, data any) error {
	all := reflect.ValueOf(data)
	if all.Kind() != reflect.Map || all.Type().Key().Kind() != reflect.String {
		return &catalog.Exception{Type: "AttributeError", Message: "partitions are a map from ids to data, not " + catalog.TypeName(data)}
	}
	defer d.forget()
	if d.overwrite {
		if err := d.store.Remove(ctx, d.folder); err != nil {
			return err
		}
	}
	for _, id := range sortedTexts(all) {
		if err := d.saveOne(ctx, id.String(), all.MapIndex(id).Interface()); err != nil {
			return err
		}
	}
	return nil
}

func sortedTexts(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func (d *partitionedDataset) saveOne(ctx context.Context, id string, data any) error {
	file, err := d.file(id)
	if err != nil {
		return err
	}
	ds, err := d.dataset(file)
	if err != nil {
		return err
	}
	if d.lazily {
		if data, err = called(ctx, data); err != nil {
			return err
		}
	}
	return catalog.SaveDataset(ctx, ds, data)
}

// Exists tells whether there is a partition.
func (d *partitionedDataset) Exists(ctx context.Context) (bool, error) {
	files, err := d.files(ctx)
	return len(files) > 0, err
}

// Release forgets the partitions found.
func (d *partitionedDataset) Release(context.Context) error {
	d.forget()
	return nil
}
