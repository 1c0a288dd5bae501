package hosted

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the program into a process group of its own and ties it to the thread that starts it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// freeGroup puts the program into a process group of its own, to outlive this process.
func freeGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
