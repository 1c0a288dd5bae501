// Package deploy_test checks the files of this folder and docker-compose.yml
// without docker: that what they name exists, that the commands in them are
// commands of the binaries, and that the server's configuration starts.
package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/kedge-run/kedge"
)

// compose is what we use of the Compose specification. Other keys are errors.
type compose struct {
	Name     string             `yaml:"name"`
	Image    map[string]any     `yaml:"x-image"`
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
}

type service struct {
	Image string `yaml:"image"`
	Build struct {
		Context    string            `yaml:"context"`
		Dockerfile string            `yaml:"dockerfile"`
		Args       map[string]string `yaml:"args"`
	} `yaml:"build"`
	Environment map[string]string `yaml:"environment"`
	Entrypoint  []string          `yaml:"entrypoint"`
	Command     []string          `yaml:"command"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	Profiles    []string          `yaml:"profiles"`
	Restart     string            `yaml:"restart"`
	StopGrace   time.Duration     `yaml:"stop_grace_period"`
	Deploy      struct {
		Replicas int `yaml:"replicas"`
	} `yaml:"deploy"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck *struct {
		Test     []string      `yaml:"test"`
		Interval time.Duration `yaml:"interval"`
		Timeout  time.Duration `yaml:"timeout"`
		Retries  int           `yaml:"retries"`
	} `yaml:"healthcheck"`
}

func readCompose(t *testing.T) compose {
	t.Helper()
	data, err := os.ReadFile("../docker-compose.yml")
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	var file compose
	require.NoError(t, decoder.Decode(&file))
	return file
}

func TestComposeNamesWhatExists(t *testing.T) {
	file := readCompose(t)
	require.Subset(t, keys(file.Services), []string{"nats", "setup", "worker", "submit"})
	for name, s := range file.Services {
		require.NotEmpty(t, s.Image, name)
		if s.Build.Context != "" {
			require.FileExists(t, filepath.Join("..", s.Build.Context, s.Build.Dockerfile))
			for _, arg := range []string{"WORKER", "PROJECT", "RAWDATA"} {
				require.DirExists(t, filepath.Join("..", s.Build.Args[arg]), arg)
			}
		}
		for _, volume := range s.Volumes {
			source, target, ok := strings.Cut(volume, ":")
			require.Truef(t, ok && strings.HasPrefix(target, "/"), "%s: volume %q", name, volume)
			if strings.HasPrefix(source, ".") {
				require.FileExists(t, filepath.Join("..", source))
			} else {
				require.Contains(t, file.Volumes, source, name)
			}
		}
		for other, wanted := range s.DependsOn {
			require.Contains(t, file.Services, other, name)
			switch wanted.Condition {
			case "service_healthy":
				require.NotNil(t, file.Services[other].Healthcheck, "%s waits for the health of %s", name, other)
			case "service_completed_successfully":
				require.Equal(t, "no", file.Services[other].Restart, "%s waits for the end of %s", name, other)
			default:
				t.Errorf("%s: condition %q", name, wanted.Condition)
			}
		}
		if url := s.Environment["NATS_URL"]; url != "" {
			require.Equal(t, "nats://nats:4222", url, "the name of a service")
		}
	}
}

func TestComposeKeepsTheServerToItself(t *testing.T) {
	for name, s := range readCompose(t).Services {
		for _, port := range s.Ports {
			require.Truef(t, strings.HasPrefix(port, "127.0.0.1:"), "%s publishes %s to the network, without a password", name, port)
		}
	}
}

func TestComposeRunsWorkersThatDrain(t *testing.T) {
	worker := readCompose(t).Services["worker"]
	require.GreaterOrEqual(t, worker.Deploy.Replicas, 2)
	const defaultGrace = 30 * time.Second
	require.Greater(t, worker.StopGrace, defaultGrace, "docker must not kill a worker that drains")
}

// TestComposeCommandsAreCommands asks the worker for help with the words of the compose file: unknown flags and
// commands fail.
func TestComposeCommandsAreCommands(t *testing.T) {
	for name, s := range readCompose(t).Services {
		if s.Build.Context == "" || len(s.Entrypoint) > 0 {
			continue
		}
		requireWorkerKnows(t, name, s.Command)
	}
}

func requireWorkerKnows(t *testing.T, what string, words []string) {
	t.Helper()
	var out bytes.Buffer
	code := kedge.Run(context.Background(), nil, &kedge.Env{
		Args: append(slices.Clone(words), "--help"), Dir: t.TempDir(),
		Lookup: func(string) (string, bool) { return "", false },
		Stdin:  strings.NewReader(""), Stdout: &out, Stderr: &out,
	})
	require.Zerof(t, code, "%s: worker %s\n%s", what, strings.Join(words, " "), out.String())
}

