package runner

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/kedge-run/kedge/catalog"
)

// New makes a built-in runner by the name of Kedro's class, with its constructor's
// arguments (RUN-026): is_async for all, max_workers for ThreadRunner and
// ParallelRunner. A bare or "kedro.runner." name is understood.
func New(name string, params map[string]any) (Runner, error) {
	args := arguments{runner: name, values: maps.Clone(params)}
	var r Runner
	switch name {
	case "", "SequentialRunner", "kedro.runner.SequentialRunner":
		r = Sequential{IsAsync: args.async()}
	case "ThreadRunner", "kedro.runner.ThreadRunner":
		r = Thread{MaxWorkers: args.maxWorkers(), IsAsync: args.async()}
	case "ParallelRunner", "kedro.runner.ParallelRunner":
		r = Parallel{MaxWorkers: args.maxWorkers(), IsAsync: args.async()}
	default:
		return nil, &AttributeError{message: fmt.Sprintf("module 'kedro.runner' has no attribute '%s'", name)}
	}
	return r, args.finish()
}

// arguments takes keyword arguments apart and remembers the first mistake.
type arguments struct {
	runner string
	values map[string]any
	err    error
}

func (a *arguments) async() bool {
	value, ok := a.take("is_async", reflect.TypeFor[bool]()).(bool)
	return ok && value
}

func (a *arguments) maxWorkers() int {
	value, ok := a.take("max_workers", reflect.TypeFor[int]()).(int)
	if ok && value <= 0 && a.err == nil {
		a.err = &ValueError{message: "max_workers should be positive"}
	}
	return value
}

func (a *arguments) take(key string, want reflect.Type) any {
	value := a.values[key]
	delete(a.values, key)
	if value == nil {
		return nil
	}
	converted, err := catalog.Convert(value, want)
	if err != nil && a.err == nil {
		a.err = fmt.Errorf("runner parameter %s: %w", key, err)
	}
	return converted
}

func (a *arguments) finish() error {
	if a.err != nil {
		return a.err
	}
	if len(a.values) > 0 {
		key := slices.Sorted(maps.Keys(a.values))[0]
		return &TypeError{message: fmt.Sprintf("%s.__init__() got an unexpected keyword argument '%s'", a.runner, key)}
	}
	return nil
}
