package hosted

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
	"github.com/kedge-run/kedge/session"
)

// ErrClosed is returned by a session that was closed.
var ErrClosed = errors.New("hosted session is closed")

// StartError says why no child could be started: there is no interpreter, it has no Kedro, or the project can't be
// imported.
type StartError struct {
	// Message says what happened.
	Message string
	// Traceback is Python's, whole; empty when there is none.
	Traceback string
	// Output is the end of what the child printed.
	Output string
	// Hint says what to do about it; may be empty.
	Hint string
}

// Error is the message, then the traceback or what was printed.
func (e *StartError) Error() string {
	text := e.Message
	if e.Traceback != "" {
		return text + "\n" + e.Traceback
	}
	if e.Output != "" {
		return text + "\n" + e.Output
	}
	return text
}

// startError makes the error of a child that couldn't open the project.
func startError(m *message, cfg *Config, output string) *StartError {
	python := cfg.Python
	install := fmt.Sprintf("install the project's requirements: %s -m pip install -r requirements.txt; another interpreter is named with --python", python)
	if own := ownPython(cfg.Project); cfg.foundPython && python != own {
		install = fmt.Sprintf("the project has no .venv, so this is the python3 in PATH; make one: %s; another interpreter is named with --python", makeOwn(cfg.Project))
	}
	switch m.Kind {
	case "kedro_missing":
		return &StartError{Message: fmt.Sprintf("the Python interpreter %s has no Kedro", python), Output: output, Hint: install}
	case "kedro_too_old":
		return &StartError{
			Message: fmt.Sprintf("%s: %s needs 1.4 or later to be hosted", python, m.Message), Output: output,
			Hint: fmt.Sprintf("upgrade it: %s -m pip install 'kedro>=1.4'", python),
		}
	}
	hint := "the project fails in the same way with: kedro registry list"
	if m.Error == "ModuleNotFoundError" {
		hint = install + "; if it is a module of the project, look at the import"
	}
	return &StartError{Message: fmt.Sprintf("the project can't be opened: %s: %s", m.Error, m.Message), Traceback: m.Traceback, Hint: hint}
}

// Error is an exception of the project.
type Error struct {
	// Type is the class of the exception, Bases are its base classes, nearest first.
	Type  string
	Bases []string
	// Message is the exception's text, credentials masked.
	Message string
	// Traceback is Python's, credentials masked.
	Traceback string

	like      error // what the session package calls it; may be nil
	retryable *bool // what the exception says of another attempt
}

// Error is the exception's text.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Type
	}
	return e.Message
}

// ErrorType is the class of the exception.
func (e *Error) ErrorType() string { return e.Type }

// ErrorBases are the base classes of the exception, nearest first.
func (e *Error) ErrorBases() []string { return e.Bases }

// StackTrace is the traceback, under the name that Go errors use.
func (e *Error) StackTrace() []byte { return []byte(e.Traceback) }

// Retryable reports whether the exception, or what caused it, says that another attempt may succeed: its attribute
// retryable is True.
func (e *Error) Retryable() bool { return e.retryable != nil && *e.retryable }

// Permanent reports whether the exception, or what caused it, says that every attempt would fail: its attribute
// retryable is False.
func (e *Error) Permanent() bool { return e.retryable != nil && !*e.retryable }

// Unwrap gives the Go error that stands for the same failure, if there is one, so that callers who know the native
// engine's errors know this one.
func (e *Error) Unwrap() error { return e.like }

// failure turns a message of kind error into what the session returns.
func failure(m *message, runID string) error {
	err := &Error{Type: m.Error, Bases: m.Bases, Message: m.Message, Traceback: m.Traceback, retryable: m.Retryable}
	switch m.Kind {
	case "pipeline_not_found":
		return &session.PipelineNotFoundError{Name: m.Name, Suggestions: m.Suggestions}
	case "dataset":
		return &session.DatasetNameError{Field: m.Field, Name: m.Name, Reason: m.Message}
	case "filter":
		err.like = &pipeline.Error{Type: m.Error, Message: m.Message}
	case "runner_not_allowed", "runner_not_found":
		err.like = &session.RunnerNotAllowedError{Name: m.Name}
	case "runner_params":
		err.like = new(runner.TypeError)
	case "runner":
		err.like = datasetFailure(err)
		return &session.RunError{
			RunID: runID, Node: m.Node, Type: m.Error, Message: err.Error(), Resume: m.Resume, Traceback: m.Traceback, Err: err,
		}
	default:
		err.like = datasetFailure(err)
	}
	return err
}

func datasetFailure(e *Error) error {
	if e.Type == "DatasetError" || slices.Contains(e.Bases, "DatasetError") {
		return &catalog.DatasetError{Kind: e.Type, Message: e.Message}
	}
	return nil
}
