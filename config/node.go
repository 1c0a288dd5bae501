package config

import (
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// missing is OmegaConf's mark for a mandatory value that nobody gave.
const missing = "???"

type nodeKind int

const (
	scalarNode nodeKind = iota
	dictNode
	listNode
)

// node is a place in a configuration tree, as OmegaConf's DictConfig, ListConfig and
// AnyNode. A finished tree doesn't change, but for what is settled.
type node struct {
	parent *node
	key    any // in parent: a key, or the index in a list
	kind   nodeKind

	value    any       // of a scalar
	template *template // of a scalar with ${
	missing  bool      // of a scalar: ???

	keys  []any       // of a dict, in order
	index map[any]int // of a dict: canonical key to position; nil while a search along the keys is as fast
	items []*node     // of a dict or a list

	// What resolution gave, once it is known to be the same in every run.
	settledRef   atomic.Pointer[result] // of a template: the value, or the container it refers to
	settledPlain atomic.Pointer[result] // without nodes
}

// result boxes a resolved value.
type result struct {
	value any
	taint taint
}

// taint says on what of the run a value hangs.
type taint uint8

const (
	taintRuntime taint = 1 << iota // runtime parameters
	taintOutside                   // environment variables, custom resolvers
)

// newTree makes a tree of decoded YAML or converted runtime parameters. Interpolations
// are parsed here, so their syntax errors carry the key (CFG-051).
func newTree(value any) (*node, error) { return newNode(nil, nil, value) }

func newNode(parent *node, key, value any) (*node, error) {
	b := builder{}
	n := &node{parent: parent, key: key}
	return n, b.fill(n, value)
}

// builder fills nodes. The same text of many nodes, such as ${_csv}, is parsed once.
type builder struct {
	templates map[string]*template
	tokens    []token // room for those of one text after the other
}

func (b *builder) fill(n *node, value any) error {
	switch value := value.(type) {
	case *pyyaml.Map:
		return b.dict(n, value)
	case []any:
		n.kind = listNode
		children := n.grow(len(value))
		for i, item := range value {
			child := &children[i]
			child.parent, child.key = n, i
			if err := b.fill(child, item); err != nil {
				return n.place(i, err)
			}
			n.items = append(n.items, child)
		}
		return nil
	}
	return b.scalar(n, value)
}

// grow makes room for children and gives their nodes.
func (n *node) grow(size int) []node {
	n.items = make([]*node, 0, size)
	if n.kind == dictNode {
		n.keys = make([]any, 0, size)
	}
	return make([]node, size)
}

func (b *builder) dict(n *node, m *pyyaml.Map) error {
	n.kind = dictNode
	children := n.grow(m.Len())
	for i := range children {
		entry, child := pyyaml.Entry(m, i), &children[i]
		if err := checkKey(entry.Key); err != nil {
			return place(err, n.keyOfNew(), "dict")
		}
		child.parent, child.key = n, entry.Key
		if err := b.fill(child, entry.Value); err != nil {
			return n.place(entry.Key, err)
		}
		n.add(entry.Key, child)
	}
	return nil
}

// keyOfNew is the full key of a mapping that is being made; OmegaConf leaves the
// brackets out when it is in a list.
func (n *node) keyOfNew() string {
	if n.parent != nil && n.parent.kind == listNode {
		return n.parent.fullKey(nil) + pyyaml.Str(n.key)
	}
	return n.fullKey(nil)
}

// checkKey refuses what OmegaConf can't take as a key.
func checkKey(key any) error {
	if key == nil {
		return failf("KeyValidationError", "Incompatible key type 'NoneType'")
	}
	return nil
}

func (b *builder) scalar(n *node, value any) error {
	n.value = value
	text, ok := value.(string)
	if !ok {
		return checkScalar(value)
	}
	if text == missing {
		n.missing = true
		return nil
	}
	if !strings.Contains(text, "${") {
		if plain := unescapeMissing(text); len(plain) < len(text) {
			n.value = plain
		}
		return nil
	}
	var err error
	n.template, err = b.template(text)
	return err
}

func (b *builder) template(text string) (*template, error) {
	if known, ok := b.templates[text]; ok {
		return known, nil
	}
	parsed, err := parseTemplate(text, &b.tokens)
	var grammar *errGrammar
	if errors.As(err, &grammar) {
		return nil, failf("GrammarParseError", "%s", grammar.message)
	}
	if err != nil {
		return nil, err
	}
	if b.templates == nil {
		b.templates = map[string]*template{}
	}
	b.templates[text] = parsed
	return parsed, nil
}

// unescapeMissing reads \??? as the text ???.
func unescapeMissing(text string) string {
	if strings.HasSuffix(text, missing) && len(text) > len(missing) && strings.Trim(text[:len(text)-len(missing)], `\`) == "" {
		return text[1:]
	}
	return text
}

// put sets a child of a dict; a key that is there keeps its place.
func (n *node) put(key any, child *node) {
	child.parent, child.key = n, key
	if i, ok := n.find(key); ok {
		n.items[i] = child
		return
	}
	n.add(key, child)
}

// smallDict is how many keys are searched one by one.
const smallDict = 8

// add appends a child whose key is new.
func (n *node) add(key any, child *node) {
	switch {
	case n.index != nil:
		n.index[pyyaml.Canonical(key)] = len(n.items)
	case len(n.items) == smallDict:
		n.index = make(map[any]int, max(cap(n.items), 2*smallDict))
		for i, known := range n.keys {
			n.index[pyyaml.Canonical(known)] = i
		}
		n.index[pyyaml.Canonical(key)] = len(n.items)
	}
	n.keys = append(n.keys, key)
	n.items = append(n.items, child)
}

// find is the position of a key of a dict.
func (n *node) find(key any) (int, bool) {
	if n.index != nil {
		i, ok := n.index[pyyaml.Canonical(key)]
		return i, ok
	}
	for i, known := range n.keys {
		if pyyaml.SameKey(known, key) {
			return i, true
		}
	}
	return 0, false
}

// child is the item of a dict under key, nil when there is none.
func (n *node) child(key any) *node {
	if n.kind != dictNode {
		return nil
	}
	if i, ok := n.find(key); ok {
		return n.items[i]
	}
	return nil
}

// clone copies the tree below n under another parent.
func (n *node) clone(parent *node, key any) *node {
	c := &node{}
	n.copyTo(c, parent, key)
	return c
}

func (n *node) copyTo(c, parent *node, key any) {
	c.parent, c.key, c.kind = parent, key, n.kind
	c.value, c.template, c.missing = n.value, n.template, n.missing
	if n.kind == scalarNode {
		return
	}
	children := c.grow(len(n.items))
	for i, item := range n.items {
		child := &children[i]
		item.copyTo(child, c, item.key)
		if n.kind == dictNode {
			c.add(n.keys[i], child)
			continue
		}
		c.items = append(c.items, child)
	}
}

func (n *node) container() bool { return n.kind != scalarNode }

func (n *node) root() *node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// fullKey is the path of n, or of a key below it, as OmegaConf writes it: a.b[0].c.
func (n *node) fullKey(key any) string {
	if key == nil {
		if n.parent == nil {
			return ""
		}
		return n.parent.fullKey(n.key)
	}
	path := ""
	for at := n; at != nil && key != nil; key, at = at.key, at.parent {
		switch {
		case at.kind == listNode:
			step := "[" + pyyaml.Str(key) + "]"
			if path != "" && path[0] != '[' {
				step += "."
			}
			path = step + path
		case path == "" || path[0] == '[':
			path = pyyaml.Str(key) + path
		default:
			path = pyyaml.Str(key) + "." + path
		}
	}
	return path
}

func (n *node) typeName() string {
	if n.kind == listNode {
		return "list"
	}
	return "dict"
}

// className is OmegaConf's class of the node.
func (n *node) className() string {
	switch n.kind {
	case listNode:
		return "ListConfig"
	case dictNode:
		return "DictConfig"
	}
	return "AnyNode"
}

// place says that the item under key failed.
func (n *node) place(key any, err error) error { return place(err, n.fullKey(key), n.typeName()) }

// raw is the value of the tree without resolution, as repr of a container shows it.
func (n *node) raw() any {
	switch n.kind {
	case listNode:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.raw()
		}
		return list
	case dictNode:
		pairs := make([]pyyaml.Pair, len(n.items))
		for i, item := range n.items {
			pairs[i] = pyyaml.Pair{Key: n.keys[i], Value: item.raw()}
		}
		return pyyaml.NewMap(pairs...)
	}
	return n.value
}

// checkScalar refuses values that OmegaConf doesn't know.
func checkScalar(value any) error {
	switch value.(type) {
	case time.Time:
		return failf("UnsupportedValueType", "Value 'datetime' is not a supported primitive type")
	case pyyaml.Set:
		return failf("UnsupportedValueType", "Value 'set' is not a supported primitive type")
	}
	return nil
}

// noAttribute is OmegaConf's error for an attribute of a container that has no such key.
func (n *node) noAttribute(name string) error {
	message := "Missing key " + name
	if n.kind == listNode {
		message = "ListConfig does not support attribute access"
	}
	return n.place(name, failf("ConfigAttributeError", "%s", message))
}
