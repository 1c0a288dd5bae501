//go:build unix && !linux

package hosted

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the program into a process group of its own.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killMarked can't be done here: what has left the group of a child lives on.
func killMarked(string) {}

// freeGroup puts the program into a process group of its own, to outlive this process.
func freeGroup(cmd *exec.Cmd) { ownGroup(cmd) }