// TestServerConfigStarts starts a real server from the configuration, elsewhere on disk and on free ports, and asks
// what the health check of the compose file asks.
func TestServerConfigStarts(t *testing.T) {
	opts, err := server.ProcessConfigFile("nats/compose.conf")
	require.NoError(t, err)
	require.True(t, opts.JetStream)
	require.True(t, opts.SyncAlways)
	require.Equal(t, "/data", opts.StoreDir, "where docker-compose.yml mounts the volume")
	require.EqualValues(t, 1<<20, opts.MaxPayload)
	require.Equal(t, 4222, opts.Port)
	require.Equal(t, 8222, opts.HTTPPort)

	opts.StoreDir, opts.Host, opts.Port = t.TempDir(), "127.0.0.1", server.RANDOM_PORT
	opts.HTTPHost, opts.HTTPPort, opts.NoLog, opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(opts)
	require.NoError(t, err)
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	require.True(t, s.ReadyForConnections(10*time.Second))

	check := readCompose(t).Services["nats"].Healthcheck.Test
	path := strings.TrimPrefix(check[len(check)-1], "http://127.0.0.1:8222")
	response, err := http.Get(fmt.Sprintf("http://%s%s", s.MonitorAddr(), path))
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(body))
}

func TestDockerfileCopiesWhatExists(t *testing.T) {
	text := read(t, "Dockerfile")
	for _, match := range regexp.MustCompile(`(?m)^COPY ([a-z][^$\n]*) \S+$`).FindAllStringSubmatch(text, -1) {
		for _, source := range strings.Fields(match[1]) {
			require.FileExists(t, filepath.Join("..", source))
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^ARG (?:WORKER|PROJECT|RAWDATA)=(\S+)$`).FindAllStringSubmatch(text, -1) {
		require.DirExists(t, filepath.Join("..", match[1]))
	}
	goMod := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	require.Contains(t, text, "FROM golang:"+goMod[1]+"-", "the Go version of go.mod")
	require.Regexp(t, `(?m)^USER \d+:\d+$`, text, "not root, and as a number")
}

// TestBinariesNeedNoC loads all that the Dockerfile builds, and all that it imports, with CGO off: a Go binary without
// C code is static on Linux. Building it here would double the time of the whole test.
func TestBinariesNeedNoC(t *testing.T) {
	text := read(t, "Dockerfile")
	require.Contains(t, text, "ENV CGO_ENABLED=0")
	packages := regexp.MustCompile(`-o /out/submit (\S+)`).FindStringSubmatch(text)[1:]
	for _, match := range regexp.MustCompile(`(?m)^ARG WORKER=(\S+)$`).FindAllStringSubmatch(text, -1) {
		packages = append(packages, match[1])
	}
	packages = append(packages, readCompose(t).Services["worker"].Build.Args["WORKER"])
	for _, arch := range []string{"amd64", "arm64"} {
		list := exec.Command("go", append([]string{"list", "-deps", "-f", "{{if .CgoFiles}}{{.ImportPath}}{{end}}"}, packages...)...)
		list.Dir = ".."
		list.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		out, err := list.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Empty(t, strings.TrimSpace(string(out)), "packages with C code on %s", arch)
	}
}

func TestUnitRunsTheWorker(t *testing.T) {
	unit := read(t, "systemd/kedge-worker@.service")
	command := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/worker (.*)$`).FindStringSubmatch(unit)
	require.NotNil(t, command)
	requireWorkerKnows(t, "unit", strings.Fields(command[1]))

	section := ""
	for number, line := range strings.Split(unit, "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = line
			require.Contains(t, []string{"[Unit]", "[Service]", "[Install]"}, section)
		default:
			require.NotEmpty(t, section)
			require.Regexp(t, `^[A-Z][A-Za-z]+=`, line, "line %d", number+1)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

func keys[V any](m map[string]V) []string {
	names := []string{}
	for name := range m {
		names = append(names, name)
	}
	return names
}

// A drained worker has ended well. A unit that starts it again would undo `submit worker drain`.
func TestTheUnitLeavesADrainedWorkerEnded(t *testing.T) {
	unit, err := os.ReadFile("systemd/kedge-worker@.service")
	require.NoError(t, err)
	require.Contains(t, string(unit), "\nRestart=on-failure\n")
}
