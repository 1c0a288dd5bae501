package hook_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/hook"
)

// noted appends its name when it is called.
type noted struct {
	name  string
	calls *[]string
}

func (n *noted) BeforePipelineRun(context.Context, hook.PipelineInfo) error {
	*n.calls = append(*n.calls, n.name)
	return nil
}

func callBefore(t *testing.T, hooks ...any) {
	t.Helper()
	set, err := hook.NewSet(hooks...)
	require.NoError(t, err)
	require.NoError(t, set.BeforePipelineRun(t.Context(), hook.PipelineInfo{}))
}

// HK-024: last registered first; tryfirst before all, trylast after all. HK-031: once each.
func TestOrder(t *testing.T) {
	var calls []string
	h := func(name string) *noted { return &noted{name, &calls} }
	a, b := h("a"), h("b")
	for _, test := range []struct {
		name  string
		hooks []any
		want  []string
	}{
		{"last in first out", []any{a, b, h("c")}, []string{"c", "b", "a"}},
		{"first", []any{hook.TryFirst(a), b, h("c")}, []string{"a", "c", "b"}},
		{"two firsts", []any{hook.TryFirst(a), hook.TryFirst(b), h("c")}, []string{"b", "a", "c"}},
		{"last", []any{a, b, hook.TryLast(h("c"))}, []string{"b", "a", "c"}},
		{"two lasts", []any{hook.TryLast(a), hook.TryLast(b), h("c")}, []string{"c", "a", "b"}},
		{"duplicates", []any{a, b, a, hook.TryFirst(a)}, []string{"b", "a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls = nil
			callBefore(t, test.hooks...)
			require.Equal(t, test.want, calls)
		})
	}
}

// HK-020: each hook gets its own copy; on a conflict the hook registered first wins.
func TestBeforeNodeRunMerges(t *testing.T) {
	replace := func(values map[string]any) hook.BeforeNodeRunFunc {
		return func(_ context.Context, info hook.NodeInfo) (map[string]any, error) {
			require.Equal(t, map[string]any{"in": 1}, info.Inputs, "a change of one hook must not be seen by another")
			info.Inputs["in"] = "changed in place"
			return values, nil
		}
	}
	set, err := hook.NewSet(
		replace(map[string]any{"in": "first registered", "x": 1}),
		replace(nil),
		replace(map[string]any{"in": "last registered", "y": 2}),
	)
	require.NoError(t, err)
	inputs := map[string]any{"in": 1}
	merged, err := set.BeforeNodeRun(t.Context(), hook.NodeInfo{Inputs: inputs})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"in": "first registered", "x": 1, "y": 2}, merged)
	require.Equal(t, map[string]any{"in": 1}, inputs)
}

// HK-022: what a dynamic hook may answer.
// answers is a hook that gives an answer before each node, and counts.
type answers struct {
	answer any
	called *int
}

func (a answers) BeforeNodeRun(context.Context, hook.NodeInfo) (map[string]any, error) {
	*a.called++
	if err, ok := a.answer.(error); ok {
		return nil, err
	}
	return hook.Replacement(a.answer)
}

// TestAWrongAnswerFailsOnceAllHooksWereCalled: HK-022 looks at the answers when it has all of them.
func TestAWrongAnswerFailsOnceAllHooksWereCalled(t *testing.T) {
	called := 0
	set, err := hook.NewSet(answers{map[string]any{"a": 1}, &called}, answers{5, &called}, answers{"text", &called})
	require.NoError(t, err)
	_, err = set.BeforeNodeRun(t.Context(), hook.NodeInfo{})
	require.ErrorContains(t, err, "got 'str' instead")
	require.Equal(t, 3, called)

	called = 0
	set, err = hook.NewSet(answers{nil, &called}, answers{errors.New("says no"), &called}, answers{5, &called})
	require.NoError(t, err)
	_, err = set.BeforeNodeRun(t.Context(), hook.NodeInfo{})
	require.EqualError(t, err, "says no")
	require.Equal(t, 2, called)
}

func TestReplacement(t *testing.T) {
	got, err := hook.Replacement(nil)
	require.NoError(t, err)
	require.Nil(t, got)
	got, err = hook.Replacement(map[string]any{"a": 1})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": 1}, got)
	for kind, answer := range map[string]any{"str": "text", "int": 5, "list": []any{1}, "bool": true, "float": 0.5} {
		_, err = hook.Replacement(answer)
		var typed *hook.TypeError
		require.ErrorAs(t, err, &typed)
		require.Equal(t, "TypeError", typed.ErrorType())
		require.EqualError(t, err, "'before_node_run' must return either None or a dictionary mapping dataset names to updated values, got '"+kind+"' instead.")
	}
}

