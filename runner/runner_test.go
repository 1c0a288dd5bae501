package runner_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// trace records hooks and releases.
type trace struct {
	mu    sync.Mutex // guards the field below
	lines []string
}

func (tr *trace) add(parts ...string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.lines = append(tr.lines, strings.Join(parts, " "))
}

func (tr *trace) BeforeDatasetLoaded(_ context.Context, info hook.DatasetInfo) error {
	tr.add("before load", info.DatasetName)
	return nil
}

func (tr *trace) AfterDatasetLoaded(_ context.Context, info hook.DatasetDataInfo) error {
	tr.add("after load", info.DatasetName)
	return nil
}

func (tr *trace) BeforeNodeRun(_ context.Context, info hook.NodeInfo) (map[string]any, error) {
	tr.add("before", info.Node.Name())
	return nil, nil
}

func (tr *trace) AfterNodeRun(_ context.Context, info hook.NodeResultInfo) error {
	tr.add("after", info.Node.Name())
	return nil
}

func (tr *trace) OnNodeError(_ context.Context, info hook.NodeErrorInfo) error {
	tr.add("error", info.Node.Name(), info.Error.Error())
	return nil
}

func (tr *trace) BeforeDatasetSaved(_ context.Context, info hook.DatasetDataInfo) error {
	tr.add("before save", info.DatasetName)
	return nil
}

func (tr *trace) AfterDatasetSaved(_ context.Context, info hook.DatasetDataInfo) error {
	tr.add("after save", info.DatasetName)
	return nil
}

func (tr *trace) observe(e runner.Event) {
	switch e.Kind {
	case runner.DatasetReleasing:
		tr.add("release", e.Dataset)
	case runner.DatasetConfirming:
		tr.add("confirm", e.Dataset)
	}
}

func (tr *trace) hooks(t testing.TB) *hook.Set {
	set, err := hook.NewSet(tr)
	require.NoError(t, err)
	return set
}

func add(a, b int) int       { return a + b }
func double(a int) int       { return 2 * a }
func split(a int) (int, int) { return a / 2, a - a/2 }

// RUN-021, RUN-029, RUN-031, RUN-040: order of everything around nodes.
func TestSequentialOrder(t *testing.T) {
	p := newPipeline(t,
		pipeline.Define(add, []string{"x", "x"}, "sum", pipeline.Name("add")),
		pipeline.Define(split, "sum", []string{"low", "high"}, pipeline.Name("split")),
		pipeline.Define(double, "low", "out", pipeline.Name("double")),
	)
	tr := new(trace)
	result, err := runner.Sequential{}.Run(t.Context(), runner.Request{
		Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3}), Hooks: tr.hooks(t), Trace: tr.observe,
	})
	require.NoError(t, err)
	require.Equal(t, 6, load(t, result, "out"))
	require.Equal(t, 3, load(t, result, "high"))
	require.Equal(t, 3, result.NodesRun)
	require.Equal(t, []string{
		"before load x", "after load x", "before load x", "after load x", "before add", "after add", "before save sum", "after save sum",
		"before load sum", "after load sum", "before split", "after split",
		"before save low", "after save low", "before save high", "after save high", "release sum",
		"before load low", "after load low", "before double", "after double", "before save out", "after save out", "release low",
	}, tr.lines)
}

// RUN-041: names are counted with transcoding.
func TestReleaseOfTranscodedNames(t *testing.T) {
	p := newPipeline(t,
		pipeline.Define(double, "a", "b@x", pipeline.Name("one")),
		pipeline.Define(double, "b@y", "c", pipeline.Name("two")),
	)
	shared, err := catalog.NewMemory(nil, "")
	require.NoError(t, err)
	c := catalogOf(t, map[string]any{"a": 1, "b@x": stored{shared}, "b@y": stored{shared}})
	tr := new(trace)
	_, err = runner.Sequential{}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: c, Trace: tr.observe})
	require.Error(t, err, "both names are one memory dataset here, and the first release empties it")
	require.Equal(t, []string{"release b@x"}, tr.lines)
}

// RUN-012: free inputs that nothing provides.
func TestUnsatisfiedInputs(t *testing.T) {
	p := newPipeline(t, pipeline.Define(add, []string{"there", "b"}, "c"), pipeline.Define(double, "a", "d"))
	for _, r := range all() {
		_, err := r.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"there": 1})})
		require.EqualError(t, err, "Pipeline input(s) {'a', 'b'} not found in the DataCatalogWithCatalogCommandsMixin")
		var typed *runner.ValueError
		require.ErrorAs(t, err, &typed)
	}
}

