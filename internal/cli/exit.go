package cli

import (
	"errors"
	"fmt"
	"strings"
)

// ExitCode is the status a command ends with. The numbers are part of the
// interface: scripts branch on them, so they are never renumbered, only added to.
type ExitCode int

// The exit codes of submit. A worker uses only OK, Failed, Usage and Unreachable.
const (
	OK          ExitCode = 0   // the command did what was asked; with --wait, --follow and result: the run succeeded
	Failed      ExitCode = 1   // the run failed, or the command met an error that has no code of its own
	Usage       ExitCode = 2   // the words of the command line don't fit; nothing was submitted
	Cancelled   ExitCode = 3   // the run was cancelled
	Rejected    ExitCode = 4   // the request is not acceptable: refused before it was stored, or by a worker
	Unreachable ExitCode = 5   // no NATS server answers, or it isn't set up for Kedge
	TimedOut    ExitCode = 6   // the run passed its timeout or its start_by
	Dead        ExitCode = 7   // the run was given up after it took down its workers
	NotFound    ExitCode = 8   // no run of that id is known
	Unfinished  ExitCode = 9   // the run is still going: there is no result yet
	Refused     ExitCode = 10  // the NATS server refuses it to these credentials
	Interrupted ExitCode = 130 // Ctrl-C while waiting; the run goes on
)

// Meaning says in a few words what the code tells a script.
func (c ExitCode) Meaning() string {
	switch c {
	case OK:
		return "done; when waiting for a run: it succeeded"
	case Failed:
		return "the run failed, or the command met an unexpected error"
	case Usage:
		return "wrong words on the command line; nothing was submitted"
	case Cancelled:
		return "the run was cancelled"
	case Rejected:
		return "the request was refused; nothing was run"
	case Unreachable:
		return "no NATS server answers, or it is not set up for Kedge"
	case TimedOut:
		return "the run passed its time limit"
	case Dead:
		return "the run was given up after it took down its workers"
	case NotFound:
		return "no such run"
	case Unfinished:
		return "the run has no result yet"
	case Refused:
		return "the NATS server refuses it to these credentials"
	case Interrupted:
		return "interrupted while waiting; the run goes on"
	}
	return fmt.Sprintf("exit code %d", int(c))
}

// ExitCodes lists every code in ascending order, for help texts.
func ExitCodes() []ExitCode {
	return []ExitCode{OK, Failed, Usage, Cancelled, Rejected, Unreachable, TimedOut, Dead, NotFound, Unfinished, Refused, Interrupted}
}

// ExitCodeTable is one line for each code, each with indent in front.
func ExitCodeTable(indent string) string {
	var table strings.Builder
	for _, code := range ExitCodes() {
		fmt.Fprintf(&table, "%s%3d  %s\n", indent, int(code), code.Meaning())
	}
	return table.String()
}

// Error is an error with the exit code it ends the command with and, where
// there is one, the next thing to try.
type Error struct {
	Code ExitCode
	Err  error  // what happened; nil when it was said already and only the code is left to give
	Hint string // what to do about it, a line without a period; may be empty
}

// Error gives what happened, without the hint.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Code.Meaning()
	}
	return e.Err.Error()
}

// Unwrap gives what happened.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the exit code that err asks for: that of the [Error] in its chain,
// Usage for a [UsageError], OK for nil, and Failed for anything else.
func CodeOf(err error) ExitCode {
	if err == nil {
		return OK
	}
	var coded *Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	var usage *UsageError
	if errors.As(err, &usage) {
		return Usage
	}
	return Failed
}

// Report writes err and its hint to the standard error of env, by the rules of
// the package comment, and gives the exit code. A nil error writes nothing.
func Report(env *Env, err error) ExitCode {
	code := CodeOf(err)
	var coded *Error
	isCoded := errors.As(err, &coded)
	if err == nil || (isCoded && coded.Err == nil) {
		return code
	}
	fmt.Fprintf(env.Stderr, "error: %s\n", env.Mask(err.Error()))
	if isCoded && coded.Hint != "" {
		fmt.Fprintf(env.Stderr, "hint: %s\n", env.Mask(coded.Hint))
	}
	return code
}
