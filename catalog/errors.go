package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/kedge-run/kedge/internal/mask"
)

// Conditions that callers branch on, by errors.Is.
var (
	// ErrDatasetNotFound means that the catalog has no dataset of this name (DatasetNotFoundError).
	ErrDatasetNotFound = errors.New("dataset not found")
	// ErrVersionNotFound means that a versioned dataset has no version to load (VersionNotFoundError).
	ErrVersionNotFound = errors.New("version not found")
)

// Class names of the errors that derive from DatasetError.
const (
	kindDatasetNotFound         = "DatasetNotFoundError"
	kindVersionNotFound         = "VersionNotFoundError"
	kindValidationConfiguration = "ValidationConfigurationError"
	kindVersionAlreadyExists    = "VersionAlreadyExistsError"
)

// DatasetError is Kedro's DatasetError and, by its Kind, the classes derived from it.
type DatasetError struct {
	Kind    string // class name; "" means DatasetError
	Message string // Kedro's text
	Err     error  // cause, or nil
}

// Errorf returns a DatasetError with a formatted text. A %w in format makes its cause.
func Errorf(format string, args ...any) *DatasetError {
	err := fmt.Errorf(format, args...)
	return &DatasetError{Message: err.Error(), Err: errors.Unwrap(err)}
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
	if e.Kind == "" {
		return []string{"Exception"}
	}
	return []string{"DatasetError", "Exception"}
}

// Is matches the sentinels of this package by kind.
func (e *DatasetError) Is(target error) bool {
	switch target {
	case ErrDatasetNotFound:
		return e.Kind == kindDatasetNotFound
	case ErrVersionNotFound:
		return e.Kind == kindVersionNotFound
	}
	return false
}

// Exception is an error that Kedro lets out as a plain Python exception.
type Exception struct {
	Type    string // class name, such as KeyError
	Message string
	Err     error // cause, or nil
}

// Error returns the text of the exception.
func (e *Exception) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Exception) Unwrap() error { return e.Err }

// ErrorType returns the name of the Python class.
func (e *Exception) ErrorType() string { return e.Type }

// ErrorBases returns the base classes, nearest first.
func (e *Exception) ErrorBases() []string {
	switch e.Type {
	case "KeyError", "IndexError":
		return []string{"LookupError", "Exception"}
	case "FileNotFoundError", "NotADirectoryError", "IsADirectoryError", "PermissionError", "FileExistsError":
		return []string{"OSError", "Exception"}
	case "JSONDecodeError", "UnicodeDecodeError", "RepeatedNameError":
		return []string{"ValueError", "Exception"}
	}
	return []string{"Exception"}
}

func raise(class, format string, args ...any) error {
	return &Exception{Type: class, Message: fmt.Sprintf(format, args...)}
}

// ArgumentError tells that a catalog entry holds an argument that its type doesn't take, or lacks one (CAT-028).
type ArgumentError struct{ Message string }

// Error says which argument, and what is accepted.
func (e *ArgumentError) Error() string { return e.Message }

// ErrorType returns the name of the Python class.
func (e *ArgumentError) ErrorType() string { return "TypeError" }

// ErrorBases returns the base classes, nearest first.
func (e *ArgumentError) ErrorBases() []string { return []string{"Exception"} }

var errnoTypes = map[syscall.Errno]string{
	syscall.ENOENT: "FileNotFoundError", syscall.ENOTDIR: "NotADirectoryError", syscall.EISDIR: "IsADirectoryError",
	syscall.EACCES: "PermissionError", syscall.EPERM: "PermissionError", syscall.EEXIST: "FileExistsError",
}

// FileError puts an error of the operating system into Python's words, such as
// "[Errno 2] No such file or directory: '/data/cars.csv'". Other errors, and nil, come back as they are.
func FileError(err error) error {
	var pathErr *fs.PathError
	var errno syscall.Errno
	if !errors.As(err, &pathErr) || !errors.As(err, &errno) {
		return err
	}
	class, ok := errnoTypes[errno]
	if !ok {
		class = "OSError"
	}
	text := errno.Error()
	text = strings.ToUpper(text[:1]) + text[1:]
	return &Exception{Type: class, Message: fmt.Sprintf("[Errno %d] %s: %s", int(errno), text, pyString(mask.URL(pathErr.Path))), Err: err}
}

// passesUnwrapped tells whether an error of a save keeps its own class (CAT-057).
func passesUnwrapped(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