// RUN-022: a node starts as soon as its parents are done; there is no barrier between levels.
func TestNoBarrierBetweenLevels(t *testing.T) {
	slowMayEnd := make(chan struct{})
	p := newPipeline(t,
		pipeline.Define(func(ctx context.Context, a int) (int, error) {
			select {
			case <-slowMayEnd: // opened by the second node of the other branch
				return a, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}, "x", "slow", pipeline.Name("slow")),
		pipeline.Define(double, "x", "quick"),
		pipeline.Define(func(a int) int { close(slowMayEnd); return a }, "quick", "end", pipeline.Name("child")),
	)
	_, err := runner.Thread{MaxWorkers: 2}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3})})
	require.NoError(t, err)
}

// RUN-030: items of a generator are drawn lazily and saved one by one, outputs interleaved.
func TestGenerator(t *testing.T) {
	type pair struct {
		A int `kedge:"a"`
		B int `kedge:"b"`
	}
	generate := func(n int) iter.Seq2[pair, error] {
		return func(yield func(pair, error) bool) {
			for i := range n {
				if !yield(pair{i, 10 * i}, nil) {
					return
				}
			}
		}
	}
	p := newPipeline(t, pipeline.Define(generate, "n", pipeline.Args{{Name: "a", Dataset: "as"}, {Name: "b", Dataset: "bs"}}, pipeline.Name("gen")))
	tr := new(trace)
	result, err := runner.Sequential{}.Run(t.Context(), runner.Request{
		Pipeline: p, Catalog: catalogOf(t, map[string]any{"n": 2}), Hooks: tr.hooks(t)})
	require.NoError(t, err)
	require.Equal(t, 10, load(t, result, "bs"))
	require.Equal(t, []string{"before load n", "after load n", "before gen", "after gen",
		"before save as", "after save as", "before save bs", "after save bs",
		"before save as", "after save as", "before save bs", "after save bs"}, tr.lines)

	// RUN-033
	_, err = runner.Sequential{IsAsync: true}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"n": 2})})
	require.ErrorContains(t, err, "Async data loading and saving does not work with nodes wrapping generator functions.")
}

// RUN-032: all loads end before the function starts; hooks around each.
func TestAsync(t *testing.T) {
	p := newPipeline(t,
		pipeline.Define(add, []string{"x", "y"}, "sum", pipeline.Name("add")),
		pipeline.Define(split, "sum", []string{"low", "high"}, pipeline.Name("split")),
	)
	for _, r := range []runner.Runner{runner.Sequential{IsAsync: true}, runner.Parallel{IsAsync: true}} {
		tr := new(trace)
		result, err := r.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3, "y": 4}), Hooks: tr.hooks(t)})
		require.NoError(t, err)
		require.Equal(t, 4, load(t, result, "high"))
		require.Less(t, slices.Index(tr.lines, "after load x"), slices.Index(tr.lines, "before add"))
		require.Less(t, slices.Index(tr.lines, "after load y"), slices.Index(tr.lines, "before add"))
		require.Less(t, slices.Index(tr.lines, "before save low"), slices.Index(tr.lines, "before save high"))
		require.Len(t, tr.lines, 3*4+4)
	}
}

// RUN-034: a node that returns nothing for a declared output.
func TestNilOutput(t *testing.T) {
	p := newPipeline(t, pipeline.Define(func(a int) any { return nil }, "x", "out", pipeline.Name("nothing")))
	for _, r := range all() {
		_, err := r.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3})})
		require.ErrorContains(t, err, "Saving 'None' to a 'Dataset' is not allowed")
	}
}

// RUN-050 to RUN-053: the first error, the node and the advice.
func TestFailure(t *testing.T) {
	boom := errors.New("boom")
	p := newPipeline(t,
		pipeline.Define(double, "x", "a", pipeline.Name("one")),
		pipeline.Define(func(int) (int, error) { return 0, boom }, "a", "b", pipeline.Name("two")),
		pipeline.Define(double, "b", "c", pipeline.Name("three")),
	)
	for _, r := range all() {
		tr := new(trace)
		var log bytes.Buffer
		logger := zerolog.New(&log)
		_, err := r.Run(logger.WithContext(t.Context()), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3}), Hooks: tr.hooks(t)})
		var failed *runner.Error
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, boom)
		require.Equal(t, "two", failed.Node)
		require.Equal(t, "There are 2 nodes that have not run.\nYou can resume the pipeline run from the nearest nodes with "+
			"persisted inputs by adding the following argument to your previous command:\n  --from-nodes \"one\"", failed.Resume)
		require.Contains(t, log.String(), "Completed 1 out of 3 tasks")
		require.Contains(t, log.String(), `--from-nodes \"one\"`)
		require.Equal(t, "error two boom", tr.lines[len(tr.lines)-1])
	}
	p = newPipeline(t, pipeline.Define(func(int) (int, error) { return 0, boom }, "x", "b"))
	_, err := runner.Sequential{}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3})})
	var failed *runner.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "No nodes ran. Repeat the previous command to attempt a new run.", failed.Resume)
}

