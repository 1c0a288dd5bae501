package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

// codec is a file format: what one dataset type adds to a file.
type codec interface {
	// decode reads the whole of a file. want is the type that the node wants, nil for the format's own choice.
	decode(ctx context.Context, src storage.Object, want reflect.Type) (any, error)
	// encode writes data, which is never nil.
	encode(ctx context.Context, w io.Writer, data any) error
}

// rowCodec is a codec that can hand out rows one after the other.
type rowCodec interface {
	codec
	rows(ctx context.Context, src storage.Object) (rowReader, error)
}

// file is a dataset that keeps its data in one file, whatever the format.
type file struct {
	class    string
	entry    map[string]any // the arguments it was made from
	protocol string
	store    storage.Store
	codec    codec
	described
	*catalog.VersionedPath
}

// described holds the arguments that Kedro shows between protocol and version.
type described struct{ args []catalog.DescribedArg }

var (
	_ catalog.Versioned   = (*file)(nil)
	_ catalog.IntoLoader  = (*file)(nil)
	_ catalog.FileDataset = (*file)(nil)
	_ catalog.Configured  = (*file)(nil)
)

// newFile makes a dataset from its spec and codec. args are shown in its description.
func newFile(spec buildSpec, c codec, args ...catalog.DescribedArg) (catalog.Dataset, error) {
	name, ok := spec.Args["filepath"].(string)
	if !ok || name == "" {
		return nil, &catalog.ArgumentError{Message: fmt.Sprintf("filepath must be a text that isn't empty, got %v", spec.Args["filepath"])}
	}
	protocol, name, store, err := openStore(spec, name)
	if err != nil {
		return nil, err
	}
	f := &file{class: spec.Type, entry: spec.Args, protocol: protocol, store: store, codec: c, described: described{args}}
	f.VersionedPath = catalog.NewVersionedPath(name, spec.Version, store, f.Describe)
	return f, nil
}

// openStore finds the store of a path or URL, and the name in it.
func openStore(spec buildSpec, address string) (protocol, name string, store storage.Store, err error) {
	protocol, name, err = catalog.ParsePath(address, spec.Version)
	if err != nil {
		return "", "", nil, err
	}
	if strings.ContainsRune(name, 0) {
		return "", "", nil, &catalog.ArgumentError{Message: "filepath holds a NUL character"}
	}
	options, err := storeOptions(spec, protocol)
	if err == nil {
		store, err = spec.shared.stores.Open(protocol, options)
	}
	if err != nil {
		return "", "", nil, &catalog.DatasetError{Message: err.Error(), Err: err}
	}
	if protocol == "http" || protocol == "https" {
		_, name, _ = strings.Cut(name, "://") // what Kedro shows; the rest of a URL is no path
		return protocol, name, store, nil
	}
	return protocol, purePath(name), store, nil
}

// storeOptions gathers what fsspec would get: the credentials, and fs_args over them. The local disk takes none.
func storeOptions(spec buildSpec, protocol string) (map[string]any, error) {
	if protocol == "file" {
		return nil, nil
	}
	options := map[string]any{}
	for _, name := range []string{"credentials", "fs_args"} {
		switch given := spec.Args[name].(type) {
		case nil:
		case map[string]any:
			maps.Copy(options, given)
		default:
			return nil, fmt.Errorf("%s of %s:// must be a mapping, got %s", name, protocol, catalog.TypeName(given))
		}
	}
	for _, ours := range openArguments {
		delete(options, ours)
	}
	return options, nil
}

// purePath cleans a path as Python's PurePosixPath does: "." and double slashes vanish, ".." stays.
func purePath(name string) string {
	parts := slices.DeleteFunc(strings.Split(name, "/"), func(part string) bool { return part == "" || part == "." })
	cleaned := strings.Join(parts, "/")
	if strings.HasPrefix(name, "/") {
		return "/" + cleaned
	}
	if cleaned == "" {
		return "."
	}
	return cleaned
}

// Load reads the file as the format's own type.
func (f *file) Load(ctx context.Context) (any, error) {
	return f.load(ctx, nil)
}

// LoadInto reads the file into *dst, decoded as its type wants.
func (f *file) LoadInto(ctx context.Context, dst any) error {
	into := reflect.ValueOf(dst).Elem()
	data, err := f.load(ctx, into.Type())
	if err == nil && data != nil {
		into.Set(reflect.ValueOf(data))
	}
	return err
}

func (f *file) load(ctx context.Context, want reflect.Type) (any, error) {
	name, err := f.LoadPath(ctx)
	if err != nil {
		return nil, err
	}
	if want != nil {
		if item, _, ok := catalog.IteratorOf(want); ok {
			return f.stream(ctx, name, want, item)
		}
	}
	src, err := f.store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := f.codec.decode(ctx, src, want)
	return data, inFile(name, errors.Join(err, src.Close()))
}

// inFile puts the name of the file before an error that names a place in it.
func inFile(name string, err error) error {
	var place *PlaceError
	if errors.As(err, &place) && place.File == "" {
		place.File = path.Base(name)
	}
	return err
}

