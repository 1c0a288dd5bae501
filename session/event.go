package session

import "time"

// EventKind says what an [Event] tells; its text is stable.
type EventKind string

// The kinds of events. Loads and saves are told of datasets that are stored somewhere:
// values that only pass through memory, and parameters, tell a watcher nothing. Log
// lines are those that node functions write through zerolog.Ctx and commands on their
// outputs; what the engine writes about a run stays in the log.
const (
	EventRunStarted    EventKind = "run_started"
	EventNodeStarted   EventKind = "node_started"
	EventNodeFinished  EventKind = "node_finished"
	EventNodeFailed    EventKind = "node_failed"
	EventDatasetLoaded EventKind = "dataset_loaded"
	EventDatasetSaved  EventKind = "dataset_saved"
	EventLog           EventKind = "log"
	EventProgress      EventKind = "progress" // see [runner.Progress]; native nodes only
)

// Event is one thing that happened during a run. Credentials of the configuration are
// masked in its texts.
type Event struct {
	Kind EventKind
	Time time.Time
	// Node is the node concerned; empty where there is none.
	Node string
	// Index is the number of nodes started (node_started) or finished
	// (node_finished) so far, this one included; Total is the number of nodes. Of
	// progress they are what the node's function says.
	Index, Total int
	Dataset      string
	// Version is the version that was loaded or saved, of versioned datasets.
	Version string
	// Level and Message are set for log lines.
	Level, Message string
	// Duration is set when a node or an operation ended.
	Duration time.Duration
	// Err is set for node_failed.
	Err error
	// Nodes are the names of the nodes that will run, in order (run_started).
	// They must not be changed.
	Nodes []string
}
