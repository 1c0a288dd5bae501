package hosted

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/kedge-run/kedge/session"
)

// child is one Python process with the project open. One caller at a time uses it.
type child struct {
	cfg      *Config
	cmd      *exec.Cmd
	mark     string // in the environment of the child and of all that it starts
	requests *os.File
	messages chan *message // closed when nothing more can come
	garbled  error         // why nothing more can be understood; set before messages is closed
	outputs  *outputs
	ready    *message // what it said when it was ready
	exited   chan struct{}
	guard    *guard

	runs       int // done so far
	memory     int // KiB after the last run
	generation int // of the project's sources
	broken     atomic.Bool
	killed     sync.Once
}

// startChild starts a process and waits until it has opened the project; heard gets what it says meanwhile. Stray gets the
// lines that belong to no run.
func startChild(ctx context.Context, cfg *Config, sessionID string, g *guard, heard func(*message), stray func(line)) (*child, error) {
	c := &child{cfg: cfg, mark: "KEDGE_CHILD=" + uuid.NewString(), exited: make(chan struct{}), messages: make(chan *message, 64), guard: g}
	files, err := c.open(stray)
	if err != nil {
		return nil, err
	}
	err = c.spawn(files)
	for _, f := range files {
		f.Close()
	}
	if err != nil {
		c.requests.Close()
		return nil, &StartError{Message: fmt.Sprintf("starting %s: %v", cfg.Python, err)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.StartTimeout, errStartTimeout)
	defer cancel()
	if err := c.await(ctx, sessionID, heard); err != nil {
		c.stop(0)
		return nil, err
	}
	return c, nil
}

var errStartTimeout = errors.New("start timeout")

// open makes the pipes and starts to read them. The files are the child's ends, in the order of its descriptors 1 to 4.
func (c *child) open(stray func(line)) (files []*os.File, err error) {
	var made [4][2]*os.File
	for i := range made {
		r, w, err := os.Pipe()
		if err != nil {
			for _, pair := range made[:i] {
				pair[0].Close()
				pair[1].Close()
			}
			return nil, err
		}
		made[i] = [2]*os.File{r, w}
	}
	stdout, stderr, requests, frames := made[0], made[1], made[2], made[3]
	c.requests = requests[1]
	c.outputs = newOutputs(stray, stdout[0], stderr[0])
	go c.read(frames[0])
	return []*os.File{stdout[1], stderr[1], requests[0], frames[1]}, nil
}

// spawn starts the program. Start and wait share a thread: on Linux the child is killed with the thread that started
// it, so that it doesn't outlive a worker that is killed.
func (c *child) spawn(files []*os.File) error {
	c.cmd = exec.Command(c.cfg.Python, "-u", "-c", bootSource)
	c.cmd.Dir = c.cfg.Project
	c.cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", c.mark)
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.ExtraFiles = files[0], files[1], files[2:]
	ownGroup(c.cmd)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // the state says all
		}
		close(c.exited)
	}()
	if err := <-started; err != nil {
		return err
	}
	c.guard.add(c.cmd.Process.Pid, c.mark)
	return nil
}

// read passes messages on until the pipe ends. A process that left the group may hold the pipe open after the child
// has gone; it gets a second to say what it has to say.
func (c *child) read(pipe *os.File) {
	defer close(c.messages)
	defer pipe.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-c.exited:
			_ = pipe.SetReadDeadline(time.Now().Add(time.Second))
		case <-stop:
		}
	}()
	for packets := newPackets(pipe); ; {
		m, err := packets.next()
		if errors.Is(err, errProtocol) {
			c.garbled = err
		}
		if err != nil {
			return
		}
		c.messages <- m
	}
}

