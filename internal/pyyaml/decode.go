package pyyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// Schema says which of Python's two readers to follow.
type Schema int

const (
	// OmegaConf is how OmegaConf.load reads: timestamps stay text, more texts are
	// floats, a duplicate key is an error.
	OmegaConf Schema = iota
	// Safe is yaml.safe_load: timestamps are read, the last of duplicate keys wins.
	Safe
)

// Limits of a document. They keep a hostile text from taking the process down.
const (
	MaxSize     = 64 << 20  // bytes
	MaxDepth    = 1000      // levels of nesting; Python stops near here as well
	MaxExpanded = 1_000_000 // nodes once aliases are expanded, unless the text itself has more
	maxRatio    = 100       // expanded nodes for each written one, above minRatioNodes
	minRatio    = 1000
)

// Options of Decode.
type Options struct {
	// Name stands for the text in errors. Defaults to "<file>".
	Name string
	// Schema defaults to OmegaConf.
	Schema Schema
}

// Decode reads the single document of data. An empty text is nil. Errors are *Error,
// or have ErrorType where a Python function behind a tag fails.
func Decode(data []byte, opts Options) (any, error) {
	if opts.Name == "" {
		opts.Name = "<file>"
	}
	if len(data) > MaxSize {
		return nil, marked("ReaderError", opts.Name, "", nil, fmt.Sprintf("text of %d bytes exceeds the limit of %d", len(data), MaxSize), nil)
	}
	if value, ok := decodeBlock(data, opts.Schema); ok {
		return value, nil
	}
	return decodeFull(data, opts)
}

// decodeFull reads any YAML.
func decodeFull(data []byte, opts Options) (any, error) {
	root, err := parse(data, opts.Name)
	if err != nil || root == nil {
		return nil, err
	}
	if err := checkTree(root, opts.Name); err != nil {
		return nil, err
	}
	c := &constructor{opts: opts}
	return c.construct(root)
}

// parse is the tree of the only document, nil when there is none.
func parse(data []byte, name string) (*yaml.Node, error) {
	// libyaml takes 1.2 for 1.1, the parser below refuses it.
	if bytes.HasPrefix(data, []byte("%YAML 1.2")) {
		data = append([]byte("%YAML 1.1"), data[len("%YAML 1.2"):]...)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth), loaderlimits.AliasNone())))
	if err != nil {
		return nil, fmt.Errorf("make YAML parser: %w", err)
	}
	var first, second yaml.Node
	if err := loader.Load(&first); err != nil {
		return nil, unlessEmpty(err, name)
	}
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, marked("ComposerError", name, "expected a single document in the stream", markOf(content(&first)),
			"but found another document", markOf(&second))
	case unlessEmpty(err, name) != nil:
		return nil, fromParser(err, name)
	}
	return content(&first), nil
}

// unlessEmpty is nil for the parser's way to say that there is no (other) document.
func unlessEmpty(err error, name string) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fromParser(err, name)
}

func content(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}

func markOf(n *yaml.Node) *mark { return &mark{n.Line - 1, n.Column - 1} }

// tree counts nodes and finds what PyYAML refuses in anchors.
type tree struct {
	name     string
	anchors  map[string]*yaml.Node
	expanded map[*yaml.Node]int
	visiting map[*yaml.Node]bool
	unique   int
}

// checkTree refuses duplicate anchors, aliases of a node inside itself, and aliases
// that blow a small text up (OmegaConf's limits and texts).
func checkTree(root *yaml.Node, name string) error {
	t := &tree{name: name, anchors: map[string]*yaml.Node{}, expanded: map[*yaml.Node]int{}, visiting: map[*yaml.Node]bool{}}
	total, err := t.count(root)
	if err != nil {
		return err
	}
	if total > MaxExpanded && total > t.unique {
		return marked("ConstructorError", name, "", nil, fmt.Sprintf("YAML node expansion exceeds the configured limit of %d.", MaxExpanded), markOf(root))
	}
	if total > minRatio && total > t.unique*maxRatio {
		return marked("ConstructorError", name, "", nil, fmt.Sprintf("YAML aliases expand the document from %d nodes to %d nodes, "+
			"exceeding the supported ratio of %dx.", t.unique, total, maxRatio), markOf(root))
	}
	return nil
}

// count is the number of nodes below n with aliases expanded, at most about MaxExpanded.
func (t *tree) count(n *yaml.Node) (int, error) {
	if n.Kind == yaml.AliasNode {
		if t.visiting[n.Alias] {
			return 0, marked("ConstructorError", t.name, "", nil, "YAML recursive aliases are not supported.", markOf(n.Alias))
		}
		return t.expanded[n.Alias], nil
	}
	if err := t.anchor(n); err != nil {
		return 0, err
	}
	t.unique++
	t.visiting[n] = true
	total := 1
	for _, child := range n.Content {
		below, err := t.count(child)
		if err != nil {
			return 0, err
		}
		total = min(total+below, 2*MaxExpanded+t.unique)
	}
	delete(t.visiting, n)
	if n.Anchor != "" {
		t.expanded[n] = total
	}
	return total, nil
}

func (t *tree) anchor(n *yaml.Node) error {
	if n.Anchor == "" {
		return nil
	}
	if first, ok := t.anchors[n.Anchor]; ok {
		return marked("ComposerError", t.name, "found duplicate anchor; first occurrence", markOf(first), "second occurrence", markOf(n))
	}
	t.anchors[n.Anchor] = n
	return nil
}
