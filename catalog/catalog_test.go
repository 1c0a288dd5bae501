package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// logged returns a context whose log lines go to the buffer.
func logged(t *testing.T) (context.Context, *bytes.Buffer) {
	var lines bytes.Buffer
	return zerolog.New(&lines).WithContext(t.Context()), &lines
}

func fromConfig(ctx context.Context, t *testing.T, opts catalog.Options, entries ...catalog.Entry) *catalog.DataCatalog {
	t.Helper()
	c, err := catalog.FromConfig(ctx, entries, opts)
	require.NoError(t, err)
	return c
}

func entry(name string, config map[string]any) catalog.Entry {
	return catalog.Entry{Name: name, Config: config}
}

var memory = map[string]any{"type": "MemoryDataset"}

// scripted is a dataset that answers as told.
type scripted struct {
	version *catalog.Version
	err     error
}

func (s scripted) Load(context.Context) (any, error)           { return "data", s.err }
func (s scripted) Save(context.Context, any) error             { return s.err }
func (s scripted) Exists(context.Context) (bool, error)        { return false, s.err }
func (s scripted) Release(context.Context) error               { return s.err }
func (s scripted) Version() *catalog.Version                   { return s.version }
func (s scripted) WithVersion(catalog.Version) catalog.Dataset { return s }
func (s scripted) Describe() catalog.Description {
	return catalog.Description{Type: "project.Scripted", Args: []catalog.DescribedArg{{Name: "url", Value: "https://u:p@h/x?t=1"}}}
}
func (s scripted) ResolveLoadVersion(context.Context) (string, error) { return "", s.err }
func (s scripted) ResolveSaveVersion(context.Context) (string, error) { return "", s.err }

func TestAccessLogsAsKedro(t *testing.T) { // CAT-055, CAT-056, CAT-060
	ctx, lines := logged(t)
	c := fromConfig(ctx, t, catalog.Options{}, entry("cars", memory))
	require.NoError(t, c.Save(ctx, "cars", 1))
	_, err := c.Load(ctx, "cars")
	require.NoError(t, err)
	require.EqualError(t, c.Confirm(ctx, "cars"), "Dataset 'cars' does not have 'confirm' method")
	for _, line := range []string{"Saving data to cars (MemoryDataset)...", "Loading data from cars (MemoryDataset)...", "Confirming dataset 'cars'"} {
		require.Contains(t, lines.String(), line)
	}
}

func TestUnknownNames(t *testing.T) { // CAT-051, CAT-052, CAT-058
	ctx := t.Context()
	c := fromConfig(ctx, t, catalog.Options{}, entry("{x}_csv", memory))
	_, err := c.Load(ctx, "nope")
	require.EqualError(t, err, "Dataset 'nope' not found in the catalog")
	require.ErrorIs(t, err, catalog.ErrDatasetNotFound)
	for _, err := range []error{c.Save(ctx, "nope", 1), c.Release(ctx, "nope"), c.Confirm(ctx, "nope")} {
		require.ErrorIs(t, err, catalog.ErrDatasetNotFound)
	}
	found, err := c.Exists(ctx, "nope")
	require.NoError(t, err)
	require.False(t, found)
	require.True(t, c.Has("a_csv"))
	require.False(t, c.Has("nope"), "the runtime pattern doesn't count")
	ds, err := c.Get(ctx, "nope", catalog.GetOptions{Fallback: true})
	require.NoError(t, err)
	require.IsType(t, &catalog.MemoryDataset{}, ds)
	require.True(t, c.Has("nope"), "CAT-049: it is registered from now on")
}

