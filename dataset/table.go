package dataset

// Table is untyped tabular data: column names and rows. A missing value is nil; the others are int64, float64, bool,
// string, time.Time or []byte, one type per column as far as the source knows it.
type Table struct {
	Columns []string
	Rows    [][]any
}
