// Spaceflights is the worker of Kedro's spaceflights tutorial in Go: three pipelines, from raw files to a model and its
// report. See README.md.
package main

import "github.com/kedge-run/kedge"

func main() { kedge.Main(spaceflights()) }