func TestFailuresSpeakKedro(t *testing.T) { // CAT-015, CAT-057, CAT-058, CAT-059
	ctx, lines := logged(t)
	c := catalog.New()
	require.NoError(t, c.Set(ctx, "bad", scripted{err: errors.New("disk on fire")}))
	const shown = "project.Scripted(url='https://<redacted>@h/x?<redacted>')"
	_, err := c.Load(ctx, "bad")
	require.EqualError(t, err, "bad: Failed while loading data from dataset "+shown+".\ndisk on fire")
	require.EqualError(t, c.Save(ctx, "bad", 1), "bad: Failed while saving data to dataset "+shown+".\ndisk on fire")
	require.EqualError(t, c.Release(ctx, "bad"), "Failed during release for dataset "+shown+".\ndisk on fire")
	_, err = c.Exists(ctx, "bad")
	require.EqualError(t, err, "Failed during exists check for dataset "+shown+".\ndisk on fire")

	require.NoError(t, c.Set(ctx, "gone", scripted{err: &fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}}))
	err = c.Save(ctx, "gone", 1)
	require.EqualError(t, err, "[Errno 2] No such file or directory: '/x'")
	require.Equal(t, "FileNotFoundError", err.(interface{ ErrorType() string }).ErrorType())

	require.NoError(t, c.Set(ctx, "vague", scripted{err: catalog.ErrExistsNotSupported}))
	found, err := c.Exists(ctx, "vague")
	require.NoError(t, err)
	require.False(t, found)
	require.Contains(t, lines.String(), "'exists()' not implemented for 'Scripted'. Assuming output does not exist.")
}

