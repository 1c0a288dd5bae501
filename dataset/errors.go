package dataset

import (
	"fmt"
	"strconv"
	"strings"
)

// PlaceError tells where in a file something doesn't fit.
type PlaceError struct {
	File   string // name without folders, "" when the data is in none
	Row    int    // as the file counts: line of a CSV file (the header is 1), row of a sheet, record of a Parquet file
	Column string // "" when the whole row is meant
	Want   string // what was expected
	Got    string // what is there
}

// Error names file, row, column, what was expected and what is there.
func (e *PlaceError) Error() string {
	place := e.File
	if e.Row > 0 {
		place += fmt.Sprintf(": row %d", e.Row)
	}
	if e.Column != "" {
		place += ", column " + strconv.Quote(e.Column)
	}
	return strings.TrimPrefix(fmt.Sprintf("%s: expected %s, got %s", place, e.Want, e.Got), ": ")
}

// ErrorType returns the name of the Python class that pandas would raise.
func (e *PlaceError) ErrorType() string { return "ValueError" }

// ErrorBases returns its base classes.
func (e *PlaceError) ErrorBases() []string { return []string{"Exception"} }

// quoted shortens and quotes a text for an error.
func quoted(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strconv.Quote(text)
}
