package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

// run is one call of a session's Run. Everything in it belongs to that call.
type run struct {
	engine      *engine
	opts        *RunOptions
	id          string
	sessionID   string // of a service session; empty for a KedroSession
	saveVersion string
	params      map[string]any
	kind        string // what errors and hooks call the session
	// succeeded is told when the runner returned without error.
	succeeded func()
}

// execute runs and lets no credentials out with an error. A panic, such as that of a hook
// around the run, is an error too.
func (r *run) execute(ctx context.Context) (result *Result, err error) {
	defer r.engine.rescue(&err)
	result, err = r.proceed(ctx)
	return result, r.engine.masked(err)
}

// rescue turns a panic of the project's code into an error, without credentials. It is to be deferred.
func (e *engine) rescue(err *error) {
	if value := recover(); value != nil {
		stack := e.secrets.Text(string(debug.Stack()))
		*err = e.masked(&runner.PanicError{Value: value, Stack: []byte(stack)})
	}
}

// proceed is Kedro's run, step by step; the order of the steps decides which hooks
// have fired when one fails.
func (r *run) proceed(ctx context.Context) (*Result, error) {
	start := time.Now()
	c, err := r.engine.loadContext(ctx, r.params)
	if err != nil {
		return nil, err
	}
	s, with, err := r.choose(ctx)
	if err != nil {
		return nil, err
	}
	_, shared := with.(runner.Parallel)
	cat, err := c.catalog(ctx, catalogRequest{
		saveVersion: r.saveVersion, loadVersions: r.opts.LoadVersions, shared: shared,
		inputs: r.opts.Inputs, typed: s.typed, hooks: r.engine.hooks,
	})
	if err != nil {
		return nil, err
	}
	info := hook.PipelineInfo{RunParams: r.runParams(with), Pipeline: s.pipeline, Catalog: cat}
	if err := r.engine.hooks.BeforePipelineRun(ctx, info); err != nil {
		return nil, err
	}
	done, err := r.runWith(ctx, with, s, info)
	if err != nil {
		return nil, err
	}
	r.succeeded()
	after := hook.PipelineResultInfo{PipelineInfo: info, RunResult: done.Outputs}
	if err := r.engine.hooks.AfterPipelineRun(ctx, after); err != nil {
		return nil, err
	}
	return r.result(ctx, cat, done, start)
}

// choose finds what is to run, and with which runner.
func (r *run) choose(ctx context.Context) (*slice, runner.Runner, error) {
	s, err := r.engine.slice(r.names(), r.opts)
	for _, warning := range s.warnings {
		zerolog.Ctx(ctx).Warn().Str(loggerField, warningsLogger).Msg(warning)
	}
	if err != nil {
		return nil, nil, err
	}
	with, err := r.runner()
	if err != nil {
		return nil, nil, err
	}
	return s, with, r.checkData(s)
}

// log writes Kedro's first lines, and names the run in every line that follows.
func (r *run) log(ctx context.Context) context.Context {
	base := zerolog.Ctx(ctx)
	if base.GetLevel() == zerolog.Disabled {
		return ctx
	}
	fields := base.With().Str("run_id", r.id)
	if r.sessionID != "" {
		fields = fields.Str("session_id", r.sessionID)
	}
	log := fields.Logger()
	if log.GetLevel() > zerolog.InfoLevel {
		return log.WithContext(ctx)
	}
	if r.sessionID == "" {
		log.Info().Str(loggerField, "kedro.framework.session.session").Msg("Kedro project " + r.engine.project.Name())
		return log.WithContext(ctx)
	}
	for _, line := range [...]string{"Kedro project " + r.engine.project.Name(), "Session ID: " + r.sessionID, "Run ID: " + r.id} {
		log.Info().Str(loggerField, "kedro.framework.session.service_session").Msg(line)
	}
	return log.WithContext(ctx)
}

// loggerField is the log field that holds the name of the logger in Kedro.
const loggerField = "logger"

// warningsLogger is the name of the logger of Python's warnings.
const warningsLogger = "py.warnings"

// names are the pipelines to run (SES-054).
func (r *run) names() []string {
	if r.opts.PipelineName != "" {
		return []string{r.opts.PipelineName} // SES-051
	}
	if len(r.opts.PipelineNames) == 0 {
		return []string{project.Default}
	}
	return r.opts.PipelineNames
}

// runner is the one given, else the one named, if the project allows requests to
// name it.
func (r *run) runner() (runner.Runner, error) {
	if given := r.opts.Runner; given != nil {
		if v := reflect.ValueOf(given); v.Kind() == reflect.Pointer && v.IsNil() {
			return nil, &Error{message: r.kind + " expect an instance of Runner instead of a class." +
				"Have you forgotten the `()` at the end of the statement?"}
		}
		return given, nil
	}
	name := r.opts.RunnerName
	if name == "" {
		return runner.New("SequentialRunner", r.opts.RunnerParams)
	}
	if !r.engine.project.Settings().RunnerAllowed(name) {
		return nil, &RunnerNotAllowedError{Name: name}
	}
	if build, ok := r.engine.project.Runners()[name]; ok {
		return build(r.opts.RunnerParams)
	}
	return runner.New(name, r.opts.RunnerParams)
}

// checkData refuses data for datasets that the pipeline doesn't read from outside, and
// wishes for datasets that it doesn't know.
func (r *run) checkData(s *slice) error {
	for _, name := range slices.Sorted(maps.Keys(r.opts.Inputs)) {
		if catalog.IsParameter(name) || !slices.Contains(s.pipeline.Inputs(), name) {
			return &DatasetNameError{Field: "inputs", Name: name, Reason: "is no free input of the pipeline"}
		}
	}
	for _, name := range r.opts.Outputs {
		if !slices.Contains(s.pipeline.AllOutputs(), name) {
			return &DatasetNameError{Field: "outputs", Name: name, Reason: "is no output of the pipeline"}
		}
	}
	return nil
}

// runParams describes the run for hooks (SES-067 to SES-069).
func (r *run) runParams(with runner.Runner) *hook.RunParams {
	o := r.opts
	p := &hook.RunParams{
		SessionID: r.sessionID, RunID: r.id, ProjectPath: r.engine.path, Env: r.engine.env, KedroVersion: KedroVersion,
		Tags: o.Tags, FromNodes: o.FromNodes, ToNodes: o.ToNodes, NodeNames: o.NodeNames, FromInputs: o.FromInputs,
		ToOutputs: o.ToOutputs, LoadVersions: o.LoadVersions, RuntimeParams: r.params, PipelineNames: r.names(),
		Namespaces: o.Namespaces, Runner: with.Name(), OnlyMissingOutputs: o.OnlyMissingOutputs,
	}
	if r.sessionID == "" { // Kedro's older session tells what it was given, before defaults
		p.PipelineNames = o.PipelineNames
		if o.Runner == nil && o.RunnerName == "" {
			p.Runner = "None"
		}
	}
	return p
}

// runWith runs the pipeline and tells the hooks when that failed (SES-070 to SES-076).
// A run that was cancelled is no failure of the pipeline (SES-079).
func (r *run) runWith(ctx context.Context, with runner.Runner, s *slice, info hook.PipelineInfo) (*runner.Result, error) {
	req := runner.Request{
		Pipeline: s.pipeline, Schedule: s.schedule, Catalog: info.Catalog, Hooks: r.engine.hooks, RunID: r.id,
		OnlyMissingOutputs: r.opts.OnlyMissingOutputs, Keep: r.opts.Outputs, Trace: r.opts.trace,
	}
	if r.opts.Observe != nil {
		req.Observe = r.observer(ctx, info.Catalog)
		r.opts.Observe(Event{Kind: EventRunStarted, Time: time.Now(), Total: len(s.nodes), Nodes: s.nodes})
	}
	done, err := with.Run(ctx, req)
	if err == nil {
		return done, nil
	}
	if ctx.Err() != nil {
		return nil, err
	}
	failed := &RunError{RunID: r.id}
	var ran *runner.Error
	if errors.As(err, &ran) {
		failed.Node, failed.Resume, err = ran.Node, ran.Resume, ran.Err
	}
	if hookErr := r.engine.hooks.OnPipelineError(ctx, hook.PipelineErrorInfo{PipelineInfo: info, Error: err}); hookErr != nil {
		err = hookErr
	}
	secrets := r.engine.secrets
	failed.Err, failed.Type, failed.Message = err, ErrorType(err), secrets.Text(err.Error())
	failed.Resume, failed.Traceback = secrets.Text(failed.Resume), secrets.Text(evidence(err))
	return nil, failed
}

// result collects what the caller gets.
func (r *run) result(ctx context.Context, cat *catalog.DataCatalog, done *runner.Result, start time.Time) (*Result, error) {
	result := &Result{
		RunID: r.id, SessionID: cmp.Or(r.sessionID, r.id), Pipelines: r.names(), NodesRun: done.NodesRun, NodesSkipped: done.NodesSkipped,
		Outputs: make(map[string]Output, len(done.Outputs)+len(r.opts.Outputs)),
	}
	for name, ds := range done.Outputs {
		result.Outputs[name] = &output{engine: r.engine, catalog: cat, name: name, dataset: ds}
	}
	for _, name := range r.opts.Outputs {
		ds, err := cat.Get(ctx, name, catalog.GetOptions{Fallback: true})
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		result.Outputs[name] = &output{engine: r.engine, catalog: cat, name: name, dataset: ds}
	}
	outputs := done.Pipeline.AllOutputs()
	for _, name := range cat.Versioned() {
		if _, written := slices.BinarySearch(outputs, name); !written {
			continue
		}
		version, _, err := cat.Versions(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("version of %s: %w", name, err)
		}
		if result.Versions == nil {
			result.Versions = make(map[string]string)
		}
		result.Versions[name] = version.Save
	}
	result.Duration = time.Since(start)
	return result, nil
}

// output is a dataset of a run, loaded through the run's catalog.
type output struct {
	engine  *engine
	catalog *catalog.DataCatalog
	name    string
	dataset catalog.Dataset
}

func (o *output) Load(ctx context.Context) (any, error) {
	value, err := o.catalog.Load(ctx, o.name)
	return value, o.engine.masked(err)
}

func (o *output) Describe() catalog.Description { return o.engine.describe(o.dataset.Describe()) }
