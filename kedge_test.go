package kedge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge"
	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/kedrotest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

// deadline is how long a scenario waits for something that must happen.
const deadline = 30 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"worker": func() { kedge.Main(nil) },
		"shop":   func() { kedge.Main(shop()) },
	})
}

// shop is a compiled project: 3 * (x + 1), and a pipeline that waits for its context.
func shop() *project.Project {
	return project.New("shop",
		project.WithPipeline("__default__", func() (*pipeline.Pipeline, error) {
			return pipeline.New(
				pipeline.Define(func(x int) int { return x + 1 }, "params:x", "grown", pipeline.Name("grow")),
				pipeline.Define(func(x int) int { return 3 * x }, "grown", "answer", pipeline.Name("answer")),
			)
		}),
		project.WithPipeline("endless", func() (*pipeline.Pipeline, error) {
			return pipeline.New(pipeline.Define(func(ctx context.Context, _ int) (int, error) {
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}, "params:x", "never", pipeline.Name("wait")))
		}),
	)
}

func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

// TestHostedScripts runs the scenarios that need Python, which finds Kedro in the environment that $PYTHON belongs to.
func TestHostedScripts(t *testing.T) {
	defer kedrotest.Report()
	runScripts(t, "testdata/hosted", "PYTHON", kedrotest.Python(t, "1.7"), "KEDRO_DISABLE_TELEMETRY", "1")
}

func runScripts(t *testing.T, dir string, variables ...string) {
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"server": startServer, "freeport": freePort, "ready": awaitWorkers, "answer": askAnswer, "submit": submit, "state": awaitState,
			"wait-file": awaitFile, "cancel": cancelRun, "terminate": terminate,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("NATS_URL", "nats://127.0.0.1:1") // nobody answers there
			env.Setenv("KEDGE_TENANT", "")
			for i := 0; i < len(variables); i += 2 {
				env.Setenv(variables[i], variables[i+1])
			}
			return nil
		},
	})
}

// terminate is "terminate": SIGTERM, which "kill" doesn't know, for the command in the background.
func terminate(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	}
}

// startServer is "server": a NATS server that isn't set up; NATS_URL points to it.
func startServer(ts *testscript.TestScript, _ bool, _ []string) {
	server, err := natsx.StartServer(context.Background(), natsx.ServerConfig{
		StoreDir: ts.MkAbs(".nats"), Port: -1, SyncInterval: time.Hour,
	})
	ts.Check(err)
	ts.Defer(server.Shutdown)
	ts.Setenv("NATS_URL", server.URL())
}

// freePort is "freeport VARIABLE": a port that nobody listens on.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(listener.Close())
	ts.Setenv(args[0], fmt.Sprint(listener.Addr().(*net.TCPAddr).Port))
}

// within calls do on a client until it is content.
func within(ts *testscript.TestScript, what string, do func(ctx context.Context, c *client.Client) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := client.Dial(ctx, ts.Getenv("NATS_URL"), client.Config{Tenant: ts.Getenv("KEDGE_TENANT")})
		if err == nil {
			content := do(ctx, c)
			_ = c.Close()
			if content {
				return
			}
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// awaitWorkers is "ready N [text...]": N workers are in the roster, and their entries hold the texts.
func awaitWorkers(ts *testscript.TestScript, _ bool, args []string) {
	within(ts, "no "+args[0]+" workers", func(ctx context.Context, c *client.Client) bool {
		roster, err := c.Workers(ctx)
		text := fmt.Sprintf("%+v", roster)
		for _, part := range args[1:] {
			if !strings.Contains(text, part) {
				return false
			}
		}
		return err == nil && fmt.Sprint(len(roster)) == args[0]
	})
}

// askAnswer is "answer WANT [x=N] [queue=Q]": a run whose output "answer" is WANT.
func askAnswer(ts *testscript.TestScript, _ bool, args []string) {
	request, queue := requestOf(args[1:])
	request.Outputs = []string{"answer"}
	within(ts, "no answer", func(ctx context.Context, c *client.Client) bool {
		receipt, err := c.Submit(ctx, request, client.ToQueue(queue))
		ts.Check(err)
		reply, err := c.Wait(ctx, receipt.RunID)
		ts.Check(err)
		if reply.Error != nil {
			ts.Fatalf("run ended as %s: %s", reply.Error.State, reply.Error.Message)
		}
		if got := string(reply.Result.Outputs["answer"].Value); got != args[0] {
			ts.Fatalf("the answer is %s, want %s", got, args[0])
		}
		return true
	})
}

// submit is "submit VARIABLE [pipeline=P] [x=N] [queue=Q]": hands in a run and keeps its id.
func submit(ts *testscript.TestScript, _ bool, args []string) {
	request, queue := requestOf(args[1:])
	within(ts, "no server", func(ctx context.Context, c *client.Client) bool {
		receipt, err := c.Submit(ctx, request, client.ToQueue(queue))
		ts.Check(err)
		ts.Setenv(args[0], string(receipt.RunID))
		return true
	})
}

// awaitState is "state RUN STATE": the run gets there.
func awaitState(ts *testscript.TestScript, _ bool, args []string) {
	within(ts, "run "+args[0]+" is not "+args[1], func(ctx context.Context, c *client.Client) bool {
		status, err := c.Status(ctx, messages.RunID(args[0]))
		return err == nil && string(status.State) == args[1]
	})
}

// cancelRun is "cancel RUN".
func cancelRun(ts *testscript.TestScript, _ bool, args []string) {
	within(ts, "no cancel", func(ctx context.Context, c *client.Client) bool {
		_, err := c.Cancel(ctx, messages.RunID(args[0]), "")
		return err == nil
	})
}

// awaitFile is "wait-file PATH": the file is there.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	within(ts, "no file "+args[0], func(context.Context, *client.Client) bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	})
}

func requestOf(args []string) (*messages.RunRequest, string) {
	request, queue := &messages.RunRequest{}, "shop"
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "pipeline":
			request.PipelineNames = []string{value}
		case "queue":
			queue = value
		default:
			request.RuntimeParams = map[string]any{key: json.Number(value)}
		}
	}
	return request, queue
}

// A stop by context ends a run like a first signal does.
func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out strings.Builder
	env := &kedge.Env{
		Args: []string{"--embedded", "--listen", "0", "--store", t.TempDir()}, Dir: t.TempDir(),
		Lookup: func(string) (string, bool) { return "", false },
		Stdout: stopAtFirstLine{&out, cancel}, Stderr: os.Stderr,
	}
	require.Zero(t, kedge.Run(ctx, shop(), env))
	require.Contains(t, out.String(), "takes runs of queue shop")
}

// stopAtFirstLine is a standard output that stops the worker once it is ready.
type stopAtFirstLine struct {
	out  *strings.Builder
	stop func()
}

func (w stopAtFirstLine) Write(p []byte) (int, error) {
	defer w.stop()
	return w.out.Write(p)
}
