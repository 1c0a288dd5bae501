package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/config"
)

// KedroSession owns the life cycle of one run.
type KedroSession struct {
	engine *engine
	id     string
	params map[string]any
	store  Store
	save   bool

	running sync.Mutex // held during a run: a second one waits and is then refused
	done    bool       // a run succeeded; guarded by running

	mu      sync.Mutex     // guards the field below
	content map[string]any // of the store
}

var (
	_ Session  = (*KedroSession)(nil)
	_ recorder = (*KedroSession)(nil)
)

// Create opens a session on a project: KedroSession.create. Its errors are those of
// the project, of its store (SES-021, SES-022) and of its hooks.
func Create(ctx context.Context, cfg Config) (*KedroSession, error) {
	e, err := open(ctx, opening{
		path: cfg.ProjectPath, project: cfg.Project, env: cfg.Env, confSource: cfg.ConfSource,
		reload: cfg.Reload, newRunID: cfg.newRunID,
	})
	if err != nil {
		return nil, err
	}
	s := &KedroSession{engine: e, id: e.newRunID(), params: maps.Clone(cfg.RuntimeParams), save: !cfg.DiscardOnClose}
	if err := s.openStore(cfg.NewStore); err != nil {
		return nil, err
	}
	maps.Copy(s.content, s.facts(ctx, cfg.Command))
	return s, nil
}

// ID is the timestamp of the session's creation, also its run id (SES-002).
func (s *KedroSession) ID() string { return s.id }

// LoadContext makes a context with the session's runtime parameters and tells the
// hooks; each call makes a new one (SES-042).
func (s *KedroSession) LoadContext(ctx context.Context) (*Context, error) {
	return s.engine.loadContext(ctx, s.params)
}

// ConfigLoader makes a loader of the project's configuration.
func (s *KedroSession) ConfigLoader(ctx context.Context) (*config.Loader, error) {
	return s.engine.newLoader(ctx, s.params)
}

// Run executes pipelines, once successfully (SES-052): a failed run may be repeated.
// The run id and the runtime parameters are the session's own.
func (s *KedroSession) Run(ctx context.Context, opts RunOptions) (*Result, error) {
	s.running.Lock()
	defer s.running.Unlock()
	r := run{
		engine: s.engine, opts: &opts, id: s.id, saveVersion: cmp.Or(opts.SaveVersion, s.id), params: s.params,
		kind: "KedroSession", succeeded: func() { s.done = true },
	}
	ctx = r.log(ctx)
	if opts.PipelineName != "" {
		zerolog.Ctx(ctx).Warn().Str(loggerField, warningsLogger).Msg("`pipeline_name` is deprecated and will be removed in a " +
			"future release. Please use `pipeline_names` instead.")
		opts.PipelineNames = r.names()
	}
	if s.done {
		return nil, &Error{message: "A run has already been completed as part of the active KedroSession. " +
			"KedroSession has a 1-1 mapping with runs, and thus only one run should be executed per session."}
	}
	if err := s.own(opts); err != nil {
		return nil, err
	}
	return r.execute(ctx)
}

// own refuses options that a KedroSession takes at its creation.
func (s *KedroSession) own(opts RunOptions) error {
	if len(opts.RuntimeParams) > 0 {
		return &Error{message: "a KedroSession takes runtime parameters when it is created"}
	}
	if opts.RunID != "" && opts.RunID != s.id {
		return &Error{message: "the run id of a KedroSession is its session id"}
	}
	if opts.SaveVersion != "" {
		return CheckRunID(opts.SaveVersion)
	}
	return nil
}

// Plan answers what Run would do, without doing it and without calling hooks.
func (s *KedroSession) Plan(ctx context.Context, opts RunOptions) (*Plan, error) {
	plan, err := s.engine.plan(ctx, opts, s.params)
	return plan, s.engine.masked(err)
}

// Snapshot describes the project; params come on top of the session's runtime parameters.
func (s *KedroSession) Snapshot(ctx context.Context, params map[string]any) (*Snapshot, error) {
	merged := maps.Clone(s.params)
	if merged == nil {
		merged = make(map[string]any, len(params))
	}
	maps.Copy(merged, params)
	snapshot, err := s.engine.snapshot(ctx, merged)
	return snapshot, s.engine.masked(err)
}

// Store is a copy of the content of the session's store (SES-024).
func (s *KedroSession) Store() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.content)
}

// Close saves the store unless the session was created to discard it. It may be
// called repeatedly (SES-030).
func (s *KedroSession) Close() error {
	if !s.save {
		return nil
	}
	if err := s.store.Save(s.Store()); err != nil {
		return fmt.Errorf("save session store: %w", err)
	}
	return nil
}

// recordError puts the error that left the session's block into the store (SES-033).
func (s *KedroSession) recordError(err error) {
	var failed *RunError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content["exception"] = map[string]any{"type": ErrorType(err), "value": err.Error(), "traceback": traceback(err)}
}
