package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// display shows how runs get on. Its methods are called from one goroutine for
// each run.
type display interface {
	event(run messages.RunID, e *messages.Event)
	ended(run messages.RunID, reply *messages.Reply)
	close() // after the last run
}

// newDisplay draws bars on a terminal and writes lines elsewhere.
func newDisplay(env *cli.Env, runs int) display {
	if env.StderrTerminal {
		return newBars(env.Stderr, runs)
	}
	return &lines{out: env.Stderr, many: runs > 1}
}

// quiet shows nothing.
type quiet struct{}

func (quiet) event(messages.RunID, *messages.Event) {}
func (quiet) ended(messages.RunID, *messages.Reply) {}
func (quiet) close()                                {}

// lines writes one line for each step of a run.
type lines struct {
	many bool // several runs: each line names its run

	mu  sync.Mutex // guards the field below
	out io.Writer
}

func (l *lines) event(run messages.RunID, e *messages.Event) {
	if text := sentence(e); text != "" {
		l.write(run, text)
	}
}

func (l *lines) ended(run messages.RunID, reply *messages.Reply) {
	l.write(run, fmt.Sprintf("%s after %s", reply.State(), age(time.Duration(reply.Ended().Took))))
}

func (l *lines) close() {}

func (l *lines) write(run messages.RunID, text string) {
	if l.many {
		text = string(run) + "  " + text
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.out, text)
}

// sentence says what an event means for the progress, or "" when nothing.
func sentence(e *messages.Event) string {
	switch e.Kind {
	case messages.EventClaimed:
		return fmt.Sprintf("taken by worker %s, attempt %d", e.Worker, e.Attempt)
	case messages.EventNodeStarted:
		return fmt.Sprintf("node %d/%d %s started", e.Index, e.Total, e.Node)
	case messages.EventNodeFinished:
		return fmt.Sprintf("node %d/%d %s finished in %s", e.Index, e.Total, e.Node, age(time.Duration(e.Took)))
	case messages.EventNodeFailed:
		return fmt.Sprintf("node %s failed: %s", e.Node, oneLine(e.Error))
	case messages.EventProgress:
		return fmt.Sprintf("node %s: %d of %d", e.Node, e.Index, e.Total)
	case messages.EventRetrying:
		return "put back, another attempt follows: " + oneLine(e.Error)
	case messages.EventCancelling:
		return "cancelling"
	case messages.EventLog:
		if e.Level == "warn" || e.Level == "error" {
			return e.Level + ": " + e.Message
		}
	}
	return ""
}

// maxBars is how many runs have a bar of their own at once; the others are in
// the bar of all runs only.
const maxBars = 16

// barWidth leaves room for the run id and the node on a line of 80 columns.
const barWidth = 24

// bars draws one bar for each run in work, and one for all where there are several.
type bars struct {
	container *mpb.Progress
	all       *mpb.Bar // nil for a single run

	mu   sync.Mutex // guards the field below
	runs map[messages.RunID]*runBar
}

// runBar is the bar of one run.
type runBar struct {
	bar *mpb.Bar

	mu   sync.Mutex // guards the field below
	node string     // the node in work
}

func newBars(out io.Writer, runs int) *bars {
	b := &bars{
		container: mpb.New(mpb.WithOutput(out), mpb.WithWidth(barWidth), mpb.WithAutoRefresh()),
		runs:      map[messages.RunID]*runBar{},
	}
	if runs > 1 {
		b.all = b.container.AddBar(int64(runs), mpb.BarPriority(1<<20),
			mpb.PrependDecorators(decor.Name("runs "), decor.CountersNoUnit("%d/%d")),
			mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
	}
	return b
}

func (b *bars) event(run messages.RunID, e *messages.Event) {
	r := b.of(run)
	if r == nil {
		return
	}
	switch e.Kind {
	case messages.EventClaimed: // a second attempt starts from the beginning
		r.bar.SetCurrent(0)
	case messages.EventNodeStarted:
		r.bar.SetTotal(int64(e.Total), false)
		r.setNode(e.Node)
	case messages.EventNodeFinished:
		r.bar.SetTotal(int64(e.Total), false)
		r.bar.SetCurrent(int64(e.Index))
	case messages.EventNodeFailed:
		r.setNode(e.Node + " failed")
	}
}

func (b *bars) ended(run messages.RunID, reply *messages.Reply) {
	b.mu.Lock()
	r := b.runs[run]
	delete(b.runs, run)
	b.mu.Unlock()
	if r != nil {
		r.setNode(string(reply.State()))
		if reply.Result != nil && b.all == nil {
			r.bar.SetTotal(-1, true) // complete: the last picture stays
		} else {
			r.bar.Abort(b.all != nil) // among several, the bar goes when the run has ended
		}
	}
	if b.all != nil {
		b.all.Increment()
	}
}

// close ends bars of runs that are still going, and draws for the last time.
func (b *bars) close() {
	b.mu.Lock()
	for _, r := range b.runs {
		r.bar.Abort(false)
	}
	b.mu.Unlock()
	if b.all != nil {
		b.all.Abort(false)
	}
	b.container.Wait()
}

// of is the bar of a run; nil when so many are drawn that there is no room.
func (b *bars) of(run messages.RunID) *runBar {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.runs[run]; r != nil || len(b.runs) >= maxBars {
		return r
	}
	r := &runBar{}
	r.bar = b.container.AddBar(0,
		mpb.PrependDecorators(decor.Name(string(run)+" "), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO), decor.Any(func(decor.Statistics) string { return " " + r.current() })))
	b.runs[run] = r
	return r
}

func (r *runBar) setNode(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.node = name
}

func (r *runBar) current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.node
}
