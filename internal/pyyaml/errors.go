package pyyaml

import (
	"fmt"
	"strings"
)

// mark is a place in the text, from zero.
type mark struct{ line, column int }

// Error is a YAML error with PyYAML's class, text and place.
type Error struct {
	Kind         string // PyYAML's class: ReaderError, ScannerError, ParserError, ComposerError, ConstructorError; or Python's RecursionError
	Problem      string
	Line, Column int // of the problem, from zero; -1 when it has no place
	text         string
}

// Error is PyYAML's text: context and problem, each with its place.
func (e *Error) Error() string { return e.text }

// ErrorType is the name of the Python class.
func (e *Error) ErrorType() string { return e.Kind }

// ErrorBases are the Python base classes, nearest first.
func (e *Error) ErrorBases() []string {
	switch e.Kind {
	case "ReaderError":
		return []string{"YAMLError", "Exception"}
	case "RecursionError":
		return []string{"RuntimeError", "Exception"}
	}
	return []string{"MarkedYAMLError", "YAMLError", "Exception"}
}

// pythonError is what a Python function behind a tag raises, such as int("x").
type pythonError struct{ kind, message string }

func (e *pythonError) Error() string     { return e.message }
func (e *pythonError) ErrorType() string { return e.kind }
func (e *pythonError) ErrorBases() []string {
	if e.kind == "KeyError" || e.kind == "IndexError" {
		return []string{"LookupError", "Exception"}
	}
	return []string{"Exception"}
}

// marked builds the text as MarkedYAMLError.__str__ does. A nil mark is left out.
func marked(kind, name, context string, contextMark *mark, problem string, problemMark *mark) *Error {
	e := &Error{Kind: kind, Problem: problem, Line: -1, Column: -1}
	var lines []string
	if context != "" {
		lines = append(lines, context)
	}
	if contextMark != nil && (problemMark == nil || *contextMark != *problemMark) {
		lines = append(lines, contextMark.in(name))
	}
	lines = append(lines, problem)
	if problemMark != nil {
		e.Line, e.Column = problemMark.line, problemMark.column
		lines = append(lines, problemMark.in(name))
	}
	e.text = strings.Join(lines, "\n")
	return e
}

func (m *mark) in(name string) string {
	return fmt.Sprintf("  in %q, line %d, column %d", name, m.line+1, m.column+1)
}
