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
func (t *Task) loadAsync(ctx context.Context, values []any) error {
	errs := make([]error, len(t.step.inputs))
	var loads sync.WaitGroup
	for i, slot := range t.step.inputs {
		loads.Go(func() {
			defer t.recovered(&errs[i])
			values[i], errs[i] = t.loadOne(ctx, slot, t.step.types[i])
		})
	}
	loads.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// saved is the end of one asynchronous save.
type saved struct {
	slot int
	info hook.DatasetDataInfo
	err  error
}

// saveAsync saves all outputs at once. The hooks before each save run in order, the
// ones after it as each save ends. All saves end before it returns; the first
// failure counts.
func (t *Task) saveAsync(ctx context.Context, values []any) error {
	hooks := t.Request.Hooks
	ended := make(chan saved, len(t.step.outputs))
	underWay := 0
	var failed error
	for i, slot := range t.step.outputs {
		if _, gone := values[i].(withdrawn); gone {
			continue
		}
		info := hook.DatasetDataInfo{DatasetName: t.in.schedule.names[slot], Node: t.Node, Data: values[i]}
		if failed = errors.Join(cancelled(ctx), hooks.BeforeDatasetSaved(ctx, info)); failed != nil {
			break
		}
		t.trace(DatasetSaving, info.DatasetName)
		underWay++
		go func() {
			end := saved{slot: slot, info: info}
			defer func() { ended <- end }()
			defer t.recovered(&end.err)
			end.err = t.in.data.Save(ctx, slot, info.Data)
		}()
	}
	defer func() { // what a hook that panics leaves
		for ; underWay > 0; underWay-- {
			<-ended
		}
	}()
	for underWay > 0 {
		end := <-ended
		underWay--
		if failed != nil {
			continue
		}
		if failed = end.err; failed == nil {
			t.tell(ctx, DatasetSaved, end.slot)
			failed = hooks.AfterDatasetSaved(ctx, end.info)
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
