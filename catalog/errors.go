package catalog

import "errors"

// Conditions that callers branch on, by errors.Is.
var (
	// ErrDatasetNotFound means that the catalog has no dataset of this name (DatasetNotFoundError).
	ErrDatasetNotFound = errors.New("dataset not found")
	// ErrVersionNotFound means that a versioned dataset has no version to load (VersionNotFoundError).
	ErrVersionNotFound = errors.New("version not found")
)

// DatasetError is Kedro's DatasetError and, by its Kind, the classes derived from it.
type DatasetError struct {
	Kind    string // class name; "" means DatasetError
	Message string // Kedro's text
	Err     error  // cause, or nil
}

// Error returns Kedro's text.
func (e *DatasetError) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *DatasetError) Unwrap() error { return e.Err }

// ErrorType returns the name of the Python class.
func (e *DatasetError) ErrorType() string {
	if e.Kind == "" {
		return "DatasetError"
	}
	return e.Kind
}

// ErrorBases returns the base classes, nearest first.
func (e *DatasetError) ErrorBases() []string {
	if e.ErrorType() == "DatasetError" {
		return []string{"Exception"}
	}
	return []string{"DatasetError", "Exception"}
}

// Is matches the sentinels of this package by kind.
func (e *DatasetError) Is(target error) bool {
	switch target {
	case ErrDatasetNotFound:
		return e.Kind == "DatasetNotFoundError"
	case ErrVersionNotFound:
		return e.Kind == "VersionNotFoundError"
	}
	return false
}
