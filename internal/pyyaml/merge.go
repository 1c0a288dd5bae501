package pyyaml

const inMapping = "while constructing a mapping"

func (e entry) keyIs(tag string) bool { return e.key.tag == tag && !e.key.foreign }

// flatten puts what "<<" merges in front of the mapping's own entries. OmegaConf
// refuses a key twice, and drops merged keys that the mapping sets itself.
func (c *constructor) flatten(n *node) error {
	explicit := map[string]bool{}
	if c.opts.Schema == OmegaConf {
		for _, e := range n.pairs {
			if !e.keyIs(tagStr) {
				continue
			}
			if explicit[e.key.text] {
				return c.failIn(inMapping, n, e.key, "found duplicate key "+e.key.text)
			}
			explicit[e.key.text] = true
		}
	}
	var own, merged []entry
	for _, e := range n.pairs {
		switch {
		case e.keyIs(tagMerge):
			more, err := c.merge(n, e.value)
			if err != nil {
				return err
			}
			merged = append(merged, more...)
			continue
		case e.keyIs(tagValue):
			e.key.tag = tagStr
		}
		own = append(own, e)
	}
	if len(own) == len(n.pairs) {
		return nil
	}
	kept := merged[:0]
	for _, e := range merged {
		if !e.keyIs(tagStr) || !explicit[e.key.text] {
			kept = append(kept, e)
		}
	}
	n.pairs = append(kept, own...)
	return nil
}

// merge is the content of a mapping, or of the mappings of a list, the last one first.
func (c *constructor) merge(parent, value *node) ([]entry, error) {
	switch value.kind {
	case mappingNode:
		if err := c.flatten(value); err != nil {
			return nil, err
		}
		return value.pairs, nil
	case sequenceNode:
		for _, item := range value.items {
			if item.kind != mappingNode {
				return nil, c.failIn(inMapping, parent, item, "expected a mapping for merging, but found "+item.kind.String())
			}
			if err := c.flatten(item); err != nil {
				return nil, err
			}
		}
		var merged []entry
		for i := len(value.items) - 1; i >= 0; i-- {
			merged = append(merged, value.items[i].pairs...)
		}
		return merged, nil
	}
	return nil, c.failIn(inMapping, parent, value, "expected a mapping or list of mappings for merging, but found "+value.kind.String())
}
