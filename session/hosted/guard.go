package hosted

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
)

// guard is a small process that outlives this one for a moment, to kill the process groups of the children: the kernel
// kills a child with its parent, but not what the child has started. It removes the folder for files, too.
type guard struct {
	cmd *exec.Cmd

	mu    sync.Mutex // keeps lines whole
	lines io.WriteCloser
}

func startGuard(python, folder string) (*guard, error) {
	g := &guard{cmd: exec.Command(python, "-I", "-S", "-u", "-c", guardSource, folder)}
	freeGroup(g.cmd)
	var err error
	if g.lines, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, &StartError{Message: fmt.Sprintf("starting %s: %v", python, err)}
	}
	return g, nil
}

func (g *guard) add(group int, mark string)    { g.write("+%d %s\n", group, mark) }
func (g *guard) remove(group int, mark string) { g.write("-%d %s\n", group, mark) }

// write tells the guard. One that is gone can't be helped: the kernel still kills the children themselves.
func (g *guard) write(format string, group int, mark string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = fmt.Fprintf(g.lines, format, group, mark)
}

// close ends the guard, which kills what is still there.
func (g *guard) close() {
	g.mu.Lock()
	_ = g.lines.Close()
	g.mu.Unlock()
	_ = g.cmd.Wait()
}
