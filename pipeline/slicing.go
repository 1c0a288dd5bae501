package pipeline

import (
	"slices"
	"strings"
)

// OnlyNodes keeps the nodes with these full names (PIP-063). A name that is
// unknown or given twice is an error.
func (p *Pipeline) OnlyNodes(names ...string) (*Pipeline, error) {
	found, err := p.named(names)
	if err != nil {
		return nil, err
	}
	return p.keep(found), nil
}

// OnlyNodesWithNamespaces keeps the nodes in these namespaces or below
// (PIP-064). A namespace without nodes, or two that overlap, are an error.
func (p *Pipeline) OnlyNodesWithNamespaces(namespaces ...string) (*Pipeline, error) {
	found, err := p.inNamespaces(namespaces)
	if err != nil {
		return nil, err
	}
	return p.keep(found), nil
}

// OnlyNodesWithTags keeps the nodes with any of these tags (PIP-065).
func (p *Pipeline) OnlyNodesWithTags(tags ...string) *Pipeline {
	return p.keep(p.withAnyTag(tags))
}

// OnlyNodesWithInputs keeps the nodes that read these datasets (PIP-066). The
// bare name of a transcoded dataset stands for all its forms, here and in the
// three methods below; an unknown name is an error (PIP-069).
func (p *Pipeline) OnlyNodesWithInputs(datasets ...string) (*Pipeline, error) {
	found, err := p.readers(datasets)
	if err != nil {
		return nil, err
	}
	return p.keep(distinct(found)), nil
}

// OnlyNodesWithOutputs keeps the nodes that write these datasets (PIP-066).
func (p *Pipeline) OnlyNodesWithOutputs(datasets ...string) (*Pipeline, error) {
	found, err := p.writers(datasets)
	if err != nil {
		return nil, err
	}
	return p.keep(distinct(found)), nil
}

// FromInputs keeps the nodes that depend on these datasets, directly or not (PIP-067).
func (p *Pipeline) FromInputs(datasets ...string) (*Pipeline, error) {
	start, err := p.readers(datasets)
	if err != nil {
		return nil, err
	}
	return p.keep(p.downstream(start)), nil
}

// ToOutputs keeps the nodes that these datasets need, directly or not (PIP-067).
func (p *Pipeline) ToOutputs(datasets ...string) (*Pipeline, error) {
	start, err := p.writers(datasets)
	if err != nil {
		return nil, err
	}
	return p.keep(p.upstream(start)), nil
}

// FromNodes keeps these nodes and all that depend on them (PIP-068).
func (p *Pipeline) FromNodes(names ...string) (*Pipeline, error) {
	start, err := p.named(names)
	if err != nil {
		return nil, err
	}
	return p.keep(p.downstream(start)), nil
}

// ToNodes keeps these nodes and all that they depend on (PIP-068).
func (p *Pipeline) ToNodes(names ...string) (*Pipeline, error) {
	start, err := p.named(names)
	if err != nil {
		return nil, err
	}
	return p.keep(p.upstream(start)), nil
}

// named finds nodes by full name, in the order given.
func (p *Pipeline) named(names []string) ([]int32, error) {
	index := p.index()
	found := make([]int32, 0, len(names))
	var unknown []string
	for _, name := range names {
		if i, ok := index[name]; ok {
			found = append(found, i)
		} else {
			unknown = append(unknown, name)
		}
	}
	if unknown != nil {
		return nil, p.noSuchNodes(unique(unknown))
	}
	if err := p.distinctNodes(found); err != nil {
		return nil, err
	}
	return found, nil
}

func (p *Pipeline) noSuchNodes(unknown []string) error {
	var similar []string
	for _, name := range unknown {
		for _, i := range p.byName {
			if full := p.nodes[i].name; strings.HasSuffix(full, "."+name) {
				similar = append(similar, full)
			}
		}
	}
	hint := ""
	if similar != nil {
		slices.Sort(similar)
		hint = " Did you mean: " + reprNames(similar) + "?"
	}
	return valueError("Pipeline does not contain nodes named %s.%s", reprNames(unknown), hint)
}

// distinctNodes fails when a node was picked twice, as Kedro does (PIP-041).
func (p *Pipeline) distinctNodes(nodes []int32) error {
	seen := make([]bool, len(p.nodes))
	var twice []string
	for _, i := range nodes {
		if seen[i] {
			twice = append(twice, p.nodes[i].name)
		}
		seen[i] = true
	}
	if twice == nil {
		return nil
	}
	return notUnique([]*Pipeline{nil}, map[*Pipeline][]string{nil: twice})
}

