package worker

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// residentMiB is how much memory of this process is resident, without what lies in files.
func residentMiB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	var kib int
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	return kib >> 10
}

func TestBallastIsNotResident(t *testing.T) {
	const most = 8 // that something else may change, in MiB
	block := newBallast()
	require.Len(t, block, ballastSize)
	without := residentMiB(t)
	clear(block) // as Go does with memory that was in use before
	require.Greater(t, residentMiB(t), without+ballastSize>>20-most)
	vacate(block)
	require.Less(t, residentMiB(t), without+most)
	for _, b := range block {
		if b != 0 {
			t.Fatal("the block is not of zeros")
		}
	}
	runtime.KeepAlive(block)
}
