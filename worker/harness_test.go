package worker_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role))
	}
	goleak.VerifyTestMain(m)
}

const queue = "shop"

// fast is the default timing divided by twelve: a lease can't be shorter than the second that NATS allows.
var fast = worker.Timing{
	Heartbeat: 250 * time.Millisecond, Retry: 84 * time.Millisecond, Lease: time.Second, Sweep: 84 * time.Millisecond,
	CancelGrace: 250 * time.Millisecond, Putback: 84 * time.Millisecond, Repair: 500 * time.Millisecond,
}

// topology is what the tests' workers expect of the server.
var topology = natsx.Topology{Queues: []string{queue}, AckWait: fast.Lease}

// deadline is how long a test waits for something that must happen.
const deadline = 30 * time.Second

// fixture is a server that is set up, and a client on it.
type fixture struct {
	t      testing.TB
	server *natstest.Server
	js     jetstream.JetStream
	client *client.Client
}

func newFixture(t testing.TB, cfg ...natsx.ServerConfig) *fixture {
	t.Helper()
	server := natstest.Start(t, cfg...)
	f := &fixture{t: t, server: server, js: server.JetStream(topology)}
	f.client = newClient(t, server)
	return f
}

func newClient(t testing.TB, server *natstest.Server) *client.Client {
	t.Helper()
	c, err := client.New(server.Connect(), client.Config{Queue: queue, Poll: 100 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// running is a worker in the test's process.
type running struct {
	*worker.Worker
	stop func()     // soft; waits until the worker has returned
	done chan error // gets what the worker returned
}

// start runs a worker on sess until the test ends. change may be nil.
func (f *fixture) start(sess session.Session, change func(*worker.Config)) *running {
	f.t.Helper()
	cfg := worker.Config{
		Conn: f.server.Connect(), Project: queue, Timing: fast, Grace: -1, Concurrency: 8,
		Open:   func(context.Context, session.ServiceConfig) (session.Session, error) { return sess, nil },
		Logger: zerolog.New(zerolog.NewTestWriter(f.t)).Level(zerolog.WarnLevel),
	}
	if change != nil {
		change(&cfg)
	}
	w, err := worker.New(cfg)
	require.NoError(f.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	select {
	case <-w.Ready():
	case err := <-done:
		require.NoError(f.t, err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(f.t, <-done)
	}
	f.t.Cleanup(stop)
	return &running{Worker: w, stop: stop, done: done}
}

// submit hands in a request and gives its run id.
func (f *fixture) submit(request messages.RunRequest) messages.RunID {
	f.t.Helper()
	receipt, err := f.client.Submit(f.t.Context(), &request)
	require.NoError(f.t, err)
	return receipt.RunID
}

// wait gives the reply of a run.
func (f *fixture) wait(run messages.RunID) *messages.Reply {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), deadline)
	defer cancel()
	reply, err := f.client.Wait(ctx, run)
	require.NoError(f.t, err)
	return reply
}

// emptyQueue waits until no request is stored: a reply comes just before its request is acknowledged.
func (f *fixture) emptyQueue() {
	f.t.Helper()
	stream, err := f.js.Stream(f.t.Context(), messages.Subjects{}.Stream("RUNS"))
	require.NoError(f.t, err)
	require.Eventually(f.t, func() bool {
		info, err := stream.Info(f.t.Context())
		return err == nil && info.State.Msgs == 0
	}, deadline, 5*time.Millisecond, "requests are left in the queue")
}

// deliverable waits until the consumers of the queue can deliver n requests: they learn of one just after it is stored.
func (f *fixture) deliverable(n int) {
	f.t.Helper()
	stream, err := f.js.Stream(f.t.Context(), messages.Subjects{}.Stream("RUNS"))
	require.NoError(f.t, err)
	require.Eventually(f.t, func() bool {
		pending, consumers := 0, stream.ListConsumers(f.t.Context())
		for info := range consumers.Info() {
			pending += int(info.NumPending)
		}
		return consumers.Err() == nil && pending == n
	}, deadline, 5*time.Millisecond, "requests are not deliverable")
}

// in gives the same fixture for a subtest.
func (f *fixture) in(t testing.TB) *fixture {
	sub := *f
	sub.t = t
	return &sub
}

// awaitReply waits for the reply of a run that was stored past the client, which therefore may not know it yet.
func (f *fixture) awaitReply(run messages.RunID) *messages.Reply {
	f.t.Helper()
	var reply *messages.Reply
	require.Eventually(f.t, func() bool {
		var err error
		reply, err = f.client.Result(f.t.Context(), run)
		return err == nil
	}, deadline, 5*time.Millisecond, "no reply")
	return reply
}

// double is a session whose runs do what the test says: for the protocol's corner cases that no pipeline shows at will.
type double struct {
	run func(ctx context.Context, opts session.RunOptions) (*session.Result, error)
}

func (d double) Run(ctx context.Context, opts session.RunOptions) (*session.Result, error) {
	if d.run == nil {
		return &session.Result{RunID: opts.RunID}, nil
	}
	return d.run(ctx, opts)
}

func (d double) Plan(context.Context, session.RunOptions) (*session.Plan, error) {
	return &session.Plan{}, nil
}

func (d double) Snapshot(context.Context, map[string]any) (*session.Snapshot, error) {
	return &session.Snapshot{}, nil
}

func (d double) Close() error { return nil }

// open opens the native session of a compiled project whose folder holds files (path -> text).
func open(t testing.TB, files map[string]string, options ...project.Option) *session.ServiceSession {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, files)
	s, err := openIn(t.Context(), dir, options...)
	require.NoError(t, err)
	return s
}

// openIn opens the project in a folder; configuration that is missing is empty.
func openIn(ctx context.Context, dir string, options ...project.Option) (*session.ServiceSession, error) {
	for _, folder := range []string{"conf/base", "conf/local"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return nil, err
		}
	}
	for _, file := range []string{"conf/base/catalog.yml", "conf/base/parameters.yml"} {
		if path := filepath.Join(dir, file); !exists(path) {
			if err := os.WriteFile(path, nil, 0o644); err != nil {
				return nil, err
			}
		}
	}
	proj, err := project.Load(dir, project.New(queue, options...))
	if err != nil {
		return nil, err
	}
	return session.CreateService(ctx, session.ServiceConfig{ProjectPath: dir, Project: proj, ServingMode: true})
}

func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
