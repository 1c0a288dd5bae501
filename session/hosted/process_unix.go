//go:build unix

package hosted

import "syscall"

// interruptGroup is what Ctrl-C is to a program at a terminal.
func interruptGroup(group int) { _ = syscall.Kill(-group, syscall.SIGINT) }

// killGroup kills what is left of a group; an empty one is no error.
func killGroup(group int) { _ = syscall.Kill(-group, syscall.SIGKILL) }
