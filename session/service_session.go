package session

import (
	"context"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/config"
)

// ServiceSession owns the life cycle of many runs, also at the same time: nothing of
// a run is seen by another one.
type ServiceSession struct {
	engine *engine
	id     string
}

var _ Session = (*ServiceSession)(nil)

// CreateService opens a session on a project: KedroServiceSession.create. In serving
// mode all pipelines are built at once, and one that can't be built fails the
// creation (SES-080).
func CreateService(ctx context.Context, cfg ServiceConfig) (*ServiceSession, error) {
	e, err := open(ctx, opening{
		path: cfg.ProjectPath, project: cfg.Project, env: cfg.Env, confSource: cfg.ConfSource,
		reload: cfg.Reload, newRunID: cfg.newRunID,
	})
	if err != nil {
		return nil, err
	}
	s := &ServiceSession{engine: e, id: cfg.SessionID}
	if s.id == "" {
		s.id = uuid.NewString()
	}
	if cfg.ServingMode {
		zerolog.Ctx(ctx).Info().Msg("Serving mode: preloading all pipelines for session " + s.id)
		if err := e.project.Pipelines().Load(); err != nil {
			return nil, err
		}
		e.restrictTypes = true
	}
	return s, nil
}

// ID is the session id, given or random.
func (s *ServiceSession) ID() string { return s.id }

// LoadContext makes a context with the runtime parameters applied and tells the hooks.
func (s *ServiceSession) LoadContext(ctx context.Context, params map[string]any) (*Context, error) {
	return s.engine.loadContext(ctx, params)
}

// ConfigLoader makes a loader of the project's configuration with the runtime
// parameters applied.
func (s *ServiceSession) ConfigLoader(ctx context.Context, params map[string]any) (*config.Loader, error) {
	return s.engine.newLoader(ctx, params)
}

// Run executes pipelines. Runs may overlap; two runs with one run id overwrite each
// other's versions, so ids are given only by callers that keep them unique.
func (s *ServiceSession) Run(ctx context.Context, opts RunOptions) (*Result, error) {
	r := run{
		engine: s.engine, opts: &opts, id: opts.RunID, sessionID: s.id, saveVersion: opts.SaveVersion,
		params: opts.RuntimeParams, kind: "KedroServiceSession", succeeded: func() {},
	}
	if r.id == "" {
		r.id = s.engine.newRunID()
	}
	if r.saveVersion == "" {
		r.saveVersion = r.id
	}
	if opts.PipelineName != "" {
		return nil, &Error{message: "a KedroServiceSession takes pipeline_names, not pipeline_name"}
	}
	for _, id := range [...]string{r.id, r.saveVersion} {
		if err := CheckRunID(id); err != nil {
			return nil, err
		}
	}
	return r.execute(r.log(ctx))
}

// Plan answers what Run would do, without doing it and without calling hooks.
func (s *ServiceSession) Plan(ctx context.Context, opts RunOptions) (plan *Plan, err error) {
	defer s.engine.rescue(&err)
	plan, err = s.engine.plan(ctx, opts, opts.RuntimeParams)
	return plan, s.engine.masked(err)
}

// Snapshot describes the project under the runtime parameters.
func (s *ServiceSession) Snapshot(ctx context.Context, params map[string]any) (snapshot *Snapshot, err error) {
	defer s.engine.rescue(&err)
	snapshot, err = s.engine.snapshot(ctx, params)
	return snapshot, s.engine.masked(err)
}

// Close logs the end of the session; it has no other effect (SES-035).
func (s *ServiceSession) Close() error {
	s.engine.logger.Info().Msg("Closing session " + s.id)
	return nil
}
