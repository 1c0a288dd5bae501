package natstest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/natsx"
)

// Process is a server in a process of its own, for tests that kill: the third process
// beside a worker and a submitter. It ends with the test, even when the test's own
// process dies.
type Process struct {
	t     testing.TB
	bin   string
	args  []string
	url   string
	cmd   *exec.Cmd
	stdin io.Closer
}

// StartProcess builds the server's program and runs it on a free port, syncing
// every write when always is set.
func StartProcess(t testing.TB, always bool) *Process {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "natsserver")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin,
		"github.com/kedge-run/kedge/internal/natstest/natsserver").CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := &Process{t: t, bin: bin, args: []string{t.TempDir(), strconv.FormatBool(always)}}
	p.start("-1")
	t.Cleanup(p.Kill)
	return p
}

func (p *Process) start(port string) {
	p.t.Helper()
	cmd := exec.Command(p.bin, append([]string{port}, p.args...)...)
	cmd.Stderr = os.Stderr
	// The program ends when this pipe does, so none outlives the test.
	stdin, err := cmd.StdinPipe()
	require.NoError(p.t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(p.t, err)
	p.cmd, p.stdin, p.url = cmd, stdin, strings.TrimSpace(line)
}

// URL is where to connect; it stays the same over Restart.
func (p *Process) URL() string { return p.url }

// Connect opens a connection of its own for the test.
func (p *Process) Connect() *nats.Conn { return connect(p.t, p.url) }

// JetStream opens a connection and sets the topology up.
func (p *Process) JetStream(topology natsx.Topology) jetstream.JetStream {
	p.t.Helper()
	return setup(p.t, p.Connect(), topology)
}

// Kill ends the process by SIGKILL; repeating it is harmless.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
}

// Restart kills the process when it runs, and starts it again on the same port and
// store.
func (p *Process) Restart() {
	p.t.Helper()
	p.Kill()
	p.start(p.url[strings.LastIndexByte(p.url, ':')+1:])
}
