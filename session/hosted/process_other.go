//go:build !unix

package hosted

import (
	"os"
	"os/exec"
)

// Without process groups only the child itself is stopped.
func ownGroup(*exec.Cmd)  {}
func freeGroup(*exec.Cmd) {}
func killMarked(string)   {}

func interruptGroup(group int) { killGroup(group) }

func killGroup(group int) {
	if process, err := os.FindProcess(group); err == nil {
		_ = process.Kill()
	}
}

func killed(*os.ProcessState) bool { return false }
