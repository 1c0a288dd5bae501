//go:build unix

package hosted

import (
	"os"
	"syscall"
)

// interruptGroup is what Ctrl-C is to a program at a terminal.
func interruptGroup(group int) { _ = syscall.Kill(-group, syscall.SIGINT) }

// killGroup kills what is left of a group; an empty one is no error.
func killGroup(group int) { _ = syscall.Kill(-group, syscall.SIGKILL) }

// killed reports whether a process ended by SIGKILL.
func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
