// Rawdata makes up the raw files of the spaceflights example.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/kedge-run/kedge/examples/spaceflights/rawdata"
)

func main() {
	dir := flag.String("dir", "data/01_raw", "folder to write to")
	seed := flag.Uint64("seed", 1, "the same seed makes the same data")
	size := rawdata.Small
	flag.IntVar(&size.Companies, "companies", size.Companies, "number of companies")
	flag.IntVar(&size.Shuttles, "shuttles", size.Shuttles, "number of shuttles and reviews")
	flag.Parse()
	if err := rawdata.Write(*dir, size, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "rawdata:", err)
		os.Exit(1)
	}
}
