package runner

import (
	"context"
	"maps"
	"runtime/debug"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
)

// Task is everything around one run of one node: its loads, hooks, the function,
// its saves and confirmations (RUN-029). A runner of a project's own executes its
// nodes by it.
type Task struct {
	Node    *pipeline.Node
	Catalog *catalog.DataCatalog
	// Hooks may be nil.
	Hooks *hook.Set
	RunID string
	// IsAsync loads all inputs at once and saves all outputs at once (RUN-032).
	IsAsync bool
	// Observe may be nil.
	Observe func(Event)
	// Index and Total go into the NodeStarted event.
	Index, Total int

	schedule *Schedule // prepared by a runner of this package; nil otherwise
	step     *step
	scope    scope
	scratch  *scratch // when tasks run one by one and nobody keeps what they read and made
}

// scratch is what one task after the other uses for its inputs and outputs.
type scratch struct{ inputs, outputs map[string]any }

// Execute runs the task. A panic of the function, a hook or a dataset is a
// [*PanicError]. When ctx ends, nothing is saved any more.
func (t *Task) Execute(ctx context.Context) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Node: t.Node.Name(), Value: value, Stack: debug.Stack()}
		}
	}()
	t.prepare()
	if t.Observe != nil {
		t.Observe(Event{Kind: NodeStarted, Node: t.Node, Index: t.Index, Total: t.Total})
	}
	if t.IsAsync && t.step.generator {
		return &ValueError{message: "Async data loading and saving does not work with nodes wrapping generator functions. " +
			"Please make sure you don't use `yield` anywhere in node " + t.Node.String() + "."}
	}
	if err := t.process(ctx); err != nil {
		return err
	}
	for _, name := range t.step.confirms {
		t.tell(DatasetConfirming, name)
		if err := t.Catalog.Confirm(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// nodeLogger is the name of the logger of nodes in Kedro.
const nodeLogger = "kedro.pipeline.node"

// prepare resolves the node for a task that wasn't made by a runner of this package.
func (t *Task) prepare() {
	if t.step != nil {
		return
	}
	t.schedule = &Schedule{}
	st := t.schedule.newStep(t.Node, make(map[string]int))
	t.step = &st
}

// process loads, runs and saves.
func (t *Task) process(ctx context.Context) error {
	inputs, err := t.load(ctx)
	if err != nil {
		return err
	}
	info := hook.NodeInfo{Node: t.Node, Catalog: t.Catalog, Inputs: inputs, IsAsync: t.IsAsync, RunID: t.RunID}
	replaced, err := t.Hooks.BeforeNodeRun(ctx, info)
	if err != nil {
		return err
	}
	maps.Copy(inputs, replaced)
	outputs, err := t.call(ctx, info)
	if err != nil {
		return err
	}
	defer outputs.Close()
	if outputs.Warning != "" {
		zerolog.Ctx(ctx).Warn().Str(loggerField, "py.warnings").Str("node", t.step.name).Msg(outputs.Warning)
	}
	if err := t.Hooks.AfterNodeRun(ctx, hook.NodeResultInfo{NodeInfo: info, Outputs: t.shown(outputs)}); err != nil {
		return err
	}
	switch {
	case outputs.Chunks != nil:
		return t.saveChunks(ctx, outputs)
	case t.IsAsync:
		return t.saveAsync(ctx, outputs.Values)
	default:
		return t.saveAll(ctx, outputs.Values)
	}
}

// load reads the inputs in order, an input listed twice twice (RUN-031).
func (t *Task) load(ctx context.Context) (map[string]any, error) {
	if t.IsAsync {
		return t.loadAsync(ctx)
	}
	var inputs map[string]any
	if t.scratch != nil {
		inputs = t.scratch.inputs
		clear(inputs)
	} else {
		inputs = make(map[string]any, len(t.step.inputs))
	}
	for i, slot := range t.step.inputs {
		name := t.schedule.slots[slot].name
		value, err := t.loadOne(ctx, i, name)
		if err != nil {
			return nil, err
		}
		inputs[name] = value
	}
	return inputs, nil
}

// loadOne reads one input as the type that the function wants, with its hooks.
func (t *Task) loadOne(ctx context.Context, i int, name string) (any, error) {
	if err := cancelled(ctx); err != nil {
		return nil, err
	}
	if err := t.Hooks.BeforeDatasetLoaded(ctx, hook.DatasetInfo{DatasetName: name, Node: t.Node}); err != nil {
		return nil, err
	}
	t.tell(DatasetLoading, name)
	value, err := t.Catalog.LoadAs(ctx, name, t.step.types[i])
	if err != nil {
		return nil, err
	}
	t.tell(DatasetLoaded, name)
	return value, t.Hooks.AfterDatasetLoaded(ctx, hook.DatasetDataInfo{DatasetName: name, Data: value, Node: t.Node})
}

// call runs the function, and the hook of its failure.
func (t *Task) call(ctx context.Context, info hook.NodeInfo) (pipeline.Outputs, error) {
	if err := cancelled(ctx); err != nil {
		return pipeline.Outputs{}, err
	}
	if ev := zerolog.Ctx(ctx).Info(); ev.Enabled() {
		ev.Str(loggerField, nodeLogger).Str("node", t.step.name).Msg("Running node: " + t.Node.String())
	}
	outputs, err := t.guarded(ctx, info.Inputs)
	if stop := cancelled(ctx); stop != nil {
		outputs.Close()
		return pipeline.Outputs{}, stop
	}
	if err == nil {
		return outputs, nil
	}
	if ev := zerolog.Ctx(ctx).Error(); ev.Enabled() {
		ev.Str(loggerField, nodeLogger).Str("node", t.step.name).Msg("Node " + t.Node.String() + " failed with error: \n" + err.Error())
	}
	if hookErr := t.Hooks.OnNodeError(ctx, hook.NodeErrorInfo{NodeInfo: info, Error: err}); hookErr != nil {
		return pipeline.Outputs{}, hookErr
	}
	return pipeline.Outputs{}, err
}

// guarded turns a panic of the function into an error, so that on_node_error hooks
// learn of it.
func (t *Task) guarded(ctx context.Context, inputs map[string]any) (outputs pipeline.Outputs, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Node: t.step.name, Value: value, Stack: debug.Stack()}
		}
	}()
	if t.scratch != nil {
		return t.Node.RunInto(t.within(ctx), inputs, t.scratch.outputs)
	}
	return t.Node.Run(t.within(ctx), inputs)
}

