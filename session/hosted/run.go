package hosted

import (
	"cmp"
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/session"
)

// Run executes pipelines in a child of its own for that time. A child that dies under the run gives a
// [session.LostError].
func (s *Session) Run(ctx context.Context, opts session.RunOptions) (*session.Result, error) {
	r, err := newRequest("run", opts)
	if err != nil {
		return nil, err
	}
	r.RunID = cmp.Or(opts.RunID, session.NewRunID(time.Now()))
	r.SaveVersion = cmp.Or(opts.SaveVersion, r.RunID)
	for _, id := range [...]string{r.RunID, r.SaveVersion} {
		if err := session.CheckRunID(id); err != nil {
			return nil, err
		}
	}
	c, giveBack, err := s.borrow(ctx, s.runs)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return s.runIn(ctx, c, r, opts)
}

// runIn makes the run in a child that nobody else uses.
func (s *Session) runIn(ctx context.Context, c *child, r *request, opts session.RunOptions) (*session.Result, error) {
	start := time.Now()
	folder, err := os.MkdirTemp(s.folder, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	r.Folder, r.Inline = folder, s.cfg.MaxInline
	l := &listener{
		session: s, runID: r.RunID, observe: opts.Observe, running: map[string]bool{},
		log: zerolog.Ctx(ctx).With().Str("run_id", r.RunID).Logger(),
	}
	answer, err := l.ask(ctx, c, r)
	c.runs++
	if err != nil {
		return nil, l.finish(err)
	}
	result := &session.Result{
		RunID: r.RunID, SessionID: s.id, Pipelines: r.PipelineNames, NodesRun: answer.Result.NodesRun,
		NodesSkipped: answer.Result.NodesSkipped, Versions: answer.Result.Versions,
		Outputs: make(map[string]session.Output, len(answer.Result.Outputs)), Duration: time.Since(start),
	}
	if len(result.Pipelines) == 0 {
		result.Pipelines = []string{"__default__"}
	}
	for name, e := range answer.Result.Outputs {
		result.Outputs[name] = s.output(name, e, r, answer.Result.Versions[name])
	}
	return result, nil
}

// listener turns what a child says during one request into events, log lines and secrets.
type listener struct {
	session  *Session
	runID    string
	observe  func(session.Event)
	log      zerolog.Logger
	running  map[string]bool // nodes under way
	started  int
	finished int
	total    int
	failed   string // the first node that failed
}

// ask sends a request; an answer of type error is returned as the error that it means.
func (l *listener) ask(ctx context.Context, c *child, r *request) (*message, error) {
	c.outputs.listen(l.raw)
	defer c.outputs.listen(nil)
	answer, err := c.ask(ctx, r, l.hear)
	if err != nil {
		return nil, err
	}
	if answer.Type == "error" {
		l.mask(answer)
		return nil, failure(answer, l.runID)
	}
	return answer, nil
}

// mask hides credentials in the texts of an error.
func (l *listener) mask(m *message) {
	hide := l.session.secrets.Text
	m.Message, m.Traceback, m.Resume = hide(m.Message), hide(m.Traceback), hide(m.Resume)
}

// finish completes an error by what only events told: the node that failed in a process of its own.
func (l *listener) finish(err error) error {
	switch failed := err.(type) { //nolint:errorlint // made a moment ago, not wrapped
	case *session.RunError:
		failed.Node = cmp.Or(failed.Node, l.failed)
	case *session.LostError:
		failed.Output = l.session.secrets.Text(failed.Output)
		if nodes := slices.Collect(maps.Keys(l.running)); len(nodes) == 1 {
			failed.Node = nodes[0]
		}
	}
	return err
}

func (l *listener) hear(m *message) {
	switch m.Type {
	case "secrets":
		l.session.secrets.Learn(m.Values)
	case "log":
		l.logLine(m)
	case "event":
		if m.RunID == l.runID {
			l.event(m)
		}
	}
}

// event passes an event on, with nodes counted: they may come from several processes.
func (l *listener) event(m *message) {
	e := session.Event{
		Kind: session.EventKind(m.Kind), Time: seconds(m.Time), Node: m.Node, Total: l.total, Dataset: m.Dataset, Version: m.Version,
		Duration: time.Duration(m.Took * float64(time.Second)),
	}
	switch e.Kind {
	case session.EventRunStarted:
		l.total = len(m.Nodes)
		e.Total, e.Nodes = l.total, m.Nodes
	case session.EventNodeStarted:
		l.running[m.Node] = true
		l.started++
		e.Index = l.started
	case session.EventNodeFinished:
		delete(l.running, m.Node)
		l.finished++
		e.Index = l.finished
	case session.EventNodeFailed:
		delete(l.running, m.Node)
		l.failed = cmp.Or(l.failed, m.Node)
		l.mask(m.Failure)
		e.Err = &Error{Type: m.Failure.Error, Bases: m.Failure.Bases, Message: m.Failure.Message, Traceback: m.Failure.Traceback}
	}
	l.tell(e)
}

func (l *listener) tell(e session.Event) {
	if l.observe != nil {
		l.observe(e)
	}
}

func seconds(unix float64) time.Time {
	return time.UnixMicro(int64(unix * 1e6))
}

// logLine logs a line of the project. What Kedro itself says stays in the log; the rest is an event of the run, too.
func (l *listener) logLine(m *message) {
	level := levelOf(m.Level)
	if m.Stream != "" {
		level = zerolog.InfoLevel
	}
	text := l.session.secrets.Text(strings.TrimRight(m.Message, "\n"))
	entry := l.log.WithLevel(level)
	if m.Logger != "" {
		entry = entry.Str("logger", m.Logger)
	}
	if m.Stream != "" {
		entry = entry.Str("stream", m.Stream)
	}
	if m.Node != "" {
		entry = entry.Str("node", m.Node)
	}
	entry.Msg(text)
	if ofKedro(m) {
		return
	}
	l.tell(session.Event{Kind: session.EventLog, Time: time.Now(), Node: m.Node, Level: level.String(), Message: text})
}

// ofKedro reports whether Kedro itself says it: by its loggers, or as a warning that its code gives, of deprecations of
// what it uses for instance.
func ofKedro(m *message) bool {
	place, _, _ := strings.Cut(m.Message, ": ")
	return m.Logger == "kedro" || strings.HasPrefix(m.Logger, "kedro.") ||
		m.Logger == "py.warnings" && strings.Contains(place, "/site-packages/kedro/")
}

// raw takes a line of a library or program; it belongs to the node under way, if that is the only one.
func (l *listener) raw(line line) {
	text := l.session.secrets.Text(line.text)
	l.log.Info().Str("stream", line.stream).Msg(text)
	l.tell(session.Event{Kind: session.EventLog, Time: time.Now(), Level: zerolog.InfoLevel.String(), Message: text})
}

// levelOf is the level of Python's number.
func levelOf(n int) zerolog.Level {
	switch {
	case n >= 40:
		return zerolog.ErrorLevel
	case n >= 30:
		return zerolog.WarnLevel
	case n >= 20:
		return zerolog.InfoLevel
	}
	return zerolog.DebugLevel
}
