package session

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// action is what the recording plugin does besides recording.
type action struct {
	Hook    string                  `json:"hook"`
	Plugin  string                  `json:"plugin"` // "" is A
	Node    string                  `json:"node"`
	Dataset string                  `json:"dataset"`
	Raise   string                  `json:"raise"`
	Return  *oracle.Value           `json:"return"`
	Set     map[string]oracle.Value `json:"set"`

	value any // of Return, shared by all calls as in Python
}

// recording takes down what happens during the runs of one vector.
type recording struct {
	question *question
	dir      string
	vector   oracle.Vector

	mu       sync.Mutex // guards the fields below
	trace    []traced
	log      [][]string
	warnings []string
	registry []string  // warnings of all registered pipelines
	acted    []*action // what set datasets in the catalog of this run
}

// traced is one entry of the trace and the node on whose behalf it was made.
type traced struct {
	node  string
	entry map[string]any
}

func (r *recording) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace, r.log, r.warnings, r.acted = nil, nil, nil, nil
}

// Write takes a line of the log.
func (r *recording) Write(line []byte) (int, error) {
	var fields struct{ Level, Logger, Message string }
	if err := json.Unmarshal(line, &fields); err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if fields.Logger == warningsLogger {
		r.warnings = append(r.warnings, fields.Message)
		return len(line), nil
	}
	fields.Message = r.quoteKeyError(fields.Message)
	level := map[string]string{"info": "INFO", "warn": "WARNING", "error": "ERROR"}[fields.Level]
	r.log = append(r.log, []string{level, fields.Logger, oracle.Canonical(r.clean(fields.Message))})
	return len(line), nil
}

// quoteKeyError puts the quotes around the text of a KeyError that Python prints.
func (r *recording) quoteKeyError(message string) string {
	for _, n := range r.question.Nodes {
		if n.Does == nil || n.Does.Type != "KeyError" {
			continue
		}
		if head, ok := strings.CutSuffix(message, " failed with error: \n"+n.Does.Message); ok {
			r.vector.Normalise(oracle.KeyErrorQuotes)
			return head + " failed with error: \n" + pyyaml.Repr(n.Does.Message)
		}
	}
	return message
}

// observe takes an operation on a dataset, on entry.
func (r *recording) observe(e runner.Event) {
	op := map[runner.EventKind]string{runner.DatasetLoading: "load", runner.DatasetSaving: "save", runner.DatasetReleasing: "release",
		runner.DatasetConfirming: "confirm"}[e.Kind]
	if op == "" {
		return
	}
	node := ""
	if e.Node != nil {
		node = e.Node.Name()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace = append(r.trace, traced{node, map[string]any{"op": op, "dataset": e.Dataset}})
}

// folded is the trace as it is compared: in order, or for threads by node.
func (r *recording) folded(threaded bool) map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !threaded {
		trace := make([]any, len(r.trace))
		for i, t := range r.trace {
			trace[i] = t.entry
		}
		return map[string]any{"trace": trace, "log": orderedLog(r.log)}
	}
	overall, byNode, released := []any{}, map[string][]any{}, []string{}
	for _, t := range r.trace {
		switch {
		case t.entry["op"] == "release":
			released = append(released, t.entry["dataset"].(string))
		case t.node != "" || t.entry["op"] != nil:
			byNode[t.node] = append(byNode[t.node], t.entry)
		default:
			overall = append(overall, t.entry)
		}
	}
	slices.Sort(released)
	log := slices.Clone(r.log)
	slices.SortFunc(log, slices.Compare)
	return map[string]any{"trace_overall": overall, "trace_by_node": byNode, "released": released, "log": log}
}

// orderedLog sorts each run of lines on the catch-all pattern, which Kedro writes in set order.
func orderedLog(log [][]string) [][]string {
	out := slices.Clone(log)
	isPattern := func(line []string) bool { return strings.HasPrefix(line[2], "Config from the dataset pattern") }
	for start := 0; start < len(out); start++ {
		end := start
		for end < len(out) && isPattern(out[end]) {
			end++
		}
		if end > start {
			slices.SortFunc(out[start:end], slices.Compare)
			start = end
		}
	}
	return out
}

// plugin records every hook under a label; B is silent unless two are asked for.
func (r *recording) plugin(label string) *plugin { return &plugin{recording: r, label: label} }

type plugin struct {
	*recording
	label string
}

// note records a hook and gives the action that is due, or its error.
func (p *plugin) note(name string, node *pipeline.Node, facts map[string]any) (*action, error) {
	if p.label == "B" && !p.question.TwoPlugins {
		return nil, nil
	}
	facts["hook"] = name
	nodeName := ""
	if node != nil {
		nodeName = node.Name()
		facts["node"] = nodeName
	}
	if p.question.TwoPlugins {
		facts["plugin"] = p.label
	}
	p.mu.Lock()
	p.trace = append(p.trace, traced{nodeName, facts})
	p.mu.Unlock()
	for i := range p.question.HookActions {
		a := &p.question.HookActions[i]
		if cmp.Or(a.Plugin, "A") != p.label || a.Hook != name || (a.Node != "" && a.Node != nodeName) || (a.Dataset != "" && a.Dataset != facts["dataset"]) {
			continue
		}
		if a.Raise != "" {
			return nil, &pythonError{"RuntimeError", a.Raise}
		}
		return a, nil
	}
	return nil, nil
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string {
	return append([]string{}, slices.Sorted(maps.Keys(m))...)
}

func (p *plugin) AfterContextCreated(_ context.Context, info hook.ContextInfo) error {
	_, err := p.note("after_context_created", nil, map[string]any{"env": nullable(info.Context.Env())})
	return err
}

func (p *plugin) AfterCatalogCreated(ctx context.Context, info hook.CatalogInfo) error {
	var versions any
	if info.LoadVersions != nil {
		versions = info.LoadVersions
	}
	a, err := p.note("after_catalog_created", nil, map[string]any{
		"conf_catalog": sortedKeys(info.ConfCatalog), "conf_creds": sortedKeys(info.ConfCreds),
		"parameters": sortedKeys(info.Parameters), "save_version": nullable(info.SaveVersion), "load_versions": versions,
	})
	if err != nil || a == nil {
		return err
	}
	p.dropPins(a)
	for _, name := range slices.Sorted(maps.Keys(a.Set)) {
		if err := info.Catalog.Set(ctx, name, oracle.Plain(a.Set[name].Any)); err != nil {
			return err
		}
	}
	return nil
}

func (p *plugin) BeforePipelineRun(_ context.Context, info hook.PipelineInfo) error {
	_, err := p.note("before_pipeline_run", nil, map[string]any{
		"run_params": p.paramsOf(info.RunParams), "pipeline": nodeNames(info.Pipeline),
	})
	return err
}

// paramsOf is run_params in Kedro's form, where what isn't given is none.
func (p *plugin) paramsOf(params *hook.RunParams) map[string]any {
	list := func(names []string) any {
		if names == nil {
			return nil
		}
		return names
	}
	runtime := params.RuntimeParams
	if runtime == nil {
		runtime = map[string]any{}
	}
	out := map[string]any{
		"run_id": params.RunID, "project_path": p.clean(params.ProjectPath), "env": nullable(params.Env),
		"kedro_version": params.KedroVersion, "tags": list(params.Tags), "from_nodes": list(params.FromNodes),
		"to_nodes": list(params.ToNodes), "node_names": list(params.NodeNames), "from_inputs": list(params.FromInputs),
		"to_outputs": list(params.ToOutputs), "load_versions": nil, "runtime_params": oracle.Encode(runtime),
		"pipeline_names": list(params.PipelineNames), "namespaces": list(params.Namespaces), "runner": params.Runner,
		"only_missing_outputs": params.OnlyMissingOutputs,
	}
	if params.LoadVersions != nil {
		out["load_versions"] = p.pinned(params.LoadVersions)
	}
	if params.SessionID != "" {
		out["session_id"] = params.SessionID
	}
	return out
}

func (p *plugin) AfterPipelineRun(_ context.Context, info hook.PipelineResultInfo) error {
	_, err := p.note("after_pipeline_run", nil, map[string]any{"run_result": sortedKeys(info.RunResult)})
	return err
}

func (p *plugin) OnPipelineError(_ context.Context, info hook.PipelineErrorInfo) error {
	_, err := p.note("on_pipeline_error", nil, map[string]any{"error": p.failure(info.Error)})
	return err
}

func (p *plugin) BeforeNodeRun(_ context.Context, info hook.NodeInfo) (map[string]any, error) {
	a, err := p.note("before_node_run", info.Node, map[string]any{
		"inputs": oracle.Encode(info.Inputs), "is_async": info.IsAsync, "run_id": info.RunID,
	})
	if err != nil || a == nil || a.Return == nil {
		return nil, err
	}
	return hook.Replacement(p.returned(a))
}

func (p *plugin) AfterNodeRun(_ context.Context, info hook.NodeResultInfo) error {
	outputs := map[string]any{}
	for name, value := range info.Outputs {
		outputs[name] = oracle.Encode(value)
		if info.Node.Generator() {
			outputs[name] = map[string]any{"$other": "generator"}
		}
	}
	_, err := p.note("after_node_run", info.Node, map[string]any{"inputs": oracle.Encode(p.grown(info.Node, info.Inputs)), "outputs": outputs})
	return err
}

func (p *plugin) OnNodeError(_ context.Context, info hook.NodeErrorInfo) error {
	_, err := p.note("on_node_error", info.Node, map[string]any{"error": p.failure(info.Error), "inputs": oracle.Encode(info.Inputs)})
	return err
}

func (p *plugin) BeforeDatasetLoaded(_ context.Context, info hook.DatasetInfo) error {
	_, err := p.note("before_dataset_loaded", info.Node, map[string]any{"dataset": info.DatasetName})
	return err
}

func (p *plugin) AfterDatasetLoaded(_ context.Context, info hook.DatasetDataInfo) error {
	_, err := p.note("after_dataset_loaded", info.Node, map[string]any{"dataset": info.DatasetName, "data": oracle.Encode(info.Data)})
	return err
}

func (p *plugin) BeforeDatasetSaved(_ context.Context, info hook.DatasetDataInfo) error {
	_, err := p.note("before_dataset_saved", info.Node, map[string]any{"dataset": info.DatasetName, "data": oracle.Encode(info.Data)})
	return err
}

func (p *plugin) AfterDatasetSaved(_ context.Context, info hook.DatasetDataInfo) error {
	_, err := p.note("after_dataset_saved", info.Node, map[string]any{"dataset": info.DatasetName})
	return err
}
