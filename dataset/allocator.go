package dataset

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/kedge-run/kedge/internal/storage"
)

// boundedAllocator refuses to allocate what no file of its size can hold: a few damaged bytes may ask for the whole memory of the
// machine, and running out of it ends the process. Its panic becomes an error by guard.
type boundedAllocator struct {
	memory.Allocator
	left atomic.Int64
}

const (
	allocationBase  = 64 << 20 // for files of any size
	allocationRatio = 1024     // bytes for a byte of the file: more than compression gains
)

// allocatorFor returns an allocator for what is read from a file, and the size of the file.
func allocatorFor(src storage.Object) (a *boundedAllocator, size int64, err error) {
	size, err = src.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = src.Seek(0, io.SeekStart)
	}
	a = &boundedAllocator{Allocator: memory.DefaultAllocator}
	a.left.Store(allocationBase + allocationRatio*size)
	return a, size, err
}

func (a *boundedAllocator) take(size int) {
	if a.left.Add(-int64(size)) < 0 {
		panic(fmt.Sprintf("it asks for %d bytes at once", size))
	}
}

// Allocate returns size bytes.
func (a *boundedAllocator) Allocate(size int) []byte {
	a.take(size)
	return a.Allocator.Allocate(size)
}

// Reallocate returns b with size bytes.
func (a *boundedAllocator) Reallocate(size int, b []byte) []byte {
	a.take(max(size, 0) - len(b))
	return a.Allocator.Reallocate(size, b)
}

// Free takes b back.
func (a *boundedAllocator) Free(b []byte) {
	a.left.Add(int64(len(b)))
	a.Allocator.Free(b)
}