// HK-026: an error stops the rest.
func TestErrorStopsTheRest(t *testing.T) {
	no := errors.New("no")
	called := false
	set, err := hook.NewSet(
		hook.AfterNodeRunFunc(func(context.Context, hook.NodeResultInfo) error { called = true; return nil }),
		hook.AfterNodeRunFunc(func(context.Context, hook.NodeResultInfo) error { return no }),
	)
	require.NoError(t, err)
	require.ErrorIs(t, set.AfterNodeRun(t.Context(), hook.NodeResultInfo{}), no)
	require.False(t, called)
}

type wrongSignature struct{}

func (wrongSignature) AfterPipelineRun(hook.PipelineResultInfo) {}

// HK-025, HK-032: what isn't a hook is refused when the session is built.
func TestNewSetRefuses(t *testing.T) {
	for _, test := range []struct {
		name, message string
		hook          any
	}{
		{"nil", "hook nil: is no hook", nil},
		{"no moment", "hook int: implements none of the hook interfaces", 5},
		{"signature", "hook hook_test.wrongSignature: method AfterPipelineRun has the signature", wrongSignature{}},
		{"type", "KedroSession expects hooks to be registered as instances. Have you forgotten the `()` when registering a hook class ?", reflect.TypeFor[noted]()},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := hook.NewSet(test.hook)
			require.ErrorContains(t, err, test.message)
		})
	}
}

// all listens to every moment.
type all struct{ calls []string }

func (a *all) note(name string) error { a.calls = append(a.calls, name); return nil }

func (a *all) AfterContextCreated(context.Context, hook.ContextInfo) error { return a.note("context") }
func (a *all) AfterCatalogCreated(context.Context, hook.CatalogInfo) error { return a.note("catalog") }
func (a *all) BeforePipelineRun(context.Context, hook.PipelineInfo) error {
	return a.note("before pipeline")
}
func (a *all) AfterPipelineRun(context.Context, hook.PipelineResultInfo) error {
	return a.note("after pipeline")
}
func (a *all) OnPipelineError(context.Context, hook.PipelineErrorInfo) error {
	return a.note("pipeline error")
}
func (a *all) BeforeNodeRun(context.Context, hook.NodeInfo) (map[string]any, error) {
	return nil, a.note("before node")
}
func (a *all) AfterNodeRun(context.Context, hook.NodeResultInfo) error { return a.note("after node") }
func (a *all) OnNodeError(context.Context, hook.NodeErrorInfo) error   { return a.note("node error") }
func (a *all) BeforeDatasetLoaded(context.Context, hook.DatasetInfo) error {
	return a.note("before load")
}
func (a *all) AfterDatasetLoaded(context.Context, hook.DatasetDataInfo) error {
	return a.note("after load")
}
func (a *all) BeforeDatasetSaved(context.Context, hook.DatasetDataInfo) error {
	return a.note("before save")
}
func (a *all) AfterDatasetSaved(context.Context, hook.DatasetDataInfo) error {
	return a.note("after save")
}

// fire calls every moment of a set once, HK-001 to HK-012 in order.
func fire(ctx context.Context, s *hook.Set) error {
	_, err := s.BeforeNodeRun(ctx, hook.NodeInfo{})
	return errors.Join(
		s.AfterContextCreated(ctx, hook.ContextInfo{}), s.AfterCatalogCreated(ctx, hook.CatalogInfo{}),
		s.BeforePipelineRun(ctx, hook.PipelineInfo{}), s.AfterPipelineRun(ctx, hook.PipelineResultInfo{}),
		s.OnPipelineError(ctx, hook.PipelineErrorInfo{}), err,
		s.AfterNodeRun(ctx, hook.NodeResultInfo{}), s.OnNodeError(ctx, hook.NodeErrorInfo{}),
		s.BeforeDatasetLoaded(ctx, hook.DatasetInfo{}), s.AfterDatasetLoaded(ctx, hook.DatasetDataInfo{}),
		s.BeforeDatasetSaved(ctx, hook.DatasetDataInfo{}), s.AfterDatasetSaved(ctx, hook.DatasetDataInfo{}),
	)
}

func TestEveryMoment(t *testing.T) {
	h := new(all)
	set, err := hook.NewSet(h)
	require.NoError(t, err)
	require.NoError(t, fire(t.Context(), set))
	require.ElementsMatch(t, []string{"context", "catalog", "before pipeline", "after pipeline", "pipeline error", "before node",
		"after node", "node error", "before load", "after load", "before save", "after save"}, h.calls)
}

// HK-035: the nil set is the null manager. A moment without hooks costs nothing.
func TestEmptySetCostsNothing(t *testing.T) {
	empty, err := hook.NewSet()
	require.NoError(t, err)
	for _, set := range []*hook.Set{nil, empty} {
		ctx := t.Context()
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_, _ = set.BeforeNodeRun(ctx, hook.NodeInfo{})
			_ = set.AfterNodeRun(ctx, hook.NodeResultInfo{})
			_ = set.AfterDatasetSaved(ctx, hook.DatasetDataInfo{})
		}))
	}
}
