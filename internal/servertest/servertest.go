//go:build unix

// Package servertest starts the real servers that tests of data need: object stores and a database. Their programs belong to a module of
// their own, tools/servers, so that the product depends on none of them; the first test on a machine compiles them, which takes
// minutes, and the build cache keeps them.
package servertest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"
)

// Bucket is an empty bucket of a server that runs for the time of a test.
type Bucket struct {
	// URL is that of the bucket, such as s3://data, without a slash at the end.
	URL string
	// Options are the credentials that Kedro takes for it.
	Options map[string]any
}

// S3 starts a versitygw over a folder and makes a bucket in it.
func S3(t testing.TB) Bucket {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"data/kedge", "meta"} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, name), 0o777))
	}
	address := freeAddress(t)
	start(t, "versitygw", "--access", "user", "--secret", "password", "--port", address,
		"posix", "--sidecar", filepath.Join(folder, "meta"), filepath.Join(folder, "data"))
	url := "http://" + address
	wait(t, url)
	return Bucket{URL: "s3://kedge", Options: map[string]any{"key": "user", "secret": "password",
		"client_kwargs": map[string]any{"endpoint_url": url, "region_name": "us-east-1"}}}
}

// GCS starts a fake-gcs-server, which speaks Google's JSON interface, and makes a bucket in it.
func GCS(t testing.TB) Bucket {
	t.Helper()
	address := freeAddress(t)
	url := "http://" + address
	_, port, _ := strings.Cut(address, ":")
	start(t, "fake-gcs-server", "-scheme", "http", "-host", "127.0.0.1", "-port", port, "-backend", "memory", "-external-url", url,
		"-public-host", address, "-log-level", "error")
	wait(t, url)
	response, err := http.Post(url+"/storage/v1/b", "application/json", strings.NewReader(`{"name": "kedge"}`))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	return Bucket{URL: "gs://kedge", Options: map[string]any{"token": "anon", "endpoint_url": url}}
}

// Azurite starts Microsoft's emulator of Azure's store, the program that KEDGE_AZURITE names (azurite-blob of the npm package
// azurite), and makes a container in it. It is the one server that can't be had with Go alone: without the variable ok is false.
func Azurite(t testing.TB) (bucket Bucket, ok bool) {
	t.Helper()
	program := os.Getenv("KEDGE_AZURITE")
	if program == "" {
		return Bucket{}, false
	}
	// The account and key that the emulator's documentation gives.
	const account, key = "devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	run(t, program, "--blobHost", "127.0.0.1", "--blobPort", port, "--location", t.TempDir(), "--silent", "--skipApiVersionCheck")
	wait(t, "http://"+address)
	connection := fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=http://%s/%s;", account, key, address, account)
	client, err := container.NewClientFromConnectionString(connection, "kedge", nil)
	require.NoError(t, err)
	_, err = client.Create(t.Context(), nil)
	require.NoError(t, err)
	return Bucket{URL: "abfs://kedge", Options: map[string]any{"connection_string": connection}}, true
}

// freeAddress finds an address that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// start runs a program of tools/servers until the test ends.
func start(t testing.TB, name string, args ...string) {
	t.Helper()
	run(t, tool(t, name), args...)
}

// tool builds a program of tools/servers and returns its path.
func tool(t testing.TB, name string) string {
	t.Helper()
	defer lock(t)() // tests of several packages start together; each would compile all of it
	_, here, _, _ := runtime.Caller(0)
	find := exec.Command("go", "tool", "-n", name)
	find.Dir = filepath.Join(filepath.Dir(here), "..", "..", "tools", "servers")
	var complaints strings.Builder
	find.Stderr = &complaints
	bin, err := find.Output()
	require.NoError(t, err, "build %s: %s", name, complaints.String())
	return strings.TrimSpace(string(bin))
}

// lock keeps other processes of tests out until its result is called.
func lock(t testing.TB) func() {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprint("kedge-servertest-", os.Getuid())), os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	return func() { _ = file.Close() } // which unlocks
}

// run runs a server until the test ends, or until the test's process does.
func run(t testing.TB, program string, args ...string) {
	t.Helper()
	// The shell ends the server when the pipe to it does, so none outlives the test.
	script := `"$@" </dev/null & server=$!; read -r _; kill -9 "$server"; wait "$server"`
	cmd := exec.Command("sh", append([]string{"-c", script, "sh", program}, args...)...)
	log := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(program), log)
		}
	})
}

// wait asks a server until it answers, whatever it says.
func wait(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			require.NoError(t, response.Body.Close())
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.NoError(t, fmt.Errorf("no answer from %s: %w", url, err))
		}
	}
}
