package pyyaml

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// constructor turns the tree into values.
type constructor struct {
	opts Options
	made map[*yaml.Node]any // values of anchored nodes: aliases share them
}

func (c *constructor) construct(n *yaml.Node) (any, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Anchor == "" {
		return c.constructNode(n)
	}
	if value, ok := c.made[n]; ok {
		return value, nil
	}
	value, err := c.constructNode(n)
	if err == nil {
		if c.made == nil {
			c.made = map[*yaml.Node]any{}
		}
		c.made[n] = value
	}
	return value, err
}

func (c *constructor) constructNode(n *yaml.Node) (any, error) {
	tag := c.tag(n)
	switch {
	case n.Kind == yaml.ScalarNode:
		value, err := constructScalar(tag, n.Value)
		switch {
		case errors.Is(err, errNoConstructor):
			return nil, c.unknownTag(n, tag)
		case err != nil && tag == tagBinary:
			return nil, marked("ConstructorError", c.opts.Name, "", nil, err.Error(), markOf(n))
		}
		return value, err
	case n.Kind == yaml.SequenceNode && tag == tagSeq:
		return c.constructList(n)
	case n.Kind == yaml.MappingNode && tag == tagMap:
		return c.constructMap(n)
	case n.Kind == yaml.MappingNode && tag == tagStr:
		return nil, c.fail(n, "", "expected a scalar node, but found mapping")
	}
	return nil, c.unknownTag(n, tag)
}

// tag is the short tag of a node: its own, or the one that its form implies.
func (c *constructor) tag(n *yaml.Node) string {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!" {
		return strings.TrimPrefix(longTag(n.Tag), tagPrefix)
	}
	switch {
	case n.Kind == yaml.SequenceNode:
		return tagSeq
	case n.Kind == yaml.MappingNode:
		return tagMap
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle|yaml.TaggedStyle) != 0:
		return tagStr
	}
	return implicitTag(n.Value, c.opts.Schema)
}

func longTag(tag string) string {
	if rest, ok := strings.CutPrefix(tag, "!!"); ok {
		return tagPrefix + rest
	}
	return tag
}

func (c *constructor) unknownTag(n *yaml.Node, short string) error {
	tag := short
	if !strings.HasPrefix(tag, "!") && !strings.Contains(tag, ":") || strings.HasPrefix(tag, "python/") {
		tag = tagPrefix + tag
	}
	return c.fail(n, "", fmt.Sprintf("could not determine a constructor for the tag %s", quote(tag)))
}

func (c *constructor) fail(n *yaml.Node, context, problem string) error {
	return marked("ConstructorError", c.opts.Name, context, nil, problem, markOf(n))
}

func (c *constructor) failIn(parent, n *yaml.Node, problem string) error {
	return marked("ConstructorError", c.opts.Name, "while constructing a mapping", markOf(parent), problem, markOf(n))
}

func (c *constructor) constructList(n *yaml.Node) (any, error) {
	list := make([]any, len(n.Content))
	for i, child := range n.Content {
		value, err := c.construct(child)
		if err != nil {
			return nil, err
		}
		list[i] = value
	}
	return list, nil
}

// entry is a key and its value in a mapping, before it is constructed.
type entry struct{ key, value *yaml.Node }

func (c *constructor) constructMap(n *yaml.Node) (any, error) {
	entries, err := c.flatten(n)
	if err != nil {
		return nil, err
	}
	pairs := make([]Pair, 0, len(entries))
	for _, e := range entries {
		key, err := c.constructKey(n, e.key)
		if err != nil {
			return nil, err
		}
		value, err := c.construct(e.value)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, Pair{key, value})
	}
	return NewMap(pairs...), nil
}

func (c *constructor) constructKey(parent, n *yaml.Node) (any, error) {
	target := dealias(n)
	if target.Kind == yaml.ScalarNode && c.tag(target) == tagValue {
		return target.Value, nil
	}
	key, err := c.construct(n)
	if err != nil {
		return nil, err
	}
	switch key.(type) {
	case []any, *Map:
		return nil, c.failIn(parent, n, "found unhashable key")
	}
	return key, nil
}

func dealias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// flatten puts what "<<" merges in front of the mapping's own entries.
func (c *constructor) flatten(n *yaml.Node) ([]entry, error) {
	explicit := map[string]bool{}
	var own, merged []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		target := dealias(key)
		tag := ""
		if target.Kind == yaml.ScalarNode {
			tag = c.tag(target)
		}
		if tag == tagMerge {
			more, err := c.merge(n, dealias(value))
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
			continue
		}
		if tag == tagStr {
			if explicit[target.Value] && c.opts.Schema == OmegaConf {
				return nil, c.failIn(n, key, "found duplicate key "+target.Value)
			}
			explicit[target.Value] = true
		}
		own = append(own, entry{key, value})
	}
	if len(merged) == 0 {
		return own, nil
	}
	return append(c.withoutOwn(merged, explicit), own...), nil
}

// withoutOwn drops merged keys that the mapping sets itself, so that its order is kept.
func (c *constructor) withoutOwn(merged []entry, explicit map[string]bool) []entry {
	if c.opts.Schema != OmegaConf {
		return merged
	}
	kept := merged[:0]
	for _, e := range merged {
		target := dealias(e.key)
		if target.Kind == yaml.ScalarNode && c.tag(target) == tagStr && explicit[target.Value] {
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

func (c *constructor) merge(parent, value *yaml.Node) ([]entry, error) {
	switch value.Kind {
	case yaml.MappingNode:
		return c.flatten(value)
	case yaml.SequenceNode:
		var merged []entry
		for i := len(value.Content) - 1; i >= 0; i-- {
			item := dealias(value.Content[i])
			if item.Kind != yaml.MappingNode {
				return nil, c.failIn(parent, item, "expected a mapping for merging, but found "+kindName(item))
			}
			more, err := c.flatten(item)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
		}
		return merged, nil
	}
	return nil, c.failIn(parent, value, "expected a mapping or list of mappings for merging, but found "+kindName(value))
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "sequence"
	}
	return "scalar"
}
