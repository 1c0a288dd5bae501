// Package catalogtest holds the one suite that every dataset type passes. A test of a type calls Exercise with an entry and
// with what the type promises; what it doesn't promise is left out by declaration, never silently.
package catalogtest

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/stretchr/testify/require"
)

// Features says what a dataset type promises.
type Features struct {
	// Value is data that the dataset takes and gives back.
	Value any
	// Second is other such data.
	Second any
	// Loaded is what a load gives after Value was saved. Defaults to Value.
	Loaded any
	// Refused is data that the dataset can't write; nil when it takes anything.
	Refused any
	// File is the name of the file that the dataset keeps; "" for one that keeps its data in memory.
	File string
	// Place returns the arguments that put the data into a folder, for a type that keeps data outside of memory but not in one file
	// named by filepath; nil for others.
	Place func(folder string) map[string]any
	// Fill puts a value where a load finds it, for a type that only loads; nil for others.
	Fill func(t *testing.T, config map[string]any, value any)
	// Absent is part of the error of a load when nothing was saved yet. Defaults to that of a missing file for files.
	Absent string
	// Empty is what a load gives when nothing was saved yet, for a type to which that is no error; nil for others.
	Empty any
	// Plain turns loaded data into what compares with Loaded, for data that holds functions; nil when it compares itself.
	Plain func(t *testing.T, loaded any) any
	// Remote is where the file lies instead of a temporary folder of the local disk; nil for the local disk.
	Remote *Remote
	// Mutate changes loaded data in place, to show that a load gives a copy; nil when the data can't be changed.
	Mutate func(loaded any)
}

// Remote is a folder of an object store.
type Remote struct {
	// URL is that of the folder, without a slash at the end.
	URL string
	// Credentials are those of the catalog entry.
	Credentials map[string]any
	// List names the entries of the folder of a URL.
	List func(ctx context.Context, url string) ([]string, error)
}

// name is what the suite calls the dataset.
const name = "subject"

// suite runs the exercises over one type.
type suite struct {
	types    *catalog.Types
	config   map[string]any
	features Features
}

// Exercise runs the suite over the type that config names. config is a catalog entry without filepath.
func Exercise(t *testing.T, types *catalog.Types, config map[string]any, features Features) {
	t.Helper()
	if features.Loaded == nil {
		features.Loaded = features.Value
	}
	s := suite{types: types, config: config, features: features}
	t.Run("round trip", s.roundTrip)
	t.Run("nothing saved yet", s.nothingSaved)
	t.Run("nil is refused", s.nilRefused)
	if features.Fill == nil {
		t.Run("exists and release", s.existsAndRelease)
	} else {
		t.Run("saving is refused", s.saveRefused)
	}
	t.Run("concurrent loads and saves", s.concurrent)
	t.Run("loads are copies", s.copies)
	t.Run("unknown arguments are refused", s.unknownArgument)
	if s.keeps() && features.Fill == nil {
		t.Run("a failed save leaves the old data", s.atomic)
		t.Run("a cancelled save leaves the old data", s.cancelled)
	}
	if features.File == "" {
		return
	}
	t.Run("versioned layout", s.versions)
	t.Run("version text is checked", s.unsafeVersion)
	if features.Remote == nil { // an object store has no folders, so nothing is in the way
		t.Run("a plain file in the way of versions", s.occupied)
	}
	t.Run("description masks credentials", s.masked)
}

// entry returns the configuration with extra keys, and the path of the file in folder.
func (s suite) entry(folder string, extra map[string]any) (map[string]any, string) {
	config := maps.Clone(s.config)
	path := ""
	if s.features.File != "" {
		path = filepath.Join(folder, "made", "folder", s.features.File)
		if remote := s.features.Remote; remote != nil {
			path = remote.URL + path // the temporary folder's name tells the tests apart
			config["credentials"] = remote.Credentials
		}
		config["filepath"] = path
	}
	if s.features.Place != nil {
		maps.Copy(config, s.features.Place(folder))
	}
	maps.Copy(config, extra)
	return config, path
}

func (s suite) catalog(t *testing.T, config map[string]any, opts catalog.Options) *catalog.DataCatalog {
	t.Helper()
	opts.Types = s.types
	c, err := catalog.FromConfig(t.Context(), []catalog.Entry{{Name: name, Config: config}}, opts)
	require.NoError(t, err)
	return c
}

func (s suite) roundTrip(t *testing.T) {
	config, path := s.entry(t.TempDir(), nil)
	c := s.catalog(t, config, catalog.Options{})
	for range 2 { // saving again replaces
		s.save(t, c, config, s.features.Second)
		s.save(t, c, config, s.features.Value)
	}
	s.requireLoads(t, c)
	if path != "" {
		require.Equal(t, []string{s.features.File}, s.listing(t, path), "nothing but the file is left")
	}
	if s.keeps() {
		s.requireLoads(t, s.catalog(t, config, catalog.Options{})) // another catalog sees the data
	}
}