// await sends the child its program and waits until it is ready.
func (c *child) await(ctx context.Context, sessionID string, heard func(*message)) error {
	go func() {
		_ = writeRequest(c.requests, bundle{Modules: childModules(), Config: bootConfig{ // its exit says what went wrong
			Project: c.cfg.Project, Env: c.cfg.Env, ConfSource: c.cfg.ConfSource, SessionID: sessionID, Mark: syncMark,
		}})
	}()
	for {
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errStartTimeout) {
				return &StartError{
					Message: fmt.Sprintf("the project was not open after %v", c.cfg.StartTimeout), Output: c.outputs.tail(),
					Hint: "what it imports or does at import takes too long; a longer time is given with --start-timeout",
				}
			}
			return context.Cause(ctx)
		case m, ok := <-c.messages:
			switch {
			case !ok:
				<-c.exited
				return &StartError{Message: fmt.Sprintf("%s ended while it opened the project: %v", c.cfg.Python, c.cmd.ProcessState), Output: c.outputs.tail()}
			case m.Type == "ready" && m.Protocol == protocolVersion:
				c.ready = m
				c.outputs.sync(syncTimeout)
				return nil
			case m.Type == "unready":
				return startError(m, c.cfg, c.outputs.tail())
			default:
				if m.Type == "log" {
					c.outputs.keep(m.Message)
				}
				heard(m)
			}
		}
	}
}

// ask sends a request and gives the answer. Messages on the way go to heard. When ctx ends, the child gets SIGINT, its
// grace, and SIGKILL; the error is then the cause. A child that ends without an answer gives a [session.LostError].
func (c *child) ask(ctx context.Context, r *request, heard func(*message)) (*message, error) {
	answered := false
	defer func() {
		if !answered { // whatever happens: what it says next belongs to this request
			c.broken.Store(true)
		}
	}()
	c.outputs.begin()
	sent := make(chan error, 1)
	go func() { sent <- writeRequest(c.requests, r) }()
	var kill <-chan time.Time
	done := ctx.Done()
	for {
		select {
		case <-done:
			done = nil
			c.broken.Store(true)
			c.interrupt()
			timer := time.NewTimer(c.cfg.Grace)
			defer timer.Stop()
			kill = timer.C
		case <-kill:
			c.kill()
		case m, ok := <-c.messages:
			if !ok {
				return nil, c.lost(ctx)
			}
			switch {
			case !c.answers(m):
				if m.Type == "log" {
					c.outputs.keep(m.Message)
				}
				heard(m)
			case m.Type == "error" && done == nil:
				c.requests.Close() // it has failed because it was interrupted: its end is what is waited for
			default:
				<-sent //nolint:errcheck // an answer means that the request has arrived
				c.outputs.sync(syncTimeout)
				answered = true
				return m, nil
			}
		}
	}
}

// syncTimeout is how long a child's raw output is waited for after its answer.
const syncTimeout = time.Second

func (c *child) answers(m *message) bool {
	switch m.Type {
	case "result", "plan", "snapshot", "loaded", "error":
		c.memory = m.Memory
		return true
	}
	return false
}

// lost is the error of a request whose child has gone: the cause when somebody wanted it so.
func (c *child) lost(ctx context.Context) error {
	c.broken.Store(true)
	timer := time.NewTimer(syncTimeout)
	defer timer.Stop()
	var reason string
	select {
	case <-c.exited:
		reason = "ended: " + c.cmd.ProcessState.String()
		if killed(c.cmd.ProcessState) {
			reason += ", as the kernel does when memory runs out"
		}
	case <-timer.C:
		reason = "closed its connection to the worker"
	}
	c.kill()
	<-c.exited
	killMarked(c.mark)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.garbled != nil {
		reason = "was stopped: " + c.garbled.Error()
	}
	return &session.LostError{Reason: "the Python process of the run " + reason, Output: c.outputs.tail()}
}

// stop ends the child: it is asked by the end of its requests, and killed after the grace.
func (c *child) stop(grace time.Duration) {
	c.broken.Store(true)
	c.requests.Close()
	if grace > 0 {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-c.exited:
		case <-timer.C:
		}
	}
	c.kill()
	<-c.exited
	for range c.messages { // so that its reader ends
	}
	c.outputs.wait(syncTimeout)
}

// kill ends the whole process group, once: after that its number may belong to somebody else.
func (c *child) kill() {
	c.killed.Do(func() {
		killGroup(c.cmd.Process.Pid)
		c.guard.remove(c.cmd.Process.Pid, c.mark)
	})
}

func (c *child) interrupt() { interruptGroup(c.cmd.Process.Pid) }

func (c *child) dead() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }
