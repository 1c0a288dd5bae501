package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// execution is one run of a schedule. Except for what tasks use it is touched by
// one goroutine.
type execution struct {
	req      Request
	logger   string // name of the runner's logger in Kedro
	schedule *Schedule
	data     *catalog.Selection // by slot
	async    bool
	log      *zerolog.Logger
	start    time.Time
	turns    *turns // nil when tasks run at once
	reads    []int  // loads left, by slot
	done     []bool // by step
	finished int
	started  int
}

// walk executes all steps of an execution.
type walk func(ctx context.Context, e *execution) error

// execute does what all runners have in common: the missing-output filter, the
// warm-up of the catalog, the check of free inputs, and the result.
func execute(ctx context.Context, req Request, logger string, async bool, steps walk) (*Result, error) {
	s := req.Schedule
	if s == nil {
		s = NewSchedule(req.Pipeline)
	}
	all := len(s.steps)
	if req.OnlyMissingOutputs {
		filtered, err := filterMissing(ctx, s, req.Catalog, logger)
		if err != nil {
			return nil, err
		}
		s = filtered
	}
	e := &execution{
		req: req, logger: logger, schedule: s, data: req.Catalog.Select(s.layout), async: async, log: zerolog.Ctx(ctx), start: time.Now(),
		reads: make([]int, len(s.slots)), done: make([]bool, len(s.steps)),
	}
	for i := range s.slots {
		e.reads[i] = s.slots[i].reads
	}
	if err := e.warmUp(ctx); err != nil {
		return nil, err
	}
	if async {
		e.info().Msg("Asynchronous mode is enabled for loading and saving data.")
	}
	if err := e.walk(ctx, steps); err != nil {
		return nil, err
	}
	if ev := e.info(); ev.Enabled() {
		ev.Msgf("Pipeline execution completed successfully in %.1f sec.", time.Since(e.start).Seconds())
	}
	outputs, err := e.outputs(ctx)
	if err != nil {
		return nil, err
	}
	return &Result{Outputs: outputs, Pipeline: s.pipeline, NodesRun: len(s.steps), NodesSkipped: all - len(s.steps)}, nil
}

// walk executes the steps. What nodes tied to their context ends with the run.
func (e *execution) walk(ctx context.Context, steps walk) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return steps(ctx, e)
}

// now reads only the monotonic clock, which costs half of reading both.
func (e *execution) now() time.Time { return e.start.Add(time.Since(e.start)) }

// loggerField is the log field that holds the name of the logger in Kedro.
const loggerField = "logger"

// info starts a line of the runner's logger; it costs nothing when that is off.
func (e *execution) info() *zerolog.Event { return e.log.Info().Str(loggerField, e.logger) }

// warmUp makes every dataset of the pipeline exist in the catalog and refuses free
// inputs that nothing provides (RUN-011, RUN-012).
func (e *execution) warmUp(ctx context.Context) error {
	if err := cancelled(ctx); err != nil {
		return err
	}
	var missing []string
	for _, i := range e.schedule.freeInputs {
		if name := e.schedule.slots[i].name; !e.req.Catalog.Has(name) {
			missing = append(missing, name)
		}
	}
	if err := e.data.WarmUp(ctx); err != nil {
		return err
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return &ValueError{message: fmt.Sprintf("Pipeline input(s) {%s} not found in the %s", quoted(missing), catalogClass)}
	}
	return nil
}

// catalogClass is the name that Kedro's messages give the catalog of a project (SES-047).
const catalogClass = "DataCatalogWithCatalogCommandsMixin"

// quoted lists names in Python's notation.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = pyyaml.Repr(name)
	}
	return strings.Join(out, ", ")
}

// outputs collects the datasets of the free outputs (RUN-016).
func (e *execution) outputs(ctx context.Context) (map[string]catalog.Dataset, error) {
	out := make(map[string]catalog.Dataset, len(e.schedule.freeOutputs))
	for _, i := range e.schedule.freeOutputs {
		ds, err := e.data.Get(ctx, i)
		if err != nil {
			return nil, err
		}
		out[e.schedule.names[i]] = ds
	}
	return out, nil
}

// turns is what tasks use one after the other: memory that isn't made anew for each node.
type turns struct {
	values []any
	// task serves functions that get no context. A function may keep its context, and with it
	// the task, which is a part of it.
	task Task
}

// task prepares one step. It is called by the goroutine that owns the execution.
func (e *execution) task(i int) *Task {
	e.started++
	st := &e.schedule.steps[i]
	var t *Task
	if e.turns == nil || st.context {
		t = new(Task)
	} else {
		t = &e.turns.task
	}
	t.Node, t.Request, t.IsAsync = st.node, &e.req, e.async
	t.Index, t.Total = e.started, len(e.schedule.steps)
	t.in, t.step = e, st
	return t
}

// complete counts a step as done, tells so, and releases what nobody reads any
// more (RUN-023, RUN-040).
func (e *execution) complete(ctx context.Context, i int, out outcome) error {
	e.done[i] = true
	e.finished++
	st := &e.schedule.steps[i]
	if ev := e.info(); ev.Enabled() {
		ev.Str("node", st.name).Msg("Completed node: " + st.name)
		e.info().Msgf("Completed %d out of %d tasks", e.finished, len(e.schedule.steps))
	}
	if e.req.Observe != nil {
		e.req.Observe(Event{Kind: NodeFinished, Time: out.end, Node: st.node, Index: e.finished, Total: len(e.schedule.steps), Duration: out.took})
	}
	for _, d := range st.inputs {
		e.reads[d]--
		if e.reads[d] < 1 && !e.schedule.slots[d].input {
			if err := e.release(ctx, d); err != nil {
				return err
			}
		}
	}
	for _, d := range st.outputs {
		if e.reads[d] < 1 && !e.schedule.slots[d].output {
			if err := e.release(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *execution) release(ctx context.Context, d int) error {
	name := e.schedule.slots[d].name
	if slices.Contains(e.req.Keep, name) {
		return nil
	}
	if e.req.Trace != nil {
		e.req.Trace(Event{Kind: DatasetReleasing, Dataset: name, Total: len(e.schedule.steps)})
	}
	return e.data.Release(ctx, d)
}

// fail turns the error of a step into the error of the execution (RUN-050).
func (e *execution) fail(ctx context.Context, i int, err error) error {
	if stop := cancelled(ctx); stop != nil {
		return stop
	}
	st := &e.schedule.steps[i]
	if e.req.Observe != nil {
		e.req.Observe(Event{Kind: NodeFailed, Time: e.now(), Node: st.node, Total: len(e.schedule.steps), Err: err})
	}
	resume := e.resume(ctx)
	e.log.Warn().Str(loggerField, e.logger).Msg(resume)
	return &Error{Node: st.name, Resume: resume, Err: err}
}

// cancelled is nil while ctx lives, then an error that wraps both what ended ctx
// and its cause.
func cancelled(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != err { //nolint:errorlint // identity: without a cause of its own ctx gives err itself
		return fmt.Errorf("run stopped: %w: %w", err, cause)
	}
	return fmt.Errorf("run stopped: %w", err)
}
