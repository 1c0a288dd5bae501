package runner

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"

	"github.com/kedge-run/kedge/hook"
)

// loadAsync reads all inputs at once and waits for all (RUN-032). Of several
// failures the one of the first input counts.
func (t *Task) loadAsync(ctx context.Context) (map[string]any, error) {
	values := make([]any, len(t.step.inputs))
	errs := make([]error, len(t.step.inputs))
	var loads sync.WaitGroup
	for i, slot := range t.step.inputs {
		loads.Go(func() {
			defer t.recovered(&errs[i])
			values[i], errs[i] = t.loadOne(ctx, i, t.schedule.slots[slot].name)
		})
	}
	loads.Wait()
	inputs := make(map[string]any, len(values))
	for i, slot := range t.step.inputs {
		if errs[i] != nil {
			return nil, errs[i]
		}
		inputs[t.schedule.slots[slot].name] = values[i]
	}
	return inputs, nil
}

// saved is the end of one asynchronous save.
type saved struct {
	info hook.DatasetDataInfo
	err  error
}

// saveAsync saves all outputs at once. The hooks before each save run in order, the
// ones after it as each save ends. All saves end before it returns; the first
// failure counts.
func (t *Task) saveAsync(ctx context.Context, values map[string]any) error {
	ended := make(chan saved, len(t.step.outputs))
	underWay := 0
	var failed error
	for _, slot := range t.step.outputs {
		info := hook.DatasetDataInfo{DatasetName: t.schedule.slots[slot].name, Node: t.Node}
		info.Data = values[info.DatasetName]
		if failed = errors.Join(cancelled(ctx), t.Hooks.BeforeDatasetSaved(ctx, info)); failed != nil {
			break
		}
		t.tell(DatasetSaving, info.DatasetName)
		underWay++
		go func() {
			end := saved{info: info}
			defer func() { ended <- end }()
			defer t.recovered(&end.err)
			end.err = t.Catalog.Save(ctx, info.DatasetName, info.Data)
		}()
	}
	for ; underWay > 0; underWay-- {
		end := <-ended
		if failed != nil {
			continue
		}
		if failed = end.err; failed == nil {
			t.tell(DatasetSaved, end.info.DatasetName)
			failed = t.Hooks.AfterDatasetSaved(ctx, end.info)
		}
	}
	return failed
}

// recovered turns a panic of a goroutine of this task into its error.
func (t *Task) recovered(err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{Node: t.step.name, Value: value, Stack: debug.Stack()}
	}
}
