package project

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/pipeline"
)

// declare registers the pipelines of files beside the compiled ones. What can be checked without building is checked
// here: names of pipelines and functions, and that no pipeline contains itself.
func (p *Project) declare(files []declared) error {
	var errs []error
	for _, d := range files {
		for _, old := range p.entries {
			if old.name == d.name {
				errs = append(errs, &FileError{File: d.file, Err: fmt.Errorf("pipeline %q is registered by %s already", d.name, old.origin)})
			}
		}
		p.entries = append(p.entries, entry{
			name: d.name, origin: d.file, hidden: strings.HasPrefix(d.name, "_") && d.name != Default,
			build: func() (*pipeline.Pipeline, error) { return p.build(d) },
		})
	}
	for _, d := range files {
		errs = append(errs, p.checkNames(d)...)
	}
	errs = append(errs, checkLoops(files)...)
	return errors.Join(errs...)
}

// checkNames checks the functions and pipelines that a file names.
func (p *Project) checkNames(d declared) []error {
	var funcs, pipelines []string
	for name := range p.funcs {
		funcs = append(funcs, name)
	}
	slices.Sort(funcs)
	for _, e := range p.entries {
		pipelines = append(pipelines, e.name)
	}
	var errs []error
	for _, one := range d.parts {
		at := FileError{File: d.file, Line: one.line, Where: one.where}
		switch {
		case one.fn != "" && len(funcs) == 0:
			at.Field, at.Err = "func", fmt.Errorf("unknown function %q: this worker has no functions compiled in (project.WithFunc)", one.fn)
		case one.fn != "" && !slices.Contains(funcs, one.fn):
			at.Field, at.Err = "func", fmt.Errorf("unknown function %q%s", one.fn, didYouMean(one.fn, funcs))
		case one.pipeline != "" && !slices.Contains(pipelines, one.pipeline):
			at.Field, at.Err = "pipeline", fmt.Errorf("unknown pipeline %q%s", one.pipeline, didYouMean(one.pipeline, pipelines))
		default:
			continue
		}
		errs = append(errs, &at)
	}
	return errs
}

// checkLoops finds pipelines that contain themselves, directly or not.
func checkLoops(files []declared) []error {
	parts := map[string][]part{}
	for _, d := range files {
		parts[d.name] = d.parts
	}
	var errs []error
	for _, d := range files {
		for _, one := range d.parts {
			if path := pathTo(parts, one.pipeline, d.name, nil); path != nil {
				errs = append(errs, &FileError{File: d.file, Line: one.line, Where: one.where, Field: "pipeline",
					Err: fmt.Errorf("the pipeline contains itself: %s", strings.Join(append([]string{d.name}, path...), " -> "))})
			}
		}
	}
	return errs
}

// pathTo lists the pipelines from one to another along "pipeline" keys; nil when there is no way.
func pathTo(parts map[string][]part, from, to string, visited map[string]bool) []string {
	if from == to {
		return []string{to}
	}
	if visited == nil {
		visited = map[string]bool{}
	}
	if visited[from] {
		return nil
	}
	visited[from] = true
	for _, one := range parts[from] {
		if one.pipeline == "" {
			continue
		}
		if path := pathTo(parts, one.pipeline, to, visited); path != nil {
			return append([]string{from}, path...)
		}
	}
	return nil
}

// build makes the pipeline of a file.
func (p *Project) build(d declared) (*pipeline.Pipeline, error) {
	var errs []error
	parts := make([]pipeline.Part, 0, len(d.parts))
	for _, one := range d.parts {
		made, err := p.buildPart(one)
		if err != nil {
			errs = append(errs, &FileError{File: d.file, Line: one.line, Where: one.where, Err: err})
			continue
		}
		parts = append(parts, made)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	built, err := pipeline.Modular(d.reuse, parts...)
	if err != nil {
		return nil, &FileError{File: d.file, Err: err}
	}
	return built, nil
}

func (p *Project) buildPart(one part) (pipeline.Part, error) {
	if one.pipeline != "" {
		inner, err := p.registry.built[one.pipeline]()
		if err != nil {
			return nil, err
		}
		return pipeline.Modular(one.reuse, inner)
	}
	options := []pipeline.NodeOption{pipeline.Tags(one.tags...), pipeline.Confirms(one.confirms...)}
	if one.name != "" {
		options = append(options, pipeline.Name(one.name))
	}
	if one.namespace != "" {
		options = append(options, pipeline.Namespace(one.namespace))
	}
	fn := p.funcs[one.fn]
	if one.command != nil {
		fn = p.command(one)
	}
	return pipeline.NewNode(fn, one.inputs, one.outputs, options...)
}

func (p *Project) command(one part) *command {
	c := &command{line: one.command, in: one.in, out: one.out, outputs: one.outputs, dir: p.dir, settings: p.Settings(), types: p.types}
	for _, f := range one.env {
		c.env = append(c.env, f.name+"="+f.node.Value)
	}
	return c
}
