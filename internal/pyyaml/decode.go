package pyyaml

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
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
	text, err := readable(data, opts.Name)
	if err != nil {
		return nil, err
	}
	root, err := compose(text, opts)
	if err != nil || root == nil {
		return nil, err
	}
	if err := checkTree(root, opts.Name); err != nil {
		return nil, err
	}
	c := &constructor{opts: opts}
	return c.document(root)
}

// readable is the text of data without a byte order mark, or what YAML refuses in it.
func readable(data []byte, name string) (string, error) {
	text := string(data)
	rest := strings.TrimPrefix(text, "\ufeff")
	skipped := len(text) - len(rest)
	for at, r := range rest {
		var problem string
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(rest[at:], string(utf8.RuneError)):
			problem, r = "invalid UTF-8 octet", rune(rest[at])
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r > '~' && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			problem = "control characters are not allowed"
		default:
			continue
		}
		text := fmt.Sprintf("unacceptable character #x%04x: %s\n  in %q, position %d", r, problem, name, skipped+at)
		return "", &Error{Kind: "ReaderError", Problem: problem, Line: -1, Column: -1, text: text}
	}
	return rest, nil
}

// tree counts nodes and finds what OmegaConf refuses in aliases.
type tree struct {
	name     string
	expanded map[*node]int // of nodes that may be met again
	visiting map[*node]bool
	unique   int
}

// checkTree refuses aliases of a node inside itself, and aliases that blow a small text
// up (OmegaConf's limits and texts).
func checkTree(root *node, name string) error {
	t := &tree{name: name, expanded: map[*node]int{}, visiting: map[*node]bool{}}
	total, err := t.count(root)
	if err != nil {
		return err
	}
	if total > MaxExpanded && total > t.unique {
		return marked("ConstructorError", name, "", nil, fmt.Sprintf("YAML node expansion exceeds the configured limit of %d.", MaxExpanded), &root.start)
	}
	if total > minRatio && total > t.unique*maxRatio {
		return marked("ConstructorError", name, "", nil, fmt.Sprintf("YAML aliases expand the document from %d nodes to %d nodes, "+
			"exceeding the supported ratio of %dx.", t.unique, total, maxRatio), &root.start)
	}
	return nil
}

// count is the number of nodes below n with aliases expanded, at most about MaxExpanded.
func (t *tree) count(n *node) (int, error) {
	if n.anchored {
		if t.visiting[n] {
			return 0, marked("ConstructorError", t.name, "", nil, "YAML recursive aliases are not supported.", &n.start)
		}
		if known, ok := t.expanded[n]; ok {
			return known, nil
		}
		t.visiting[n] = true
	}
	t.unique++
	total := 1
	add := func(child *node) error {
		below, err := t.count(child)
		total = min(total+below, 2*MaxExpanded+t.unique)
		return err
	}
	for _, item := range n.items {
		if err := add(item); err != nil {
			return 0, err
		}
	}
	for _, e := range n.pairs {
		if err := cmp.Or(add(e.key), add(e.value)); err != nil {
			return 0, err
		}
	}
	if n.anchored {
		delete(t.visiting, n)
		t.expanded[n] = total
	}
	return total, nil
}
