//go:build unix

package servertest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is the user that PostgreSQL runs as where tests run as root, which it refuses.
const nobody = 65534

// Postgres starts a PostgreSQL server and returns the URL of an empty database.
func Postgres(t testing.TB) string {
	t.Helper()
	base := filepath.Join(os.TempDir(), fmt.Sprint("kedge-postgres-", os.Getuid())) // also keeps a downloaded server
	require.NoError(t, os.MkdirAll(base, 0o755))
	folder, err := os.MkdirTemp(base, "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	cmd := exec.Command(tool(t, "postgres"), folder)
	defer lock(t)() // one download at a time
	if os.Geteuid() == 0 {
		cmd = asNobody(t, cmd, base, folder)
	}
	log := &strings.Builder{}
	cmd.Stderr = log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	t.Cleanup(func() {
		_ = stdin.Close() // the server ends when its input does
		_ = cmd.Wait()
	})
	if err != nil {
		_ = cmd.Wait()
		require.NoError(t, err, "PostgreSQL is neither on this machine nor could it be downloaded:\n%s", log)
	}
	return strings.TrimSpace(line)
}

// asNobody makes a command run as nobody, from a place that nobody may read.
func asNobody(t testing.TB, cmd *exec.Cmd, base, folder string) *exec.Cmd {
	t.Helper()
	content, err := os.ReadFile(cmd.Path)
	require.NoError(t, err)
	program := filepath.Join(folder, "postgres")
	require.NoError(t, os.WriteFile(program, content, 0o755))
	for _, name := range []string{base, folder} {
		require.NoError(t, os.Chmod(name, 0o755))
		require.NoError(t, os.Chown(name, nobody, nobody))
	}
	out := exec.Command(program, cmd.Args[1:]...)
	out.Dir = folder
	out.Env = append(os.Environ(), "HOME="+folder)
	out.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return out
}