// RUN-051: queued nodes still run after a failure, but nothing new is submitted.
func TestQueuedNodesRunAfterFailure(t *testing.T) {
	var ran atomic.Int32
	count := func(int) int { ran.Add(1); return 1 }
	p := newPipeline(t,
		pipeline.Define(func(int) (int, error) { return 0, errors.New("boom") }, "x", "a", pipeline.Name("a_fails")),
		pipeline.Define(count, "x", "b", pipeline.Name("b_queued")),
		pipeline.Define(count, "x", "c", pipeline.Name("c_queued")),
		pipeline.Define(count, "c", "d", pipeline.Name("d_never")),
	)
	_, err := runner.Thread{MaxWorkers: 1}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3})})
	require.EqualError(t, err, "boom")
	require.EqualValues(t, 2, ran.Load())
}

// A panic fails its own run, with the stack; on_node_error learns of it.
func TestPanic(t *testing.T) {
	p := newPipeline(t, pipeline.Define(func(int) int { panic("out of cheese") }, "x", "a", pipeline.Name("mouse")))
	for _, r := range all() {
		tr := new(trace)
		_, err := r.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3}), Hooks: tr.hooks(t)})
		var panicked *runner.PanicError
		require.ErrorAs(t, err, &panicked)
		require.Equal(t, "out of cheese", panicked.Value)
		require.Equal(t, "mouse", panicked.Node)
		require.Contains(t, string(panicked.Stack), "runner_test.go")
		require.Equal(t, "error mouse node mouse panicked: out of cheese", tr.lines[len(tr.lines)-1])
	}
	set, err := hook.NewSet(hook.BeforeDatasetLoadedFunc(func(context.Context, hook.DatasetInfo) error { panic("hook") }))
	require.NoError(t, err)
	for _, r := range append(all(), runner.Sequential{IsAsync: true}) {
		_, err := r.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3}), Hooks: set})
		var panicked *runner.PanicError
		require.ErrorAs(t, err, &panicked)
	}
}

// SES-079: after cancellation nothing is saved, no error hook fires, and the cause is in the error.
func TestCancellation(t *testing.T) {
	cause := errors.New("worker is stopping")
	for _, r := range append(all(), runner.Sequential{IsAsync: true}) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPipeline(t,
			// This node ignores its context and returns a value all the same.
			pipeline.Define(func(a int) int { cancel(cause); return a }, "x", "a", pipeline.Name("one")),
			pipeline.Define(double, "a", "b", pipeline.Name("two")),
		)
		c := catalogOf(t, map[string]any{"x": 3})
		tr := new(trace)
		_, err := r.Run(ctx, runner.Request{Pipeline: p, Catalog: c, Hooks: tr.hooks(t)})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		var failed *runner.Error
		require.False(t, errors.As(err, &failed))
		require.Equal(t, []string{"before load x", "after load x", "before one"}, tr.lines)
		_, err = c.Load(t.Context(), "a")
		require.Error(t, err, "nothing may be saved after the end of the context")
	}
}

// RUN-062, RUN-063: datasets for one process only, also those outside of the pipeline.
func TestParallelRefusesSingleProcessDatasets(t *testing.T) {
	p := newPipeline(t, pipeline.Define(double, "x", "a"))
	memory, err := catalog.NewMemory(1, "")
	require.NoError(t, err)
	c := catalogOf(t, map[string]any{"x": 3, "elsewhere": alone{memory}})
	_, err = runner.Parallel{}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: c})
	require.ErrorContains(t, err, "The following datasets cannot be used with multiprocessing: ['elsewhere']\n")
	var typed *runner.AttributeError
	require.ErrorAs(t, err, &typed)
	_, err = runner.Thread{}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: c})
	require.NoError(t, err)
}

