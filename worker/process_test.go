package worker_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/fault"
	"github.com/kedge-run/kedge/internal/lifecycle"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// A worker process of these tests is the test binary itself in a role.
const (
	roleVariable  = "KEDGE_TEST_ROLE"
	urlVariable   = "KEDGE_TEST_URL"
	slotsVariable = "KEDGE_TEST_SLOTS"

	roleWork = "work"        // a worker of the three-node project
	roleStop = "stop-itself" // the same, and it sends itself SIGSTOP just before its first done
)

// playRole runs a worker until SIGTERM and returns the exit code.
func playRole(role string) int {
	ctx, stop := lifecycle.WithSignals(context.Background(), func(os.Signal) { os.Exit(130) }, syscall.SIGTERM)
	defer stop()
	play := func() error { return workInRole(ctx, role) }
	if role == roleLarge {
		play = playLarge
	}
	if err := play(); err != nil {
		fmt.Fprintln(os.Stderr, "worker process:", err)
		return 1
	}
	return 0
}

func workInRole(ctx context.Context, role string) error {
	nc, err := natsx.Connect(ctx, natsx.ConnectOptions{URL: os.Getenv(urlVariable)})
	if err != nil {
		return err
	}
	defer nc.Close()
	dir, err := os.MkdirTemp("", "kedge-worker-test")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	slots, _ := strconv.Atoi(os.Getenv(slotsVariable))
	cfg := worker.Config{
		Conn: nc, Project: queue, Timing: fast, Concurrency: slots, Grace: -1,
		Logger: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel),
		Open: func(ctx context.Context, _ session.ServiceConfig) (session.Session, error) {
			return openIn(ctx, dir, project.WithPipeline("__default__", threeSlowNodes))
		},
	}
	if role == roleStop {
		cfg.Faults = &fault.Points{}
		cfg.Faults.Set(worker.FaultBeforeDone, func(context.Context) error {
			cfg.Faults.Set(worker.FaultBeforeDone, nil)
			return stopItself()
		})
	}
	w, err := worker.New(cfg)
	if err != nil {
		return err
	}
	go func() {
		<-w.Ready()
		fmt.Println(w.ID())
	}()
	return w.Run(ctx)
}

// killer is the parameter x of a run that takes its worker down.
const killer = 666

// threeSlowNodes computes 3 * (x + 1) from parameter x, slowly enough to be killed in the midst.
func threeSlowNodes() (*pipeline.Pipeline, error) {
	slowly := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
			return nil
		}
	}
	return pipeline.New(
		pipeline.Define(func(ctx context.Context, x int) (int, error) {
			if err := slowly(ctx); err != nil || x != killer {
				return x, err
			}
			return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}, "params:x", "read", pipeline.Name("read")),
		pipeline.Define(func(ctx context.Context, x int) (int, error) { return x + 1, slowly(ctx) }, "read", "grown", pipeline.Name("grow")),
		pipeline.Define(func(ctx context.Context, x int) (int, error) { return 3 * x, slowly(ctx) }, "grown", "answer", pipeline.Name("answer")),
	)
}

// workerProcess is a worker in a process of its own.
type workerProcess struct {
	cmd *exec.Cmd
	id  string // the worker's id
}

// startWorker starts a worker process and waits until it takes runs.
func startWorker(t testing.TB, role, url string, slots int) *workerProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, urlVariable+"="+url, slotsVariable+"="+strconv.Itoa(slots))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	p := &workerProcess{cmd: cmd, id: strings.TrimSpace(line)}
	t.Cleanup(p.kill)
	require.NoError(t, err, "the worker process did not become ready")
	return p
}

func (p *workerProcess) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
}

// kill ends the process by SIGKILL; repeating it is harmless.
func (p *workerProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// stopItself stops the process, and returns when somebody lets it go on. The signal may reach another thread first: this
// one would get on with its run for a moment.
func stopItself() error {
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	defer signal.Stop(woken)
	err := syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	if err == nil {
		<-woken
	}
	return err
}