// shown is what after_node_run sees; the chunks of a generator aren't drawn yet.
func (t *Task) shown(outputs pipeline.Outputs) map[string]any {
	if outputs.Chunks == nil || t.Hooks == nil {
		return outputs.Values
	}
	values := make(map[string]any, len(t.step.outputs))
	for _, slot := range t.step.outputs {
		values[t.schedule.slots[slot].name] = nil
	}
	return values
}

// saveAll saves the outputs in order.
func (t *Task) saveAll(ctx context.Context, values map[string]any) error {
	for _, slot := range t.step.outputs {
		name := t.schedule.slots[slot].name
		value, ok := values[name]
		if !ok {
			continue
		}
		if err := t.saveOne(ctx, name, value); err != nil {
			return err
		}
	}
	return nil
}

// saveChunks draws the items of a generator and saves them one by one (RUN-030).
func (t *Task) saveChunks(ctx context.Context, outputs pipeline.Outputs) error {
	for chunk, err := range outputs.Chunks {
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
func (t *Task) saveOne(ctx context.Context, name string, value any) error {
	if err := cancelled(ctx); err != nil {
		return err
	}
	info := hook.DatasetDataInfo{DatasetName: name, Data: value, Node: t.Node}
	if err := t.Hooks.BeforeDatasetSaved(ctx, info); err != nil {
		return err
	}
	t.tell(DatasetSaving, name)
	if err := t.Catalog.Save(ctx, name, value); err != nil {
		return err
	}
	t.tell(DatasetSaved, name)
	return t.Hooks.AfterDatasetSaved(ctx, info)
}

func (t *Task) tell(kind EventKind, dataset string) {
	if t.Observe != nil {
		t.Observe(Event{Kind: kind, Node: t.Node, Dataset: dataset, Total: t.Total})
	}
}
