package worker

// ballastSize is the size of a block that is never written, so that it occupies address space only. It makes the
// collector start at twice its size instead of at 4 MiB, which short runs fill hundreds of times a second.
const ballastSize = 32 << 20

// newBallast makes the block. Where it lies in memory that was in use before, Go has cleared it, and so made it resident:
// that is undone.
func newBallast() []byte {
	block := make([]byte, ballastSize)
	vacate(block)
	return block
}
