package hosted

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/kedge-run/kedge/session"
)

// protocolVersion is what the child's program of this binary speaks; both sides come from one build.
const protocolVersion = 1

// request asks a child for one thing. Op is run, plan, snapshot or load.
type request struct {
	Op                 string            `json:"op"`
	RunID              string            `json:"run_id,omitempty"`
	SaveVersion        string            `json:"save_version,omitempty"`
	PipelineNames      []string          `json:"pipeline_names,omitempty"`
	Tags               []string          `json:"tags,omitempty"`
	NodeNames          []string          `json:"node_names,omitempty"`
	FromNodes          []string          `json:"from_nodes,omitempty"`
	ToNodes            []string          `json:"to_nodes,omitempty"`
	FromInputs         []string          `json:"from_inputs,omitempty"`
	ToOutputs          []string          `json:"to_outputs,omitempty"`
	LoadVersions       map[string]string `json:"load_versions,omitempty"`
	Namespaces         []string          `json:"namespaces,omitempty"`
	OnlyMissingOutputs bool              `json:"only_missing_outputs,omitempty"`
	RuntimeParams      json.RawMessage   `json:"runtime_params,omitempty"`
	Runner             string            `json:"runner,omitempty"`
	RunnerParams       json.RawMessage   `json:"runner_params,omitempty"`
	Inputs             json.RawMessage   `json:"inputs,omitempty"`
	InputFiles         map[string]file   `json:"input_files,omitempty"`
	Outputs            []string          `json:"outputs,omitempty"`
	Name               string            `json:"name,omitempty"`    // load: the dataset
	Version            string            `json:"version,omitempty"` // load: its version
	Folder             string            `json:"folder,omitempty"`  // for files of large outputs
	Inline             int               `json:"inline,omitempty"`  // bytes of outputs by value
}

// file is data of a request that lies in a file.
type file struct {
	Path string `json:"path"`
	Form string `json:"form"`
}

// message is anything that a child says. Type decides which fields are set: ready, unready, log, event, secrets, or
// the answer to a request: result, plan, snapshot, loaded, error.
type message struct {
	Type string `json:"type"`

	// ready
	Protocol  int      `json:"protocol"`
	Python    string   `json:"python"`
	Kedro     string   `json:"kedro"`
	Package   string   `json:"package"`
	Pipelines []string `json:"pipelines"`
	Source    string   `json:"source"`
	Conf      string   `json:"conf"`

	// unready, error, and the failure of a node
	Kind        string   `json:"kind"`
	Error       string   `json:"error"`
	Bases       []string `json:"bases"`
	Message     string   `json:"message"` // and of a log line
	Traceback   string   `json:"traceback"`
	Retryable   *bool    `json:"retryable"` // what the exception says of another attempt; nil: nothing
	Node        string   `json:"node"`      // and of events and log lines
	Resume      string   `json:"resume"`
	Name        string   `json:"name"`
	Field       string   `json:"field"`
	Suggestions []string `json:"suggestions"`

	// log
	Stream string `json:"stream"`
	Logger string `json:"logger"`
	Level  int    `json:"level"` // Python's number

	// event
	RunID   string   `json:"run_id"`
	Time    float64  `json:"time"` // seconds since 1970
	Took    float64  `json:"took"` // seconds
	Dataset string   `json:"dataset"`
	Version string   `json:"version"`
	Nodes   []string `json:"nodes"`
	Failure *message `json:"failure"`

	// secrets
	Values []any `json:"values"`

	// answers
	Memory   int               `json:"memory"` // KiB that the child occupies
	Result   *outcome          `json:"result"`
	Plan     *session.Plan     `json:"plan"`
	Snapshot *session.Snapshot `json:"snapshot"`
	Output   *encoded          `json:"output"`
}

// outcome is what a successful run left.
type outcome struct {
	NodesRun     int                `json:"nodes_run"`
	NodesSkipped int                `json:"nodes_skipped"`
	Versions     map[string]string  `json:"versions"`
	Outputs      map[string]encoded `json:"outputs"`
}

// encoded is a dataset as a child tells of it.
type encoded struct {
	Type      string              `json:"type"`
	Args      [][]json.RawMessage `json:"args"`
	Memory    bool                `json:"memory"`
	ValueType string              `json:"value_type"`
	Shape     string              `json:"shape"`
	Value     json.RawMessage     `json:"value"`
	File      string              `json:"file"`
	Form      string              `json:"form"`
	Size      int64               `json:"size"`
	Problem   string              `json:"problem"`
}

// encodeValues writes parameters or data. A float stays one: 1.0 is not 1 in Python.
func encodeValues(values map[string]any) (json.RawMessage, error) {
	if len(values) == 0 {
		return nil, nil
	}
	return json.Marshal(floatsKept(values))
}

func floatsKept(value any) any {
	switch v := value.(type) {
	case float64:
		return floatKept(v)
	case float32:
		return floatKept(float64(v))
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = floatsKept(item)
		}
		return list
	case map[string]any:
		mapping := make(map[string]any, len(v))
		for key, item := range v {
			mapping[key] = floatsKept(item)
		}
		return mapping
	}
	return value
}

func floatKept(f float64) any {
	if f != math.Trunc(f) || math.IsInf(f, 0) || math.Abs(f) >= 1e21 {
		return f
	}
	return json.RawMessage(strconv.FormatFloat(f, 'f', 1, 64))
}

// decodeValue reads JSON of a child: whole numbers as int or big.Int, others as float64.
func decodeValue(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("value of the child: %w", err)
	}
	return plain(value), nil
}

func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		return number(v)
	case []any:
		for i, item := range v {
			v[i] = plain(item)
		}
	case map[string]any:
		for key, item := range v {
			v[key] = plain(item)
		}
	}
	return value
}

func number(n json.Number) any {
	if whole, err := strconv.Atoi(n.String()); err == nil {
		return whole
	}
	if whole, ok := new(big.Int).SetString(n.String(), 10); ok {
		return whole
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return f
}
