package dataset

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
)

const incrementalClass = "kedro_datasets.partitions.incremental_dataset.IncrementalDataset"

// incrementalDataset is Kedro's IncrementalDataset: partitions above a checkpoint, which is moved by Confirm.
type incrementalDataset struct {
	partitionedDataset
	checkpoint map[string]any // entry of the dataset that keeps it
	forced     *string        // replaces what the checkpoint holds
	above      func(id, checkpoint string) bool
}

var (
	_ catalog.Confirmer  = (*incrementalDataset)(nil)
	_ catalog.IntoLoader = (*incrementalDataset)(nil)
)

// comparisons are the functions that may decide which partitions are new. Kedro takes any function of Python.
var comparisons = map[string]func(id, checkpoint string) bool{
	"operator.gt": func(id, checkpoint string) bool { return id > checkpoint },
	"operator.ge": func(id, checkpoint string) bool { return id >= checkpoint },
	"operator.lt": func(id, checkpoint string) bool { return id < checkpoint },
	"operator.le": func(id, checkpoint string) bool { return id <= checkpoint },
	"operator.ne": func(id, checkpoint string) bool { return id != checkpoint },
	"operator.eq": func(id, checkpoint string) bool { return id == checkpoint },
}

func buildIncremental(spec buildSpec) (catalog.Dataset, error) {
	if err := spec.Arguments([]string{"path", "dataset"}, "checkpoint", "filepath_arg", "filename_suffix", "credentials", "load_args", "fs_args", "metadata"); err != nil {
		return nil, err
	}
	p, err := newPartitions(spec)
	if err != nil {
		return nil, err
	}
	d := &incrementalDataset{partitionedDataset: partitionedDataset{partitions: p, lazily: true}}
	if err := d.readCheckpoint(spec); err != nil {
		return nil, err
	}
	_, err = d.checkpointDataset() // to see whether it is right
	return d, err
}

func (d *incrementalDataset) readCheckpoint(spec buildSpec) error {
	d.checkpoint = map[string]any{"type": "text.TextDataset", d.pathArg: d.prefix + d.folder + "/CHECKPOINT"}
	if credentials := spec.Args["credentials"]; credentials != nil {
		d.checkpoint["credentials"] = credentials
	}
	switch given := spec.Args["checkpoint"].(type) {
	case nil:
	case string:
		d.forced = &given
	case map[string]any:
		for _, key := range []string{"version", "versioned"} {
			if _, ok := given[key]; ok {
				return catalog.Errorf("'IncrementalDataset' does not support versioning of the checkpoint. Please remove '%s' key from the checkpoint definition.", key)
			}
		}
		if err := d.checkPlace(given); err != nil {
			return err
		}
		maps.Copy(d.checkpoint, given)
	default:
		return &catalog.ArgumentError{Message: fmt.Sprintf("checkpoint must be a text or a mapping, got %v", given)}
	}
	if forced := d.checkpoint["force_checkpoint"]; forced != nil {
		text := fmt.Sprint(forced)
		d.forced = &text
	}
	name, _ := d.checkpoint["comparison_func"].(string)
	compare, ok := comparisons[cmp.Or(name, "operator.gt")]
	if !ok {
		return catalog.Errorf("checkpoint.comparison_func %q is a function of Python: use one of %s, or run the project on the hosted engine",
			name, strings.Join(slices.Sorted(maps.Keys(comparisons)), ", "))
	}
	d.above = compare
	delete(d.checkpoint, "force_checkpoint")
	delete(d.checkpoint, "comparison_func")
	return nil
}

// checkPlace refuses a checkpoint outside of the folder of the partitions.
func (d *incrementalDataset) checkPlace(given map[string]any) error {
	text, ok := given[d.pathArg].(string)
	if !ok {
		return nil
	}
	_, name, err := catalog.ParsePath(text, nil)
	if err != nil {
		return err
	}
	base := path.Clean(d.folder)
	full := path.Clean(name)
	if d.store.Local() && !path.IsAbs(full) {
		full = path.Join(base, name)
	}
	if full != base && !strings.HasPrefix(full, base+"/") {
		return catalog.Errorf("Checkpoint filepath '%s' resolves to '%s' which is outside the dataset directory '%s'.", text, full, base)
	}
	return nil
}

func (d *incrementalDataset) checkpointDataset() (catalog.Dataset, error) {
	return d.types.New("checkpoint", d.checkpoint, catalog.Version{})
}

// last returns the checkpoint; false when nothing was confirmed yet.
func (d *incrementalDataset) last(ctx context.Context) (string, bool, error) {
	if d.forced != nil {
		return *d.forced, true, nil
	}
	ds, err := d.checkpointDataset()
	if err != nil {
		return "", false, err
	}
	// Kedro takes any failure for "nothing confirmed yet", so a moment without network does all the work again.
	if found, err := ds.Exists(ctx); err != nil || !found {
		return "", false, err
	}
	value, err := catalog.LoadDataset(ctx, ds, nil)
	return fmt.Sprint(value), err == nil, err
}

// files lists the partitions above the checkpoint, once until they are released.
func (d *incrementalDataset) files(ctx context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found != nil {
		return d.found, nil
	}
	last, confirmed, err := d.last(ctx)
	if err != nil {
		return nil, err
	}
	files, err := d.list(ctx)
	if err != nil {
		return nil, err
	}
	own, _ := d.checkpoint[d.pathArg].(string)
	d.found = slices.DeleteFunc(files, func(file string) bool {
		return d.prefix+file == own || confirmed && !d.above(d.id(file), last)
	})
	return d.found, nil
}

// Load returns the data of the new partitions by their ids, a map[string]any.
func (d *incrementalDataset) Load(ctx context.Context) (any, error) {
	out := map[string]any{}
	return out, d.LoadInto(ctx, &out)
}

// LoadInto fills a map from the ids of the new partitions to their data, or to functions that load it.
func (d *incrementalDataset) LoadInto(ctx context.Context, dst any) error {
	files, err := d.files(ctx)
	if err != nil {
		return err
	}
	return d.fill(ctx, files, dst)
}

// Exists tells whether there is a new partition.
func (d *incrementalDataset) Exists(ctx context.Context) (bool, error) {
	files, err := d.files(ctx)
	return len(files) > 0, err
}

// Confirm makes the last of the partitions that were loaded the checkpoint.
func (d *incrementalDataset) Confirm(ctx context.Context) error {
	files, err := d.files(ctx)
	if err != nil || len(files) == 0 {
		return err
	}
	ds, err := d.checkpointDataset()
	if err != nil {
		return err
	}
	return catalog.SaveDataset(ctx, ds, d.id(files[len(files)-1]))
}
