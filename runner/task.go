package runner

import (
	"context"
	"maps"
	"reflect"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
)

// Task is everything around one run of one node: its loads, hooks, the function,
// its saves and confirmations (RUN-029). A runner of a project's own executes its
// nodes by it.
type Task struct {
	Node *pipeline.Node
	// Request is the one that the runner was given.
	Request *Request
	// IsAsync loads all inputs at once and saves all outputs at once (RUN-032).
	IsAsync bool
	// Index and Total go into the NodeStarted event.
	Index, Total int

	in    *execution // made by a runner of this package, else by Execute
	step  *step
	scope scope
}

// outcome is what a task left.
type outcome struct {
	end  time.Time // unset when nobody listens
	took time.Duration
	err  error
}

// timed executes the task; the clock is read only when somebody listens.
func (t *Task) timed(ctx context.Context) outcome {
	if t.Request.Observe == nil {
		return outcome{err: t.execute(ctx, time.Time{})}
	}
	start := t.in.now()
	err := t.execute(ctx, start)
	end := t.in.now()
	return outcome{end: end, took: end.Sub(start), err: err}
}

// Execute runs the task. A panic of the function, a hook or a dataset is a
// [*PanicError]. When ctx ends, nothing is saved any more.
func (t *Task) Execute(ctx context.Context) error {
	schedule := &Schedule{}
	st := schedule.newStep(t.Node, make(map[string]int))
	t.step = &st
	start := time.Now()
	t.in = &execution{req: *t.Request, schedule: schedule, log: zerolog.Ctx(ctx), start: start,
		data: t.Request.Catalog.Select(catalog.NewLayout(schedule.names))}
	return t.execute(ctx, start)
}

func (t *Task) execute(ctx context.Context, start time.Time) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Node: t.Node.Name(), Value: value, Stack: debug.Stack()}
		}
	}()
	if t.Request.Observe != nil {
		t.Request.Observe(Event{Kind: NodeStarted, Time: start, Node: t.Node, Index: t.Index, Total: t.Total})
	}
	if t.IsAsync && t.step.generator {
		return &ValueError{message: "Async data loading and saving does not work with nodes wrapping generator functions. " +
			"Please make sure you don't use `yield` anywhere in node " + t.Node.String() + "."}
	}
	in, out := t.values()
	err = t.process(ctx, in, out)
	clear(in) // a released dataset's data is free at once
	clear(out)
	if err != nil {
		return err
	}
	for _, name := range t.step.confirms {
		t.trace(DatasetConfirming, name)
		if err := t.Request.Catalog.Confirm(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// nodeLogger is the name of the logger of nodes in Kedro.
const nodeLogger = "kedro.pipeline.node"

// process loads, runs and saves. Values go by position; only hooks want them by name.
func (t *Task) process(ctx context.Context, in, out []any) error {
	if err := t.load(ctx, in); err != nil {
		return err
	}
	r := t.Request
	info := hook.NodeInfo{Node: t.Node, Catalog: r.Catalog, IsAsync: t.IsAsync, RunID: r.RunID}
	watched := r.Hooks.WatchesNodes()
	if watched {
		info.Inputs = t.named(t.step.inputs, in)
		replaced, err := r.Hooks.BeforeNodeRun(ctx, info)
		if err != nil {
			return err
		}
		maps.Copy(info.Inputs, replaced)
	}
	called, err := t.call(ctx, info, in, out)
	if err != nil {
		return err
	}
	defer called.Close()
	if called.Warning != "" {
		t.in.log.Warn().Str(loggerField, "py.warnings").Str("node", t.step.name).Msg(called.Warning)
	}
	if watched {
		if err := t.show(ctx, info, called, out); err != nil {
			return err
		}
	}
	switch {
	case called.Chunks != nil:
		return t.saveChunks(ctx, called)
	case t.IsAsync:
		return t.saveAsync(ctx, out)
	default:
		return t.saveAll(ctx, out)
	}
}

// values is the room for inputs and outputs.
func (t *Task) values() (in, out []any) {
	inputs, all := len(t.step.inputs), len(t.step.inputs)+len(t.step.outputs)
	var room []any
	if t.in.turns != nil {
		room = t.in.turns.values
	} else {
		room = make([]any, all)
	}
	return room[:inputs:inputs], room[inputs:all]
}

// named is the form in which hooks get values.
func (t *Task) named(slots []int, values []any) map[string]any {
	m := make(map[string]any, len(slots))
	for i, slot := range slots {
		m[t.in.schedule.names[slot]] = values[i]
	}
	return m
}

// load reads the inputs in order. An input listed twice is read twice, and the function
// gets what was read last (RUN-031).
func (t *Task) load(ctx context.Context, values []any) error {
	if t.IsAsync {
		if err := t.loadAsync(ctx, values); err != nil {
			return err
		}
	} else {
		for i, slot := range t.step.inputs {
			var err error
			if values[i], err = t.loadOne(ctx, slot, t.step.types[i]); err != nil {
				return err
			}
		}
	}
	if t.step.repeated {
		for i, slot := range t.step.inputs {
			for later := i + 1; later < len(values); later++ {
				if t.step.inputs[later] == slot {
					values[i] = values[later]
				}
			}
		}
	}
	return nil
}

// loadOne reads one input as the type that the function wants, with its hooks.
func (t *Task) loadOne(ctx context.Context, slot int, want reflect.Type) (any, error) {
	if err := cancelled(ctx); err != nil {
		return nil, err
	}
	name, hooks := t.in.schedule.names[slot], t.Request.Hooks
	if err := hooks.BeforeDatasetLoaded(ctx, hook.DatasetInfo{DatasetName: name, Node: t.Node}); err != nil {
		return nil, err
	}
	t.trace(DatasetLoading, name)
	value, err := t.in.data.LoadAs(ctx, slot, want)
	if err != nil {
		return nil, err
	}
	t.tell(ctx, DatasetLoaded, slot)
	return value, hooks.AfterDatasetLoaded(ctx, hook.DatasetDataInfo{DatasetName: name, Data: value, Node: t.Node})
}

// call runs the function, and the hook of its failure.
func (t *Task) call(ctx context.Context, info hook.NodeInfo, in, out []any) (pipeline.Called, error) {
	if err := cancelled(ctx); err != nil {
		return pipeline.Called{}, err
	}
	if ev := t.in.log.Info(); ev.Enabled() {
		ev.Str(loggerField, nodeLogger).Str("node", t.step.name).Msg("Running node: " + t.Node.String())
	}
	called, err := t.guarded(ctx, info.Inputs, in, out)
	if stop := cancelled(ctx); stop != nil {
		called.Close()
		return pipeline.Called{}, stop
	}
	if err == nil {
		return called, nil
	}
	if ev := t.in.log.Error(); ev.Enabled() {
		ev.Str(loggerField, nodeLogger).Str("node", t.step.name).Msg("Node " + t.Node.String() + " failed with error: \n" + err.Error())
	}
	if hookErr := t.Request.Hooks.OnNodeError(ctx, hook.NodeErrorInfo{NodeInfo: info, Error: err}); hookErr != nil {
		return pipeline.Called{}, hookErr
	}
	return pipeline.Called{}, err
}

// guarded turns a panic of the function into an error, so that on_node_error hooks
// learn of it. Inputs that hooks have seen, and maybe replaced, count more than in.
func (t *Task) guarded(ctx context.Context, inputs map[string]any, in, out []any) (called pipeline.Called, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Node: t.step.name, Value: value, Stack: debug.Stack()}
		}
	}()
	if inputs != nil {
		if in, err = t.Node.Bind(inputs); err != nil {
			return called, err
		}
	}
	return t.Node.Call(t.within(ctx), in, out)
}

