package catalog

import (
	"context"
)

// Dataset is one place where data is loaded from and saved to (Kedro's AbstractDataset). Implementations are safe for
// concurrent use. Errors may be plain: the catalog adds Kedro's words and the description of the dataset (CAT-057).
type Dataset interface {
	// Load reads the data.
	Load(ctx context.Context) (any, error)
	// Save writes data, never nil, so that a reader sees either the old or the whole new data.
	Save(ctx context.Context, data any) error
	// Exists tells whether Load would find something.
	Exists(ctx context.Context) (bool, error)
	// Release drops cached data and cached versions.
	Release(ctx context.Context) error
	// Describe names the type and the constructor's arguments.
	Describe() Description
}

// IntoLoader is implemented by datasets that decode into the type that the node wants. dst is a non-nil pointer.
type IntoLoader interface {
	LoadInto(ctx context.Context, dst any) error
}

// Confirmer is implemented by datasets that a node may confirm (CAT-060).
type Confirmer interface {
	Confirm(ctx context.Context) error
}

// Versioned is implemented by datasets that can keep versions (Kedro's AbstractVersionedDataset).
type Versioned interface {
	Dataset
	// Version is what the dataset was made with: nil when versioning is off.
	Version() *Version
	// WithVersion returns a copy of the dataset pinned to v; the receiver is left as it is (CAT-051).
	WithVersion(v Version) Dataset
	// ResolveLoadVersion names the version that Load reads; "" when versioning is off.
	ResolveLoadVersion(ctx context.Context) (string, error)
	// ResolveSaveVersion names the version that Save writes; "" when versioning is off.
	ResolveSaveVersion(ctx context.Context) (string, error)
}

// Version holds the versions that a dataset loads and saves. An empty Load means the latest one that exists, an empty
// Save a new timestamp.
type Version struct{ Load, Save string }

// Ephemeral tells whether the data of ds is gone when the run ends (CAT-125).
func Ephemeral(ds Dataset) bool {
	e, ok := ds.(interface{ Ephemeral() bool })
	return ok && e.Ephemeral()
}

// Stored tells whether the data of ds is kept anywhere but in memory, as far as the catalog can see. A CachedDataset is:
// what it wraps keeps the data, although the wrapper is ephemeral.
func Stored(ds Dataset) bool {
	switch ds.(type) {
	case *MemoryDataset: // what most datasets of a run are
		return false
	case *CachedDataset:
		return true
	}
	return !Ephemeral(ds)
}

// SingleProcess tells whether ds refuses to be used by ParallelRunner (Kedro's _SINGLE_PROCESS).
func SingleProcess(ds Dataset) bool {
	s, ok := ds.(interface{ SingleProcess() bool })
	return ok && s.SingleProcess()
}
