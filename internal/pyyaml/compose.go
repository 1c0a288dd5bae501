package pyyaml

import (
	"fmt"
	"strings"
)

// composer makes the tree of a document's tokens.
type composer struct {
	*scanner
	schema  Schema
	tags    map[string]string // handles of tags and what they stand for
	anchors map[string]*node
	depth   int
}

// compose is the tree of the only document of a text, nil when there is none.
func compose(text string, opts Options) (*node, error) {
	c := &composer{scanner: newScanner(text, opts.Name), schema: opts.Schema, anchors: map[string]*node{}}
	root, ok := c.document(true)
	if ok && root != nil {
		ok = c.onlyDocument(root)
	}
	if !ok {
		return nil, c.err
	}
	return root, nil
}

// failParse notes a mistake at a token; a context without text has none.
func (c *composer) failParse(context string, start mark, problem string, at mark) bool {
	contextMark := &start
	if context == "" {
		contextMark = nil
	}
	return c.failAs("ParserError", context, contextMark, problem, at)
}

func (c *composer) failAs(kind, context string, start *mark, problem string, at mark) bool {
	if c.err == nil {
		c.err = marked(kind, c.name, context, start, problem, &at)
	}
	return false
}

// document reads the next document; the first one needs no "---".
func (c *composer) document(first bool) (root *node, ok bool) {
	t, ok := c.peek()
	switch {
	case !ok:
		return nil, false
	case t.kind == tokStreamEnd:
		return nil, true
	}
	if !c.directives() {
		return nil, false
	}
	if first && t.kind != tokVersion && t.kind != tokTagDirective && t.kind != tokDocumentStart {
		return c.node(true, false)
	}
	if t, ok = c.peek(); !ok {
		return nil, false
	}
	if t.kind != tokDocumentStart {
		return nil, c.failParse("", t.start, "did not find expected <document start>", t.start)
	}
	c.skip()
	if t, ok = c.peek(); !ok {
		return nil, false
	}
	switch t.kind {
	case tokVersion, tokTagDirective, tokDocumentStart, tokDocumentEnd, tokStreamEnd:
		return c.empty(t.start), true
	}
	return c.node(true, false)
}

// onlyDocument refuses a second document.
func (c *composer) onlyDocument(root *node) bool {
	t, ok := c.peek()
	for ok && t.kind == tokDocumentEnd {
		c.skip()
		t, ok = c.peek()
	}
	if !ok || t.kind == tokStreamEnd {
		return ok
	}
	start := t.start
	if !c.directives() {
		return false
	}
	if t, ok = c.peek(); !ok {
		return false
	}
	if t.kind != tokDocumentStart {
		return c.failParse("", start, "did not find expected <document start>", t.start)
	}
	return c.failAs("ComposerError", "expected a single document in the stream", &root.start, "but found another document", start)
}

// directives reads what stands before a document.
func (c *composer) directives() bool {
	c.tags = map[string]string{}
	versioned := false
	for {
		t, ok := c.peek()
		if !ok {
			return false
		}
		switch t.kind {
		case tokVersion:
			if versioned {
				return c.failParse("", t.start, "found duplicate %YAML directive", t.start)
			}
			if versioned = true; t.version != [2]int{1, 1} && t.version != [2]int{1, 2} {
				return c.failParse("", t.start, "found incompatible YAML document", t.start)
			}
		case tokTagDirective:
			if _, twice := c.tags[t.handle]; twice {
				return c.failParse("", t.start, "found duplicate %TAG directive", t.start)
			}
			c.tags[t.handle] = t.text
		default:
			for handle, prefix := range map[string]string{"!": "!", "!!": tagPrefix} {
				if _, set := c.tags[handle]; !set {
					c.tags[handle] = prefix
				}
			}
			return true
		}
		c.skip()
	}
}

// empty is a node that isn't written.
func (c *composer) empty(at mark) *node {
	return &node{kind: scalarNode, tag: tagNull, start: at}
}

