// Package dataset holds the dataset types that a catalog.yml may name, by Kedro's names: csv, json, yaml, text,
// Parquet, Excel, images and plots.
//
// Types returns them all as a registry. Tabular data is a *Table unless the node's parameter asks for more: a slice of
// structs, a slice of maps, an Arrow table or record batch, or an iter.Seq2 that reads chunk by chunk.
package dataset
