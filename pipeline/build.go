package pipeline

import (
	"slices"
	"strconv"
	"strings"
)

// Part is what a pipeline is made of: a [*Node], a [*Pipeline], or what
// [Define] gives.
type Part interface {
	// gather gives the part's nodes, and the pipeline that they come from, if any.
	gather() (nodes []*Node, from *Pipeline, err error)
}

func (n *Node) gather() ([]*Node, *Pipeline, error) {
	if n == nil {
		return nil, nil, errNoNodes()
	}
	return []*Node{n}, nil, nil
}

func (p *Pipeline) gather() ([]*Node, *Pipeline, error) {
	if p == nil {
		return nil, nil, errNoNodes()
	}
	return p.order, p, nil
}

// definition is a node, or why there is none.
type definition struct {
	node *Node
	err  error
}

func (d definition) gather() ([]*Node, *Pipeline, error) { return []*Node{d.node}, nil, d.err }

// Define is [NewNode] for the argument list of [New] and [Modular], which give its error.
func Define(fn any, inputs, outputs any, opts ...NodeOption) Part {
	node, err := NewNode(fn, inputs, outputs, opts...)
	return definition{node, err}
}

func errNoNodes() error {
	return valueError("'nodes' argument of 'Pipeline' is None. It must be an iterable of nodes and/or pipelines instead.")
}

// New makes a pipeline of nodes and pipelines, which may be none. It fails on
// nodes with the same name, datasets named with and without transcoding,
// outputs or confirms in two nodes, and cycles, in this order (PIP-040 to PIP-046).
func New(parts ...Part) (*Pipeline, error) { return build(parts, nil) }

// Sum is the union of pipelines, Kedro's sum([...]): of equal nodes the first stays (PIP-060).
func Sum(pipelines ...*Pipeline) (*Pipeline, error) {
	var nodes []*Node
	for _, p := range pipelines {
		nodes = append(nodes, p.nodes...)
	}
	return union(nodes)
}

// union makes a pipeline of nodes of which equal ones are taken once.
func union(nodes []*Node) (*Pipeline, error) {
	parts := make([]Part, 0, len(nodes))
	seen := make(map[string]*Node, len(nodes))
	for _, n := range nodes {
		if twin, ok := seen[n.name]; ok && (twin == n || twin.key() == n.key()) {
			continue
		}
		seen[n.name] = n
		parts = append(parts, n)
	}
	return build(parts, nil)
}

// build checks and orders the nodes of parts, with tags added to each.
func build(parts []Part, tags []string) (*Pipeline, error) {
	nodes, from, err := flatten(parts)
	if err != nil {
		return nil, err
	}
	g := graph{nodes: nodes}
	if !g.sortNames() {
		return nil, sameNames(nodes, from)
	}
	g.intern()
	if err := g.checkTranscoding(); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if g.nodes, err = tagged(nodes, tags); err != nil {
			return nil, err
		}
	}
	if err := g.checkOutputs(); err != nil {
		return nil, err
	}
	if err := g.checkConfirms(); err != nil {
		return nil, err
	}
	g.link()
	p := newPipeline(g)
	if p == nil {
		return nil, circular(g.cycle())
	}
	return p, nil
}

// flatten lists the nodes of parts, and the pipelines that they come from, nil
// for nodes that stand alone.
func flatten(parts []Part) (nodes []*Node, from []*Pipeline, err error) {
	nodes, from = make([]*Node, 0, len(parts)), make([]*Pipeline, 0, len(parts))
	for _, part := range parts {
		if part == nil {
			return nil, nil, errNoNodes()
		}
		some, pipeline, err := part.gather()
		if err != nil {
			return nil, nil, err
		}
		nodes = append(nodes, some...)
		for range some {
			from = append(from, pipeline)
		}
	}
	return nodes, from, nil
}

