package session

import (
	"context"
	"time"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/runner"
)

// observer translates the runner's events for the caller.
func (r *run) observer(ctx context.Context, cat *catalog.DataCatalog) func(runner.Event) {
	observe, trace := r.opts.Observe, r.opts.trace
	return func(e runner.Event) {
		if trace != nil {
			trace(e)
		}
		kind := eventKind(e.Kind)
		if kind == "" || observe == nil {
			return
		}
		event := Event{Kind: kind, Index: e.Index, Total: e.Total, Dataset: e.Dataset, Level: e.Level, Duration: e.Duration}
		switch kind {
		case EventDatasetLoaded, EventDatasetSaved:
			var stored bool
			if event.Version, stored = accessed(ctx, cat, e); !stored {
				return
			}
		case EventLog:
			event.Message = r.engine.secrets.Text(e.Message)
		case EventNodeFailed:
			event.Err = r.engine.masked(e.Err)
		}
		if e.Node != nil {
			event.Node = e.Node.Name()
		}
		event.Time = time.Now()
		observe(event)
	}
}

// accessed is the version that an event of a dataset is about, and whether the data is
// kept anywhere but in memory. An event is worth telling without the version.
func accessed(ctx context.Context, cat *catalog.DataCatalog, e runner.Event) (version string, stored bool) {
	ds, err := cat.Get(ctx, e.Dataset, catalog.GetOptions{})
	if err != nil {
		return "", false
	}
	if _, cached := ds.(*catalog.CachedDataset); !cached && catalog.Ephemeral(ds) {
		return "", false
	}
	versions, ok, err := cat.Versions(ctx, e.Dataset)
	switch {
	case err != nil || !ok:
		return "", true
	case e.Kind == runner.DatasetSaved:
		return versions.Save, true
	}
	return versions.Load, true
}

// eventKind is "" for what only hooks and tests want to know.
func eventKind(kind runner.EventKind) EventKind {
	switch kind {
	case runner.NodeStarted:
		return EventNodeStarted
	case runner.NodeFinished:
		return EventNodeFinished
	case runner.NodeFailed:
		return EventNodeFailed
	case runner.DatasetLoaded:
		return EventDatasetLoaded
	case runner.DatasetSaved:
		return EventDatasetSaved
	case runner.LogLine:
		return EventLog
	}
	return ""
}
