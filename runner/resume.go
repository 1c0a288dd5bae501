package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
)

// resume is Kedro's advice after a failure (RUN-052).
func (e *execution) resume(ctx context.Context) string {
	if e.finished == 0 {
		return "No nodes ran. Repeat the previous command to attempt a new run."
	}
	return fmt.Sprintf("There are %d nodes that have not run.\nYou can resume the pipeline run from the nearest nodes with "+
		"persisted inputs by adding the following argument to your previous command:\n  --from-nodes \"%s\"",
		len(e.done)-e.finished, strings.Join(e.resumeNodes(ctx), ","))
}

// resumeNodes are the sorted names of the nodes to start from so that everything
// unfinished can run with the inputs that are stored (RUN-054 to RUN-056).
func (e *execution) resumeNodes(ctx context.Context) []string {
	steps := e.schedule.steps
	rerun := make([]bool, len(steps))
	visited := make([]bool, len(steps))
	var queue []int
	for i := range steps {
		rerun[i] = !e.done[i]
		if rerun[i] && e.readsExternal(i) {
			visited[i] = true
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		rerun[i] = true
		for _, d := range steps[i].inputs {
			writer := e.schedule.slots[d].writer
			if writer >= 0 && !visited[writer] && !e.persistent(ctx, d) {
				visited[writer] = true
				queue = append(queue, writer)
			}
		}
	}
	return e.firstLevel(rerun)
}

// readsExternal reports whether an unfinished step reads a dataset that no
// unfinished step writes. Names are compared without transcoding, which the edges
// between steps already are.
func (e *execution) readsExternal(i int) bool {
	for _, d := range e.schedule.steps[i].inputs {
		writer := e.schedule.slots[d].source
		if writer < 0 || e.done[writer] {
			return true
		}
	}
	return false
}

// persistent reports whether the data of a slot outlives the run, as far as the
// advice is concerned: parameters do (RUN-055, RUN-057).
func (e *execution) persistent(ctx context.Context, d int) bool {
	name := e.schedule.slots[d].name
	if strings.HasPrefix(name, "params:") {
		return true
	}
	ds, err := e.data.Get(ctx, d)
	return err == nil && !catalog.Ephemeral(ds)
}

// firstLevel adds all descendants of the chosen steps and returns those that no
// other chosen one precedes.
func (e *execution) firstLevel(chosen []bool) []string {
	steps := e.schedule.steps
	inner := make([]bool, len(steps)) // has a chosen parent
	for i := range steps {            // parents come before children
		if !chosen[i] {
			continue
		}
		for _, child := range steps[i].children {
			chosen[child], inner[child] = true, true
		}
	}
	var names []string
	for i := range steps {
		if chosen[i] && !inner[i] {
			names = append(names, steps[i].name)
		}
	}
	slices.Sort(names)
	return names
}
