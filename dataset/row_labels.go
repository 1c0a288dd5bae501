package dataset

import (
	"encoding/json"
	"io"
)

// pandasKey is where Parquet and Arrow files keep what pandas has to know to make its frame of them again.
const pandasKey = "pandas"

// rowLabels finds in this description the columns that hold pandas' row labels, which a Table has not. Labels that are only counted are
// described by a mapping and have no column. A description that can't be read names none.
func rowLabels(description string) []string {
	var pandas struct {
		Index []any `json:"index_columns"`
	}
	if json.Unmarshal([]byte(description), &pandas) != nil {
		return nil
	}
	var names []string
	for _, label := range pandas.Index {
		if name, ok := label.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// blankRows are the rows of a file of which no column is read.
type blankRows struct{ total, number int }

func (r *blankRows) columns() []string { return []string{} }
func (r *blankRows) close()            {}

func (r *blankRows) next() (row, error) {
	if r.number == r.total {
		return row{}, io.EOF
	}
	r.number++
	return row{values: []any{}, number: r.number}, nil
}
