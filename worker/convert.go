package worker

import (
	"encoding/json"
	"fmt"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
)

// options translates a request into the arguments of a session's run, field by field; data comes by [inputs].
func options(request *messages.RunRequest) session.RunOptions {
	return session.RunOptions{
		RunID:              string(request.RunID),
		PipelineNames:      request.PipelineNames,
		Tags:               request.Tags,
		NodeNames:          request.NodeNames,
		FromNodes:          request.FromNodes,
		ToNodes:            request.ToNodes,
		FromInputs:         request.FromInputs,
		ToOutputs:          request.ToOutputs,
		LoadVersions:       request.LoadVersions,
		Namespaces:         request.Namespaces,
		OnlyMissingOutputs: request.OnlyMissingOutputs,
		RuntimeParams:      plainMap(request.RuntimeParams),
		RunnerName:         request.Runner,
		RunnerParams:       plainMap(request.RunnerParams),
		Outputs:            request.Outputs,
	}
}

// eventKinds are the events of a session that travel. That a run started is told by the claim, and of how many nodes
// it has by the first of them.
var eventKinds = map[session.EventKind]messages.EventKind{
	session.EventNodeStarted:   messages.EventNodeStarted,
	session.EventNodeFinished:  messages.EventNodeFinished,
	session.EventNodeFailed:    messages.EventNodeFailed,
	session.EventDatasetLoaded: messages.EventDatasetLoaded,
	session.EventDatasetSaved:  messages.EventDatasetSaved,
	session.EventLog:           messages.EventLog,
	session.EventProgress:      messages.EventProgress,
}

// convertEvent translates an event of a session; false means that it doesn't travel.
func convertEvent(e session.Event) (messages.Event, bool) {
	kind, ok := eventKinds[e.Kind]
	if !ok {
		return messages.Event{}, false
	}
	event := messages.Event{
		Kind: kind, Time: e.Time, Node: e.Node, Index: e.Index, Total: e.Total,
		Dataset: e.Dataset, Version: e.Version, Level: e.Level, Message: cut(mask.URL(e.Message), maxText),
		Took: messages.Duration(e.Duration),
	}
	if e.Index == 0 && e.Kind != session.EventProgress {
		event.Total = 0 // the number of nodes is said with "node i of n"
	}
	if e.Err != nil {
		event.Error = &messages.Failure{
			Code: codeOf(e.Err), Type: session.ErrorType(e.Err), Message: cut(mask.URL(e.Err.Error()), maxText), Node: e.Node,
		}
	}
	return event, true
}

// result translates what a run left.
func (w *Worker) result(r *run, result *session.Result) *messages.RunResult {
	reply := &messages.RunResult{
		Ended:        messages.Ended{SessionID: result.SessionID, Pipelines: result.Pipelines},
		NodesRun:     result.NodesRun,
		NodesSkipped: result.NodesSkipped,
		Versions:     result.Versions,
	}
	if len(result.Outputs) == 0 {
		return reply
	}
	asked := map[string]bool{}
	for _, name := range r.claim.Request().Outputs {
		asked[name] = true
	}
	giver := w.newGiver(r)
	reply.Outputs = make(map[string]messages.Output, len(result.Outputs))
	for _, name := range sortedKeys(result.Outputs) {
		reply.Outputs[name] = giver.output(result.Outputs[name], asked[name])
	}
	return reply
}

// inMemory tells whether a dataset ends with the run: what nobody declared, be it a runner's shared memory.
func inMemory(d catalog.Description) bool {
	switch d.Type {
	case "MemoryDataset", "kedro.io.memory_dataset.MemoryDataset", "SharedMemoryDataset", "kedro.io.shared_memory_dataset.SharedMemoryDataset":
		return true
	}
	return false
}

// filePath is where a described dataset keeps its data, masked; "" when it has no file.
func filePath(d catalog.Description) string {
	for _, arg := range d.Args {
		if arg.Name == "filepath" && arg.Value != nil {
			return mask.URL(fmt.Sprint(arg.Value))
		}
	}
	return ""
}

// planJSON is a plan as the service answers it.
func planJSON(plan *session.Plan) any {
	type node struct {
		Name      string   `json:"name"`
		Namespace string   `json:"namespace,omitempty"`
		Inputs    []string `json:"inputs"`
		Outputs   []string `json:"outputs"`
		Tags      []string `json:"tags,omitempty"`
	}
	nodes := make([]node, len(plan.Nodes))
	for i, n := range plan.Nodes {
		nodes[i] = node{Name: n.Name, Namespace: n.Namespace, Inputs: n.Inputs, Outputs: n.Outputs, Tags: n.Tags}
	}
	return struct {
		Pipelines []string `json:"pipelines"`
		Nodes     []node   `json:"nodes"`
		Skipped   []string `json:"skipped"`
		Inputs    []string `json:"inputs"`
		Outputs   []string `json:"outputs"`
		Missing   []string `json:"missing"`
	}{plan.Pipelines, nodes, plan.Skipped, plan.Inputs, plan.Outputs, plan.Missing}
}

// marshal is json.Marshal for values that are known to be JSON.
func marshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return []byte(`{}`)
	}
	return text
}
