package messages

import "time"

// Worker is a worker's entry in the roster: its own sign of life, renewed with a
// time to live, so that a worker that is gone disappears.
type Worker struct {
	ID       string   `json:"id"` // new for each process
	Host     string   `json:"host,omitempty"`
	Project  string   `json:"project"`
	Queue    string   `json:"queue"`
	Tenants  []string `json:"tenants,omitempty"`
	Slots    int      `json:"slots"` // runs at once
	Busy     int      `json:"busy"`  // runs in work now
	Draining bool     `json:"draining,omitempty"`
	Paused   string   `json:"paused,omitempty"` // it takes nothing, because its queue or the worker is paused
	// PauseRevision is that of the queue's pause that the worker read last; 0: none.
	PauseRevision uint64    `json:"pause_revision,omitempty"`
	Version       string    `json:"version,omitempty"`
	StartedAt     time.Time `json:"started_at"`
	Pipelines     []string  `json:"pipelines,omitempty"`
}

// RosterKey is the key of a worker's entry in the bucket of leases.
func RosterKey(worker string) string { return "worker." + EncodeToken(worker) }

// RosterKeys is the filter of the whole roster.
const RosterKeys = "worker.*"