// withdrawn stands for an output that a hook took out: it isn't saved.
type withdrawn struct{}

// show calls the hooks after the function, which may change what is saved. The chunks
// of a generator aren't drawn yet: their values are nil.
func (t *Task) show(ctx context.Context, info hook.NodeInfo, called pipeline.Called, out []any) error {
	if called.Chunks != nil {
		out = make([]any, len(out))
	}
	outputs := t.named(t.step.outputs, out)
	if err := t.Request.Hooks.AfterNodeRun(ctx, hook.NodeResultInfo{NodeInfo: info, Outputs: outputs}); err != nil {
		return err
	}
	for i, slot := range t.step.outputs {
		value, ok := outputs[t.in.schedule.names[slot]]
		if !ok {
			value = withdrawn{}
		}
		out[i] = value
	}
	return nil
}

// saveAll saves the outputs in order.
func (t *Task) saveAll(ctx context.Context, values []any) error {
	for i, slot := range t.step.outputs {
		if _, gone := values[i].(withdrawn); gone {
			continue
		}
		if err := t.saveOne(ctx, slot, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// saveChunks draws the items of a generator and saves them one by one (RUN-030).
func (t *Task) saveChunks(ctx context.Context, called pipeline.Called) error {
	for chunk, err := range called.Chunks {
		if stop := cancelled(ctx); stop != nil {
			return stop
		}
		if err != nil {
			return err
		}
		if err := t.saveAll(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// saveOne saves one output with its hooks. Nothing is saved once ctx has ended.
func (t *Task) saveOne(ctx context.Context, slot int, value any) error {
	if err := cancelled(ctx); err != nil {
		return err
	}
	hooks := t.Request.Hooks
	info := hook.DatasetDataInfo{DatasetName: t.in.schedule.names[slot], Data: value, Node: t.Node}
	if err := hooks.BeforeDatasetSaved(ctx, info); err != nil {
		return err
	}
	t.trace(DatasetSaving, info.DatasetName)
	if err := t.in.data.Save(ctx, slot, value); err != nil {
		return err
	}
	t.tell(ctx, DatasetSaved, slot)
	return hooks.AfterDatasetSaved(ctx, info)
}

// tell is for loads and saves that succeeded, of data that is kept anywhere but in memory.
func (t *Task) tell(ctx context.Context, kind EventKind, slot int) {
	if t.Request.Observe == nil {
		return
	}
	if ds, err := t.in.data.Get(ctx, slot); err == nil && catalog.Stored(ds) {
		t.Request.Observe(Event{Kind: kind, Time: t.in.now(), Node: t.Node, Dataset: t.in.schedule.names[slot], Total: t.Total})
	}
}

// trace is for what begins.
func (t *Task) trace(kind EventKind, dataset string) {
	if t.Request.Trace != nil {
		t.Request.Trace(Event{Kind: kind, Node: t.Node, Dataset: dataset, Total: t.Total})
	}
}