// properties are the anchor and the tag before a node.
type properties struct {
	start  mark
	anchor string
	tag    string
	tagged bool
}

// properties reads an anchor and a tag, in any order, and gives the token behind them.
func (c *composer) properties() (p properties, t token, ok bool) {
	if t, ok = c.peek(); !ok {
		return p, t, false
	}
	p.start = t.start
	var tag token
	for p.anchor == "" && t.kind == tokAnchor || !p.tagged && t.kind == tokTag {
		if t.kind == tokAnchor {
			p.anchor = t.text
		} else {
			tag, p.tagged = t, true
		}
		c.skip()
		if t, ok = c.peek(); !ok {
			return p, t, false
		}
	}
	if !p.tagged {
		return p, t, true
	}
	prefix, known := c.tags[tag.handle]
	if !known && tag.handle != "" {
		return p, t, c.failParse("while parsing a node", p.start, "found undefined tag handle", tag.start)
	}
	p.tag = prefix + tag.text
	p.tagged = p.tag != ""
	return p, t, true
}

// node reads a node; block collections and lists without indentation only where they may stand.
func (c *composer) node(block, indentless bool) (*node, bool) {
	if t, ok := c.peek(); ok && t.kind == tokAlias {
		return c.alias(t)
	}
	p, t, ok := c.properties()
	if !ok {
		return nil, false
	}
	n := &node{start: p.start, anchored: p.anchor != ""}
	var children func(*node) bool
	switch {
	case indentless && t.kind == tokBlockEntry:
		n.kind, children = sequenceNode, c.indentlessSequence
	case t.kind == tokScalar:
		n.text = t.text
		c.skip()
	case t.kind == tokFlowSequence:
		n.kind, children = sequenceNode, c.flowSequence
	case t.kind == tokFlowMapping:
		n.kind, children = mappingNode, c.flowMapping
	case block && t.kind == tokBlockSequence:
		n.kind, children = sequenceNode, c.blockSequence
	case block && t.kind == tokBlockMapping:
		n.kind, children = mappingNode, c.blockMapping
	case !n.anchored && !p.tagged:
		context := "while parsing a flow node"
		if block {
			context = "while parsing a block node"
		}
		return nil, c.failParse(context, p.start, "did not find expected node content", t.start)
	}
	n.tag, n.foreign = c.resolve(n, p, t)
	return n, c.register(n, p) && (children == nil || c.below(n, children))
}

// resolve is the tag of a node: its own, which may be foreign, or the one that its form
// implies. t was the token behind its properties.
func (c *composer) resolve(n *node, p properties, t token) (tag string, foreign bool) {
	switch {
	case p.tagged && p.tag != "!":
		short, ours := strings.CutPrefix(p.tag, tagPrefix)
		return short, !ours
	case n.kind == sequenceNode:
		return tagSeq, false
	case n.kind == mappingNode:
		return tagMap, false
	case t.kind != tokScalar && !p.tagged:
		return tagNull, false
	case t.kind == tokScalar && (t.plain || p.tagged):
		return implicitTag(n.text, c.schema), false
	}
	return tagStr, false
}

func (c *composer) alias(t token) (*node, bool) {
	n, ok := c.anchors[t.text]
	if !ok {
		return nil, c.failAs("ComposerError", "", nil, "found undefined alias", t.start)
	}
	c.skip()
	return n, true
}

// register notes a node by its anchor.
func (c *composer) register(n *node, p properties) bool {
	if !n.anchored {
		return true
	}
	if first, ok := c.anchors[p.anchor]; ok {
		return c.failAs("ComposerError", "found duplicate anchor; first occurrence", &first.start, "second occurrence", n.start)
	}
	c.anchors[p.anchor] = n
	return true
}

// below reads what a collection holds.
func (c *composer) below(n *node, children func(*node) bool) bool {
	if c.depth++; c.depth > MaxDepth {
		return c.failAs("RecursionError", "", nil, fmt.Sprintf("text is nested beyond the depth of %d", MaxDepth), n.start)
	}
	ok := children(n)
	c.depth--
	return ok
}
