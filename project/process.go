package project

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/runner"
)

// CommandError is the failure of a command node's program.
type CommandError struct {
	Command  string // name of the program
	ExitCode int    // -1 when a signal ended it
	Status   string // such as "exit status 1" or "signal: killed"
	Stderr   string // the end of what it wrote to standard error, at most 8 KiB
}

// Error holds the status and the end of standard error.
func (e *CommandError) Error() string {
	text := fmt.Sprintf("command %q failed: %s", e.Command, e.Status)
	if e.Stderr != "" {
		text += "\n" + e.Stderr
	}
	return text
}

// ErrorType is the Python exception for a program that fails.
func (e *CommandError) ErrorType() string { return "CalledProcessError" }

// tryAgainLater is EX_TEMPFAIL of sysexits.h.
const tryAgainLater = 75

// Retryable reports whether the program said, by exit code 75, that another attempt may succeed.
func (e *CommandError) Retryable() bool { return e.ExitCode == tryAgainLater }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *CommandError) ErrorBases() []string { return []string{"SubprocessError", "Exception"} }

// process is one run of a program in a process group of its own.
type process struct {
	name  string // for messages
	argv  []string
	env   []string
	dir   string
	stdin []byte
	grace time.Duration
}

// run starts the program and returns when neither it nor a process it left behind runs any more. When ctx ends, the
// group gets SIGTERM and, after the grace, SIGKILL; the error then wraps the cause of ctx.
func (p *process) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	stdin, err := p.openStdin()
	if err != nil {
		return err
	}
	defer stdin.Close()
	stdout, err := newStream(ctx, "stdout")
	if err != nil {
		return err
	}
	defer stdout.close()
	stderr, err := newStream(ctx, "stderr")
	if err != nil {
		return err
	}
	defer stderr.close()
	cmd := exec.Command(p.program(), p.argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.env, p.dir, stdin, stdout.w, stderr.w
	ownGroup(cmd)
	exited, err := start(cmd)
	if err != nil {
		return fmt.Errorf("command %q can't be started: %w", p.name, err)
	}
	p.wait(ctx, cmd, exited, stdout, stderr)
	if ctx.Err() != nil {
		return fmt.Errorf("command %q was stopped: %w", p.name, context.Cause(ctx))
	}
	if state := cmd.ProcessState; !state.Success() {
		return &CommandError{Command: p.name, ExitCode: state.ExitCode(), Status: state.String(), Stderr: stderr.tail()}
	}
	return nil
}

// wait returns when the whole group is gone. A program that ends leaves its own children the grace to close their
// output, so that a last filter in a pipe can finish.
func (p *process) wait(ctx context.Context, cmd *exec.Cmd, exited <-chan struct{}, streams ...*stream) {
	gone := make(chan struct{})
	var readers sync.WaitGroup
	for _, s := range streams {
		s.w.Close()
		readers.Go(s.read)
	}
	go func() {
		<-exited
		readers.Wait()
		close(gone)
	}()
	select {
	case <-exited:
	case <-ctx.Done():
		terminateGroup(cmd)
	}
	timer := time.NewTimer(p.grace)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	}
	killGroup(cmd)
	<-exited
	for _, s := range streams {
		s.r.Close() // a process that left the group may still hold the other end
	}
	<-gone
}

// start starts cmd and tells when it has ended. Start and wait share a thread, because on Linux the program is killed
// with the thread that started it: it doesn't outlive a worker that is killed.
func start(cmd *exec.Cmd) (<-chan struct{}, error) {
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the state says all
			close(exited)
		}
	}()
	return exited, <-started
}

// program resolves a path relative to the project; a bare name is looked up in PATH.
func (p *process) program() string {
	if name := p.argv[0]; strings.ContainsRune(name, '/') && !filepath.IsAbs(name) {
		return filepath.Join(p.dir, name)
	}
	return p.argv[0]
}

// openStdin is an unnamed file rather than a pipe, so that a program which doesn't read it disturbs nobody.
func (p *process) openStdin() (*os.File, error) {
	file, err := os.CreateTemp("", ".kedge-stdin-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name())
	if _, err = file.Write(p.stdin); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		file.Close()
	}
	return file, err
}

const (
	longestLine = 64 << 10
	tailLines   = 8 << 10
)

// stream turns an output of the program into log lines and keeps its end.
type stream struct {
	name string
	r, w *os.File
	log  zerolog.Logger
	last []byte
	cut  bool // last is not all
}

func newStream(ctx context.Context, name string) (*stream, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	log := zerolog.Ctx(ctx).With().Str("stream", name)
	if task := runner.TaskFrom(ctx); task != nil {
		log = log.Str("node", task.Node.Name())
	}
	return &stream{name: name, r: r, w: w, log: log.Logger()}, nil
}

func (s *stream) close() {
	s.r.Close()
	s.w.Close()
}

// read logs line by line until the end; a line longer than longestLine is logged in pieces.
func (s *stream) read() {
	reader := bufio.NewReaderSize(s.r, longestLine)
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 {
			s.last = append(s.last, line...)
			if over := len(s.last) - tailLines; over > 0 {
				s.last, s.cut = append(s.last[:0], s.last[over:]...), true
			}
			s.log.Info().Msg(readable(line))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// tail is the end of what was written, from the beginning of a line: half a line may hold half a secret, which
// nobody would recognise.
func (s *stream) tail() string {
	text := s.last
	if _, rest, found := bytes.Cut(text, []byte("\n")); found && s.cut {
		text = rest
	}
	return readable(text)
}

func readable(text []byte) string {
	return strings.TrimRight(strings.ToValidUTF8(string(text), "\uFFFD"), "\r\n")
}

// harmless are the variables of the worker's environment that every command gets.
var harmless = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "VIRTUAL_ENV", "SYSTEMROOT"}

// inherited picks the variables of the worker's environment that a command gets: the rest may hold secrets.
func inherited(allowed []string) []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "LC_") || slices.Contains(harmless, name) || slices.Contains(allowed, name) {
			env = append(env, pair)
		}
	}
	return env
}
