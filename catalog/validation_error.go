package catalog

import (
	"fmt"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// CheckFailure is one failed check of a validation, over all values that failed it.
type CheckFailure struct {
	Message  string // what is wrong
	Check    string // name of the check; Message stands for it when it is ""
	Column   string // "" when the check is of no column
	Count    int    // failed values; 0 means 1
	Examples []any  // some of them
}

// DataValidationError tells that data didn't pass the validator of its dataset (CAT-145).
type DataValidationError struct {
	Message   string // of the validator
	Dataset   string
	Mode      string // load, save or api
	Validator string // its name
	Failures  []CheckFailure
	Err       error // of the validator, or nil
}

// Limits of the text, whatever the data.
const (
	maxFailureExamples = 5
	maxShownFailures   = 10
	maxExampleText     = 40
	maxLabelText       = 200
	maxColumnText      = 60
	maxMessageText     = 500
)

// Error is Kedro's text: the dataset, the validator, and up to ten failed checks or the message.
func (e *DataValidationError) Error() string {
	header := e.Message
	if header == "" {
		header = "Validation failed"
	}
	if e.Dataset != "" {
		header = "Validation failed for dataset '" + e.Dataset + "'"
		if e.Mode != "" {
			header += " on " + e.Mode
		}
	}
	lines := []string{truncate(header, maxMessageText)}
	if e.Validator != "" {
		lines = append(lines, "(validator: "+e.Validator+")")
	}
	if len(e.Failures) == 0 {
		if e.Dataset != "" && e.Message != "" {
			lines = append(lines, truncate(e.Message, maxMessageText))
		}
		return strings.Join(lines, "\n")
	}
	cases := 0
	for _, f := range e.Failures {
		cases += max(1, f.Count)
	}
	lines = append(lines, fmt.Sprintf("%d check(s) failed — %d failure case(s):", len(e.Failures), cases))
	for _, f := range e.Failures[:min(maxShownFailures, len(e.Failures))] {
		lines = append(lines, "  - "+f.line())
	}
	if hidden := len(e.Failures) - maxShownFailures; hidden > 0 {
		lines = append(lines, fmt.Sprintf("  ... and %d more check(s)", hidden))
	}
	return strings.Join(lines, "\n")
}

func (f CheckFailure) line() string {
	label := f.Check
	if label == "" {
		label = f.Message
	}
	label = truncate(label, maxLabelText)
	if f.Column != "" {
		label = truncate(f.Column, maxColumnText) + ": " + label
	}
	cases := "cases"
	if f.Count <= 1 {
		cases = "case"
	}
	line := fmt.Sprintf("%s — %d %s", label, max(1, f.Count), cases)
	if len(f.Examples) == 0 {
		return line
	}
	var examples []string
	for _, example := range f.Examples[:min(maxFailureExamples, len(f.Examples))] {
		examples = append(examples, truncate(pyyaml.Str(example), maxExampleText))
	}
	return line + " (e.g. " + strings.Join(examples, ", ") + ")"
}

// truncate cuts a text to at most limit characters.
func truncate(text string, limit int) string {
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit-3]) + "..."
	}
	return text
}

// Unwrap returns the validator's own error.
func (e *DataValidationError) Unwrap() error { return e.Err }

// ErrorType returns the name of the Python class.
func (e *DataValidationError) ErrorType() string { return "DataValidationError" }

// ErrorBases returns the base classes, nearest first.
func (e *DataValidationError) ErrorBases() []string { return []string{"DatasetError", "Exception"} }
