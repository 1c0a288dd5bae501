package project

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// Project is everything that a session needs to know of a project besides its configuration files.
// It does not change after [New] or [Load] and is safe for concurrent use.
type Project struct {
	name       string
	dir        string
	settings   Settings
	entries    []entry // pipelines in order of registration
	bare       bool    // no default pipeline unless one is registered
	registry   *Registry
	hooks      []any
	types      *catalog.Types
	validators *catalog.Validators
	funcs      map[string]any
	runners    map[string]RunnerFunc
	params     map[string]reflect.Type
	errs       []error
}

// Option declares one part of a project for [New].
type Option func(*Project)

// RunnerFunc makes a runner of the project's own from the parameters of a request (Kedro's --runner-params).
type RunnerFunc func(params map[string]any) (runner.Runner, error)

// New declares a project in Go. It builds and opens nothing: pipelines are built at first use, and mistakes in
// the options (a name given twice, settings that contradict each other) are kept for [Project.Validate].
func New(name string, opts ...Option) *Project {
	p := &Project{
		name:       name,
		types:      dataset.Types(),
		validators: catalog.NewValidators(),
		funcs:      map[string]any{},
		runners:    map[string]RunnerFunc{},
		params:     map[string]reflect.Type{},
	}
	for _, opt := range opts {
		opt(p)
	}
	p.registry = newRegistry(p.entries, !p.bare)
	return p
}

// WithPipeline registers a pipeline under a name (Kedro's register_pipelines). Build is called once, at the first
// use of the name. The name "__default__" replaces the sum of all pipelines.
func WithPipeline(name string, build func() (*pipeline.Pipeline, error)) Option {
	return func(p *Project) { p.addPipeline(entry{name: name, build: build, origin: "Go code"}) }
}

// WithoutDefault leaves out the sum of all pipelines, so that a run has to name what it runs unless "__default__" is
// registered (SES-060), for projects in which running everything makes no sense.
func WithoutDefault() Option { return func(p *Project) { p.bare = true } }

// WithHooks adds hooks in order of registration (Kedro's HOOKS setting). A hook is a value that has one or more of
// the interfaces of package hook. Its name, for "disabled_hooks" in kedge.yml, is what its method Name() string
// says, else the name of its Go type.
func WithHooks(hooks ...any) Option {
	return func(p *Project) { p.hooks = append(p.hooks, hooks...) }
}

// WithType adds a dataset type that catalog.yml may name beside those of package dataset: class is its full name,
// names are further names.
func WithType(class string, build catalog.Builder, names ...string) Option {
	return func(p *Project) { p.types.Register(class, build, names...) }
}

// WithFunc registers a Go function that nodes of pipelines/*.yml may name with "func:".
func WithFunc(name string, fn any) Option {
	return func(p *Project) { register(p, "function", p.funcs, name, fn) }
}

// WithRunner registers a runner that a run request may name beside the built-in ones.
func WithRunner(name string, build RunnerFunc) Option {
	return func(p *Project) { register(p, "runner", p.runners, name, build) }
}

// WithParamsType declares the Go type of a parameter: the value of "params:<key>" is decoded into a new value of the
// sample's type before the run, and a mismatch is an error that names the key (Kedro's typed parameters, SES-100 to
// SES-109). Key is a dotted path; sample is a struct or a pointer to one (a pointer accepts null).
func WithParamsType(key string, sample any) Option {
	return func(p *Project) {
		if sample == nil {
			p.fail("the type of parameter %q is nil", key)
			return
		}
		register(p, "the type of parameter", p.params, key, reflect.TypeOf(sample))
	}
}

// WithSettings sets the settings that kedge.yml may override key by key.
func WithSettings(s Settings) Option {
	return func(p *Project) { p.settings = s }
}

// Name is the project's name; it is also the name of its default queue.
func (p *Project) Name() string { return p.name }

// Dir is the absolute path of the project's folder, "" for a project that was not loaded from one.
func (p *Project) Dir() string { return p.dir }

// Settings gives the settings with defaults filled in.
func (p *Project) Settings() Settings { return p.settings.withDefaults() }

// Pipelines is the registry of pipelines.
func (p *Project) Pipelines() *Registry { return p.registry }

// Types are the dataset types that the project's catalog may name.
func (p *Project) Types() *catalog.Types { return p.types }

// Hooks are the hooks that are not switched off, in order of registration.
func (p *Project) Hooks() []any {
	return slices.DeleteFunc(slices.Clone(p.hooks), func(h any) bool {
		return slices.Contains(p.settings.DisabledHooks, hookName(h))
	})
}

// Funcs are the Go functions that pipelines/*.yml may name.
func (p *Project) Funcs() map[string]any { return p.funcs }

// Runners are the project's own runners by name.
func (p *Project) Runners() map[string]RunnerFunc { return p.runners }

// ParamsTypes are the declared Go types of parameters by dotted key, without "params:".
func (p *Project) ParamsTypes() map[string]reflect.Type { return p.params }

// Validate reports every mistake in the declaration, joined. [Load] calls it.
func (p *Project) Validate() error {
	errs := slices.Clone(p.errs)
	if err := checkIdentity(p.name); err != nil {
		errs = append(errs, fmt.Errorf("the project's name: %w", err))
	}
	hooks := make([]string, len(p.hooks))
	for i, h := range p.hooks {
		hooks[i] = hookName(h)
	}
	return errors.Join(append(errs, p.settings.validate(hooks, slices.Sorted(maps.Keys(p.runners))))...)
}

// hookName is the name by which a hook can be switched off.
func hookName(hook any) string {
	if wrapped, ok := hook.(interface{ Unwrap() any }); ok {
		hook = wrapped.Unwrap()
	}
	if named, ok := hook.(interface{ Name() string }); ok {
		return named.Name()
	}
	t := reflect.TypeOf(hook)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return ""
	}
	return t.Name()
}

func (p *Project) addPipeline(e entry) {
	for _, old := range p.entries {
		if old.name == e.name {
			p.fail("pipeline %q is registered twice: by %s and by %s", e.name, old.origin, e.origin)
			return
		}
	}
	p.entries = append(p.entries, e)
}

// register adds a value under a name that must be free.
func register[V any](p *Project, what string, registered map[string]V, name string, value V) {
	if _, ok := registered[name]; ok {
		p.fail("%s %q is registered twice", what, name)
		return
	}
	registered[name] = value
}

func (p *Project) fail(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(format, args...))
}
