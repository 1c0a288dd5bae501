// Package storage reads and writes files by URL: on the local disk, in object stores (s3, gs, abfs) and, for reading,
// over http.
//
// A Set opens stores and shares their connections, so that the catalogs of many runs use the same ones. Names are paths
// as Kedro splits them from a URL: a path on the local disk, bucket/key in an object store, host/path over http.
//
// Errors about a file are *fs.PathError with the errno that the local disk would give, whatever the store.
package storage

import (
	"context"
	"io"
)

// Store is a place for files. It is safe for concurrent use.
type Store interface {
	// Exists tells whether there is a file at a name.
	Exists(ctx context.Context, name string) (bool, error)
	// List names the entries of a folder; none for a folder that doesn't exist.
	List(ctx context.Context, folder string) ([]string, error)
	// Open opens a file for reading.
	Open(ctx context.Context, name string) (Object, error)
	// Replace writes a file as a whole: readers see the old or the new one, and an error of write, or the end of ctx,
	// leaves the old one.
	Replace(ctx context.Context, name string, write func(io.Writer) error) error
	// Local tells whether names are paths of this machine.
	Local() bool
}

// Tree is a Store whose folders can be walked: all but http.
type Tree interface {
	Store
	// Find lists all files below a folder, in order; none for a folder that doesn't exist.
	Find(ctx context.Context, folder string) ([]string, error)
	// Remove deletes all files below a folder, one after the other.
	Remove(ctx context.Context, folder string) error
}

// Object is an open file. What isn't on the local disk is read as it comes; ReadAt and Seek first copy all of it to a
// temporary file, so they must come before any Read.
type Object interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
}
