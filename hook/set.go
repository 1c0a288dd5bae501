package hook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Set holds hooks sorted by moment, in call order. The nil set has no hooks: it is
// Kedro's null manager (RUN-013).
type Set struct {
	afterContextCreated []AfterContextCreated
	afterCatalogCreated []AfterCatalogCreated
	beforePipelineRun   []BeforePipelineRun
	afterPipelineRun    []AfterPipelineRun
	onPipelineError     []OnPipelineError
	beforeNodeRun       []BeforeNodeRun
	afterNodeRun        []AfterNodeRun
	onNodeError         []OnNodeError
	beforeDatasetLoaded []BeforeDatasetLoaded
	afterDatasetLoaded  []AfterDatasetLoaded
	beforeDatasetSaved  []BeforeDatasetSaved
	afterDatasetSaved   []AfterDatasetSaved
}

// place says where a hook stands among the others.
type place int

const (
	placeFirst place = iota
	placeNormal
	placeLast
)

// placed is a hook with a wish.
type placed struct {
	hook  any
	place place
}

// Unwrap returns the hook without the wish, so that a project can find its name.
func (p placed) Unwrap() any { return p.hook }

// TryFirst marks a hook to run before all that aren't marked so (pluggy's tryfirst).
func TryFirst(hook any) any { return placed{hook: hook, place: placeFirst} }

// TryLast marks a hook to run behind all that aren't marked so (pluggy's trylast).
func TryLast(hook any) any { return placed{hook: hook, place: placeLast} }

// NewSet sorts hooks, given in order of registration. A pointer that is registered
// already is skipped (HK-031). A value without a moment of a run, or with a method
// that has the name of one and another signature, is a [RegistrationError]
// (HK-025); a type in place of a value is a [TypeError] (HK-032).
func NewSet(hooks ...any) (*Set, error) {
	ordered, err := callOrder(hooks)
	if err != nil {
		return nil, err
	}
	set := new(Set)
	for _, h := range ordered {
		if set.add(h) == 0 {
			return nil, &RegistrationError{Hook: fmt.Sprintf("%T", h), Reason: "implements none of the hook interfaces"}
		}
	}
	return set, nil
}

// callOrder checks hooks and puts them into the order in which they are called.
func callOrder(hooks []any) ([]any, error) {
	var seen []any
	var first, normal, last []any
	for _, h := range hooks {
		at := placeNormal
		if p, ok := h.(placed); ok {
			h, at = p.hook, p.place
		}
		if err := checkHook(h); err != nil {
			return nil, err
		}
		if reflect.ValueOf(h).Kind() == reflect.Pointer {
			if slices.Contains(seen, h) {
				continue
			}
			seen = append(seen, h)
		}
		switch at {
		case placeFirst:
			first = append(first, h)
		case placeLast:
			last = append(last, h)
		default:
			normal = append(normal, h)
		}
	}
	slices.Reverse(first)
	slices.Reverse(normal)
	// pluggy puts every new trylast hook in front of its list, which it calls from
	// the end: so these run in order of registration.
	return slices.Concat(first, normal, last), nil
}

// moments maps the name of each hook method to its interface.
func moments() map[string]reflect.Type {
	return map[string]reflect.Type{
		"AfterContextCreated": reflect.TypeFor[AfterContextCreated](),
		"AfterCatalogCreated": reflect.TypeFor[AfterCatalogCreated](),
		"BeforePipelineRun":   reflect.TypeFor[BeforePipelineRun](),
		"AfterPipelineRun":    reflect.TypeFor[AfterPipelineRun](),
		"OnPipelineError":     reflect.TypeFor[OnPipelineError](),
		"BeforeNodeRun":       reflect.TypeFor[BeforeNodeRun](),
		"AfterNodeRun":        reflect.TypeFor[AfterNodeRun](),
		"OnNodeError":         reflect.TypeFor[OnNodeError](),
		"BeforeDatasetLoaded": reflect.TypeFor[BeforeDatasetLoaded](),
		"AfterDatasetLoaded":  reflect.TypeFor[AfterDatasetLoaded](),
		"BeforeDatasetSaved":  reflect.TypeFor[BeforeDatasetSaved](),
		"AfterDatasetSaved":   reflect.TypeFor[AfterDatasetSaved](),
	}
}

// checkHook refuses what can't be a hook. A near miss in a signature would
// otherwise be a hook that silently never runs.
func checkHook(h any) error {
	if h == nil {
		return &RegistrationError{Hook: "nil", Reason: "is no hook"}
	}
	if _, ok := h.(reflect.Type); ok {
		return &TypeError{message: "KedroSession expects hooks to be registered as instances. " +
			"Have you forgotten the `()` when registering a hook class ?"}
	}
	t := reflect.TypeOf(h)
	for name, want := range moments() {
		method, ok := t.MethodByName(name)
		if ok && !t.Implements(want) {
			return &RegistrationError{Hook: t.String(), Reason: fmt.Sprintf("method %s has the signature %s, want %s",
				name, method.Func.Type(), want.Method(0).Type)}
		}
	}
	return nil
}

