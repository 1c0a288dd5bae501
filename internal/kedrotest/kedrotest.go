//go:build unix

// Package kedrotest gives tests a Python with the real Kedro.
//
// The first test that asks for an environment makes it, below the user's cache folder, with venv and pip; later ones and
// other test processes find it there. Where there is no Python the tests are skipped, and one line at the end says so;
// in CI (CI=true) they fail instead.
package kedrotest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// Versions are the releases of Kedro that projects are hosted on in CI, newest first.
func Versions() []string { return []string{"1.7", "1.5", "1.4"} }

// skipped counts the tests that had no Python.
var skipped atomic.Int64

// Python gives the interpreter of an environment with a release of Kedro, such as "1.7", and what an ordinary project
// of it uses.
func Python(t testing.TB, version string) string {
	t.Helper()
	return Environment(t, "kedro=="+version+".*", "kedro-datasets", "pandas>=2", "pyarrow")
}

// Environment gives the interpreter of an environment with these requirements, as pip reads them.
func Environment(t testing.TB, requirements ...string) string {
	t.Helper()
	base, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI must have python3: hosted projects are not tested without it")
		}
		skipped.Add(1)
		t.Skip("no python3 in PATH")
	}
	release, err := exec.Command(base, "-c", "import sys; print(sys.version)").Output()
	if err != nil {
		t.Fatalf("python3: %v", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(string(release) + strings.Join(requirements, "\n")))
	dir := filepath.Join(cache, "kedge", fmt.Sprintf("python-%x", sum[:6]))
	if err := prepare(base, dir, requirements); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "bin", "python")
}

// prepare makes the environment unless it is there, one process at a time.
func prepare(base, dir string, requirements []string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	commands := [][]string{{base, "-m", "venv", dir}}
	if len(requirements) > 0 {
		pip := []string{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}
		commands = append(commands, append(pip, requirements...))
	}
	for _, argv := range commands {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
		}
	}
	return os.WriteFile(done, nil, 0o644)
}

// Report prints the one line that tells of skipped tests. TestMain calls it at the end.
func Report() {
	if n := skipped.Load(); n > 0 {
		fmt.Fprintf(os.Stderr, "\n*** %d TESTS OF HOSTED PROJECTS WERE SKIPPED: there is no python3 in PATH ***\n\n", n)
	}
}