// inNamespaces finds the nodes in namespaces or below, a node as often as it is
// meant. Nodes share few namespaces, so each of these is compared only once.
func (p *Pipeline) inNamespaces(namespaces []string) ([]int32, error) {
	var found []int32
	used := make([]bool, len(namespaces))
	within := map[string][]int{} // for a node's namespace, which of the wanted ones it is in
	for i, n := range p.nodes {
		if n.namespace == "" {
			continue
		}
		wanted, known := within[n.namespace]
		if !known {
			wanted = enclosing(n.namespace, namespaces)
			within[n.namespace] = wanted
		}
		for _, k := range wanted {
			used[k] = true
			found = append(found, int32(i))
		}
	}
	var unmatched []string
	for k, is := range used {
		if !is {
			unmatched = append(unmatched, namespaces[k])
		}
	}
	if unmatched != nil {
		return nil, valueError("Pipeline does not contain nodes with the following namespaces: %s", reprNames(unmatched))
	}
	return found, p.distinctNodes(found)
}

// enclosing lists which of the namespaces are namespace or above it.
func enclosing(namespace string, namespaces []string) []int {
	var out []int
	for k, outer := range namespaces {
		if rest, ok := strings.CutPrefix(namespace, outer); ok && (rest == "" || rest[0] == '.') {
			out = append(out, k)
		}
	}
	return out
}

func (p *Pipeline) withAnyTag(tags []string) []int32 {
	var found []int32
	for i, n := range p.nodes {
		if slices.ContainsFunc(n.tags, func(tag string) bool { return slices.Contains(tags, tag) }) {
			found = append(found, int32(i))
		}
	}
	return found
}

// readers lists the nodes that read the datasets, with repeats.
func (p *Pipeline) readers(datasets []string) ([]int32, error) {
	if err := p.checkDatasets(datasets); err != nil {
		return nil, err
	}
	var found []int32
	for _, name := range datasets {
		base := baseName(name)
		for _, i := range p.reads[p.datasets[base]] {
			if name == base || slices.Contains(p.nodes[i].inputs, name) {
				found = append(found, i)
			}
		}
	}
	return found, nil
}

// writers lists the nodes that write the datasets, with repeats.
func (p *Pipeline) writers(datasets []string) ([]int32, error) {
	if err := p.checkDatasets(datasets); err != nil {
		return nil, err
	}
	var found []int32
	for _, name := range datasets {
		base := baseName(name)
		i := p.producer[p.datasets[base]]
		if i >= 0 && (name == base || slices.Contains(p.nodes[i].out.names, name)) {
			found = append(found, i)
		}
	}
	return found, nil
}

// checkDatasets fails when the pipeline has no dataset of a name.
func (p *Pipeline) checkDatasets(datasets []string) error {
	var missing []string
	for _, name := range datasets {
		if !p.hasDataset(name) {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return nil
	}
	return valueError("Pipeline does not contain datasets named %s", reprNames(unique(missing)))
}

// hasDataset tells whether a node reads or writes name, or any form of it when it is bare.
func (p *Pipeline) hasDataset(name string) bool {
	base := baseName(name)
	d, ok := p.datasets[base]
	if !ok {
		return false
	}
	writer := p.producer[d]
	if name == base {
		return writer >= 0 || len(p.reads[d]) > 0
	}
	if writer >= 0 && slices.Contains(p.nodes[writer].out.names, name) {
		return true
	}
	return slices.ContainsFunc(p.reads[d], func(i int32) bool { return slices.Contains(p.nodes[i].inputs, name) })
}

// downstream lists the start nodes and all that depend on them, in construction order.
func (p *Pipeline) downstream(start []int32) []int32 {
	v := p.visit(start)
	for len(v.open) > 0 {
		for _, d := range p.out[v.next()] {
			for _, child := range p.reads[d] {
				v.add(child)
			}
		}
	}
	return v.nodes()
}

// upstream lists the start nodes and all that they depend on, in construction order.
func (p *Pipeline) upstream(start []int32) []int32 {
	v := p.visit(start)
	for len(v.open) > 0 {
		for _, d := range p.in[v.next()] {
			if parent := p.producer[d]; parent >= 0 {
				v.add(parent)
			}
		}
	}
	return v.nodes()
}

// visitor goes through a graph and sees every node once.
type visitor struct {
	seen  []bool
	open  []int32 // seen, but not yet gone on from
	count int
}

func (p *Pipeline) visit(start []int32) *visitor {
	v := &visitor{seen: make([]bool, len(p.nodes))}
	for _, i := range start {
		v.add(i)
	}
	return v
}

func (v *visitor) add(i int32) {
	if !v.seen[i] {
		v.seen[i] = true
		v.count++
		v.open = append(v.open, i)
	}
}

func (v *visitor) next() int32 {
	last := len(v.open) - 1
	i := v.open[last]
	v.open = v.open[:last]
	return i
}

// nodes lists what was seen, in construction order.
func (v *visitor) nodes() []int32 {
	found := make([]int32, 0, v.count)
	for i, is := range v.seen {
		if is {
			found = append(found, int32(i))
		}
	}
	return found
}

// distinct sorts nodes and drops repeats.
func distinct(nodes []int32) []int32 {
	slices.Sort(nodes)
	return slices.Compact(nodes)
}
