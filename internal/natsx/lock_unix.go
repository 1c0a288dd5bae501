//go:build unix

package natsx

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a file for as long as it stays open; false when another process has it.
func lock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
