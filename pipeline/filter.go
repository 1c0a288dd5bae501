package pipeline

// FilterOptions are Kedro's arguments of Pipeline.filter; an empty one filters nothing.
type FilterOptions struct {
	Tags           []string // any of these
	FromNodes      []string // these nodes and all downstream
	ToNodes        []string // these nodes and all upstream
	NodeNames      []string // exactly these
	FromInputs     []string // all downstream of these datasets
	ToOutputs      []string // all upstream of these datasets
	NodeNamespaces []string // these namespaces and below
}

// Filter applies every filter given to this pipeline, not to each other's
// results, and keeps the nodes that all of them keep (PIP-070 to PIP-072).
// Unknown names are an error, in the order of the fields; so is an empty result.
func (p *Pipeline) Filter(f FilterOptions) (*Pipeline, error) {
	votes := make([]int8, len(p.nodes))
	given := int8(0)
	for _, filter := range []struct {
		values []string
		find   func([]string) ([]int32, error)
	}{
		{f.Tags, func(tags []string) ([]int32, error) { return p.withAnyTag(tags), nil }},
		{f.FromNodes, spread(p.named, p.downstream)},
		{f.ToNodes, spread(p.named, p.upstream)},
		{f.NodeNames, p.named},
		{f.FromInputs, spread(p.readers, p.downstream)},
		{f.ToOutputs, spread(p.writers, p.upstream)},
		{f.NodeNamespaces, p.inNamespaces},
	} {
		if len(filter.values) == 0 {
			continue
		}
		found, err := filter.find(filter.values)
		if err != nil {
			return nil, err
		}
		given++
		for _, i := range found {
			votes[i]++
		}
	}
	kept := make([]int32, 0, len(p.nodes))
	for i, n := range votes {
		if n == given {
			kept = append(kept, int32(i))
		}
	}
	if len(kept) == 0 {
		return nil, valueError("Pipeline contains no nodes after applying all provided filters. Please ensure that at least one pipeline with nodes has been defined.")
	}
	if len(kept) == len(p.nodes) {
		return p, nil
	}
	return p.keep(kept), nil
}

// spread finds nodes and then all that they lead to.
func spread(find func([]string) ([]int32, error), follow func([]int32) []int32) func([]string) ([]int32, error) {
	return func(names []string) ([]int32, error) {
		start, err := find(names)
		if err != nil {
			return nil, err
		}
		return follow(start), nil
	}
}
