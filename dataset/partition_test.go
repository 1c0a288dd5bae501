package dataset_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/catalog/catalogtest"
	"github.com/kedge-run/kedge/dataset"
	"github.com/kedge-run/kedge/internal/servertest"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// loadAll calls the functions of a loaded PartitionedDataset.
func loadAll(t *testing.T, loaded any) any {
	t.Helper()
	out := map[string]any{}
	for id, one := range loaded.(map[string]dataset.LoadFunc) {
		data, err := one(t.Context())
		require.NoError(t, err)
		out[id] = data
	}
	return out
}

func TestPartitionsPassTheSuite(t *testing.T) {
	place := func(folder string) map[string]any { return map[string]any{"path": filepath.Join(folder, "parts")} }
	features := catalogtest.Features{Value: map[string]any{"a": "one", "b/c": "two"}, Second: map[string]any{"a": "x"},
		Refused: map[string]any{"a": []any{1}}, Place: place, Absent: "No partitions found in '", Plain: loadAll}
	catalogtest.Exercise(t, dataset.Types(), map[string]any{"type": "partitions.PartitionedDataset", "dataset": "text.TextDataset", "filename_suffix": ".txt"}, features)
	t.Run("incremental", func(t *testing.T) {
		features := features
		features.Plain, features.Empty = nil, map[string]any{}
		catalogtest.Exercise(t, dataset.Types(), map[string]any{"type": "partitions.IncrementalDataset", "dataset": "text.TextDataset", "filename_suffix": ".txt"}, features)
	})
	t.Run("versioned partitions", func(t *testing.T) {
		c := newCatalog(t, map[string]map[string]any{"p": {"type": "partitions.PartitionedDataset", "path": t.TempDir(),
			"dataset": map[string]any{"type": "text.TextDataset", "versioned": true}}})
		require.NoError(t, c.Save(t.Context(), "p", features.Value))
		require.Equal(t, features.Value, loadAll(t, must(c.Load(t.Context(), "p"))))
	})
}

func TestPartitionsInAnObjectStore(t *testing.T) {
	bucket := servertest.S3(t)
	entry := map[string]any{"type": "partitions.PartitionedDataset", "path": bucket.URL + "/deep/parts/", "dataset": "pandas.CSVDataset", "filename_suffix": ".csv",
		"credentials": bucket.Options, "overwrite": true}
	incremental := maps.Clone(entry)
	incremental["type"] = "partitions.IncrementalDataset"
	delete(incremental, "overwrite")
	c := newCatalog(t, map[string]map[string]any{"p": entry, "i": incremental})
	require.NoError(t, c.Save(t.Context(), "p", map[string]any{"old": table()}))
	require.NoError(t, c.Save(t.Context(), "p", map[string][]car{"2024/a": cars, "2024/b": cars[:1]}))
	require.Equal(t, map[string][]car{"2024/a": cars, "2024/b": cars[:1]}, load[map[string][]car](t.Context(), t, c, "p"), "overwrite removes the others")
	require.Len(t, load[map[string]*dataset.Table](t.Context(), t, c, "i"), 2)
	require.NoError(t, c.Confirm(t.Context(), "i"))
	require.NoError(t, c.Release(t.Context(), "i"))
	require.Empty(t, load[map[string]any](t.Context(), t, c, "i"))
}

func TestPartitionsAsTheNodeWantsThem(t *testing.T) {
	folder := t.TempDir()
	c := newCatalog(t, map[string]map[string]any{"p": {"type": "partitions.PartitionedDataset", "path": folder, "filename_suffix": ".csv",
		"dataset": map[string]any{"type": "pandas.CSVDataset"}, "load_args": map[string]any{"maxdepth": 2}}})
	called := 0
	require.NoError(t, c.Save(t.Context(), "p", map[string]any{
		"a":        cars,
		"x/b":      func() []car { called++; return cars[:1] },
		"x/c":      func(context.Context) ([]car, error) { called++; return cars[1:], nil },
		"y/z/deep": cars,
	}))
	require.Equal(t, 2, called)
	type name string
	for id, one := range load[map[name]func(context.Context) ([]car, error)](t.Context(), t, c, "p") {
		rows, err := one(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, rows, id)
	}
	lazy := load[map[string]func() (*dataset.Table, error)](t.Context(), t, c, "p")
	require.Len(t, lazy, 3, "maxdepth counts folders")
	require.NoError(t, os.Remove(filepath.Join(folder, "a.csv")))
	_, err := lazy["a"]()
	require.ErrorContains(t, err, "Failed while loading data from dataset kedro_datasets.pandas.csv_dataset.CSVDataset(filepath=PurePosixPath('"+folder+"/a.csv')")
	require.Len(t, load[map[string][]car](t.Context(), t, c, "p"), 2, "a load looks afresh")
	_, err = c.LoadAs(t.Context(), "p", reflect.TypeFor[[]car]())
	require.ErrorContains(t, err, "partitions are loaded as map[string]func(context.Context) (T, error)")
	full := errors.New("no more")
	require.ErrorIs(t, c.Save(t.Context(), "p", map[string]any{"q": func() (string, error) { return "", full }}), full)
}

