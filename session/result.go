package session

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/kedge-run/kedge/catalog"
)

// Result is what a successful run leaves.
type Result struct {
	RunID     string
	SessionID string
	// Pipelines are the names that ran.
	Pipelines []string
	// NodesRun and NodesSkipped count nodes; skipped ones had stored outputs.
	NodesRun, NodesSkipped int
	// Versions maps each versioned dataset that was saved to its version.
	Versions map[string]string
	// Outputs holds the free outputs, and those that the options asked for.
	Outputs  map[string]Output
	Duration time.Duration
}

// Output is a dataset that a run produced. Its value isn't loaded (S-076).
type Output interface {
	Load(ctx context.Context) (any, error)
	Describe() catalog.Description
}

// EncodedOutput is an Output of an engine that keeps values outside of Go.
type EncodedOutput interface {
	Output
	// Encoded gives the value as JSON, nil when it is no JSON or too large, the name
	// of its type and its shape, such as "100 x 12"; both are empty for a dataset whose
	// value nobody has looked at.
	Encoded() (value json.RawMessage, valueType, shape string)
}

// FileOutput is an Output whose value may lie in a file, because it is large.
type FileOutput interface {
	Output
	// File gives the content and its format: "arrow" (the IPC file format) or "json"; nil
	// when there is no file. Several readers may use it; it is gone when the output is.
	File() (content *io.SectionReader, format string)
}

// Plan is what a run would do.
type Plan struct {
	// Pipelines are the names that would run.
	Pipelines []string
	// Nodes would run, in this order.
	Nodes []PlannedNode
	// Skipped are the nodes that OnlyMissingOutputs leaves out, sorted.
	Skipped []string
	// Inputs and Outputs are the free inputs and outputs, sorted.
	Inputs, Outputs []string
	// Missing are free inputs that no catalog entry provides: the run would fail.
	Missing []string
}

// PlannedNode is a node of a [Plan].
type PlannedNode struct {
	Name            string
	Inputs, Outputs []string
	Tags            []string
	Namespace       string
}

// Snapshot describes a project as Kedro's GET /snapshot does (SRV-040).
type Snapshot struct {
	Metadata  Metadata               `json:"metadata"`
	Pipelines []PipelineInfo         `json:"pipelines"`
	Datasets  map[string]DatasetInfo `json:"datasets"`
	// Parameters are the top-level keys, sorted.
	Parameters []string `json:"parameters"`
}

// Metadata names the project of a [Snapshot].
type Metadata struct {
	ProjectName  string `json:"project_name"`
	PackageName  string `json:"package_name"`
	KedroVersion string `json:"kedro_version"`
}

// PipelineInfo is a registered pipeline of a [Snapshot].
type PipelineInfo struct {
	Name    string     `json:"name"`
	Nodes   []NodeInfo `json:"nodes"`
	Inputs  []string   `json:"inputs"`
	Outputs []string   `json:"outputs"`
}

// NodeInfo is a node of a [Snapshot].
type NodeInfo struct {
	Name      string   `json:"name"`
	FuncName  string   `json:"func_name"`
	Namespace *string  `json:"namespace"`
	Tags      []string `json:"tags"`
	Inputs    []string `json:"inputs"`
	Outputs   []string `json:"outputs"`
	Source    *Source  `json:"source"`
}

// Source is the place of a node's function, relative to the project.
type Source struct {
	Filepath  string `json:"filepath"`
	LineStart int    `json:"line_start"`
	LineEnd   int    `json:"line_end"`
}

// DatasetInfo is a catalog entry of a [Snapshot].
type DatasetInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Filepath is as written but masked; nil when there is none.
	Filepath *string `json:"filepath"`
}
