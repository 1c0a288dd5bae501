package pyyaml

import (
	"errors"
	"fmt"
)

// constructor turns the tree into values. As PyYAML does, it makes collections empty
// and fills them level by level, so that of several mistakes the same one is told.
type constructor struct {
	opts Options
	open []unfilled
}

// unfilled is a collection whose content isn't there yet.
type unfilled struct {
	node    *node
	mapping *Map
	list    []any
}

// document is the value of a whole tree.
func (c *constructor) document(root *node) (any, error) {
	value, err := c.construct(root)
	for err == nil && len(c.open) > 0 {
		level := c.open
		c.open = nil
		for _, u := range level {
			if err = c.fill(u); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return value, nil
}

func (c *constructor) construct(n *node) (any, error) {
	if n.made {
		return n.value, nil
	}
	value, err := c.constructNode(n)
	n.value, n.made = value, err == nil
	return value, err
}

func (c *constructor) constructNode(n *node) (any, error) {
	if n.foreign {
		return nil, c.unknownTag(n)
	}
	switch n.tag {
	case tagSeq, tagOmap, tagPairs:
		list := make([]any, len(n.items))
		c.open = append(c.open, unfilled{node: n, list: list})
		return list, nil
	case tagMap:
		mapping := &Map{}
		c.open = append(c.open, unfilled{node: n, mapping: mapping})
		return mapping, nil
	case tagSet:
		keys := make([]any, len(n.pairs))
		c.open = append(c.open, unfilled{node: n, list: keys})
		if c.opts.Schema == OmegaConf {
			return Set(keys), nil
		}
		return keys, nil
	}
	return c.constructScalar(n)
}

func (c *constructor) constructScalar(n *node) (any, error) {
	if !hasConstructor(n.tag) {
		return nil, c.unknownTag(n)
	}
	text, err := c.scalarText(n)
	if err != nil {
		return nil, err
	}
	value, err := constructScalar(n.tag, text)
	var binary *binaryError
	if errors.As(err, &binary) {
		return nil, c.fail(n, err.Error())
	}
	return value, err
}

// scalarText is the text of a scalar, or of the value of "=" in a mapping.
func (c *constructor) scalarText(n *node) (string, error) {
	if n.kind == scalarNode {
		return n.text, nil
	}
	for _, e := range n.pairs {
		if e.key.tag == tagValue && !e.key.foreign {
			return c.scalarText(e.value)
		}
	}
	return "", c.fail(n, "expected a scalar node, but found "+n.kind.String())
}

func (c *constructor) unknownTag(n *node) error {
	tag := n.tag
	if !n.foreign {
		tag = tagPrefix + tag
	}
	return c.fail(n, "could not determine a constructor for the tag "+quote(tag))
}

func (c *constructor) fail(n *node, problem string) error {
	return marked("ConstructorError", c.opts.Name, "", nil, problem, &n.start)
}

func (c *constructor) failIn(context string, parent, n *node, problem string) error {
	return marked("ConstructorError", c.opts.Name, context, &parent.start, problem, &n.start)
}

func (c *constructor) fill(u unfilled) error {
	switch {
	case u.mapping != nil:
		return c.fillMap(u.node, u.mapping)
	case u.node.tag == tagSet:
		var m Map
		if err := c.fillMap(u.node, &m); err != nil {
			return err
		}
		copy(u.list, m.Keys())
		return nil
	case u.node.tag != tagSeq:
		return c.fillPairs(u.node, u.list)
	case u.node.kind != sequenceNode:
		return c.fail(u.node, "expected a sequence node, but found "+u.node.kind.String())
	}
	for i, item := range u.node.items {
		value, err := c.construct(item)
		if err != nil {
			return err
		}
		u.list[i] = value
	}
	return nil
}

func (c *constructor) fillMap(n *node, m *Map) error {
	if n.kind != mappingNode {
		return c.fail(n, "expected a mapping node, but found "+n.kind.String())
	}
	if err := c.flatten(n); err != nil {
		return err
	}
	pairs := make([]Pair, 0, len(n.pairs))
	for _, e := range n.pairs {
		key, err := c.construct(e.key)
		if err != nil {
			return err
		}
		switch key.(type) {
		case []any, *Map, Set:
			return c.failIn(inMapping, n, e.key, "found unhashable key")
		}
		value, err := c.construct(e.value)
		if err != nil {
			return err
		}
		pairs = append(pairs, Pair{key, value})
	}
	*m = *NewMap(pairs...)
	return nil
}

// fillPairs fills the list of pairs of !!omap and !!pairs.
func (c *constructor) fillPairs(n *node, list []any) error {
	context := map[string]string{tagOmap: "while constructing an ordered map", tagPairs: "while constructing pairs"}[n.tag]
	if n.kind != sequenceNode {
		return c.failIn(context, n, n, "expected a sequence, but found "+n.kind.String())
	}
	for i, item := range n.items {
		switch {
		case item.kind != mappingNode:
			return c.failIn(context, n, item, "expected a mapping of length 1, but found "+item.kind.String())
		case len(item.pairs) != 1:
			return c.failIn(context, n, item, fmt.Sprintf("expected a single mapping item, but found %d items", len(item.pairs)))
		}
		key, err := c.construct(item.pairs[0].key)
		if err != nil {
			return err
		}
		value, err := c.construct(item.pairs[0].value)
		if err != nil {
			return err
		}
		list[i] = []any{key, value}
	}
	return nil
}
