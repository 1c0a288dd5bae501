package config

// mergeInto merges src over dest as OmegaConf.unsafe_merge: mappings recursively, lists
// and scalars replaced. dest changes, src is copied (CFG-030, CFG-035, CFG-040).
func mergeInto(dest, src *node, resolvers func(string) (resolver, bool)) error {
	return merger{resolvers: resolvers}.merge(dest, src)
}

// merger merges one tree into another.
type merger struct {
	resolvers func(string) (resolver, bool)
	// consume takes the nodes of the second tree instead of copying them: nobody else may have it.
	consume bool
}

func (m merger) merge(dest, src *node) error {
	switch {
	case dest.kind == dictNode && src.kind == dictNode:
		return m.dict(dest, src)
	case dest.kind == listNode && src.kind == listNode:
		dest.items = make([]*node, len(src.items))
		for i, item := range src.items {
			dest.items[i] = m.take(item, dest, i)
		}
		return nil
	}
	return failf("TypeError", "Cannot merge incompatible container types")
}

// take gives a node its place in the merged tree.
func (m merger) take(n, parent *node, key any) *node {
	if !m.consume {
		return n.clone(parent, key)
	}
	n.parent, n.key = parent, key
	return n
}

func (m merger) dict(dest, src *node) error {
	for i, key := range src.keys {
		from, to := src.items[i], dest.child(key)
		if to != nil && to.template != nil && from.container() {
			to = dissolve(dest, key, to, m.resolvers)
		}
		switch {
		case to != nil && from.missing:
			// ??? gives no value, so what is there stays
		case to != nil && to.container() && from.container():
			if err := m.merge(to, from); err != nil {
				return err
			}
		default:
			dest.put(key, m.take(from, dest, key))
		}
	}
	return nil
}

// dissolve puts a copy of the container that a reference leads to in the place of the
// reference, so that it can be merged into. A reference that leads nowhere stays.
func dissolve(dest *node, key any, reference *node, resolvers func(string) (resolver, bool)) *node {
	value, err := newResolution(resolvers, false).deref(reference)
	target, ok := value.(*node)
	if err != nil || !ok {
		return reference
	}
	copied := target.clone(dest, key)
	dest.put(key, copied)
	return copied
}
