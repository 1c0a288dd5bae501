package cli

import (
	"fmt"
	"sort"
	"strings"

	"github.com/kedge-run/kedge/internal/closest"
)

// UsageError says that the words of a command line don't fit. Class and text
// are those of Kedro's command line, and so is [UsageError.KedroCode].
type UsageError struct {
	Class   string // the class Kedro raises: UsageError, NoSuchOption, BadOptionUsage, BadParameter, KedroCliError, ...
	Message string
	Plain   string // the same for people, where Kedro's message is none; may be empty
}

// Error gives Kedro's message.
func (e *UsageError) Error() string { return e.Message }

// ErrorType is the class of the Python exception that this mirrors.
func (e *UsageError) ErrorType() string { return e.Class }

// ErrorBases are the base classes of that exception, nearest first.
func (e *UsageError) ErrorBases() []string {
	switch e.Class {
	case "NoSuchOption", "BadOptionUsage", "BadParameter":
		return []string{"UsageError", "ClickException", "Exception"}
	case "KeyError":
		return []string{"LookupError", "Exception"}
	}
	return []string{"ClickException", "Exception"}
}

// KedroCode is the exit code that `kedro run` ends with (CLI-006): 2 where
// click found fault, else 1. Kedge's own commands always end with [Usage].
func (e *UsageError) KedroCode() int {
	if e.Class == "KedroCliError" || e.Class == "KeyError" {
		return 1
	}
	return 2
}

func usageErrorf(format string, args ...any) *UsageError {
	return &UsageError{Class: "UsageError", Message: fmt.Sprintf(format, args...)}
}

func kedroErrorf(format string, args ...any) *UsageError {
	return &UsageError{Class: "KedroCliError", Message: fmt.Sprintf(format, args...)}
}

func badParameter(option, format string, args ...any) *UsageError {
	return &UsageError{Class: "BadParameter", Message: "Invalid value for " + option + ": " + fmt.Sprintf(format, args...)}
}

// noSuchOption names up to three of the known options that come close.
func noSuchOption(given string, known []string) *UsageError {
	message := fmt.Sprintf("No such option '%s'.", given)
	matches := closest.Matches(given, known)
	sort.Strings(matches)
	switch len(matches) {
	case 0:
	case 1:
		message += fmt.Sprintf(" Did you mean '%s'?", matches[0])
	default:
		message += fmt.Sprintf(" (Did you mean one of: '%s'?)", strings.Join(matches, "', '"))
	}
	return &UsageError{Class: "NoSuchOption", Message: message}
}

// ExtraArguments is the error for words that no option takes.
func ExtraArguments(words []string) error {
	plural := "s"
	if len(words) == 1 {
		plural = ""
	}
	return usageErrorf("Got unexpected extra argument%s (%s)", plural, strings.Join(words, " "))
}

// Suggestion is Kedro's sentence about names that come close to an unknown
// one (CLI-004), or "" when none does.
func Suggestion(unknown string, known []string) string {
	matches := closest.Find(unknown, known, 3, 0.5)
	switch len(matches) {
	case 0:
		return ""
	case 1:
		return "\n\nDid you mean this?    " + matches[0]
	}
	return "\n\nDid you mean one of these?\n    " + strings.Join(matches, "\n    ")
}

// NoSuchCommand is the error for an unknown command (CLI-004).
func NoSuchCommand(name string, known []string) error {
	return usageErrorf("No such command '%s'.%s", name, Suggestion(name, known))
}
