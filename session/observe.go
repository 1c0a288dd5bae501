package session

import (
	"context"
	"time"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/runner"
)

// observer translates the runner's events for the caller.
func (r *run) observer(ctx context.Context, cat *catalog.DataCatalog) func(runner.Event) {
	observe := r.opts.Observe
	return func(e runner.Event) {
		event := Event{
			Kind: eventKind(e.Kind), Time: time.Now(), Index: e.Index, Total: e.Total, Dataset: e.Dataset,
			Level: e.Level, Message: e.Message, Duration: e.Duration, Err: e.Err,
		}
		if e.Node != nil {
			event.Node = e.Node.Name()
		}
		if e.Kind == runner.DatasetLoaded || e.Kind == runner.DatasetSaved {
			event.Version = versionOf(ctx, cat, e)
		}
		observe(event)
	}
}

// versionOf is the version that an event is about. An event is worth telling without it.
func versionOf(ctx context.Context, cat *catalog.DataCatalog, e runner.Event) string {
	version, ok, err := cat.Versions(ctx, e.Dataset)
	switch {
	case err != nil || !ok:
		return ""
	case e.Kind == runner.DatasetSaved:
		return version.Save
	}
	return version.Load
}

func eventKind(kind runner.EventKind) EventKind {
	switch kind {
	case runner.NodeStarted:
		return EventNodeStarted
	case runner.NodeFinished:
		return EventNodeFinished
	case runner.NodeFailed:
		return EventNodeFailed
	case runner.DatasetLoading:
		return EventDatasetLoading
	case runner.DatasetLoaded:
		return EventDatasetLoaded
	case runner.DatasetSaving:
		return EventDatasetSaving
	case runner.DatasetSaved:
		return EventDatasetSaved
	case runner.DatasetReleasing:
		return EventDatasetReleasing
	case runner.DatasetConfirming:
		return EventDatasetConfirming
	default:
		return EventLog
	}
}
