package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
)

const (
	hostedRunsEach = 150 // runs of one figure
	hostedTurns    = 4   // of a bare session and hosted ones
	hostedGoal     = 1.6 // times the throughput of a bare session, with 2 children
	overheadGoal   = 3.0 // ms
)

//go:embed hosted.py
var hostedScript string

// hostedProject is a project of one node, whose output path comes from a runtime parameter.
var hostedProject = map[string]string{
	"pyproject.toml":           "[tool.kedro]\npackage_name = \"demo\"\nproject_name = \"Demo\"\nkedro_init_version = \"1.7.0\"\n",
	"conf/base/catalog.yml":    "out:\n  type: json.JSONDataset\n  filepath: data/${runtime_params:rid,none}.json\n",
	"conf/base/parameters.yml": "rid: none\n",
	"conf/local/.gitkeep":      "",
	"src/demo/__init__.py":     "",
	"src/demo/settings.py":     "",
	"src/demo/pipeline_registry.py": "from kedro.pipeline import Node, Pipeline\n\n\ndef same(rid):\n    return rid\n\n\n" +
		"def register_pipelines():\n    return {\"__default__\": Pipeline([Node(same, \"params:rid\", \"out\", name=\"same\")])}\n",
	"silent.yml": "version: 1\ndisable_existing_loggers: true\nroot:\n  level: CRITICAL\n",
}

