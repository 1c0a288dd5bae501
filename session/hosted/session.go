package hosted

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/session"
)

// Session runs a Python Kedro project in supervised children. It is safe for concurrent use; runs beyond
// [Config.Children] wait for their turn.
type Session struct {
	cfg     Config
	id      string
	pool    *pool
	guard   *guard
	runs    chan struct{} // one place for each run under way
	asked   chan struct{} // one place for the question under way: runs go first
	folder  string        // for files of outputs
	info    *message      // of the first child
	secrets *mask.Secrets
	sources *sources
	log     zerolog.Logger
	warned  sync.Map // texts of warnings at the start
	closing sync.Once
}

var _ session.Session = (*Session)(nil)

// Open starts the children and returns when all of them have the project open. The error of a project that can't be
// opened is a [StartError].
func Open(ctx context.Context, cfg Config) (*Session, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	s := &Session{
		cfg: cfg, id: uuid.NewString(), runs: make(chan struct{}, cfg.Children), asked: make(chan struct{}, 1),
		secrets: mask.SecretsFrom(ctx), log: *zerolog.Ctx(ctx),
	}
	if s.folder, err = os.MkdirTemp("", "kedge-hosted-"); err != nil {
		return nil, err
	}
	if s.guard, err = startGuard(cfg.Python, s.folder); err != nil {
		os.Remove(s.folder)
		return nil, err
	}
	s.pool = newPool(ctx, cfg.Children+1, s.start, s.worn)
	if err := s.warm(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// warm starts one child, whose error is then told once, and after it all the others.
func (s *Session) warm(ctx context.Context) error {
	size := s.pool.size
	s.pool.size, s.pool.quiet = 1, true
	first, err := s.pool.take(ctx)
	if err != nil {
		return err
	}
	s.info = first.ready
	s.sources = newSources(s.cfg.Project, first.ready.Source, first.ready.Conf)
	taken := []*child{first}
	s.pool.mu.Lock()
	s.pool.size, s.pool.quiet = size, false
	s.pool.fill()
	s.pool.mu.Unlock()
	for len(taken) < size && err == nil {
		var next *child
		if next, err = s.pool.take(ctx); err == nil {
			taken = append(taken, next)
		}
	}
	for _, c := range taken {
		s.pool.give(c)
	}
	return err
}

func (s *Session) start(ctx context.Context) (*child, error) {
	c, err := startChild(ctx, &s.cfg, s.id, s.guard, s.opening, s.stray)
	if failed, ok := err.(*StartError); ok { //nolint:errorlint // made a moment ago, not wrapped
		hide := s.secrets.Text // which children before have told
		failed.Message, failed.Traceback, failed.Output = hide(failed.Message), hide(failed.Traceback), hide(failed.Output)
	}
	return c, err
}

// opening hears what children say while they open the project: credentials, and warnings, each of which is logged once.
func (s *Session) opening(m *message) {
	switch m.Type {
	case "secrets":
		s.secrets.Learn(m.Values)
	case "log":
		level, text := levelOf(m.Level), s.secrets.Text(strings.TrimRight(m.Message, "\n"))
		first, _, _ := strings.Cut(text, "\n")
		if m.Stream != "" || level < zerolog.WarnLevel || strings.Contains(first, "deprecated") {
			return // a deprecation is no trouble yet
		}
		if _, told := s.warned.LoadOrStore(text, true); !told {
			s.log.WithLevel(level).Str("logger", m.Logger).Msg(text)
		}
	}
}

// stray logs what a child prints while no run is under way.
func (s *Session) stray(l line) {
	s.log.Info().Str("stream", l.stream).Msg(s.secrets.Text(l.text))
}

// worn says why a child is to be replaced after a run, "" to keep it.
func (s *Session) worn(c *child) string {
	switch {
	case s.cfg.MaxRuns > 0 && c.runs >= s.cfg.MaxRuns:
		return "it has done its runs"
	case s.cfg.MaxMemory > 0 && c.memory>>10 > s.cfg.MaxMemory:
		return "it occupies too much memory"
	}
	return ""
}

// Project is the folder of the project, links resolved.
func (s *Session) Project() string { return s.cfg.Project }

// ID is the session id that Kedro sees.
func (s *Session) ID() string { return s.id }

// Package is the name of the project's Python package.
func (s *Session) Package() string { return s.info.Package }

// KedroVersion is the release of Kedro that the project runs on.
func (s *Session) KedroVersion() string { return s.info.Kedro }

// Pipelines are the names of the registered pipelines.
func (s *Session) Pipelines() []string { return s.info.Pipelines }

// Plan answers what Run would do, without doing it. Of the project's hooks only after_context_created is called, since
// it completes the configuration.
func (s *Session) Plan(ctx context.Context, opts session.RunOptions) (*session.Plan, error) {
	r, err := newRequest("plan", opts)
	if err != nil {
		return nil, err
	}
	answer, err := s.question(ctx, r)
	if err != nil {
		return nil, err
	}
	return answer.Plan, nil
}

// Snapshot describes the project as Kedro's inspection does.
func (s *Session) Snapshot(ctx context.Context, params map[string]any) (*session.Snapshot, error) {
	encoded, err := encodeValues(params)
	if err != nil {
		return nil, err
	}
	answer, err := s.question(ctx, &request{Op: "snapshot", RuntimeParams: encoded})
	if err != nil {
		return nil, err
	}
	return answer.Snapshot, nil
}

// question asks a child for something that runs nothing.
func (s *Session) question(ctx context.Context, r *request) (*message, error) {
	c, giveBack, err := s.borrow(ctx, s.asked)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	l := &listener{session: s, log: *zerolog.Ctx(ctx)}
	answer, err := l.ask(ctx, c, r)
	if err != nil {
		return nil, l.finish(err)
	}
	return answer, nil
}

// borrow waits for a place and for a child; giveBack returns both.
func (s *Session) borrow(ctx context.Context, places chan struct{}) (c *child, giveBack func(), err error) {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	if c, err = s.take(ctx); err != nil {
		<-places
		return nil, nil, err
	}
	return c, func() {
		s.pool.give(c)
		<-places
	}, nil
}

// take gets a child; with --reload one that has seen the last change.
func (s *Session) take(ctx context.Context) (*child, error) {
	if s.cfg.Reload && s.sources.changed() {
		s.log.Info().Msg("sources of the project have changed, its Python processes are replaced")
		s.pool.renew()
	}
	return s.pool.take(ctx)
}

// Close ends the children. Runs under way are to have ended before.
func (s *Session) Close() error {
	var err error
	s.closing.Do(func() {
		s.pool.close()
		s.guard.close()
		err = os.RemoveAll(s.folder)
	})
	return err
}

func newRequest(op string, opts session.RunOptions) (*request, error) {
	r := &request{
		Op: op, PipelineNames: opts.PipelineNames, Tags: opts.Tags, NodeNames: opts.NodeNames, FromNodes: opts.FromNodes,
		ToNodes: opts.ToNodes, FromInputs: opts.FromInputs, ToOutputs: opts.ToOutputs, LoadVersions: opts.LoadVersions,
		Namespaces: opts.Namespaces, OnlyMissingOutputs: opts.OnlyMissingOutputs, Runner: opts.RunnerName, Outputs: opts.Outputs,
	}
	values, err := r.split(opts.Inputs)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name string
		from map[string]any
		to   *json.RawMessage
	}{
		{"runtime_params", opts.RuntimeParams, &r.RuntimeParams},
		{"runner_params", opts.RunnerParams, &r.RunnerParams},
		{"inputs", values, &r.Inputs},
	} {
		encoded, err := encodeValues(part.from)
		if err != nil {
			return nil, &session.OptionError{Field: part.name, Reason: "is not JSON: " + err.Error()}
		}
		*part.to = encoded
	}
	switch {
	case opts.PipelineName != "": //nolint:staticcheck // it is deprecated, and refused here
		return nil, &session.OptionError{Field: "pipeline_name", Reason: "a KedroServiceSession takes pipeline_names"}
	case opts.Runner != nil:
		return nil, &session.OptionError{Field: "runner", Reason: "a runner of Go code can't run Python nodes; name one of Kedro's"}
	}
	return r, nil
}

// split takes the files out of the data of a run, and gives the values.
func (r *request) split(inputs map[string]any) (map[string]any, error) {
	values := make(map[string]any, len(inputs))
	for name, value := range inputs {
		given, ok := value.(session.File)
		if !ok {
			values[name] = value
			continue
		}
		if err := given.Check(name); err != nil {
			return nil, err
		}
		if r.InputFiles == nil {
			r.InputFiles = map[string]file{}
		}
		r.InputFiles[name] = file{Path: given.Path, Form: given.Format}
	}
	return values, nil
}
