package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kedge-run/kedge"
	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/messages"
)

// patience is how long a script waits for an event before it fails.
const patience = time.Minute

// TestMain makes submit and worker commands of the scripts: real processes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"submit": main,
		"worker": func() { kedge.Main(nil) },
	})
}

// TestScripts runs the scenarios in testdata. Each has a NATS server of its own, set up for the queue demo, and a
// copy of the project testdata/demo. Beyond the commands of testscript they know:
//
//	serve NAME [ARG...]   start a worker in this process and wait until it takes runs
//	halt NAME             stop it softly and wait for its end
//	exits CODE CMD...     run a command that must end with this code
//	keep NAME             keep the first line of standard output as the variable NAME
//	await RUN KIND        wait for the first event of a run of this kind
//	waits RUN TEXT        wait until the status of a run says that it waits for this
//	bury RUN              store a dead letter of a run, as a worker does
//	listen SUBJECT        keep what is published there, for heard
//	nkey NAME             make NAME.nk, the seed of a user's NKey, and the variable NAME, its public key
//	trust FILE NAME WHO   add a line to FILE: the public key NAME, for the tenants WHO
//	submitted NAME VAR    wait until a schedule has submitted a run, and keep its id as the variable VAR
//	heard PATTERN         wait for a message that was listened to and holds this text
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { return setupScript(t, env) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "halt": halt, "exits": exits, "keep": keep, "await": await, "waits": waits, "bury": bury, "listen": listen, "heard": heard,
			"nkey": newKey, "trust": trust, "submitted": submitted,
		},
	})
}

// scriptKey finds the state of a script in its testscript.Env.
type scriptKey struct{}

// scriptState is what a script has open.
type scriptState struct {
	conn     *nats.Conn
	workers  map[string]*servedWorker
	messages *nats.Subscription
}

// servedWorker is a worker in this process.
type servedWorker struct {
	cancel context.CancelFunc
	code   chan int
}

func setupScript(t *testing.T, env *testscript.Env) error {
	server := natstest.Start(t)
	env.Setenv("NATS_URL", server.URL())
	env.Setenv("HOME", env.WorkDir)
	state := &scriptState{conn: server.Connect(), workers: map[string]*servedWorker{}}
	env.Values[scriptKey{}] = state
	env.Defer(func() {
		for _, w := range state.workers {
			w.cancel()
			<-w.code
		}
	})
	return os.CopyFS(filepath.Join(env.WorkDir, "demo"), os.DirFS("testdata/demo"))
}

func stateOf(ts *testscript.TestScript) *scriptState { return ts.Value(scriptKey{}).(*scriptState) }

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: serve NAME [ARG...]")
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &servedWorker{cancel: cancel, code: make(chan int, 1)}
	stdout, out := io.Pipe()
	log, err := os.Create(ts.MkAbs(args[0] + ".log"))
	ts.Check(err)
	env := &kedge.Env{
		Args: args[1:], Dir: filepath.Join(ts.Getenv("WORK"), "demo"), Stdin: strings.NewReader(""), Stdout: out, Stderr: log,
		Lookup: func(name string) (string, bool) { v := ts.Getenv(name); return v, v != "" },
	}
	go func() {
		code := kedge.Run(ctx, nil, env)
		out.Close()
		log.Close()
		w.code <- code
	}()
	stateOf(ts).workers[args[0]] = w
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "takes runs of queue") {
				ready <- true
			}
		}
		ready <- false
	}()
	select {
	case ok := <-ready:
		if !ok {
			text, _ := os.ReadFile(ts.MkAbs(args[0] + ".log"))
			ts.Fatalf("the worker ended before it took runs: %s", text)
		}
	case <-time.After(patience):
		ts.Fatalf("the worker took no runs in %s", patience)
	}
}

