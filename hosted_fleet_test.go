package kedge_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// hostedFleet is a NATS server, a Python project whose node tells in which process it is under way, and worker
// processes of two children each.
type hostedFleet struct {
	t       *testing.T
	server  *natsx.Server
	client  *client.Client
	python  string
	project string
}

func newHostedFleet(t *testing.T) *hostedFleet {
	f := &hostedFleet{t: t, python: kedrotest.Python(t, "1.7"), project: filepath.Join(t.TempDir(), "slowshop")}
	require.NoError(t, os.CopyFS(f.project, os.DirFS("testdata/slowshop")))
	var err error
	f.server, err = natsx.StartServer(t.Context(), natsx.ServerConfig{StoreDir: t.TempDir(), Port: -1, SyncInterval: time.Hour})
	require.NoError(t, err)
	t.Cleanup(f.server.Shutdown)
	setup := exec.Command("worker", "setup", "--nats", f.server.URL(), "--project", f.project)
	out, err := setup.CombinedOutput()
	require.NoError(t, err, string(out))
	f.client, err = client.Dial(t.Context(), f.server.URL(), client.Config{Queue: "slowshop"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.client.Close() })
	return f
}

// start starts a worker in a process group of its own; its log is printed if the test fails.
func (f *hostedFleet) start() *exec.Cmd {
	cmd := exec.Command("worker", "--nats", f.server.URL(), "--project", f.project, "--python", f.python, "--concurrency", "2", "--log-level", "warn")
	cmd.Env = append(os.Environ(), "KEDRO_DISABLE_TELEMETRY=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	require.NoError(f.t, cmd.Start())
	f.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func (f *hostedFleet) await(what string, done func() bool) {
	f.t.Helper()
	require.Eventually(f.t, done, time.Minute, 5*time.Millisecond, what)
}

func (f *hostedFleet) awaitWorkers(n int) {
	f.t.Helper()
	f.await(fmt.Sprintf("no %d workers", n), func() bool {
		roster, err := f.client.Workers(f.t.Context())
		return err == nil && len(roster) == n
	})
}

// busy are the children of a worker that have a node under way, and the rid of its run.
func (f *hostedFleet) busy(worker *exec.Cmd) map[int]string {
	children := map[int]string{}
	notes, err := filepath.Glob(filepath.Join(f.project, "running", "*"))
	require.NoError(f.t, err)
	for _, note := range notes {
		parent, child, _ := strings.Cut(filepath.Base(note), "-")
		pid, err := strconv.Atoi(child)
		rid, readErr := os.ReadFile(note) // gone when the node has just ended
		if err == nil && readErr == nil && len(rid) > 0 && parent == strconv.Itoa(worker.Process.Pid) && alive(pid) {
			children[pid] = string(rid)
		}
	}
	return children
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// run submits a run and checks its answer.
func (f *hostedFleet) run(rid string) (messages.RunID, error) {
	ctx := f.t.Context()
	receipt, err := f.client.Submit(ctx, &messages.RunRequest{RuntimeParams: map[string]any{"rid": rid}})
	if err != nil {
		return "", err
	}
	reply, err := f.client.Wait(ctx, receipt.RunID)
	if err == nil && reply.Error != nil {
		err = fmt.Errorf("run of %s ended as %s: %s", rid, reply.Error.State, reply.Error.Message)
	}
	return receipt.RunID, err
}

// runAll has callers make n runs, checks the files that they wrote, and returns the run ids.
func (f *hostedFleet) runAll(callers, n int) {
	t := f.t
	var mu sync.Mutex // guards ids
	ids := map[messages.RunID]bool{}
	work := make(chan string, n)
	for i := range n {
		work <- fmt.Sprintf("r%d", i)
	}
	close(work)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for rid := range work {
				id, err := f.run(rid)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				ids[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	foreign, absent := 0, 0
	for i := range n {
		rid := fmt.Sprintf("r%d", i)
		files, err := filepath.Glob(filepath.Join(f.project, "data", rid+".json", "*", rid+".json"))
		require.NoError(t, err)
		if len(files) == 0 {
			absent++
		}
		for _, file := range files {
			var value string
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &value))
			if value != rid {
				foreign++
			}
		}
	}
	t.Logf("%d runs of %d submitters: %d foreign values, %d absent files, %d duplicate run ids", n, callers, foreign, absent, n-len(ids))
	require.Zero(t, foreign)
	require.Zero(t, absent)
	require.Len(t, ids, n)
}

// TestHostedFleetIsolation has 32 submitters make runs whose output path is ${runtime_params:rid}, on two workers of
// two children. KEDGE_HOSTED_RUNS=4000 makes it the measurement that docs quote.
func TestHostedFleetIsolation(t *testing.T) {
	runs := 100
	if n, err := strconv.Atoi(os.Getenv("KEDGE_HOSTED_RUNS")); err == nil {
		runs = n
	}
	f := newHostedFleet(t)
	f.start()
	f.start()
	f.awaitWorkers(2)
	f.runAll(32, runs)
}

// TestHostedFleetSurvivesKills kills a child, a worker and a worker's whole process group while their runs are under
// way. Every run has its answer, and no process is left. No run is hit twice: it would be taken for what kills its
// process.
func TestHostedFleetSurvivesKills(t *testing.T) {
	f := newHostedFleet(t)
	first, second := f.start(), f.start()
	f.awaitWorkers(2)
	killed := make(chan map[int]string, 1)
	go func() {
		gone, hit := map[int]string{}, map[string]bool{}
		defer func() { killed <- gone }()
		kill := func(worker *exec.Cmd, target func(child int) int) {
			var children map[int]string
			f.await("no run is under way", func() bool {
				children = f.busy(worker)
				for _, rid := range children {
					if hit[rid] {
						return false
					}
				}
				return len(children) > 0
			})
			for _, rid := range children {
				hit[rid] = true
			}
			for pid := range children {
				if target(pid) == pid {
					children = map[int]string{pid: children[pid]} // the others live on with their worker
				}
				maps.Copy(gone, children)
				if err := syscall.Kill(target(pid), syscall.SIGKILL); err != nil {
					t.Error(err)
				}
				return
			}
		}
		child := func(pid int) int { return pid }
		kill(first, child)
		kill(first, func(int) int { return first.Process.Pid })
		third := f.start()
		kill(second, func(int) int { return -second.Process.Pid })
		kill(third, child)
	}()
	f.runAll(8, 80)
	for pid := range <-killed {
		f.await("an orphan is left", func() bool { return !alive(pid) })
	}
}

// TestHostedFleetCarriesTables sends a table that is too large for a message from one run to a second, by reference both
// times.
func TestHostedFleetCarriesTables(t *testing.T) {
	f := newHostedFleet(t)
	f.start()
	f.awaitWorkers(1)
	ctx := t.Context()
	answer := func(request *messages.RunRequest, options ...client.SubmitOption) *messages.RunResult {
		receipt, err := f.client.Submit(ctx, request, options...)
		require.NoError(t, err)
		reply, err := f.client.Wait(ctx, receipt.RunID)
		require.NoError(t, err)
		require.Nil(t, reply.Error)
		return reply.Result
	}
	rows := answer(&messages.RunRequest{PipelineNames: []string{"table"}, RuntimeParams: map[string]any{"x": 100_000}}).Outputs["rows"]
	require.Equal(t, "pandas.DataFrame 100000 x 2", rows.Type+" "+rows.Shape)
	require.Empty(t, rows.Problem)
	require.NotNil(t, rows.Ref)
	require.Equal(t, "arrow", rows.Ref.Format)
	content, err := f.client.Open(ctx, *rows.Ref)
	require.NoError(t, err)
	text, err := io.ReadAll(content)
	require.NoError(t, errors.Join(err, content.Close()))
	require.Len(t, text, int(rows.Ref.Size))

	given := client.Input{Content: bytes.NewReader(text), Size: int64(len(text)), Format: "arrow"}
	sum := answer(&messages.RunRequest{PipelineNames: []string{"total"}}, client.WithInput("given", given)).Outputs["sum"]
	require.JSONEq(t, strconv.Itoa(100_000*99_999/2), string(sum.Value))
}
