package pipeline

import "fmt"

// Names of the Python exceptions that [Error.Type] may hold.
const (
	ValueError              = "ValueError"
	TypeError               = "TypeError"
	OutputNotUniqueError    = "OutputNotUniqueError"
	ConfirmNotUniqueError   = "ConfirmNotUniqueError"
	CircularDependencyError = "CircularDependencyError"
	MappingError            = "PipelineError" // Kedro's PipelineError: names that cannot be mapped by Modular
)

// Error is a node or pipeline that cannot be built, sliced or run. Where Kedro
// has the same error, Message is Kedro's text, word for word.
type Error struct {
	Type    string // name of Kedro's exception class, one of the constants of this package
	Message string
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// ErrorType is the name of the Python exception that this error mirrors.
func (e *Error) ErrorType() string { return e.Type }

// ErrorBases lists the base classes of that exception, nearest first.
func (e *Error) ErrorBases() []string { return []string{"Exception"} }

func valueError(format string, args ...any) *Error {
	return &Error{Type: ValueError, Message: fmt.Sprintf(format, args...)}
}

func typeError(format string, args ...any) *Error {
	return &Error{Type: TypeError, Message: fmt.Sprintf(format, args...)}
}