// add appends the hook to its moments and returns how many it has.
func (s *Set) add(h any) int {
	return listen(&s.afterContextCreated, h) + listen(&s.afterCatalogCreated, h) +
		listen(&s.beforePipelineRun, h) + listen(&s.afterPipelineRun, h) + listen(&s.onPipelineError, h) +
		listen(&s.beforeNodeRun, h) + listen(&s.afterNodeRun, h) + listen(&s.onNodeError, h) +
		listen(&s.beforeDatasetLoaded, h) + listen(&s.afterDatasetLoaded, h) +
		listen(&s.beforeDatasetSaved, h) + listen(&s.afterDatasetSaved, h)
}

func listen[T any](moment *[]T, h any) int {
	impl, ok := h.(T)
	if !ok {
		return 0
	}
	*moment = append(*moment, impl)
	return 1
}

// fire calls the hooks of one moment up to the first error.
func fire[H, I any](ctx context.Context, hooks []H, call func(H, context.Context, I) error, info I) error {
	for _, h := range hooks {
		if err := call(h, ctx, info); err != nil {
			return err
		}
	}
	return nil
}

// AfterContextCreated calls the hooks of this moment.
func (s *Set) AfterContextCreated(ctx context.Context, info ContextInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.afterContextCreated, AfterContextCreated.AfterContextCreated, info)
}

// WantsCatalog reports whether a hook listens to [AfterCatalogCreated]: its
// mappings are worth building only then.
func (s *Set) WantsCatalog() bool { return s != nil && len(s.afterCatalogCreated) > 0 }

// WatchesNodes reports whether a hook is given the inputs of nodes, which it may keep.
func (s *Set) WatchesNodes() bool {
	return s != nil && len(s.beforeNodeRun)+len(s.afterNodeRun)+len(s.onNodeError) > 0
}

// AfterCatalogCreated calls the hooks of this moment.
func (s *Set) AfterCatalogCreated(ctx context.Context, info CatalogInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.afterCatalogCreated, AfterCatalogCreated.AfterCatalogCreated, info)
}

// BeforePipelineRun calls the hooks of this moment.
func (s *Set) BeforePipelineRun(ctx context.Context, info PipelineInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.beforePipelineRun, BeforePipelineRun.BeforePipelineRun, info)
}

// AfterPipelineRun calls the hooks of this moment.
func (s *Set) AfterPipelineRun(ctx context.Context, info PipelineResultInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.afterPipelineRun, AfterPipelineRun.AfterPipelineRun, info)
}

// OnPipelineError calls the hooks of this moment.
func (s *Set) OnPipelineError(ctx context.Context, info PipelineErrorInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.onPipelineError, OnPipelineError.OnPipelineError, info)
}

// BeforeNodeRun calls the hooks of this moment, each with its own shallow copy of
// the inputs, and returns the replacements merged so that the hook registered
// first wins (HK-020). Nil means that nothing is replaced. An answer that is no
// replacement (a [*TypeError], see [Replacement]) fails the node once all hooks were
// called (HK-022); any other error ends the row at once.
func (s *Set) BeforeNodeRun(ctx context.Context, info NodeInfo) (map[string]any, error) {
	if s == nil {
		return nil, nil
	}
	inputs := info.Inputs
	var merged map[string]any
	var wrong *TypeError
	for _, h := range s.beforeNodeRun {
		info.Inputs = maps.Clone(inputs)
		replaced, err := h.BeforeNodeRun(ctx, info)
		if err != nil {
			if mistyped := (*TypeError)(nil); errors.As(err, &mistyped) {
				wrong = cmp.Or(wrong, mistyped)
				continue
			}
			return nil, err
		}
		if len(replaced) > 0 && merged == nil {
			merged = make(map[string]any, len(replaced))
		}
		maps.Copy(merged, replaced)
	}
	if wrong != nil {
		return nil, wrong
	}
	return merged, nil
}

// AfterNodeRun calls the hooks of this moment.
func (s *Set) AfterNodeRun(ctx context.Context, info NodeResultInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.afterNodeRun, AfterNodeRun.AfterNodeRun, info)
}

// OnNodeError calls the hooks of this moment.
func (s *Set) OnNodeError(ctx context.Context, info NodeErrorInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.onNodeError, OnNodeError.OnNodeError, info)
}

// BeforeDatasetLoaded calls the hooks of this moment.
func (s *Set) BeforeDatasetLoaded(ctx context.Context, info DatasetInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.beforeDatasetLoaded, BeforeDatasetLoaded.BeforeDatasetLoaded, info)
}

// AfterDatasetLoaded calls the hooks of this moment.
func (s *Set) AfterDatasetLoaded(ctx context.Context, info DatasetDataInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.afterDatasetLoaded, AfterDatasetLoaded.AfterDatasetLoaded, info)
}

// BeforeDatasetSaved calls the hooks of this moment.
func (s *Set) BeforeDatasetSaved(ctx context.Context, info DatasetDataInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.beforeDatasetSaved, BeforeDatasetSaved.BeforeDatasetSaved, info)
}

// AfterDatasetSaved calls the hooks of this moment.
func (s *Set) AfterDatasetSaved(ctx context.Context, info DatasetDataInfo) error {
	if s == nil {
		return nil
	}
	return fire(ctx, s.afterDatasetSaved, AfterDatasetSaved.AfterDatasetSaved, info)
}
