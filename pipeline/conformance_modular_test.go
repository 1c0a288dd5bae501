package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/oracle"
)

func TestConformanceModular(t *testing.T) {
	oracle.Suite{Family: "modular", Answer: answerModular}.Run(t)
}

type modularStep struct {
	Inputs     oracle.Value `json:"inputs"`
	Outputs    oracle.Value `json:"outputs"`
	Parameters oracle.Value `json:"parameters"`
	Tags       oracle.Value `json:"tags"`
	Namespace  string       `json:"namespace"`
	Prefix     *bool        `json:"prefix_datasets_with_namespace"`
}

func (s modularStep) options() Options {
	return Options{
		Inputs: mapping(s.Inputs), Outputs: mapping(s.Outputs), Parameters: mapping(s.Parameters),
		Tags: s.Tags.Texts(), Namespace: s.Namespace, KeepDatasetNames: s.Prefix != nil && !*s.Prefix,
	}
}

func mapping(v oracle.Value) Args {
	if args, ok := declared(v).(Args); ok {
		return args
	}
	return Keep(v.Texts()...)
}

// maps tells whether Kedro makes an inner pipeline first, and so warns twice.
func (o Options) maps() bool {
	return len(o.Inputs)+len(o.Outputs)+len(o.Parameters) > 0 || o.Namespace != ""
}

func answerModular(t *testing.T, v oracle.Vector) any {
	var in struct {
		Nodes []oracle.Node
		Steps []modularStep
	}
	v.Decode(t, &in)
	nodes, err := vectorNodes(in.Nodes)
	require.NoError(t, err)
	first, err := New(nodes...)
	if err != nil {
		return failed(err)
	}
	warnings := []string{}
	var parts []Part
	p := first
	if v.Kind == "chain" {
		warnings = append(warnings, first.Warnings()...)
	}
	for _, step := range in.Steps {
		from := first
		if v.Kind == "chain" {
			from = p
		}
		if step.options().maps() {
			warnings = append(warnings, from.Warnings()...)
		}
		if p, err = Modular(step.options(), from); err != nil {
			return failed(err)
		}
		warnings = append(warnings, p.Warnings()...)
		parts = append(parts, p)
	}
	if v.Kind == "instances" {
		if p, err = New(parts...); err != nil {
			return failed(err)
		}
		warnings = append(warnings, p.Warnings()...)
	}
	return modularAnswer(p, warnings)
}

func modularAnswer(p *Pipeline, warnings []string) any {
	details := []any{}
	for _, n := range p.Nodes() {
		details = append(details, modularDetail(n))
	}
	return map[string]any{
		"nodes": details, "inputs": p.Inputs(), "outputs": p.Outputs(), "describe": p.Describe(true),
		"interrupted_namespaces": interrupted(warnings),
	}
}

func modularDetail(n *Node) any {
	var namespace any
	if n.Namespace() != "" {
		namespace = n.Namespace()
	}
	return map[string]any{
		"name": n.Name(), "namespace": namespace, "inputs": vectorForm(n.in), "outputs": vectorForm(n.out),
		"tags": n.Tags(), "confirms": vectorConfirms(n.Confirms()), "inputs_list": n.Inputs(),
	}
}

// vectorConfirms writes confirms as the generator declares them: nothing, one name, or two in a list.
func vectorConfirms(names []string) any {
	switch len(names) {
	case 0:
		return nil
	case 1:
		return names[0]
	}
	return names
}

// vectorForm is a declaration as the vectors write it.
func vectorForm(f form) any {
	switch f.kind {
	case formText:
		return f.names[0]
	case formList:
		return f.names
	case formMapping:
		pairs := make(oracle.Dict, len(f.names))
		for i, name := range f.names {
			pairs[i] = oracle.Pair{Key: f.keys[i], Value: name}
		}
		return pairs
	}
	return nil
}
