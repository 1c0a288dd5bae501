package project

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kedge-run/kedge/pipeline"
)

// Default is the name of the pipeline that runs when a request names none: the sum of all others unless the project
// registers one under this name.
const Default = "__default__"

// ErrNotRegistered says that no pipeline has the name asked for.
var ErrNotRegistered = errors.New("pipeline is not registered")

// Registry holds a project's pipelines by name. Each is built once, at first access, also under concurrent use; the
// outcome is kept, an error too. So a run of one pipeline neither builds nor is broken by the others (in Kedro the
// effect of the requested-names filter, SES-092), and the registry of a session can be shared by all its runs.
type Registry struct {
	names []string // Default first, then in order of registration
	built map[string]func() (*pipeline.Pipeline, error)
}

// entry is one registered pipeline before the registry is made.
type entry struct {
	name   string
	origin string // where it was declared, for messages
	hidden bool   // a template: other pipelines of files may use it, nobody else sees it
	build  func() (*pipeline.Pipeline, error)
}

// BuildError says which pipeline could not be built. Err is what its function returned.
type BuildError struct {
	Pipeline string
	Err      error
}

// Error names the pipeline and repeats the cause.
func (e *BuildError) Error() string { return fmt.Sprintf("pipeline %q: %v", e.Pipeline, e.Err) }

// Unwrap gives the cause.
func (e *BuildError) Unwrap() error { return e.Err }

// newRegistry makes a registry; without a sum a run has to name its pipeline unless Default was registered.
func newRegistry(entries []entry, sum bool) *Registry {
	r := &Registry{built: map[string]func() (*pipeline.Pipeline, error){}}
	if sum || slices.ContainsFunc(entries, func(e entry) bool { return e.name == Default }) {
		r.names = []string{Default}
	}
	for _, e := range entries {
		if e.name != Default && !e.hidden {
			r.names = append(r.names, e.name)
		}
		r.built[e.name] = sync.OnceValues(func() (*pipeline.Pipeline, error) { return build(e) })
	}
	if _, given := r.built[Default]; !given && sum {
		r.built[Default] = sync.OnceValues(r.sum)
	}
	return r
}

// Names lists the registered names, Default first, without building anything.
func (r *Registry) Names() []string { return slices.Clone(r.names) }

// Has reports whether a name is registered, without building anything.
func (r *Registry) Has(name string) bool {
	return slices.Contains(r.names, name)
}

// Get gives the pipeline of a name, building it when this is the first access. The error is [ErrNotRegistered] for
// an unknown name and a [*BuildError] for one that can't be built.
func (r *Registry) Get(name string) (*pipeline.Pipeline, error) {
	if !r.Has(name) {
		return nil, fmt.Errorf("%w: %q", ErrNotRegistered, name)
	}
	return r.built[name]()
}

// Load builds all pipelines (Kedro's serving mode, SES-080) and gives every error, joined.
func (r *Registry) Load() error {
	var errs []error
	for _, name := range r.names {
		if _, err := r.Get(name); err != nil && name != Default {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if !r.Has(Default) {
		return nil
	}
	_, err := r.Get(Default)
	return err
}

func (r *Registry) sum() (*pipeline.Pipeline, error) {
	all := make([]*pipeline.Pipeline, 0, len(r.names))
	for _, name := range r.names[1:] {
		p, err := r.Get(name)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	p, err := pipeline.Sum(all...)
	if err != nil {
		return nil, &BuildError{Pipeline: Default, Err: err}
	}
	return p, nil
}

// build turns a panic of the project's code into an error, so that a broken pipeline can't take the worker down.
func build(e entry) (p *pipeline.Pipeline, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, &BuildError{Pipeline: e.name, Err: fmt.Errorf("panic: %v", r)}
		}
	}()
	if p, err = e.build(); err != nil {
		return nil, &BuildError{Pipeline: e.name, Err: err}
	}
	if p == nil {
		return nil, &BuildError{Pipeline: e.name, Err: errors.New("the function returned no pipeline")}
	}
	return p, nil
}
