// Package dataset holds the dataset types that a catalog.yml may name, by Kedro's names: csv, json, yaml, text,
// Parquet, Feather, Excel, images and plots, tables and queries of SQL databases, API requests, partitioned and
// incremental data. docs/datasets.md says what each accepts.
//
// Types returns them all as a registry. Tabular data is a *Table unless the node's parameter asks for more: a slice of
// structs, a slice of maps, an Arrow table or record batch, or an iter.Seq2 that reads chunk by chunk.
package dataset
