package pipeline

// Add is the union; of equal nodes the left one stays, with its tags (PIP-060).
// The union is checked as New does.
func (p *Pipeline) Add(other *Pipeline) (*Pipeline, error) { return Sum(p, other) }

// Or is [Pipeline.Add].
func (p *Pipeline) Or(other *Pipeline) (*Pipeline, error) { return Sum(p, other) }

// Sub keeps the nodes that other does not have (PIP-061).
func (p *Pipeline) Sub(other *Pipeline) *Pipeline { return p.compare(other, false) }

// And keeps the nodes that other has too (PIP-061).
func (p *Pipeline) And(other *Pipeline) *Pipeline { return p.compare(other, true) }

// compare keeps the nodes that other has, or those that it has not.
func (p *Pipeline) compare(other *Pipeline, has bool) *Pipeline {
	index := other.index()
	kept := make([]int32, 0, len(p.nodes))
	for i, n := range p.nodes {
		k, ok := index[n.name]
		if ok && n != other.nodes[k] {
			ok = n.key() == other.nodes[k].key()
		}
		if ok == has {
			kept = append(kept, int32(i))
		}
	}
	return p.keep(kept)
}

// Tag adds tags to every node.
func (p *Pipeline) Tag(tags ...string) (*Pipeline, error) {
	nodes, err := tagged(p.nodes, tags)
	if err != nil {
		return nil, err
	}
	g := p.graph
	g.nodes = nodes
	return newPipeline(g), nil
}
