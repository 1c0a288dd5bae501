package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// MissingConfigError is Kedro's MissingConfigException: a folder or all files of a
// type are absent (CFG-012, CFG-020).
type MissingConfigError struct{ Message string }

func (e *MissingConfigError) Error() string { return e.Message }

// ErrorType is the name of Kedro's class.
func (e *MissingConfigError) ErrorType() string { return "MissingConfigException" }

// ErrorBases are the base classes, nearest first.
func (e *MissingConfigError) ErrorBases() []string { return []string{"Exception"} }

// Error mirrors an error of Python, PyYAML or OmegaConf, with its class and text.
type Error struct {
	kind    string
	message string
	placed  bool // the lines full_key and object_type are there
	err     error
}

func (e *Error) Error() string { return e.message }

// Unwrap is what went wrong below, such as the error of a custom resolver.
func (e *Error) Unwrap() error { return e.err }

// ErrorType is the name of the Python class.
func (e *Error) ErrorType() string { return e.kind }

// ErrorBases are the Python base classes, nearest first.
func (e *Error) ErrorBases() []string {
	const omega = "OmegaConfBaseException"
	switch e.kind {
	case "InterpolationResolutionError", "KeyValidationError", "ValidationError", "ConfigValueError":
		return []string{omega, "ValueError", "Exception"}
	case "InterpolationKeyError", "UnsupportedInterpolationType", "InterpolationToMissingValueError":
		return []string{"InterpolationResolutionError", omega, "ValueError", "Exception"}
	case "UnsupportedValueType":
		return []string{"ValidationError", omega, "ValueError", "Exception"}
	case "GrammarParseError", "MissingMandatoryValue":
		return []string{omega, "Exception"}
	case "ConfigAttributeError":
		return []string{omega, "AttributeError", "Exception"}
	case "ConfigTypeError":
		return []string{omega, "TypeError", "Exception"}
	case "ConfigKeyError":
		return []string{omega, "KeyError", "LookupError", "Exception"}
	case "KeyError", "IndexError":
		return []string{"LookupError", "Exception"}
	case "ParserError":
		return []string{"MarkedYAMLError", "YAMLError", "Exception"}
	}
	return []string{"Exception"}
}

// interpolation tells whether the error is one of OmegaConf's resolution errors, which
// pass through enclosing interpolations as they are.
func (e *Error) interpolation() bool {
	return e.kind == "InterpolationResolutionError" || (len(e.ErrorBases()) > 0 && e.ErrorBases()[0] == "InterpolationResolutionError")
}

func failf(kind, format string, args ...any) *Error {
	return &Error{kind: kind, message: fmt.Sprintf(format, args...)}
}

// isError tells whether err is an error that isn't placed yet, of one kind if that is
// given.
func isError(err error, kind string) bool {
	var known *Error
	return errors.As(err, &known) && !known.placed && (kind == "" || known.kind == kind)
}

// wrapResolution is what OmegaConf makes of any other error inside ${...}.
func wrapResolution(err error) error {
	var known *Error
	if errors.As(err, &known) && known.interpolation() {
		return err
	}
	message := err.Error()
	kind := errorType(err)
	if kind == "KeyError" {
		message = pyyaml.Repr(message) // Python prints a KeyError with quotes
	}
	return &Error{kind: "InterpolationResolutionError", message: kind + " raised while resolving interpolation: " + message, err: err}
}

// errorType is the Python class of an error, RuntimeError for one of Go's.
func errorType(err error) string {
	var typed interface{ ErrorType() string }
	if errors.As(err, &typed) {
		return typed.ErrorType()
	}
	return "RuntimeError"
}

// place adds the lines that say which key failed, unless they are there.
func place(err error, fullKey, objectType string) error {
	if !isError(err, "") {
		return err
	}
	var known *Error
	errors.As(err, &known)
	placed := *known
	placed.placed = true
	placed.message = fmt.Sprintf("%s\n    full_key: %s\n    object_type=%s", known.message, fullKey, objectType)
	if known.kind == "TypeError" {
		placed.kind = "ConfigTypeError"
	}
	return &placed
}

// unplaced takes those lines away: OmegaConf doesn't say where a resolved text can't be parsed again.
func unplaced(err error) error {
	var known *Error
	if !errors.As(err, &known) || !known.placed {
		return err
	}
	bare := *known
	bare.placed = false
	bare.message, _, _ = strings.Cut(known.message, "\n    full_key: ")
	return &bare
}

// joinCut prints keys as the messages about duplicates do (CFG-031).
func joinCut(names []string) string {
	const limit = 100
	text := []rune(strings.Join(names, ", "))
	if len(text) > limit {
		return string(text[:limit]) + "..."
	}
	return string(text)
}