func halt(ts *testscript.TestScript, neg bool, args []string) {
	w := stateOf(ts).workers[args[0]]
	if neg || w == nil {
		ts.Fatalf("usage: halt NAME, of a worker that serves")
	}
	delete(stateOf(ts).workers, args[0])
	w.cancel()
	select {
	case code := <-w.code:
		if code != 0 {
			ts.Fatalf("the worker ended with exit code %d", code)
		}
	case <-time.After(patience):
		ts.Fatalf("the worker did not stop in %s", patience)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	ts.Setenv(args[0], line)
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await RUN KIND")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	run, state := messages.RunID(args[0]), stateOf(ts)
	// What is published after this point is heard here, what was stored before it is read by Watch.
	fresh, err := state.conn.SubscribeSync(messages.Subjects{}.Events(messages.DefaultTenant, run))
	ts.Check(err)
	defer fresh.Unsubscribe()
	ts.Check(state.conn.Flush())
	c, err := client.New(state.conn, client.Config{})
	ts.Check(err)
	defer c.Close()
	for {
		if seen, err := hasEvent(ctx, c, run, messages.EventKind(args[1])); seen || !errors.Is(err, client.ErrNotFound) {
			ts.Check(err)
			return
		}
		_, err := fresh.NextMsgWithContext(ctx) // the run is on its way
		ts.Check(err)
	}
}

func waits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waits RUN TEXT")
	}
	c, err := client.New(stateOf(ts).conn, client.Config{})
	ts.Check(err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := c.Status(ctx, messages.RunID(args[0]))
		ts.Check(err)
		if strings.Contains(status.Waiting, args[1]) {
			return
		}
		<-tick.C
	}
}

// hasEvent watches the run up to its first event of this kind.
func hasEvent(ctx context.Context, c *client.Client, run messages.RunID, kind messages.EventKind) (bool, error) {
	for update, err := range c.Watch(ctx, run) {
		if err != nil {
			return false, err
		}
		if update.Event != nil && update.Event.Kind == kind {
			return true, nil
		}
	}
	return false, fmt.Errorf("run %s ended without the event %s", run, kind)
}

func bury(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bury RUN")
	}
	run := messages.RunID(args[0])
	text, err := json.Marshal(messages.DeadLetter{
		RunID: run, Tenant: messages.DefaultTenant, Queue: "demo", DiedAt: time.Now().UTC(), Code: messages.CodePoison,
		Message: "the run was lost 3 times", Epoch: 3, Attempts: 3, Losses: 3, Worker: "w",
		Request: fmt.Appendf(nil, `{"run_id":%q,"tags":["quick"],"idempotency_key":"once"}`, run),
	})
	ts.Check(err)
	js, err := jetstream.New(stateOf(ts).conn)
	ts.Check(err)
	_, err = js.Publish(context.Background(), messages.Subjects{}.Dead("demo", messages.DefaultTenant, run), text)
	ts.Check(err)
}

func listen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listen SUBJECT")
	}
	state := stateOf(ts)
	var err error
	state.messages, err = state.conn.SubscribeSync(args[0])
	ts.Check(err)
	ts.Check(state.conn.Flush())
}

func heard(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: heard TEXT")
	}
	msg, err := stateOf(ts).messages.NextMsg(patience)
	ts.Check(err)
	if !strings.Contains(string(msg.Data), args[0]) {
		ts.Fatalf("%s: %s does not hold %s", msg.Subject, msg.Data, args[0])
	}
}

func newKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nkey NAME")
	}
	key, err := nkeys.CreateUser()
	ts.Check(err)
	seed, err := key.Seed()
	ts.Check(err)
	public, err := key.PublicKey()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".nk"), seed, 0o600))
	ts.Setenv(args[0], public)
}

func trust(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: trust FILE NAME TENANTS")
	}
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = fmt.Fprintf(file, "%s %s # %s\n", ts.Getenv(args[1]), args[2], args[1])
	ts.Check(errors.Join(err, file.Close()))
}

func submitted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: submitted NAME VARIABLE")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := client.New(stateOf(ts).conn, client.Config{})
	ts.Check(err)
	defer c.Close()
	js, err := jetstream.New(stateOf(ts).conn)
	ts.Check(err)
	bucket, err := js.KeyValue(ctx, messages.Subjects{}.Bucket("schedules"))
	ts.Check(err)
	changes, err := bucket.Watch(ctx, messages.ScheduleKey(messages.DefaultTenant, args[0]))
	ts.Check(err)
	defer changes.Stop()
	for range changes.Updates() {
		s, err := c.Schedule(ctx, args[0])
		ts.Check(err)
		for _, tick := range s.History {
			if tick.Action == messages.TickSubmitted {
				ts.Setenv(args[1], string(tick.RunID))
				return
			}
		}
	}
	ts.Fatalf("schedule %s has submitted nothing in %s", args[0], patience)
}
