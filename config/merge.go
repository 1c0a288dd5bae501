package config

// mergeInto merges src over dest as OmegaConf.unsafe_merge: mappings recursively, lists
// and scalars replaced. dest changes, src is copied (CFG-030, CFG-035, CFG-040).
func mergeInto(dest, src *node, resolvers func(string) (resolver, bool)) error {
	switch {
	case dest.kind == dictNode && src.kind == dictNode:
		return mergeDict(dest, src, resolvers)
	case dest.kind == listNode && src.kind == listNode:
		dest.items = nil
		for i, item := range src.items {
			dest.items = append(dest.items, item.clone(dest, i))
		}
		return nil
	}
	return failf("TypeError", "Cannot merge incompatible container types")
}

func mergeDict(dest, src *node, resolvers func(string) (resolver, bool)) error {
	for i, key := range src.keys {
		from, to := src.items[i], dest.child(key)
		if to != nil && to.template != nil && from.container() {
			to = dissolve(dest, key, to, resolvers)
		}
		switch {
		case to != nil && from.missing:
			// ??? gives no value, so what is there stays
		case to != nil && to.container() && from.container():
			if err := mergeInto(to, from, resolvers); err != nil {
				return err
			}
		default:
			dest.put(key, from.clone(dest, key))
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
