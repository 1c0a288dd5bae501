package catalog

import (
	"context"
	"reflect"
)

// File is data as a file on the local disk: what nodes that run other programs read and write (see package project).
// As an input it names the dataset's own file, which must not be changed, or a copy of it. As an output it is handed over:
// saving moves the file into place, or decodes it for a dataset that keeps no file.
type File struct {
	// Path is absolute.
	Path string
	// Decode reads the file for a dataset that keeps no file of its own; set on outputs only.
	Decode func() (any, error)
	// Discard removes what is left of the file: an input's copy after use, an output after saving; may be nil.
	Discard func()
}

// Undecoded is the input type of a node that prefers a dataset's file to its content: LoadAs gives a File for a
// FileDataset, and for any other dataset what Load gives.
type Undecoded any

// FileDataset is implemented by datasets whose data is one file.
type FileDataset interface {
	Dataset
	// FilePath is the configured path, without version. It is absolute on the local disk, else only the name of the file.
	FilePath() string
	// Fetch gives the file that Load would read, the version resolved: itself, or a copy when it isn't on the local disk, which
	// lasts until it is discarded or ctx ends.
	Fetch(ctx context.Context) (File, error)
	// SaveFile moves the file at path to where Save would write, atomically, under Save's rules for versions.
	SaveFile(ctx context.Context, path string) error
}

var undecodedType = reflect.TypeFor[Undecoded]()

// loadUndecoded loads for a node that asks for Undecoded.
func loadUndecoded(ctx context.Context, ds Dataset) (any, error) {
	if f, ok := ds.(FileDataset); ok {
		return f.Fetch(ctx)
	}
	return ds.Load(ctx)
}

// saveFile saves what a node handed over as a file.
func saveFile(ctx context.Context, ds Dataset, file File) error {
	if file.Discard != nil {
		defer file.Discard()
	}
	if f, ok := ds.(FileDataset); ok {
		return f.SaveFile(ctx, file.Path)
	}
	data, err := file.Decode()
	if err != nil {
		return err
	}
	return ds.Save(ctx, data)
}
