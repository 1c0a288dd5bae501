package session

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
)

// File is a value of [RunOptions.Inputs] that lies in a file: what nodes ask of it decides
// how it is read, so a large one needs no memory of its size. It must stay where it is
// until the run and the reading of its outputs have ended.
type File struct {
	Path string
	// Format is json, csv, parquet, arrow (the IPC file format) or text.
	Format string
}

// fileTypes are the dataset types that read the formats of a [File].
var fileTypes = map[string]string{
	"json":    "json.JSONDataset",
	"csv":     "pandas.CSVDataset",
	"parquet": "pandas.ParquetDataset",
	"arrow":   "pandas.FeatherDataset",
	"text":    "text.TextDataset",
}

// Check reports a format that nobody reads.
func (f File) Check(dataset string) error {
	if _, known := fileTypes[f.Format]; known {
		return nil
	}
	formats := strings.Join(slices.Sorted(maps.Keys(fileTypes)), ", ")
	return &OptionError{Field: "inputs." + dataset, Reason: fmt.Sprintf("format %q is none of %s", f.Format, formats)}
}

// given is what a catalog is told of an input: the value, or a dataset for its file.
func (e *engine) given(name string, value any) (any, error) {
	file, ok := value.(File)
	if !ok {
		return value, nil
	}
	if err := file.Check(name); err != nil {
		return nil, err
	}
	return e.project.Types().New(name, map[string]any{"type": fileTypes[file.Format], "filepath": file.Path}, catalog.Version{})
}
