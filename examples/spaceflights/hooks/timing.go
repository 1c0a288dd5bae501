// Package hooks holds the hooks of the spaceflights project: what happens around its nodes, not in them.
package hooks

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/hook"
)

// Timing logs the slowest nodes at the end of each run. One value serves all runs of a worker, also at the same time.
type Timing struct {
	// Top says how many nodes to log.
	Top int

	mu   sync.Mutex // guards the field below
	runs map[string]*run
}

// run holds the times of one run by node.
type run struct {
	started map[string]time.Time
	took    map[string]time.Duration
}

var (
	_ hook.BeforePipelineRun = (*Timing)(nil)
	_ hook.BeforeNodeRun     = (*Timing)(nil)
	_ hook.AfterNodeRun      = (*Timing)(nil)
	_ hook.AfterPipelineRun  = (*Timing)(nil)
)

// Name is what "disabled_hooks" in kedge.yml says to switch it off.
func (t *Timing) Name() string { return "timing" }

// BeforePipelineRun makes room for the run until its ctx ends, however it ends.
func (t *Timing) BeforePipelineRun(ctx context.Context, info hook.PipelineInfo) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.runs == nil {
		t.runs = map[string]*run{}
	}
	id := info.RunParams.RunID
	t.runs[id] = &run{started: map[string]time.Time{}, took: map[string]time.Duration{}}
	context.AfterFunc(ctx, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.runs, id)
	})
	return nil
}

// BeforeNodeRun starts the clock.
func (t *Timing) BeforeNodeRun(_ context.Context, info hook.NodeInfo) (map[string]any, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.runs[info.RunID]; r != nil {
		r.started[info.Node.Name()] = time.Now()
	}
	return nil, nil
}

// AfterNodeRun stops the clock.
func (t *Timing) AfterNodeRun(_ context.Context, info hook.NodeResultInfo) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.runs[info.RunID]; r != nil {
		r.took[info.Node.Name()] = time.Since(r.started[info.Node.Name()])
	}
	return nil
}

// AfterPipelineRun logs the slowest nodes.
func (t *Timing) AfterPipelineRun(ctx context.Context, info hook.PipelineResultInfo) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.runs[info.RunParams.RunID]
	if r == nil {
		return nil
	}
	nodes := slices.SortedFunc(maps.Keys(r.took), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.took[b], r.took[a]), cmp.Compare(a, b))
	})
	for _, name := range nodes[:min(t.Top, len(nodes))] {
		zerolog.Ctx(ctx).Info().Str("node", name).Dur("took", r.took[name]).Msg("slow node")
	}
	return nil
}
