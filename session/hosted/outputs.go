package hosted

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// syncMark is the line that a child writes on its raw outputs after each answer.
	syncMark = "\x00kedge: end of request\x00\n"

	longestLine = 64 << 10
	maxTail     = 8 << 10
)

// line is a line that came over a raw output: from a program or library that the project uses, or before the child's
// own program stood in the way.
type line struct {
	stream, text string
}

// outputs reads the raw standard output and error of a child. Python's own prints and logs come as messages, so what
// passes here is from libraries and programs.
type outputs struct {
	pipes   []*os.File
	readers sync.WaitGroup
	marks   chan struct{}
	stray   func(line) // gets what belongs to no run

	mu   sync.Mutex // guards the fields below
	to   func(line) // the run under way; nil between runs
	last []byte     // the end of everything, for errors
}

func newOutputs(stray func(line), stdout, stderr *os.File) *outputs {
	o := &outputs{pipes: []*os.File{stdout, stderr}, marks: make(chan struct{}, 8), stray: stray}
	o.readers.Go(func() { o.read("stdout", stdout) })
	o.readers.Go(func() { o.read("stderr", stderr) })
	return o
}

// listen sends lines to a run, from now on; nil: to nobody in particular.
func (o *outputs) listen(to func(line)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = to
}

func (o *outputs) read(stream string, pipe *os.File) {
	defer pipe.Close()
	reader := bufio.NewReaderSize(pipe, longestLine)
	mark := []byte(syncMark)
	for {
		text, err := reader.ReadSlice('\n')
		if rest, marked := bytes.CutSuffix(text, mark); marked {
			text = rest
			o.tell(stream, text)
			select {
			case o.marks <- struct{}{}:
			default: // nobody has waited for those before
			}
		} else {
			o.tell(stream, text)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (o *outputs) tell(stream string, text []byte) {
	if len(text) == 0 {
		return
	}
	readable := strings.TrimRight(strings.ToValidUTF8(string(text), "\uFFFD"), "\r\n")
	o.keep(readable)
	o.mu.Lock()
	defer o.mu.Unlock()
	to := o.to
	if to == nil {
		to = o.stray
	}
	to(line{stream, readable})
}

// keep remembers a line of a request for the error of a child that dies.
func (o *outputs) keep(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = append(append(o.last, text...), '\n')
	if over := len(o.last) - maxTail; over > 0 {
		o.last = append(o.last[:0], o.last[over:]...)
	}
}

// tail is the end of what was written, from the beginning of a line: half a line may hold half a secret.
func (o *outputs) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := o.last
	if _, rest, found := bytes.Cut(text, []byte("\n")); found && len(text) == maxTail {
		text = rest
	}
	return strings.TrimRight(string(text), "\n")
}

// begin forgets what came before a request: lines, and marks that nobody has waited for.
func (o *outputs) begin() {
	for len(o.marks) > 0 {
		<-o.marks
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = o.last[:0]
}

// sync waits until both outputs were read up to the marks of an answer.
func (o *outputs) sync(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for range 2 {
		select {
		case <-o.marks:
		case <-timer.C:
			return // the project has put something else in the place of its outputs
		}
	}
}

// wait returns when both outputs have ended, or were given up: a process that left the group may hold them open.
func (o *outputs) wait(limit time.Duration) {
	for _, pipe := range o.pipes {
		_ = pipe.SetReadDeadline(time.Now().Add(limit))
	}
	o.readers.Wait()
}
