package runner

import (
	"fmt"
)

// Error is the failure of an execution while nodes ran. Its text is the text of Err.
type Error struct {
	// Node is the node that failed.
	Node string
	// Resume is Kedro's advice how to go on (RUN-052).
	Resume string
	// Err is the original error.
	Err error
}

// Error returns the text of the original error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the original error.
func (e *Error) Unwrap() error { return e.Err }

// PanicError is a panic, turned into an error so that it fails its own run only.
type PanicError struct {
	// Node is the node whose function, hook or dataset panicked; empty outside of nodes.
	Node string
	// Value is what was given to panic.
	Value any
	// Stack is the stack of the panicking goroutine.
	Stack []byte
}

// Error names the node and the value.
func (e *PanicError) Error() string {
	if e.Node == "" {
		return fmt.Sprintf("panic: %v", e.Value)
	}
	return fmt.Sprintf("node %s panicked: %v", e.Node, e.Value)
}

// Unwrap returns the value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ErrorType is the name that stands for the exception type.
func (e *PanicError) ErrorType() string { return "PanicError" }

// StackTrace is Stack, for callers that don't know this type.
func (e *PanicError) StackTrace() []byte { return e.Stack }

// ValueError mirrors Python's ValueError where Kedro's runners raise it.
type ValueError struct {
	message string
}

// Error is Kedro's message.
func (e *ValueError) Error() string { return e.message }

// ErrorType is the name of the Python exception.
func (e *ValueError) ErrorType() string { return "ValueError" }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *ValueError) ErrorBases() []string { return []string{"Exception"} }

// AttributeError mirrors Python's AttributeError where Kedro's runners raise it.
type AttributeError struct {
	message string
}

// Error is Kedro's message.
func (e *AttributeError) Error() string { return e.message }

// ErrorType is the name of the Python exception.
func (e *AttributeError) ErrorType() string { return "AttributeError" }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *AttributeError) ErrorBases() []string { return []string{"Exception"} }

// TypeError mirrors Python's TypeError where Kedro's runners raise it.
type TypeError struct {
	message string
}

// Error is Python's message.
func (e *TypeError) Error() string { return e.message }

// ErrorType is the name of the Python exception.
func (e *TypeError) ErrorType() string { return "TypeError" }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *TypeError) ErrorBases() []string { return []string{"Exception"} }
