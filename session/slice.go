package session

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kedge-run/kedge/internal/closest"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

// slice is what the names and filters of a run select, ready to be executed.
type slice struct {
	pipeline *pipeline.Pipeline
	schedule *runner.Schedule
	nodes    []string // names, in order
	typed    *requirements
	warnings []string
}

// slice finds the pipelines of a run and filters their sum. With an error it returns
// the warnings up to there.
func (e *engine) slice(names []string, opts *RunOptions) (*slice, error) {
	filters := pipeline.FilterOptions{
		Tags: opts.Tags, FromNodes: opts.FromNodes, ToNodes: opts.ToNodes, NodeNames: opts.NodeNames,
		FromInputs: opts.FromInputs, ToOutputs: opts.ToOutputs, NodeNamespaces: opts.Namespaces,
	}
	var buffer [256]byte
	key := sliceKey(buffer[:0], names, &filters)
	if s := e.slices.get(key); s != nil {
		return s, nil
	}
	s, err := e.newSlice(names, filters)
	slices.Sort(s.warnings)
	s.warnings = slices.Compact(s.warnings)
	if err == nil {
		e.slices.put(key, s)
	}
	return s, err
}

// sliceKey appends a text that is equal only for equal names and filters.
func sliceKey(key []byte, names []string, f *pipeline.FilterOptions) []byte {
	for _, list := range [...][]string{names, f.Tags, f.FromNodes, f.ToNodes, f.NodeNames, f.FromInputs, f.ToOutputs, f.NodeNamespaces} {
		key = binary.AppendUvarint(key, uint64(len(list)))
		for _, item := range list {
			key = binary.AppendUvarint(key, uint64(len(item)))
			key = append(key, item...)
		}
	}
	return key
}

func (e *engine) newSlice(names []string, filters pipeline.FilterOptions) (*slice, error) {
	all := make([]*pipeline.Pipeline, len(names))
	s := new(slice)
	for i, name := range names {
		p, err := e.lookup(name)
		if err != nil {
			return s, err
		}
		all[i] = p
		s.warnings = append(s.warnings, p.Warnings()...)
	}
	sum := all[0]
	var err error
	if len(all) > 1 {
		if sum, err = pipeline.Sum(all...); err != nil {
			return s, err
		}
		s.warnings = append(s.warnings, sum.Warnings()...)
	}
	if s.pipeline, err = sum.Filter(filters); err != nil {
		return s, err
	}
	s.warnings = append(s.warnings, s.pipeline.Warnings()...)
	s.schedule = runner.NewSchedule(s.pipeline)
	for _, n := range s.pipeline.Nodes() {
		s.nodes = append(s.nodes, n.Name())
	}
	s.typed = e.requirements(names, all)
	return s, nil
}

// lookup finds a registered pipeline, or says which ones have a similar name (SES-060).
func (e *engine) lookup(name string) (*pipeline.Pipeline, error) {
	registry := e.project.Pipelines()
	p, err := registry.Get(name)
	if errors.Is(err, project.ErrNotRegistered) {
		others := slices.DeleteFunc(registry.Names(), func(other string) bool { return other == name })
		return nil, &PipelineNotFoundError{Name: name, Suggestions: closest.Matches(name, others)}
	}
	return p, err
}