func TestKeysAndReplacing(t *testing.T) { // CAT-053, CAT-054, CAT-025
	ctx, lines := logged(t)
	params := catalog.NewParameters([]catalog.Parameter{{Name: "parameters", Value: map[string]any{"a": 1}}, {Name: "params:a", Value: 1}})
	given, err := catalog.NewMemory(5, "")
	require.NoError(t, err)
	c := fromConfig(ctx, t, catalog.Options{Parameters: params, Datasets: []catalog.Named{{Name: "given", Dataset: given}}},
		entry("one", memory), entry("two", memory), entry("given", memory), entry("{x}_p", memory))
	require.Contains(t, lines.String(), "Cannot register dataset 'given' from config: a dataset with the same name was already provided in the `datasets` argument.")
	require.Equal(t, []string{"one", "two", "given", "parameters", "params:a"}, c.Keys())
	require.NoError(t, c.Save(ctx, "one", 1))
	require.NoError(t, c.Save(ctx, "x_p", 1))
	require.Equal(t, []string{"two", "given", "parameters", "params:a", "one", "x_p"}, c.Keys())
	require.NoError(t, c.Set(ctx, "params:a", nil))
	require.Contains(t, lines.String(), "Replacing dataset 'params:a'")
	require.Equal(t, []string{"two", "given", "parameters", "one", "x_p", "params:a"}, c.Keys())
	value, err := c.Load(ctx, "params:a")
	require.NoError(t, err)
	require.Nil(t, value)
	require.Equal(t, map[string]any{"a": 1}, must(c.Load(ctx, "parameters")))
	require.NoError(t, c.Release(ctx, "parameters"))
	_, err = c.Load(ctx, "parameters")
	require.EqualError(t, err, "parameters: Data for MemoryDataset has not been saved yet.")
	again := fromConfig(ctx, t, catalog.Options{Parameters: params})
	require.Equal(t, map[string]any{"a": 1}, must(again.Load(ctx, "parameters")), "another catalog isn't touched")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestEntriesAreLazy(t *testing.T) { // CAT-022, CAT-023, CAT-026 to CAT-029
	ctx, lines := logged(t)
	for _, test := range []struct{ config, want string }{
		{"nope.NopeDataset", "An exception occurred when parsing config for dataset 'x':\nDataset 'NopeDataset' not found in 'nope'. Make sure the dataset name is correct."},
		{".MemoryDataset", "An exception occurred when parsing config for dataset 'x':\n'type' class path does not support relative paths or paths ending with a dot."},
	} {
		c := fromConfig(ctx, t, catalog.Options{}, entry("x", map[string]any{"type": test.config}))
		_, err := c.Load(ctx, "x")
		require.ErrorContains(t, err, test.want)
	}
	c := fromConfig(ctx, t, catalog.Options{}, entry("x", map[string]any{"type": "MemoryDataset", "version": 1}),
		entry("v", map[string]any{"type": "MemoryDataset", "versioned": true}),
		entry("c", map[string]any{"type": "CachedDataset", "dataset": map[string]any{"type": "MemoryDataset", "versioned": true}}),
		entry("t", map[string]any{"type": "CachedDataset", "dataset": "text"}))
	require.NoError(t, c.Save(ctx, "x", 1))
	require.Contains(t, lines.String(), "'version' attribute removed from dataset configuration since it is a reserved word and cannot be directly specified")
	require.EqualError(t, c.Save(ctx, "v", 1), "\nMemoryDataset.__init__() got an unexpected keyword argument 'version'.\nDataset 'v' must only contain arguments valid for the constructor of 'kedro.io.memory_dataset.MemoryDataset'.")
	require.EqualError(t, c.Save(ctx, "c", 1), "\nCached datasets should specify that they are versioned in the 'CachedDataset', not in the wrapped dataset..\nFailed to instantiate dataset 'c' of type 'kedro.io.cached_dataset.CachedDataset'.")
	require.ErrorContains(t, c.Save(ctx, "t", 1), "The argument type of 'dataset' should be either a dict/YAML representation of the dataset, or the actual dataset object.")
	_, err := catalog.FromConfig(ctx, []catalog.Entry{entry("x", map[string]any{"filepath": "a"})}, catalog.Options{})
	require.ErrorContains(t, err, "'type' is missing from dataset catalog configuration.")
}

func TestSaveVersionsMustAgree(t *testing.T) { // CAT-072
	ctx := t.Context()
	c := fromConfig(ctx, t, catalog.Options{SaveVersion: "one"})
	require.NoError(t, c.Set(ctx, "same", scripted{version: &catalog.Version{Save: "one"}}))
	err := c.Set(ctx, "other", scripted{version: &catalog.Version{Save: "two"}})
	require.EqualError(t, err, "Cannot add a dataset `other` with `two` save version. Save version set for the catalog is `one`All datasets in the catalog must have the same save version.")
	require.Equal(t, "VersionAlreadyExistsError", err.(interface{ ErrorType() string }).ErrorType())
}

func TestFilterAndTypes(t *testing.T) { // CAT-061
	ctx := t.Context()
	c := fromConfig(ctx, t, catalog.Options{}, entry("cars", memory), entry("cached", map[string]any{"type": "CachedDataset", "dataset": memory}), entry("{x}_p", memory))
	names, err := c.Filter(catalog.FilterOptions{Name: regexp.MustCompile("^ca"), Type: regexp.MustCompile("Cached")})
	require.NoError(t, err)
	require.Equal(t, []string{"cached"}, names)
	names, err = c.Filter(catalog.FilterOptions{ByType: []string{"kedro.io.memory_dataset.MemoryDataset"}})
	require.NoError(t, err)
	require.Equal(t, []string{"cars"}, names)
	require.Equal(t, "kedro.io.memory_dataset.MemoryDataset", must(c.Type("some_p")))
	require.Empty(t, must(c.Type("unknown")))
}

func TestCachedDataset(t *testing.T) { // CAT-120, CAT-124
	ctx := t.Context()
	inner := new(catalog.MemoryDataset)
	cached := catalog.NewCached(inner, "")
	require.NoError(t, inner.Save(ctx, []any{1}))
	require.Equal(t, []any{1}, must(cached.Load(ctx)))
	require.NoError(t, inner.Save(ctx, []any{2}))
	require.Equal(t, []any{1}, must(cached.Load(ctx)), "the first load fills the cache")
	require.Equal(t, `kedro.io.cached_dataset.CachedDataset(dataset="kedro.io.memory_dataset.MemoryDataset(data='<list>')", cache="kedro.io.memory_dataset.MemoryDataset(data='<list>')")`, cached.Describe().String())
	require.NoError(t, cached.Save(ctx, []any{3}))
	require.Equal(t, []any{3}, must(inner.Load(ctx)))
	require.NoError(t, cached.Release(ctx))
	require.False(t, must(cached.Exists(ctx)), "release clears both")
	require.True(t, catalog.Ephemeral(cached))
	require.True(t, catalog.SingleProcess(cached))
}

func TestCatchAllWarns(t *testing.T) { // CAT-046
	ctx, lines := logged(t)
	c := fromConfig(ctx, t, catalog.Options{}, entry("{any}", memory))
	require.NoError(t, c.Save(ctx, "x", 1))
	require.Contains(t, lines.String(), "Config from the dataset pattern '{any}' in the catalog will be used to override the default dataset creation for 'x'")
}

func TestNamesMustNotClimb(t *testing.T) {
	ctx := t.Context()
	c := fromConfig(ctx, t, catalog.Options{}, entry("{x}_csv", map[string]any{"type": "MemoryDataset", "filepath": "/data/{x}.csv"}))
	_, err := c.Load(ctx, "../../etc/passwd_csv")
	require.EqualError(t, err, "Dataset name '../../etc/passwd_csv' leads out of the folder of the dataset pattern '{x}_csv'")
}

func TestExportAndCommands(t *testing.T) { // CAT-130, CAT-160 to CAT-162
	ctx := t.Context()
	secret := map[string]any{"user": "u"}
	c := fromConfig(ctx, t, catalog.Options{Credentials: map[string]any{"dev": secret}, SaveVersion: "v", LoadVersions: map[string]string{"cached": "old"}},
		entry("cars", memory),
		entry("cached", map[string]any{"type": "CachedDataset", "versioned": true, "dataset": map[string]any{"type": "MemoryDataset", "credentials": "dev"}}),
		entry("{x}_p", map[string]any{"type": "CachedDataset", "dataset": memory, "metadata": "{x}"}))
	out := c.ToConfig()
	require.Equal(t, []catalog.Entry{entry("cached", map[string]any{"type": "CachedDataset", "versioned": true,
		"dataset": map[string]any{"type": "MemoryDataset", "credentials": "cached_credentials"}})}, out.Catalog)
	require.Equal(t, map[string]any{"cached_credentials": secret}, out.Credentials)
	require.Equal(t, map[string]string{"cached": "old"}, out.LoadVersions)
	require.Equal(t, "v", out.SaveVersion)
	require.Equal(t, []string{"{x}_p", "{default}"}, c.Patterns())

	usage, err := c.DescribeDatasets([]string{"cars", "a_p", "params:x", "free"})
	require.NoError(t, err)
	require.Equal(t, catalog.Usage{
		Datasets:  map[string][]string{"kedro.io.memory_dataset.MemoryDataset": {"cars"}},
		Factories: map[string][]string{"kedro.io.cached_dataset.CachedDataset": {"a_p"}},
		Defaults:  map[string][]string{"kedro.io.MemoryDataset": {"free"}},
	}, usage)
	resolved, err := c.ResolvePatterns([]string{"a_p", "free", "params:x"})
	require.NoError(t, err)
	require.Equal(t, "a", resolved["a_p"]["metadata"])
	require.Equal(t, map[string]any{"type": "kedro.io.MemoryDataset"}, resolved["free"])
	require.Len(t, resolved, 4)
}

func TestOneBlueprintManyCatalogs(t *testing.T) {
	blueprint, err := catalog.Compile([]catalog.Entry{entry("{x}_p", memory), entry("cars", memory)}, catalog.Options{})
	require.NoError(t, err)
	var group sync.WaitGroup
	failures := make(chan error, 32)
	for i := range 32 {
		group.Go(func() {
			failures <- func() error {
				ctx := context.WithoutCancel(t.Context())
				c, err := blueprint.Catalog(ctx, catalog.Options{})
				if err != nil {
					return err
				}
				for _, name := range []string{"a_p", "cars", "b_p"} {
					if err := c.Save(ctx, name, i); err != nil {
						return err
					}
					if got, err := c.Load(ctx, name); err != nil || got != i {
						return fmt.Errorf("%s: got %v of another run, err %w", name, got, err)
					}
				}
				return nil
			}()
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
}

func TestPaths(t *testing.T) { // CAT-073, CAT-074
	for text, want := range map[string][2]string{
		"s3://u:p@b/k": {"s3", "b/k"}, "file:///a": {"file", "/a"}, "http://h/x?a": {"http", "http://h/x?a"}, "abfss://c@acc/p": {"abfss", "c@acc/p"},
		"hdfs://nn:80/p": {"hdfs", "/p"}, "data/x.csv": {"file", "data/x.csv"}, `C:\x`: {"file", `C:\x`}, "gs://b:1/k?v=2": {"gs", "b/k?v=2"}, "file:///C:/x": {"file", "C:/x"},
	} {
		protocol, name, err := catalog.ParsePath(text, nil)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{protocol, name}, text)
	}
	_, _, err := catalog.ParsePath("https://h/x", &catalog.Version{})
	require.EqualError(t, err, "Versioning is not supported for HTTP protocols. Please remove the `versioned` flag from the dataset configuration.")
}
