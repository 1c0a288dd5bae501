// Package kedge makes a worker binary out of a project.
//
// A project whose nodes are Go functions has a main of three lines:
//
//	func main() {
//		kedge.Main(project.New("spaceflights", project.WithPipeline("data_science", dataScience)))
//	}
//
// The binary has the flags of the stock worker (cmd/worker), which serves projects that are declared in files only.
// The package wires what the others keep apart: project and session into a worker, and that onto a NATS server, its
// own or a fleet's.
package kedge

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/internal/lifecycle"
	"github.com/kedge-run/kedge/project"
)

// Env is what a worker takes from its process: arguments, environment, folder and streams. [OSEnv] is that of the
// running process.
type Env = cli.Env

// OSEnv is the Env of the running process.
func OSEnv() *Env { return cli.OSEnv() }

// exitHard is the exit code after a second signal: 128 + SIGINT, as a shell reports it.
const exitHard = 130

// Main runs the worker of a compiled project and ends the process; nil serves the project in the folder given by
// --project. SIGTERM and SIGINT stop it softly: it takes no more runs, lets those in hand finish for the grace time,
// and puts the others back. A second signal ends it at once; the same one within 250 ms counts as the first.
func Main(proj *project.Project) {
	ctx, stop := lifecycle.WithSignals(context.Background(), func(s os.Signal) {
		fmt.Fprintf(os.Stderr, "error: second signal (%v), stopping at once; runs in hand start elsewhere when their leases end\n", s)
		os.Exit(exitHard)
	}, syscall.SIGTERM, syscall.SIGINT)
	code := Run(ctx, proj, OSEnv())
	stop()
	os.Exit(code)
}

// Run is [Main] without the process: it works with what env holds, stops softly when ctx ends, and returns the exit
// code (0 done, 1 failed, 2 wrong words, 5 no server that is set up).
func Run(ctx context.Context, proj *project.Project, env *Env) int {
	root := newCommand(proj, env)
	root.SetArgs(env.Args)
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	return int(cli.Report(env, root.ExecuteContext(ctx)))
}
