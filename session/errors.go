package session

import (
	"errors"
	"fmt"
)

// Error is Kedro's KedroSessionError: a session used in a way that it doesn't allow.
type Error struct {
	message string
}

// Error is Kedro's message.
func (e *Error) Error() string { return e.message }

// ErrorType is the name of the Python exception.
func (e *Error) ErrorType() string { return "KedroSessionError" }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *Error) ErrorBases() []string { return []string{"Exception"} }

// PipelineNotFoundError is returned for a pipeline name that isn't registered (SES-060).
type PipelineNotFoundError struct {
	// Name is the name asked for.
	Name string
	// Suggestions are registered names like it, best first.
	Suggestions []string
}

// Error is Kedro's message, with suggestions where there are any (SES-061).
func (e *PipelineNotFoundError) Error() string {
	text := fmt.Sprintf("Failed to find the pipeline named '%s'. It needs to be generated and returned by the "+
		"'register_pipelines' function. ", e.Name)
	if len(e.Suggestions) == 0 {
		return text
	}
	text += "Did you mean one of these instead?"
	for _, s := range e.Suggestions {
		text += "\n    " + s
	}
	return text
}

// ErrorType is the name of the Python exception.
func (e *PipelineNotFoundError) ErrorType() string { return "ValueError" }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *PipelineNotFoundError) ErrorBases() []string { return []string{"Exception"} }

// RunError is a failure of the runner (SES-070 to SES-076). Its text is the text of Err,
// with the credentials of the configuration masked as in all its texts; Err is as it was.
type RunError struct {
	// RunID is the run that failed.
	RunID string
	// Node is the node that failed; empty when the run failed before any node.
	Node string
	// Type is the name of the Python exception that the error stands for, see [ErrorType].
	Type string
	// Message is the text of the error.
	Message string
	// Resume is Kedro's advice how to go on; empty when no node could start (RUN-052).
	Resume string
	// Traceback is the stack of a panic, or the end of what a command wrote to standard
	// error; empty for other errors.
	Traceback string
	// Err is the original error.
	Err error
}

// Error returns the text of the original error, masked.
func (e *RunError) Error() string { return e.Message }

// Unwrap returns the original error.
func (e *RunError) Unwrap() error { return e.Err }

// InvalidRunIDError is returned for a run id or save version that isn't safe as a
// part of paths and subjects.
type InvalidRunIDError struct {
	// ID is the id as given.
	ID string
	// Reason says what is wrong with it.
	Reason string
}

// Error names the id and the reason.
func (e *InvalidRunIDError) Error() string {
	return fmt.Sprintf("invalid run id %.200q: %s", e.ID, e.Reason)
}

// ErrorType is the name of the Python exception.
func (e *InvalidRunIDError) ErrorType() string { return "ValueError" }

// RunnerNotAllowedError is returned for a named runner that the project doesn't allow
// requests to ask for (SRV-032).
type RunnerNotAllowedError struct {
	// Name is the runner asked for.
	Name string
}

// Error names the runner.
func (e *RunnerNotAllowedError) Error() string {
	return fmt.Sprintf("runner %q is not allowed: it isn't in the project's runner_allowlist", e.Name)
}

// ErrorType is the name of the Python exception.
func (e *RunnerNotAllowedError) ErrorType() string { return "ValueError" }

// DatasetNameError is returned for run options that name a dataset which the
// pipeline doesn't have.
type DatasetNameError struct {
	// Field is the option: inputs or outputs.
	Field string
	// Name is the dataset.
	Name string
	// Reason says what is wrong with it.
	Reason string
}

// Error names the field, the dataset and the reason.
func (e *DatasetNameError) Error() string {
	return fmt.Sprintf("%s: dataset %q %s", e.Field, e.Name, e.Reason)
}

// ErrorType is the name of the Python exception.
func (e *DatasetNameError) ErrorType() string { return "ValueError" }

// OptionError is returned for a run option that the engine can't use.
type OptionError struct {
	// Field is the option, such as runner_params.
	Field string
	// Reason says what is wrong with it.
	Reason string
}

// Error names the option and the reason.
func (e *OptionError) Error() string { return e.Field + ": " + e.Reason }

// ErrorType is the name of the Python exception.
func (e *OptionError) ErrorType() string { return "ValueError" }

// LostError is returned when the process that executed a run ended under it: a crash, or a
// kill for want of memory. The run itself may be innocent; another attempt may succeed.
type LostError struct {
	// Reason says how the process ended.
	Reason string
	// Node is the node that was under way; empty when there was none, or several.
	Node string
	// Output is the end of what it wrote and logged during the run.
	Output string
}

// Error says how the process ended.
func (e *LostError) Error() string { return e.Reason }

// ErrorType is the name of the Python exception for a worker process that dies.
func (e *LostError) ErrorType() string { return "BrokenProcessPool" }

// StoreError says that the session's store couldn't be made or read (SES-021, SES-022).
type StoreError struct {
	// Err is what the store said.
	Err error
}

// Error is Kedro's message.
func (e *StoreError) Error() string {
	return fmt.Sprintf("\n%s.\nFailed to instantiate session store.", e.Err)
}

// Unwrap returns what the store said.
func (e *StoreError) Unwrap() error { return e.Err }

// ErrorType is the name of the Python exception.
func (e *StoreError) ErrorType() string { return "ValueError" }

// ErrorType names the Python exception that an error stands for: what the first
// error of the chain with a method ErrorType says, else "RuntimeError" for an error
// of Go code.
func ErrorType(err error) string {
	var typed interface{ ErrorType() string }
	if errors.As(err, &typed) {
		return typed.ErrorType()
	}
	return "RuntimeError"
}