// hostedRuns compares runs of a Python project in Kedge's children with a bare session of Kedro in one process, and with
// Kedro's own server.
func hostedRuns(ctx context.Context, report *report) error {
	python, err := pythonWith(ctx, "kedro-server-1.7.0", "kedro[server]==1.7.0", "kedro-datasets==9.6.0")
	if err != nil {
		fmt.Fprintf(os.Stderr, "\n!!! HOSTED PROJECTS NOT MEASURED: %v\n\n", err)
		return nil
	}
	dir, err := os.MkdirTemp("", "kedge-bench-hosted")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for name, text := range hostedProject {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	os.Setenv("KEDRO_DISABLE_TELEMETRY", "1")
	if err := hostedOverhead(ctx, report, python, dir); err != nil {
		return err
	}
	return againstServer(ctx, report, python, dir)
}

// hostedOverhead measures one caller, and two children, beside a bare session: with Kedro's default logging on both
// sides, and with none.
func hostedOverhead(ctx context.Context, report *report, python, dir string) error {
	for _, logging := range []string{"default logging", "logging off"} {
		os.Unsetenv("KEDRO_LOGGING_CONFIG")
		if logging == "logging off" {
			os.Setenv("KEDRO_LOGGING_CONFIG", filepath.Join(dir, "silent.yml"))
			defer os.Unsetenv("KEDRO_LOGGING_CONFIG")
		}
		best, err := hostedBeside(ctx, python, dir)
		if err != nil {
			return err
		}
		report.add("hosted run, p50, "+logging, best.hosted, "ms", best.bare)
		report.add("hosted overhead over a bare session, p50, "+logging, best.hosted-best.bare, "ms", overheadGoal)
		report.add("hosted throughput, 2 children, "+logging, best.hostedRate, "runs/s", best.bareRate)
		report.add("hosted throughput over a bare session, 2 children, "+logging, best.hostedRate/best.bareRate, "x", hostedGoal)
	}
	return nil
}

// beside are the p50 in ms, and the runs a second, of a bare session and of hosted ones.
type beside struct{ bare, bareRate, hosted, hostedRate float64 }

// hostedBeside measures both in turn and keeps the better of each: other load on the machine only makes figures worse.
func hostedBeside(ctx context.Context, python, dir string) (beside, error) {
	best := beside{bare: math.Inf(1), hosted: math.Inf(1)}
	for range hostedTurns {
		bare, err := bareTimes(ctx, python, dir)
		if err != nil {
			return best, err
		}
		one, _, err := hostedTimes(ctx, python, dir, 1, 1)
		if err != nil {
			return best, err
		}
		_, rate, err := hostedTimes(ctx, python, dir, 2, 4)
		if err != nil {
			return best, err
		}
		best.bare, best.hosted = min(best.bare, quantile(bare, 0.5)), min(best.hosted, quantile(one, 0.5))
		best.bareRate = max(best.bareRate, float64(len(bare))/total(bare).Seconds())
		best.hostedRate = max(best.hostedRate, rate)
	}
	return best, nil
}

func total(times []time.Duration) (sum time.Duration) {
	for _, t := range times {
		sum += t
	}
	return sum
}

// bareTimes are the times of runs in a bare session, sorted. What it logs goes to the null device.
func bareTimes(ctx context.Context, python, dir string) ([]time.Duration, error) {
	out := filepath.Join(dir, "bare.times")
	cmd := exec.CommandContext(ctx, python, "-W", "ignore", "-c", hostedScript, dir, fmt.Sprint(hostedRunsEach), out)
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("bare session: %w", err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var seconds []float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return nil, err
	}
	times := make([]time.Duration, len(seconds))
	for i, s := range seconds {
		times[i] = time.Duration(s * float64(time.Second))
	}
	slices.Sort(times)
	return times, nil
}

// hostedTimes are the times of runs by some callers on some children, sorted, and the runs a second.
func hostedTimes(ctx context.Context, python, dir string, children, callers int) ([]time.Duration, float64, error) {
	s, err := hosted.Open(ctx, hosted.Config{Project: dir, Python: python, Children: children})
	if err != nil {
		return nil, 0, err
	}
	defer s.Close()
	return calls(callers, func(i int) error {
		_, err := s.Run(ctx, session.RunOptions{RuntimeParams: map[string]any{"rid": fmt.Sprintf("hosted%d", i)}, Observe: func(session.Event) {}})
		return err
	})
}

// calls has some callers share the runs of one figure; the first ones warm up.
func calls(callers int, call func(i int) error) ([]time.Duration, float64, error) {
	for i := range 20 {
		if err := call(-i); err != nil {
			return nil, 0, err
		}
	}
	var mu sync.Mutex
	var times []time.Duration
	var first error
	var wait sync.WaitGroup
	work := make(chan int)
	begin := time.Now()
	for range callers {
		wait.Go(func() {
			for i := range work {
				start := time.Now()
				err := call(i)
				mu.Lock()
				times = append(times, time.Since(start))
				if first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	for i := range hostedRunsEach {
		work <- i
	}
	close(work)
	wait.Wait()
	rate := hostedRunsEach / time.Since(begin).Seconds()
	slices.Sort(times)
	return times, rate, first
}

// againstServer compares throughput at several numbers of callers with Kedro's server, and counts its right answers.
func againstServer(ctx context.Context, report *report, python, dir string) error {
	url, stop, err := kedroServer(ctx, python, dir)
	if err != nil {
		return err
	}
	kedro := map[int]float64{}
	callersOf := []int{1, 2, 4, 8, 32}
	for _, callers := range callersOf {
		right, rate, err := serverRuns(url, dir, callers)
		if err != nil {
			stop()
			return err
		}
		kedro[callers] = rate
		report.add(fmt.Sprintf("kedro server, %d callers, right results", callers), float64(right), "runs", hostedRunsEach)
	}
	stop()
	for _, callers := range callersOf {
		_, rate, err := hostedTimes(ctx, python, dir, 2, callers)
		if err != nil {
			return err
		}
		report.add(fmt.Sprintf("hosted, 2 children, %d callers, against kedro server", callers), rate, "runs/s", kedro[callers])
	}
	return with(ctx, false, func(nc *nats.Conn, server *process) error {
		worker, err := startHosted(ctx, nc, server, python, dir)
		if err != nil {
			return err
		}
		defer worker.stop()
		for _, callers := range callersOf {
			rate, err := fleetRuns(ctx, nc, callers)
			if err != nil {
				return err
			}
			name := fmt.Sprintf("hosted, submit to result through a server, 2 children, %d callers, against kedro server", callers)
			report.add(name, rate, "runs/s", kedro[callers])
		}
		return nil
	})
}

// serverRuns posts runs; right are those whose file holds their own value in the end.
func serverRuns(url, dir string, callers int) (right int, rate float64, err error) {
	name := func(i int) string { return fmt.Sprintf("server-%d-%d", callers, i) }
	_, rate, err = calls(callers, func(i int) error {
		body, _ := json.Marshal(map[string]any{"params": map[string]any{"rid": name(i)}})
		answer, err := http.Post(url+"/run", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return errors.Join(err, answer.Body.Close())
	})
	for i := range hostedRunsEach {
		var value string
		text, readErr := os.ReadFile(filepath.Join(dir, "data", name(i)+".json"))
		if readErr == nil && json.Unmarshal(text, &value) == nil && value == name(i) {
			right++
		}
	}
	return right, rate, err
}

// kedroServer starts Kedro's server and waits until it is healthy.
func kedroServer(ctx context.Context, python, dir string) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	cmd := exec.CommandContext(ctx, python, "-W", "ignore", "-m", "kedro", "server", "start", "--port", fmt.Sprint(port))
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if answer, err := http.Get(url + "/health"); err == nil {
			answer.Body.Close()
			return url, stop, nil
		}
	}
	stop()
	return "", nil, errors.New("kedro server does not become healthy")
}
