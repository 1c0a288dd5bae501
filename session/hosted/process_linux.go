package hosted

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// ownGroup puts the program into a process group of its own and ties it to the thread that starts it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// freeGroup puts the program into a process group of its own, to outlive this process.
func freeGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killMarked kills the processes with this entry in their environment: what a child has started and what has left its
// group, as daemons do. It looks again until there are none, since a process may start another one meanwhile.
func killMarked(mark string) {
	for range 10 {
		found := false
		environments, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, path := range environments {
			environment, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(environment, []byte(mark)) {
				continue // another user's, or it has ended
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				found = syscall.Kill(pid, syscall.SIGKILL) == nil || found
			}
		}
		if !found {
			return
		}
	}
}
