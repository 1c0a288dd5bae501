package session

import (
	"context"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/runner"
)

// observer translates the runner's events for the caller.
func (r *run) observer(ctx context.Context, cat *catalog.DataCatalog) func(runner.Event) {
	observe := r.opts.Observe
	return func(e runner.Event) {
		event := Event{Kind: eventKind(e.Kind), Time: e.Time, Index: e.Index, Total: e.Total, Dataset: e.Dataset, Level: e.Level, Duration: e.Duration}
		if e.Node != nil {
			event.Node = e.Node.Name()
		}
		switch e.Kind {
		case runner.DatasetLoaded, runner.DatasetSaved:
			event.Version = accessed(ctx, cat, e)
		case runner.LogLine:
			event.Message = r.engine.secrets.Text(e.Message)
		case runner.NodeFailed:
			event.Err = r.engine.masked(e.Err)
		}
		observe(event)
	}
}

// accessed is the version that an event of a dataset is about. An event is worth telling
// without it.
func accessed(ctx context.Context, cat *catalog.DataCatalog, e runner.Event) string {
	versions, ok, err := cat.Versions(ctx, e.Dataset)
	switch {
	case err != nil || !ok:
		return ""
	case e.Kind == runner.DatasetSaved:
		return versions.Save
	}
	return versions.Load
}

// eventKind is "" for what only tests want to know, and Observe isn't told.
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
	case runner.NodeProgress:
		return EventProgress
	}
	return ""
}
