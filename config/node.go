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
	index map[any]int // of a dict: canonical key to position
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
	n := &node{parent: parent, key: key}
	switch value := value.(type) {
	case *pyyaml.Map:
		return n, n.fillDict(value)
	case []any:
		n.kind = listNode
		for i, item := range value {
			child, err := newNode(n, i, item)
			if err != nil {
				return nil, n.place(i, err)
			}
			n.items = append(n.items, child)
		}
		return n, nil
	}
	return n, n.setScalar(value)
}

func (n *node) fillDict(m *pyyaml.Map) error {
	n.kind = dictNode
	n.index = make(map[any]int, m.Len())
	for key, item := range m.All() {
		if err := checkKey(key); err != nil {
			return place(err, n.fullKey(nil), "dict")
		}
		child, err := newNode(n, key, item)
		if err != nil {
			return n.place(key, err)
		}
		n.put(key, child)
	}
	return nil
}

// checkKey refuses what OmegaConf can't take as a key.
func checkKey(key any) error {
	if key == nil {
		return failf("KeyValidationError", "Incompatible key type 'NoneType'")
	}
	return nil
}

func (n *node) setScalar(value any) error {
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
		n.value = unescapeMissing(text)
		return nil
	}
	parsed, err := parseTemplate(text)
	var grammar *errGrammar
	if errors.As(err, &grammar) {
		return failf("GrammarParseError", "%s", grammar.message)
	}
	n.template = parsed
	return err
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
	at := pyyaml.Canonical(key)
	if i, ok := n.index[at]; ok {
		n.items[i] = child
		return
	}
	n.index[at] = len(n.items)
	n.keys = append(n.keys, key)
	n.items = append(n.items, child)
}

// child is the item of a dict under key, nil when there is none.
func (n *node) child(key any) *node {
	if i, ok := n.index[pyyaml.Canonical(key)]; ok && n.kind == dictNode {
		return n.items[i]
	}
	return nil
}

// clone copies the tree below n under another parent.
func (n *node) clone(parent *node, key any) *node {
	c := &node{parent: parent, key: key, kind: n.kind, value: n.value, template: n.template, missing: n.missing}
	switch n.kind {
	case listNode:
		for i, item := range n.items {
			c.items = append(c.items, item.clone(c, i))
		}
	case dictNode:
		c.index = make(map[any]int, len(n.items))
		for i, item := range n.items {
			c.put(n.keys[i], item.clone(c, n.keys[i]))
		}
	}
	return c
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
	if _, ok := value.(time.Time); ok {
		return failf("UnsupportedValueType", "Value 'datetime' is not a supported primitive type")
	}
	return nil
}
