package worker

import "golang.org/x/sys/unix"

// vacate gives the memory of a block of zeros back to the system, which makes zeros of it again when it is read.
func vacate(block []byte) {
	_ = unix.Madvise(block, unix.MADV_DONTNEED) // else it stays resident, which costs memory only
}
