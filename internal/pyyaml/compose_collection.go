package pyyaml

import "slices"

// nodeUnless reads a node, or takes an empty one where a token of the given kinds
// stands: what is left out stands at the mark. The token before it has been skipped.
func (c *composer) nodeUnless(block, indentless bool, at func(next token) mark, kinds ...tokenKind) (*node, bool) {
	t, ok := c.peek()
	switch {
	case !ok:
		return nil, false
	case slices.Contains(kinds, t.kind):
		return c.empty(at(t)), true
	}
	return c.node(block, indentless)
}

func atEnd(of token) func(token) mark { return func(token) mark { return of.end } }
func atNext(next token) mark          { return next.start }

func (c *composer) blockSequence(n *node) bool {
	opening, _ := c.peek()
	c.skip()
	for {
		t, ok := c.peek()
		switch {
		case !ok:
			return false
		case t.kind == tokBlockEnd:
			c.skip()
			return true
		case t.kind != tokBlockEntry:
			return c.failParse("while parsing a block collection", opening.start, "did not find expected '-' indicator", t.start)
		}
		c.skip()
		item, ok := c.nodeUnless(true, false, atEnd(t), tokBlockEntry, tokBlockEnd)
		if !ok {
			return false
		}
		n.items = append(n.items, item)
	}
}

// indentlessSequence is the list in "key:\n- a\n- b", whose items are as far in as the key.
func (c *composer) indentlessSequence(n *node) bool {
	for {
		t, ok := c.peek()
		if !ok || t.kind != tokBlockEntry {
			return ok
		}
		c.skip()
		item, ok := c.nodeUnless(true, false, atEnd(t), tokBlockEntry, tokKey, tokValue, tokBlockEnd)
		if !ok {
			return false
		}
		n.items = append(n.items, item)
	}
}

func (c *composer) blockMapping(n *node) bool {
	opening, _ := c.peek()
	c.skip()
	for {
		t, ok := c.peek()
		switch {
		case !ok:
			return false
		case t.kind == tokBlockEnd:
			c.skip()
			return true
		case t.kind != tokKey:
			return c.failParse("while parsing a block mapping", opening.start, "did not find expected key", t.start)
		}
		c.skip()
		key, ok := c.nodeUnless(true, true, atEnd(t), tokKey, tokValue, tokBlockEnd)
		if !ok {
			return false
		}
		value, ok := c.blockValue()
		if !ok {
			return false
		}
		n.pairs = append(n.pairs, entry{key, value})
	}
}

func (c *composer) blockValue() (*node, bool) {
	t, ok := c.peek()
	switch {
	case !ok:
		return nil, false
	case t.kind != tokValue:
		return c.empty(t.start), true
	}
	c.skip()
	return c.nodeUnless(true, true, atEnd(t), tokKey, tokValue, tokBlockEnd)
}

// flowItems reads what stands between the brackets of a flow collection, item by item.
func (c *composer) flowItems(what string, closing tokenKind, closes string, item func(t token) bool) bool {
	opening, _ := c.peek()
	c.skip()
	for first := true; ; first = false {
		t, ok := c.peek()
		switch {
		case !ok:
			return false
		case t.kind == closing:
			c.skip()
			return true
		case !first && t.kind != tokFlowEntry:
			return c.failParse("while parsing a flow "+what, opening.start, "did not find expected ',' or '"+closes+"'", t.start)
		case !first:
			c.skip()
			if t, ok = c.peek(); !ok {
				return false
			}
			if t.kind == closing {
				continue
			}
		}
		if !item(t) {
			return false
		}
	}
}

func (c *composer) flowSequence(n *node) bool {
	return c.flowItems("sequence", tokFlowSequenceEnd, "]", func(t token) bool {
		var item *node
		var ok bool
		if t.kind == tokKey {
			item, ok = c.flowPair(t)
		} else {
			item, ok = c.node(false, false)
		}
		n.items = append(n.items, item)
		return ok
	})
}

// flowPair is the mapping in "[a: b]".
func (c *composer) flowPair(opening token) (*node, bool) {
	c.skip()
	n := &node{kind: mappingNode, tag: tagMap, start: opening.start}
	key, ok := c.flowPairKey()
	if !ok {
		return nil, false
	}
	value, ok := c.flowValue(tokFlowSequenceEnd)
	n.pairs = []entry{{key, value}}
	return n, ok
}

// flowPairKey takes the token after "?" with it when it is no node.
func (c *composer) flowPairKey() (*node, bool) {
	t, ok := c.peek()
	if !ok {
		return nil, false
	}
	switch t.kind {
	case tokValue, tokFlowEntry, tokFlowSequenceEnd:
		c.skip()
		return c.empty(t.end), true
	}
	return c.node(false, false)
}

func (c *composer) flowMapping(n *node) bool {
	return c.flowItems("mapping", tokFlowMappingEnd, "}", func(t token) bool {
		var e entry
		var ok bool
		if t.kind != tokKey {
			if e.key, ok = c.node(false, false); !ok {
				return false
			}
			if t, ok = c.peek(); !ok {
				return false
			}
			e.value = c.empty(t.start)
			n.pairs = append(n.pairs, e)
			return true
		}
		c.skip()
		if e.key, ok = c.nodeUnless(false, false, atNext, tokValue, tokFlowEntry, tokFlowMappingEnd); !ok {
			return false
		}
		if e.value, ok = c.flowValue(tokFlowMappingEnd); !ok {
			return false
		}
		n.pairs = append(n.pairs, e)
		return true
	})
}

// flowValue reads the value after a key in a flow collection, if there is one.
func (c *composer) flowValue(closing tokenKind) (*node, bool) {
	t, ok := c.peek()
	switch {
	case !ok:
		return nil, false
	case t.kind != tokValue:
		return c.empty(t.start), true
	}
	c.skip()
	return c.nodeUnless(false, false, atNext, tokFlowEntry, closing)
}
