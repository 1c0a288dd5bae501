package session

import (
	"context"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/runner"
)

// plan answers what a run would do. No hook is called and nothing is loaded or saved;
// what a hook would add to the catalog therefore counts as missing.
func (e *engine) plan(ctx context.Context, opts RunOptions, params map[string]any) (*Plan, error) {
	r := run{engine: e, opts: &opts, id: "plan", saveVersion: "plan", params: params, kind: "Session"}
	loader, err := e.newLoader(ctx, params)
	if err != nil {
		return nil, err
	}
	s, _, err := r.choose(ctx)
	if err != nil {
		return nil, err
	}
	c := &Context{engine: e, loader: loader, runtimeParams: params}
	cat, err := c.catalog(ctx, catalogRequest{
		saveVersion: r.saveVersion, loadVersions: opts.LoadVersions, inputs: opts.Inputs, typed: s.typed,
	})
	if err != nil {
		return nil, err
	}
	return e.planned(ctx, r.names(), s, cat, opts.OnlyMissingOutputs)
}

func (e *engine) planned(ctx context.Context, names []string, s *slice, cat *catalog.DataCatalog, onlyMissing bool) (*Plan, error) {
	p := &Plan{Pipelines: names, Inputs: s.pipeline.Inputs(), Outputs: s.pipeline.Outputs()}
	for _, name := range p.Inputs {
		if !cat.Has(name) {
			p.Missing = append(p.Missing, name)
		}
	}
	nodes := s.pipeline.Nodes()
	if onlyMissing {
		var err error
		if nodes, p.Skipped, err = runner.MissingOutputs(ctx, s.schedule, cat); err != nil {
			return nil, err
		}
	}
	p.Nodes = make([]PlannedNode, len(nodes))
	for i, n := range nodes {
		p.Nodes[i] = PlannedNode{Name: n.Name(), Inputs: n.Inputs(), Outputs: n.Outputs(), Tags: n.Tags(), Namespace: n.Namespace()}
	}
	return p, nil
}
