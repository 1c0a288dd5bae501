package runner

import (
	"context"
	"time"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
)

// Runner executes pipelines. Implementations are safe for concurrent use.
type Runner interface {
	// Name is the name Kedro gives the runner's class; hooks read it in RunParams.
	Name() string
	// Run executes the request and returns when no node runs any more. A failure
	// while nodes run is an [*Error].
	Run(ctx context.Context, req Request) (*Result, error)
}

// Request is one execution.
type Request struct {
	Pipeline *pipeline.Pipeline
	// Schedule is the prepared form of Pipeline. Defaults to one made for this run.
	Schedule *Schedule
	Catalog  *catalog.DataCatalog
	// Hooks may be nil.
	Hooks *hook.Set
	RunID string
	// OnlyMissingOutputs leaves out nodes whose outputs are all stored (RUN-070).
	OnlyMissingOutputs bool
	// Keep names datasets that are not released when their last reader is done.
	Keep []string
	// Observe is told what happens, possibly from several goroutines at once. Nil
	// means that nobody listens.
	Observe func(Event)
	// Trace is told of every operation on a dataset as it begins, for tests of their
	// order; possibly from several goroutines at once. Defaults to nobody.
	Trace func(Event)
}

// Result is what a successful execution leaves.
type Result struct {
	// Outputs holds the dataset of each free output of the effective pipeline (RUN-016).
	Outputs map[string]catalog.Dataset
	// Pipeline is the effective pipeline: what the missing-output filter left.
	Pipeline *pipeline.Pipeline
	// NodesRun and NodesSkipped add up to the nodes of the request's pipeline.
	NodesRun, NodesSkipped int
}

// EventKind says what an [Event] tells.
type EventKind int

// The kinds of events. Those ending in -ing are sent to Trace, whether or not the
// operation then succeeds, the others to Observe. Loads and saves are told to Observe
// where the data is stored: what only passes through memory tells a watcher nothing.
const (
	NodeStarted EventKind = iota + 1
	NodeFinished
	NodeFailed
	DatasetLoading
	DatasetLoaded
	DatasetSaving
	DatasetSaved
	DatasetReleasing
	DatasetConfirming
	LogLine
	NodeProgress // see [Progress]
)

// Event is one thing that happened during an execution.
type Event struct {
	Kind EventKind
	// Time is unset for what is traced.
	Time time.Time
	Node *pipeline.Node
	// Index counts the nodes started (NodeStarted) or finished (NodeFinished) so
	// far, this one included; Total is the number of nodes of the execution. Of
	// NodeProgress they are what the node's function says.
	Index, Total int
	// Dataset is set for the dataset kinds.
	Dataset string
	// Duration is set for NodeFinished.
	Duration time.Duration
	// Err is set for NodeFailed.
	Err error
	// Level and Message are set for LogLine.
	Level, Message string
}