// save puts a value into the dataset.
func (s suite) save(t *testing.T, c *catalog.DataCatalog, config map[string]any, value any) {
	t.Helper()
	if s.features.Fill != nil {
		s.features.Fill(t, config, value)
		return
	}
	require.NoError(t, c.Save(t.Context(), name, value))
}

func (s suite) saveRefused(t *testing.T) {
	config, _ := s.entry(t.TempDir(), nil)
	requireDatasetError(t, s.catalog(t, config, catalog.Options{}).Save(t.Context(), name, s.features.Value))
}

// keeps tells whether the data outlives the catalog.
func (s suite) keeps() bool { return s.features.File != "" || s.features.Place != nil }

// requireLoads shows that what Value became is there.
func (s suite) requireLoads(t *testing.T, c *catalog.DataCatalog) {
	t.Helper()
	got, err := c.Load(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, s.features.Loaded, s.plain(t, got))
}

func (s suite) plain(t *testing.T, loaded any) any {
	if s.features.Plain == nil {
		return loaded
	}
	return s.features.Plain(t, loaded)
}

// listing names what lies beside the file.
func (s suite) listing(t *testing.T, path string) []string {
	t.Helper()
	folder := path[:strings.LastIndex(path, "/")]
	if s.features.Remote != nil {
		names, err := s.features.Remote.List(t.Context(), folder)
		require.NoError(t, err)
		return names
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func requireDatasetError(t *testing.T, err error) {
	t.Helper()
	var known *catalog.DatasetError
	require.ErrorAs(t, err, &known)
	require.True(t, strings.HasPrefix(err.Error(), name+": "), "the error names the dataset: %s", err)
}

func (s suite) nothingSaved(t *testing.T) {
	config, path := s.entry(t.TempDir(), nil)
	got, err := s.catalog(t, config, catalog.Options{}).Load(t.Context(), name)
	if s.features.Empty != nil {
		require.NoError(t, err)
		require.Equal(t, s.features.Empty, got)
		return
	}
	requireDatasetError(t, err)
	require.Contains(t, err.Error(), s.features.Absent)
	if path != "" {
		require.Contains(t, err.Error(), "Failed while loading data from dataset ")
		require.Contains(t, err.Error(), "[Errno 2] No such file or directory: '"+path+"'")
	}
}

func (s suite) nilRefused(t *testing.T) {
	config, _ := s.entry(t.TempDir(), nil)
	err := s.catalog(t, config, catalog.Options{}).Save(t.Context(), name, nil)
	require.EqualError(t, err, name+": Saving 'None' to a 'Dataset' is not allowed")
}

func (s suite) existsAndRelease(t *testing.T) {
	config, _ := s.entry(t.TempDir(), nil)
	c := s.catalog(t, config, catalog.Options{})
	exists := func() bool {
		found, err := c.Exists(t.Context(), name)
		require.NoError(t, err)
		return found
	}
	require.False(t, exists())
	require.NoError(t, c.Save(t.Context(), name, s.features.Value))
	require.True(t, exists())
	require.NoError(t, c.Release(t.Context(), name))
	ds, err := c.Get(t.Context(), name, catalog.GetOptions{})
	require.NoError(t, err)
	if s.keeps() {
		require.True(t, exists(), "what is kept outlives the release")
		require.False(t, catalog.Ephemeral(ds))
	}
}

func (s suite) concurrent(t *testing.T) {
	config, _ := s.entry(t.TempDir(), nil)
	c := s.catalog(t, config, catalog.Options{})
	s.save(t, c, config, s.features.Value)
	var group sync.WaitGroup
	failures := make(chan error, 64)
	for i := range 8 {
		group.Go(func() {
			for range 4 {
				if i == 0 && s.features.Fill == nil {
					failures <- c.Save(context.WithoutCancel(t.Context()), name, s.features.Value)
					continue
				}
				_, err := c.Load(context.WithoutCancel(t.Context()), name)
				failures <- err
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
}

func (s suite) copies(t *testing.T) {
	if s.features.Mutate == nil {
		return
	}
	config, _ := s.entry(t.TempDir(), nil)
	c := s.catalog(t, config, catalog.Options{})
	s.save(t, c, config, s.features.Value)
	first, err := c.Load(t.Context(), name)
	require.NoError(t, err)
	s.features.Mutate(first)
	s.requireLoads(t, c)
}

func (s suite) unknownArgument(t *testing.T) {
	config, _ := s.entry(t.TempDir(), map[string]any{"no_such_argument": 1})
	_, err := s.catalog(t, config, catalog.Options{}).Load(t.Context(), name)
	require.ErrorContains(t, err, "got an unexpected keyword argument 'no_such_argument'")
	require.ErrorContains(t, err, "Dataset '"+name+"' must only contain arguments valid for the constructor of '")
}

const (
	older = "2024-01-01T00.00.00.000Z"
	newer = "2024-02-01T00.00.00.000Z"
)

func (s suite) versions(t *testing.T) {
	config, path := s.entry(t.TempDir(), map[string]any{"versioned": true})
	at := func(version string) *catalog.DataCatalog {
		return s.catalog(t, config, catalog.Options{SaveVersion: version})
	}
	c := at(newer)
	_, err := c.Load(t.Context(), name)
	require.ErrorIs(t, err, catalog.ErrVersionNotFound)
	found, err := c.Exists(t.Context(), name)
	require.NoError(t, err)
	require.False(t, found)

	require.NoError(t, at(older).Save(t.Context(), name, s.features.Second))
	require.NoError(t, c.Save(t.Context(), name, s.features.Value))
	require.Equal(t, []string{s.features.File}, s.listing(t, path+"/"+newer+"/"+s.features.File))
	err = at(newer).Save(t.Context(), name, s.features.Value)
	requireDatasetError(t, err)
	require.ErrorContains(t, err, "must not exist if versioning is enabled.")

	got, err := at("").Load(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, s.features.Loaded, got, "the newest version loads")
	got, err = c.LoadVersion(t.Context(), name, newer)
	require.NoError(t, err)
	require.Equal(t, s.features.Loaded, got)
	versions, ok, err := c.Versions(t.Context(), name)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, catalog.Version{Load: newer, Save: newer}, versions)

	pinned := s.catalog(t, config, catalog.Options{LoadVersions: map[string]string{name: "2020-01-01T00.00.00.000Z"}})
	_, err = pinned.Load(t.Context(), name)
	require.ErrorContains(t, err, "[Errno 2] No such file or directory: ")
}

func (s suite) unsafeVersion(t *testing.T) {
	config, _ := s.entry(t.TempDir(), map[string]any{"versioned": true})
	for _, version := range []string{"../../other", "..", `a\b`, "a/b"} {
		c := s.catalog(t, config, catalog.Options{SaveVersion: version})
		require.ErrorContains(t, c.Save(t.Context(), name, s.features.Value), "Version string '"+version+"' is not allowed.")
		_, err := c.LoadVersion(t.Context(), name, version)
		require.ErrorContains(t, err, "Version string '"+version+"' is not allowed.")
	}
}

func (s suite) occupied(t *testing.T) {
	folder := t.TempDir()
	plain, _ := s.entry(folder, nil)
	require.NoError(t, s.catalog(t, plain, catalog.Options{}).Save(t.Context(), name, s.features.Value))
	versioned, _ := s.entry(folder, map[string]any{"versioned": true})
	err := s.catalog(t, versioned, catalog.Options{}).Save(t.Context(), name, s.features.Value)
	requireDatasetError(t, err)
	require.ErrorContains(t, err, "Cannot save versioned dataset '"+s.features.File+"' to '")
	require.ErrorContains(t, err, "because a file with the same name already exists in the directory.")
}

func (s suite) atomic(t *testing.T) {
	if s.features.Refused == nil {
		return
	}
	config, path := s.entry(t.TempDir(), nil)
	c := s.catalog(t, config, catalog.Options{})
	require.NoError(t, c.Save(t.Context(), name, s.features.Value))
	err := c.Save(t.Context(), name, s.features.Refused)
	requireDatasetError(t, err)
	require.ErrorContains(t, err, "Failed while saving data to dataset ")
	s.requireOld(t, c, path)
}

func (s suite) cancelled(t *testing.T) {
	config, path := s.entry(t.TempDir(), nil)
	c := s.catalog(t, config, catalog.Options{})
	require.NoError(t, c.Save(t.Context(), name, s.features.Value))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the run was cancelled"))
	require.ErrorIs(t, c.Save(ctx, name, s.features.Second), context.Canceled)
	s.requireOld(t, c, path)
}

func (s suite) requireOld(t *testing.T, c *catalog.DataCatalog, path string) {
	t.Helper()
	s.requireLoads(t, c)
	if path != "" {
		require.Equal(t, []string{s.features.File}, s.listing(t, path), "no temporary file is left")
	}
}

func (s suite) masked(t *testing.T) {
	config, _ := s.entry(t.TempDir(), map[string]any{"credentials": map[string]any{"token": "secret-one"}})
	config["filepath"] = "file:///data/" + s.features.File + "?sig=secret-two"
	ds, err := s.catalog(t, config, catalog.Options{}).Get(t.Context(), name, catalog.GetOptions{})
	require.NoError(t, err)
	text := ds.Describe().String()
	require.NotContains(t, text, "secret")
	require.Contains(t, text, "?<redacted>")
}