// RUN-024, RUN-026: runners by name.
func TestNew(t *testing.T) {
	for _, test := range []struct {
		name   string
		params map[string]any
		want   runner.Runner
		err    string
	}{
		{"SequentialRunner", nil, runner.Sequential{}, ""},
		{"SequentialRunner", map[string]any{"is_async": true}, runner.Sequential{IsAsync: true}, ""},
		{"ThreadRunner", map[string]any{"max_workers": 3}, runner.Thread{MaxWorkers: 3}, ""},
		{"kedro.runner.ParallelRunner", map[string]any{"max_workers": 2.0}, runner.Parallel{MaxWorkers: 2}, ""},
		{"ThreadRunner", map[string]any{"max_workers": 0}, nil, "max_workers should be positive"},
		{"ThreadRunner", map[string]any{"workers": 1}, nil, "ThreadRunner.__init__() got an unexpected keyword argument 'workers'"},
		{"SequentialRunner", map[string]any{"max_workers": 1}, nil, "SequentialRunner.__init__() got an unexpected keyword argument 'max_workers'"},
		{"Sequential", nil, nil, "module 'kedro.runner' has no attribute 'Sequential'"},
	} {
		got, err := runner.New(test.name, test.params)
		if test.err != "" {
			require.EqualError(t, err, test.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, test.want, got)
	}
	_, err := runner.New("ThreadRunner", map[string]any{"max_workers": "many"})
	require.ErrorContains(t, err, "runner parameter max_workers: ")
	_, err = runner.Thread{MaxWorkers: -1}.Run(t.Context(), runner.Request{Pipeline: newPipeline(t), Catalog: catalog.New()})
	require.EqualError(t, err, "max_workers should be positive")
}

// A node's type drives the decoding of parameters; a mismatch names the place.
func TestTypedParameters(t *testing.T) {
	type options struct {
		TestSize float64 `json:"test_size"`
		Seed     int     `json:"seed"`
	}
	p := newPipeline(t, pipeline.Define(func(o options) float64 { return o.TestSize + float64(o.Seed) }, "params:model", "out"))
	result, err := runner.Sequential{}.Run(t.Context(), runner.Request{
		Pipeline: p, Catalog: catalogOf(t, map[string]any{"params:model": map[string]any{"test_size": 0.5, "seed": 3}})})
	require.NoError(t, err)
	require.Equal(t, 3.5, load(t, result, "out"))
	for _, wrong := range []map[string]any{{"test_size": 0.5, "sed": 3}, {"test_size": "half", "seed": 3}} {
		_, err = runner.Sequential{}.Run(t.Context(), runner.Request{Pipeline: p, Catalog: catalogOf(t, map[string]any{"params:model": wrong})})
		require.Error(t, err)
		require.Contains(t, err.Error(), "params:model")
	}
}

// The context of a function carries its task and a logger that feeds the observer.
func TestContextOfFunctions(t *testing.T) {
	p := newPipeline(t, pipeline.Define(func(ctx context.Context, a int) int {
		zerolog.Ctx(ctx).Info().Msg("half way")
		zerolog.Ctx(ctx).Debug().Msg("too fine")
		return len(runner.TaskFrom(ctx).Request.RunID)
	}, "x", "a", pipeline.Name("talker")))
	var lines []string
	observe := func(e runner.Event) {
		if e.Kind == runner.LogLine {
			lines = append(lines, e.Node.Name()+" "+e.Level+" "+e.Message)
		}
	}
	result, err := runner.Sequential{}.Run(t.Context(), runner.Request{
		Pipeline: p, Catalog: catalogOf(t, map[string]any{"x": 3}), RunID: "seven77", Observe: observe})
	require.NoError(t, err)
	require.Equal(t, []string{"talker info half way"}, lines)
	require.Equal(t, 7, load(t, result, "a"))
	require.Nil(t, runner.TaskFrom(t.Context()))
}

// Hooks may replace datasets and change inputs and outputs while nodes run (HK-020).
func TestHooksChangeData(t *testing.T) {
	ctx := t.Context()
	p := newPipeline(t,
		pipeline.Define(split, "x", []string{"low", "high"}, pipeline.Name("split")),
		pipeline.Define(add, []string{"low", "low"}, "sum", pipeline.Name("add")),
		pipeline.Define(double, "kept", "out", pipeline.Name("double")),
	)
	for _, r := range append(all(), runner.Sequential{IsAsync: true}) {
		set, err := hook.NewSet(
			hook.BeforeNodeRunFunc(func(ctx context.Context, info hook.NodeInfo) (map[string]any, error) {
				info.Inputs["x"] = "a hook's copy is its own"
				if info.Node.Name() == "add" {
					return map[string]any{"low": 50}, nil
				}
				return nil, nil
			}),
			hook.AfterNodeRunFunc(func(ctx context.Context, info hook.NodeResultInfo) error {
				if info.Node.Name() == "split" {
					delete(info.Outputs, "high")
					info.Outputs["low"] = 20
					info.Outputs["other"] = 1
				}
				return nil
			}),
		)
		require.NoError(t, err)
		c := catalogOf(t, map[string]any{"x": 3, "kept": 4})
		result, err := r.Run(ctx, runner.Request{Pipeline: p, Catalog: c, Hooks: set, Keep: []string{"low"}})
		require.NoError(t, err)
		require.Equal(t, 100, load(t, result, "sum"))
		low, err := c.Load(ctx, "low")
		require.NoError(t, err)
		require.Equal(t, 20, low)
		_, err = c.Load(ctx, "high")
		require.Error(t, err, "a hook took it out")
	}
}

// A dataset that a hook puts into the catalog during a run is the one that counts from then on.
func TestDatasetReplacedDuringRun(t *testing.T) {
	ctx := t.Context()
	p := newPipeline(t,
		pipeline.Define(double, "x", "a", pipeline.Name("one")),
		pipeline.Define(double, "a", "b", pipeline.Name("two")),
	)
	for _, r := range append(all(), runner.Sequential{IsAsync: true}) {
		c := catalogOf(t, map[string]any{"x": 3})
		set, err := hook.NewSet(hook.AfterDatasetSavedFunc(func(ctx context.Context, info hook.DatasetDataInfo) error {
			if info.DatasetName == "a" {
				return c.Set(ctx, "a", 10)
			}
			return nil
		}))
		require.NoError(t, err)
		result, err := r.Run(ctx, runner.Request{Pipeline: p, Catalog: c, Hooks: set})
		require.NoError(t, err)
		require.Equal(t, 20, load(t, result, "b"))
	}
}

// An input listed twice is read twice, and the function gets what was read last (RUN-031).
func TestInputListedTwice(t *testing.T) {
	p := newPipeline(t, pipeline.Define(func(a, b, c any) any { return []any{a, b, c} }, []string{"x", "y", "x"}, "out"))
	for _, r := range []runner.Runner{runner.Sequential{}, runner.Thread{}} {
		reads := 0
		c := catalogOf(t, map[string]any{"y": "y", "x": counting{&reads}})
		result, err := r.Run(t.Context(), runner.Request{Pipeline: p, Catalog: c})
		require.NoError(t, err)
		require.Equal(t, []any{2, "y", 2}, load(t, result, "out"))
	}
}

// counting is a dataset that gives the number of its loads.
type counting struct{ reads *int }

func (d counting) Load(context.Context) (any, error)  { *d.reads++; return *d.reads, nil }
func (counting) Save(context.Context, any) error      { return nil }
func (counting) Exists(context.Context) (bool, error) { return true, nil }
func (counting) Release(context.Context) error        { return nil }
func (counting) Describe() catalog.Description        { return catalog.Description{Type: "counting"} }

// A runner of a project's own runs nodes as tasks.
func TestTaskOfAnotherRunner(t *testing.T) {
	ctx := t.Context()
	p := newPipeline(t, pipeline.Define(func(ctx context.Context, a int) int {
		zerolog.Ctx(ctx).Info().Msg(runner.TaskFrom(ctx).Request.RunID)
		return 2 * a
	}, "x", "a", pipeline.Name("one")))
	c := catalogOf(t, map[string]any{"x": 3, "a": 0})
	var kinds []runner.EventKind
	tr := new(trace)
	req := runner.Request{Pipeline: p, Catalog: c, Hooks: tr.hooks(t), RunID: "seven77", Observe: func(e runner.Event) {
		require.False(t, e.Time.IsZero())
		kinds = append(kinds, e.Kind)
	}}
	task := runner.Task{Node: p.Nodes()[0], Request: &req, Index: 1, Total: 1}
	require.NoError(t, task.Execute(ctx))
	value, err := c.Load(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, 6, value)
	require.Equal(t, []runner.EventKind{runner.NodeStarted, runner.LogLine}, kinds)
	require.Equal(t, []string{"before load x", "after load x", "before one", "after one", "before save a", "after save a"}, tr.lines)
}
