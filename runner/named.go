package runner

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
)

// modules maps Kedro's modules to the one runner that each defines.
var modules = map[string]string{
	"sequential_runner": "SequentialRunner", "thread_runner": "ThreadRunner", "parallel_runner": "ParallelRunner",
}

// className is the class that a bare or dotted name means: "ThreadRunner", "kedro.runner.ThreadRunner" or
// "kedro.runner.thread_runner.ThreadRunner".
func className(name string) string {
	if name == "" {
		return "SequentialRunner"
	}
	rest, ok := strings.CutPrefix(name, "kedro.runner.")
	if !ok {
		return name
	}
	if module, class, dotted := strings.Cut(rest, "."); dotted && modules[module] == class {
		return class
	}
	return rest
}

// New makes a built-in runner by the name of Kedro's class, bare or dotted, with its
// constructor's arguments (RUN-026): is_async for all, max_workers for ThreadRunner and
// ParallelRunner.
func New(name string, params map[string]any) (Runner, error) {
	class := className(name)
	args := arguments{runner: class, values: maps.Clone(params)}
	var r Runner
	switch class {
	case "SequentialRunner":
		r = Sequential{IsAsync: args.async()}
	case "ThreadRunner":
		r = Thread{MaxWorkers: args.maxWorkers(), IsAsync: args.async()}
	case "ParallelRunner":
		r = Parallel{MaxWorkers: args.maxWorkers(), IsAsync: args.async()}
	default:
		return nil, &AttributeError{message: fmt.Sprintf("module 'kedro.runner' has no attribute '%s'", class)}
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
