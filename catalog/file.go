package catalog

import (
	"context"
	"os"
	"reflect"
)

// File is data as a file on the local disk: what nodes that run other programs read and write (see package project).
// As an input it names the dataset's own file, which must not be changed. As an output it is handed over: saving
// moves the file into place, or decodes it for a dataset that keeps no file.
type File struct {
	// Path is absolute.
	Path string
	// Decode reads the file for a dataset that keeps no file of its own; set on outputs only.
	Decode func() (any, error)
	// Discard removes what is left of the file after saving; may be nil.
	Discard func()
}

// Undecoded is the input type of a node that prefers a dataset's file to its content: LoadAs gives a File for a
// FileDataset, and for any other dataset what Load gives.
type Undecoded any

// FileDataset is implemented by datasets whose data is one file.
type FileDataset interface {
	Dataset
	// FilePath is the configured path, without version; "" when it isn't on the local disk.
	FilePath() string
	// LoadPath names the file that Load would read, the version resolved; it may be missing.
	LoadPath(ctx context.Context) (string, error)
	// SaveFile moves the file at path to where Save would write, atomically, under Save's rules for versions.
	SaveFile(ctx context.Context, path string) error
}

var undecodedType = reflect.TypeFor[Undecoded]()

// fileOf returns ds as a dataset with a file on the local disk.
func fileOf(ds Dataset) (FileDataset, bool) {
	f, ok := ds.(FileDataset)
	return f, ok && f.FilePath() != ""
}

// loadUndecoded loads for a node that asks for Undecoded.
func loadUndecoded(ctx context.Context, ds Dataset) (any, error) {
	if f, ok := fileOf(ds); ok {
		path, err := f.LoadPath(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, err // the words of Load, instead of whatever the program makes of it
		}
		return File{Path: path}, nil
	}
	return ds.Load(ctx)
}

// saveFile saves what a node handed over as a file.
func saveFile(ctx context.Context, ds Dataset, file File) error {
	if file.Discard != nil {
		defer file.Discard()
	}
	if f, ok := fileOf(ds); ok {
		return f.SaveFile(ctx, file.Path)
	}
	data, err := file.Decode()
	if err != nil {
		return err
	}
	return ds.Save(ctx, data)
}