// stream makes an iterator that reads the file chunk by chunk, each time it is ranged over.
func (f *file) stream(ctx context.Context, name string, want, item reflect.Type) (any, error) {
	c, ok := f.codec.(rowCodec)
	if !ok {
		src, err := f.store.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		data, err := f.codec.decode(ctx, src, reflect.SliceOf(item))
		if err = errors.Join(err, src.Close()); err != nil {
			return nil, err
		}
		return catalog.Convert(data, want)
	}
	if _, withError, _ := catalog.IteratorOf(want); !withError {
		return nil, fmt.Errorf("a file is read as iter.Seq2[%s, error], since reading may fail; got %s", item, want)
	}
	src, err := f.store.Open(ctx, name) // a missing file is the error of the load, not of the first row
	if err != nil {
		return nil, err
	}
	if err := src.Close(); err != nil {
		return nil, err
	}
	return catalog.NewIterator(want, func(yield func(any, error) bool) {
		if err := f.each(ctx, c, name, item, func(row any) bool { return yield(row, nil) }); err != nil {
			yield(nil, inFile(name, err))
		}
	}).Interface(), nil
}

// each calls yield for every row until it returns false.
func (f *file) each(ctx context.Context, c rowCodec, name string, item reflect.Type, yield func(any) bool) error {
	src, err := f.store.Open(ctx, name)
	if err != nil {
		return catalog.FileError(err)
	}
	defer src.Close()
	rows, err := c.rows(ctx, src)
	if err != nil {
		return err
	}
	defer rows.close()
	return eachRow(ctx, rows, item, yield)
}

// Save writes data to a temporary file beside the target and moves it into place.
func (f *file) Save(ctx context.Context, data any) error {
	return f.VersionedPath.Save(ctx, func(name string) error {
		return f.store.Replace(ctx, name, func(w io.Writer) error { return f.codec.encode(ctx, w, data) })
	})
}

// SaveFile moves the file at from to where Save would write.
func (f *file) SaveFile(ctx context.Context, from string) error {
	return f.VersionedPath.Save(ctx, func(name string) error {
		if f.store.Local() {
			return storage.Disk{}.Adopt(ctx, from, name)
		}
		if err := copyFile(ctx, storage.Disk{}, from, f.store, name); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

// copyFile copies a file from store to store.
func copyFile(ctx context.Context, from storage.Store, name string, to storage.Store, target string) error {
	src, err := from.Open(ctx, name)
	if err != nil {
		return err
	}
	err = to.Replace(ctx, target, func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	})
	return errors.Join(err, src.Close())
}

// FilePath is the path without version; only the name of the file when it isn't on the local disk.
func (f *file) FilePath() string {
	if !f.store.Local() {
		return f.fileName(f.Path())
	}
	return f.Path()
}

// fileName is the last part of a name in the store; over http without what follows the path, which may be secret.
func (f *file) fileName(name string) string {
	if strings.HasPrefix(f.protocol, "http") {
		name, _, _ = strings.Cut(name, "?")
	}
	return path.Base(name)
}

// Fetch gives the file itself, or a copy of it in a temporary folder when it isn't on the local disk.
func (f *file) Fetch(ctx context.Context) (catalog.File, error) {
	name, err := f.LoadPath(ctx)
	if err != nil {
		return catalog.File{}, err
	}
	if f.store.Local() {
		_, err := os.Stat(name) // the words of Load, instead of whatever a program makes of it
		return catalog.File{Path: name}, err
	}
	folder, err := os.MkdirTemp("", "kedge-*")
	if err != nil {
		return catalog.File{}, err
	}
	discard := func() { _ = os.RemoveAll(folder) }
	copied := filepath.Join(folder, f.fileName(name))
	if err := copyFile(ctx, f.store, name, storage.Disk{}, copied); err != nil {
		discard()
		return catalog.File{}, err
	}
	stop := context.AfterFunc(ctx, discard) // when nobody gets to use it
	return catalog.File{Path: copied, Discard: func() { stop(); discard() }}, nil
}

// Exists tells whether the file, or a version of it, is there.
func (f *file) Exists(ctx context.Context) (bool, error) {
	name, err := f.LoadPath(ctx)
	if err != nil {
		return false, err
	}
	return f.store.Exists(ctx, name)
}

// Release forgets the versions looked up.
func (f *file) Release(context.Context) error {
	f.VersionedPath.Release()
	return nil
}

// Describe shows what Kedro shows.
func (f *file) Describe() catalog.Description {
	d := catalog.Description{Type: f.class, Args: []catalog.DescribedArg{
		{Name: "filepath", Value: catalog.PathValue(f.Path())}, {Name: "protocol", Value: f.protocol}}}
	d.Args = append(d.Args, f.args...)
	if v := f.Version(); v != nil {
		d.Args = append(d.Args, catalog.DescribedArg{Name: "version", Value: v})
	}
	return d
}

// Config returns the catalog entry of the dataset.
func (f *file) Config() map[string]any {
	config := maps.Clone(f.entry)
	delete(config, "metadata")
	config["type"] = f.class
	if f.Version() != nil {
		config["versioned"] = true
	}
	return config
}

// WithVersion returns the same dataset pinned to v; one without versions stays as it is.
func (f *file) WithVersion(v catalog.Version) catalog.Dataset {
	if f.Version() == nil {
		return f
	}
	pinned := *f
	pinned.VersionedPath = catalog.NewVersionedPath(f.Path(), &v, f.store, pinned.Describe)
	return &pinned
}

// ResolveLoadVersion names the version that Load reads.
func (f *file) ResolveLoadVersion(ctx context.Context) (string, error) { return f.LoadVersion(ctx) }

// ResolveSaveVersion names the version that Save writes.
func (f *file) ResolveSaveVersion(context.Context) (string, error) { return f.SaveVersion(), nil }