func TestPartitionErrors(t *testing.T) {
	folder := t.TempDir()
	types := dataset.Types()
	build := func(extra map[string]any) (catalog.Dataset, error) {
		config := map[string]any{"type": "partitions.IncrementalDataset", "path": folder, "dataset": "text.TextDataset"}
		maps.Copy(config, extra)
		return types.New("p", config, catalog.Version{})
	}
	for text, extra := range map[string]map[string]any{
		"'IncrementalDataset' does not support versioning of the checkpoint. Please remove 'versioned' key from the checkpoint definition.": {"checkpoint": map[string]any{"versioned": true}},
		"Checkpoint filepath '/etc/x' resolves to '/etc/x' which is outside the dataset directory '" + folder + "'.":                        {"checkpoint": map[string]any{"filepath": "/etc/x"}},
		`checkpoint.comparison_func "my.func" is a function of Python: use one of operator.eq`:                                              {"checkpoint": map[string]any{"comparison_func": "my.func"}},
		"Dataset 'NopeDataset' not found in 'text'":                                                                                         {"dataset": "text.NopeDataset"},
		"got an unexpected keyword argument 'nonsense'":                                                                                     {"dataset": map[string]any{"type": "text.TextDataset", "nonsense": 1}},
		"http:// knows no folders, so it can't hold partitions":                                                                             {"path": "http://localhost/x"},
		"load_args.maxdepth must be a whole number":                                                                                         {"load_args": map[string]any{"maxdepth": "x"}},
		"dataset must be the name of a type or a mapping with it":                                                                           {"dataset": 5},
	} {
		_, err := build(extra)
		require.ErrorContains(t, err, text)
	}
	c := newCatalog(t, map[string]map[string]any{"p": {"type": "partitions.PartitionedDataset", "path": folder, "dataset": "text.TextDataset"}})
	require.ErrorContains(t, c.Save(t.Context(), "p", map[string]any{"../x": "a"}),
		"Path '../x' resolves to '"+filepath.Dir(folder)+"/x' which is outside the dataset directory '"+folder+"'.")
	require.ErrorContains(t, c.Save(t.Context(), "p", "a"), "partitions are a map from ids to data, not str")
}

func TestPartitionDescriptionIsKedros(t *testing.T) {
	ds, err := dataset.Types().New("p", map[string]any{"type": "partitions.PartitionedDataset", "path": "/data/parts", "filename_suffix": ".csv",
		"dataset": map[string]any{"type": "pandas.CSVDataset", "load_args": map[string]any{"sep": ";"}, "credentials": map[string]any{"a": 1}}}, catalog.Version{})
	require.NoError(t, err)
	require.Equal(t, `kedro_datasets.partitions.partitioned_dataset.PartitionedDataset(filepath='/data/parts', dataset="kedro_datasets.pandas.csv_dataset.CSVDataset(load_args={'sep': ';'})")`,
		ds.Describe().String())
}

// TestIncrementalKeepsACheckpoint: only partitions above what was confirmed are loaded.
func TestIncrementalKeepsACheckpoint(t *testing.T) {
	folder := t.TempDir()
	entry := map[string]any{"type": "partitions.IncrementalDataset", "path": folder, "dataset": "text.TextDataset", "filename_suffix": ".txt"}
	fresh := func(checkpoint any) *catalog.DataCatalog {
		config := maps.Clone(entry)
		config["checkpoint"] = checkpoint
		return newCatalog(t, map[string]map[string]any{"i": config})
	}
	ctx := t.Context()
	first := fresh(nil)
	require.Equal(t, map[string]any{}, load[map[string]any](ctx, t, first, "i"))
	require.NoError(t, first.Confirm(ctx, "i"))
	require.NoError(t, first.Save(ctx, "i", map[string]any{"2024-01": "a", "2024-02": "b"}))
	require.Equal(t, map[string]string{"2024-01": "a", "2024-02": "b"}, load[map[string]string](ctx, t, first, "i"))

	require.NoError(t, os.WriteFile(filepath.Join(folder, "2024-03.txt"), []byte("c"), 0o600)) // arrives while the run works
	require.NoError(t, first.Confirm(ctx, "i"))
	require.Equal(t, "2024-02", string(must(os.ReadFile(filepath.Join(folder, "CHECKPOINT")))), "what was loaded is confirmed, no more")
	require.Equal(t, map[string]any{"2024-03": "c"}, load[map[string]any](ctx, t, fresh(nil), "i"))
	require.Len(t, load[map[string]any](ctx, t, fresh("2024-01"), "i"), 2)
	require.Len(t, load[map[string]any](ctx, t, fresh(map[string]any{"force_checkpoint": "2024-01", "comparison_func": "operator.ge"}), "i"), 3)
	other := map[string]any{"type": "json.JSONDataset", "filepath": filepath.Join(folder, "at.txt")}
	require.NoError(t, fresh(other).Confirm(ctx, "i"))
	require.Equal(t, `"2024-03"`, string(must(os.ReadFile(filepath.Join(folder, "at.txt")))))
	require.Empty(t, load[map[string]any](ctx, t, fresh(other), "i"))
	found, err := fresh(other).Exists(ctx, "i")
	require.NoError(t, err)
	require.False(t, found)
}

func TestPartitionWarnings(t *testing.T) {
	var lines bytes.Buffer
	ctx := zerolog.New(&lines).WithContext(t.Context())
	c := newCatalog(t, map[string]map[string]any{"p": {"type": "partitions.PartitionedDataset", "path": t.TempDir(),
		"dataset": map[string]any{"type": "text.TextDataset", "filepath": "x"}}})
	_, err := c.Exists(ctx, "p")
	require.NoError(t, err)
	require.Contains(t, lines.String(), "'filepath' key must not be specified in the dataset definition as it will be overwritten by partition path")
}