// sameNames is the error for nodes some of which have the same name (PIP-041).
func sameNames(nodes []*Node, from []*Pipeline) error {
	seen := make(map[string]bool, len(nodes))
	repeated := map[*Pipeline][]string{}
	var order []*Pipeline
	for i, n := range nodes {
		if seen[n.name] {
			if _, known := repeated[from[i]]; !known {
				order = append(order, from[i])
			}
			repeated[from[i]] = append(repeated[from[i]], n.name)
		}
		seen[n.name] = true
	}
	return notUnique(order, repeated)
}

// notUnique is the error for node names that occur more than once; nil stands for nodes outside pipelines.
func notUnique(order []*Pipeline, repeated map[*Pipeline][]string) error {
	var b strings.Builder
	for _, p := range order {
		if p == nil {
			b.WriteString("Free nodes:\n")
		} else {
			b.WriteString(strings.ReplaceAll(p.GoString(), "\n", "") + ":\n")
		}
		for _, name := range unique(repeated[p]) {
			b.WriteString("  - " + name + "\n")
		}
	}
	return valueError("Pipeline nodes must have unique names. The following node names appear more than once:\n\n%s\nYou can name your nodes using the last argument of 'node()'.", b.String())
}

func tagged(nodes []*Node, tags []string) ([]*Node, error) {
	out := make([]*Node, len(nodes))
	for i, n := range nodes {
		var err error
		if out[i], err = n.withTags(tags); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkTranscoding finds datasets that are named with and without a format (PIP-042).
func (g *graph) checkTranscoding() error {
	const bare, coded = 1, 2
	used := make([]uint8, len(g.datasets))
	var both []string
	look := func(ids []int32, names, bases []string) {
		if len(names) == 0 || &names[0] == &bases[0] {
			for _, d := range ids {
				used[d] |= bare
			}
			return
		}
		for k, d := range ids {
			if len(names[k]) == len(bases[k]) {
				used[d] |= bare
			} else {
				used[d] |= coded
			}
		}
	}
	for i, n := range g.nodes {
		look(g.in[i], n.inputs, n.baseIn)
		look(g.out[i], n.out.names, n.baseOut)
	}
	for name, d := range g.datasets {
		if used[d] == bare|coded {
			both = append(both, name)
		}
	}
	if both == nil {
		return nil
	}
	return valueError("The following datasets are used with transcoding, but were referenced without the separator: %s.\nPlease specify a transcoding option or rename the datasets.",
		strings.Join(unique(both), ", "))
}

// checkOutputs finds datasets that several nodes write (PIP-043).
func (g *graph) checkOutputs() error {
	written := make([]bool, len(g.datasets))
	var twice []string
	for i, n := range g.nodes {
		for k, d := range g.out[i] {
			if written[d] {
				twice = append(twice, n.baseOut[k])
			}
			written[d] = true
		}
	}
	if twice == nil {
		return nil
	}
	return &Error{Type: OutputNotUniqueError, Message: "Output(s) " + reprNames(unique(twice)) + " are returned by more than one nodes. Node outputs must be unique."}
}

// checkConfirms finds datasets that several nodes confirm (PIP-044).
func (g *graph) checkConfirms() error {
	var confirmed []string
	for _, n := range g.nodes {
		bases, err := baseNames(n.confirms)
		if err != nil {
			return err
		}
		confirmed = append(confirmed, bases...)
	}
	slices.Sort(confirmed)
	if twice := repeatsOfSorted(confirmed); twice != nil {
		return &Error{Type: ConfirmNotUniqueError, Message: reprNames(twice) + " datasets are confirmed by more than one node. Node confirms must be unique."}
	}
	return nil
}

func repeatsOfSorted(names []string) []string {
	var out []string
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			out = append(out, names[i])
		}
	}
	return slices.Compact(out)
}

// circular is the error for a cycle (PIP-045).
func circular(cycle []*Node) error {
	items := make([]string, len(cycle))
	for i, n := range cycle {
		items[i] = n.GoString()
	}
	slices.Sort(items)
	return &Error{
		Type:    CircularDependencyError,
		Message: "Circular dependencies exist among the following " + strconv.Itoa(len(items)) + " item(s): [" + strings.Join(items, ", ") + "]",
	}
}
