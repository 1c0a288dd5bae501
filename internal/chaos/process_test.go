package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/fault"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// roleVariable holds the role of a process of the suite, as JSON.
const roleVariable = "KEDGE_CHAOS_ROLE"

// role says what a process of the suite is.
type role struct {
	Server *serverRole
	Worker *workerRole
}

// serverRole is a NATS server: alone, or one of a cluster.
type serverRole struct {
	Name, Store       string
	Port, ClusterPort int
	Routes            []string // none: alone
}

// workerRole is a worker of one queue.
type workerRole struct {
	URL, Queue string
	Lease      time.Duration
	Slots      int
}

func TestMain(m *testing.M) {
	if text := os.Getenv(roleVariable); text != "" {
		if err := play(text); err != nil {
			fmt.Fprintln(os.Stderr, "chaos process:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play is the main function of a process. It ends when its standard input does.
func play(text string) error {
	var r role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	if r.Server != nil {
		return r.Server.play()
	}
	return r.Worker.play()
}

func (r *serverRole) play() error {
	opts := &server.Options{
		ServerName: r.Name, Host: "127.0.0.1", Port: r.Port, JetStream: true, StoreDir: r.Store, NoSigs: true, NoLog: true,
		JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: 20 << 30, WriteDeadline: 10 * time.Second,
	}
	if r.Routes == nil {
		opts.SyncAlways = true // as embedded
	} else {
		// Clients must not learn of ways around the proxies.
		opts.Cluster = server.ClusterOpts{Name: "chaos", Host: "127.0.0.1", Port: r.ClusterPort, NoAdvertise: true}
		opts.Routes = server.RoutesFromStr(strings.Join(r.Routes, ","))
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		return fmt.Errorf("server %s is not ready", r.Name)
	}
	fmt.Println(r.Name)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// timing is that of production, in proportion to the lease.
func timing(lease time.Duration) worker.Timing {
	return worker.Timing{
		Heartbeat: lease / 4, Retry: lease / 12, Lease: lease, Sweep: lease / 12,
		CancelGrace: lease * 5 / 6, Putback: lease / 12, Repair: lease * 5 / 2,
	}
}

func (r *workerRole) play() error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	log := zerolog.New(os.Stderr).Level(zerolog.ErrorLevel)
	nc, err := natsx.Connect(ctx, natsx.ConnectOptions{URL: r.URL, Wait: time.Minute})
	if err != nil {
		return err
	}
	defer nc.Close()
	dir, err := os.MkdirTemp("", "kedge-chaos")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var wrong atomic.Int64 // by how much the wall clock is wrong
	cfg := worker.Config{
		Conn: nc, Project: r.Queue, Timing: timing(r.Lease), Concurrency: r.Slots, Logger: log, Faults: &fault.Points{},
		Now: func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) },
		Open: func(ctx context.Context, _ session.ServiceConfig) (session.Session, error) {
			return openProject(ctx, dir)
		},
	}
	w, err := worker.New(cfg)
	if err != nil {
		return err
	}
	go func() {
		<-w.Ready()
		fmt.Println(w.ID())
	}()
	go func() {
		defer stop()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
			case "die":
				cfg.Faults.Set(rest, func(context.Context) error { return syscall.Kill(os.Getpid(), syscall.SIGKILL) })
			case "jump":
				d, _ := time.ParseDuration(rest)
				wrong.Store(int64(d))
			}
		}
	}()
	return w.Run(ctx)
}

// openProject makes the project of the suite: one node that takes its time and computes something of its parameters.
func openProject(ctx context.Context, dir string) (session.Session, error) {
	for _, file := range []string{"conf/base/catalog.yml", "conf/base/parameters.yml", "conf/local/parameters.yml"} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return nil, err
		}
	}
	proj, err := project.Load(dir, project.New("chaos", project.WithPipeline("__default__", func() (*pipeline.Pipeline, error) {
		return pipeline.New(pipeline.Define(compute, []string{"params:x", "params:ms"}, "answer", pipeline.Name("compute")))
	})))
	if err != nil {
		return nil, err
	}
	return session.CreateService(ctx, session.ServiceConfig{ProjectPath: dir, Project: proj, ServingMode: true})
}

func compute(ctx context.Context, x, ms int) (int, error) {
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-time.After(time.Duration(ms) * time.Millisecond):
		return 3 * (x + 1), nil
	}
}

// process is a process of the suite.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	name  string // what it calls itself
	ended chan struct{}
}

// launch starts a process and waits until it says that it is ready.
func launch(r role) (*process, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), roleVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	line, err := bufio.NewReader(out).ReadString('\n')
	p.name = strings.TrimSpace(line)
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("process %s: %w", text, err)
	}
	return p, nil
}

func (p *process) tell(format string, args ...any) { fmt.Fprintf(p.stdin, format+"\n", args...) }

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process by SIGKILL; repeating it is harmless.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// freePort finds a port that nobody listens on, below those that the system gives to clients: one of these could take it
// while its server is down.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	require.Fail(t, "no free port found")
	return 0
}
