// Package catalog maps dataset names to the places where their data lives: Kedro's DataCatalog.
//
// A catalog is made from the entries of catalog.yml. Names that contain a brace are factories: patterns from which
// entries are made for the names that match. A name that nothing describes gets a MemoryDataset when the runner asks
// for it, so that the data between two nodes needs no entry.
//
//	c, err := catalog.FromConfig(ctx, entries, catalog.Options{Types: dataset.Types(), Credentials: credentials})
//	cars, err := c.Load(ctx, "cars")
//
// Entries are lazy: a dataset is built at its first use, so a wrong type or argument shows only then. What is parsed
// once (patterns, credentials, entries) is a Blueprint, immutable and shared; a run instantiates it with its versions
// and parameters by Blueprint.Catalog, which costs next to nothing.
//
// A DataCatalog is safe for concurrent use. File formats live in package dataset; this package holds what needs no
// file: MemoryDataset, SharedMemoryDataset, CachedDataset, versions, conversions of values to the types that nodes want.
package catalog
