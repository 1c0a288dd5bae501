package pipeline

import (
	"sync/atomic"
)

// Pipeline is a checked set of nodes with the order that their datasets imply.
// It is immutable and safe for concurrent use; what is derived from it is
// worked out once and kept.
type Pipeline struct {
	graph
	sequence []int32 // order of execution
	order    []*Node // the same as nodes
	groups   [][]*Node

	names        lazy[map[string]int32]
	allInputs    lazy[[]string]
	allOutputs   lazy[[]string]
	inputs       lazy[[]string]
	outputs      lazy[[]string]
	all          lazy[[]string]
	dependencies lazy[map[*Node][]*Node]
	warned       lazy[[]string]
}

// lazy is a value that is worked out on first use. Two first users may both
// work it out; all get the same result.
type lazy[T any] struct{ p atomic.Pointer[T] }

func (l *lazy[T]) get(work func() T) T {
	if p := l.p.Load(); p != nil {
		return *p
	}
	value := work()
	if l.p.CompareAndSwap(nil, &value) {
		return value
	}
	return *l.p.Load()
}

// newPipeline orders a graph that is known to be free of errors but cycles;
// nil means that it has one.
func newPipeline(g graph) *Pipeline {
	level, placed := g.levels()
	if placed < len(g.nodes) {
		return nil
	}
	p := &Pipeline{graph: g}
	var ends []int
	p.sequence, ends = g.ordered(level)
	p.order = g.pick(p.sequence)
	p.groups = make([][]*Node, len(ends))
	from := 0
	for l, end := range ends {
		p.groups[l] = p.order[from:end:end]
		from = end
	}
	return p
}

// keep is the pipeline of some of the nodes. A part of a pipeline that stands
// the checks of New stands them too.
func (p *Pipeline) keep(nodes []int32) *Pipeline {
	return newPipeline(p.slice(nodes))
}

// Nodes lists the nodes in execution order (PIP-052). Do not change it.
func (p *Pipeline) Nodes() []*Node { return p.order }

// GroupedNodes lists the nodes by level: a level depends on earlier ones only
// (PIP-052). Do not change it.
func (p *Pipeline) GroupedNodes() [][]*Node { return p.groups }

// Node finds a node by its full name; nil when there is none.
func (p *Pipeline) Node(name string) *Node {
	if i, ok := p.index()[name]; ok {
		return p.nodes[i]
	}
	return nil
}

// index maps full names to nodes.
func (p *Pipeline) index() map[string]int32 {
	return p.names.get(func() map[string]int32 {
		names := make(map[string]int32, len(p.nodes))
		for i, n := range p.nodes {
			names[n.name] = int32(i)
		}
		return names
	})
}

// NodeDependencies maps every node to the nodes whose outputs it reads (PIP-050). Do not change it.
func (p *Pipeline) NodeDependencies() map[*Node][]*Node {
	return p.dependencies.get(func() map[*Node][]*Node {
		all := make(map[*Node][]*Node, len(p.nodes))
		for i, parents := range p.allParents() {
			all[p.nodes[i]] = p.pick(parents)
		}
		return all
	})
}

// AllInputs lists the inputs of all nodes, sorted. Do not change it.
func (p *Pipeline) AllInputs() []string {
	return p.allInputs.get(func() []string { return p.collect((*Node).Inputs) })
}

// AllOutputs lists the outputs of all nodes, sorted. Do not change it.
func (p *Pipeline) AllOutputs() []string {
	return p.allOutputs.get(func() []string { return p.collect((*Node).Outputs) })
}

func (p *Pipeline) collect(names func(*Node) []string) []string {
	var all []string
	for _, n := range p.nodes {
		all = append(all, names(n)...)
	}
	return unique(all)
}

// Inputs lists the free inputs: what nodes read and none writes, sorted (PIP-051). Do not change it.
func (p *Pipeline) Inputs() []string {
	return p.inputs.get(func() []string { return p.free(p.AllInputs()) })
}

// Outputs lists the free outputs: what nodes write and none reads, sorted. Do not change it.
func (p *Pipeline) Outputs() []string {
	return p.outputs.get(func() []string { return p.free(p.AllOutputs()) })
}

// free leaves out what is both written and read.
func (p *Pipeline) free(names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		if d := p.datasets[baseName(name)]; p.producer[d] < 0 || len(p.reads[d]) == 0 {
			out = append(out, name)
		}
	}
	return out
}

// Datasets lists all dataset names, with transcoding, sorted. Do not change it.
func (p *Pipeline) Datasets() []string {
	return p.all.get(func() []string {
		return unique(append(append([]string{}, p.AllInputs()...), p.AllOutputs()...))
	})
}

// Warnings lists what Kedro warns of when it makes this pipeline: dataset names
// with full stops, at most once (PIP-011), and interrupted namespaces (PIP-048).
// Do not change it.
func (p *Pipeline) Warnings() []string {
	return p.warned.get(func() []string {
		var out []string
		for _, n := range p.nodes {
			if n.dotted {
				out = append(out, "One or more dataset names contain '.' characters, which is not recommended as the dot notation is reserved for automatic namespacing in Kedro. Consider using a different naming convention.")
				break
			}
		}
		return append(out, p.interruptions()...)
	})
}
