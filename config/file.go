package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// parsedFile is a configuration file that was read; it is parsed when first needed.
type parsedFile struct {
	path     string
	data     []byte
	readErr  error
	identity identity // guarded by Cache.mu
	racy     bool     // changed so shortly before it was read that it may change unseen; guarded by Cache.mu

	once  sync.Once
	value any
	err   error
}

// tree is a new tree of the content, for the caller alone.
func (f *parsedFile) tree() (*node, error) {
	f.once.Do(func() { f.value, f.err = f.parse() })
	if f.err != nil {
		return nil, f.err
	}
	return newTree(f.value)
}

func (f *parsedFile) parse() (any, error) {
	if f.readErr != nil {
		return nil, fmt.Errorf("read configuration: %w", f.readErr)
	}
	if at := pyyaml.InvalidUTF8(f.data); at >= 0 {
		return nil, failf("UnicodeDecodeError", "'utf-8' codec can't decode byte 0x%02x in position %d of %s", f.data[at], at, f.path)
	}
	value, err := pyyaml.Decode(f.data, pyyaml.Options{})
	var broken *pyyaml.Error
	if errors.As(err, &broken) && (broken.Kind == "ParserError" || broken.Kind == "ScannerError") {
		return nil, &Error{kind: "ParserError", err: err,
			message: fmt.Sprintf("Invalid YAML or JSON file %s, unable to read line %d, position %d.", f.path, broken.Line, broken.Column)}
	}
	if broken != nil && broken.Kind == "RecursionError" {
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	if err != nil {
		return nil, err
	}
	return document(value)
}

// document is what a file's content makes at the top (CFG-021): nothing is an empty
// mapping, a text is read as YAML once more, and a plain text is a key without value.
func document(value any) (any, error) {
	if text, ok := value.(string); ok {
		again, err := pyyaml.Decode([]byte(text), pyyaml.Options{Name: "<unicode string>"})
		if err != nil {
			return nil, err
		}
		if _, plain := again.(string); plain {
			return pyyaml.NewMap(pyyaml.Pair{Key: again}), nil
		}
		value = again
	}
	switch value.(type) {
	case nil:
		return pyyaml.NewMap(), nil
	case *pyyaml.Map, []any:
		return value, nil
	}
	return nil, failf("OSError", "Invalid loaded object type: %s", typeName(value))
}

// topKeys are the keys that must differ between files of one folder: the leaves of
// parameters, the top-level keys of other types (CFG-031, CFG-033).
func topKeys(kind string, root *node) ([]any, error) {
	if kind == "parameters" {
		if root.kind == listNode {
			return nil, failf("AttributeError", "'list' object has no attribute 'items'")
		}
		return leaves(root, "", nil), nil
	}
	if root.kind == listNode {
		return nil, place(failf("ConfigAttributeError", "ListConfig does not support attribute access"), "[keys]", "list")
	}
	return root.keys, nil
}

func leaves(n *node, prefix string, keys []any) []any {
	for i, item := range n.items {
		key := n.keys[i]
		if prefix != "" {
			key = prefix + "." + pyyaml.Str(key)
		}
		if item.kind == dictNode {
			keys = leaves(item, pyyaml.Str(key), keys)
			continue
		}
		keys = append(keys, key)
	}
	return keys
}

// checkDuplicates refuses keys that two files of a folder have in common (CFG-031..033).
func checkDuplicates(kind string, files []*parsedFile, roots []*node) error {
	lists := make([][]any, len(files))
	known := map[any]bool{}
	twice := false
	for i, root := range roots {
		var err error
		if lists[i], err = topKeys(kind, root); err != nil {
			return err
		}
		for _, key := range lists[i] {
			key = pyyaml.Canonical(key)
			twice = twice || known[key]
			known[key] = true
		}
	}
	if !twice {
		return nil
	}
	return duplicates(files, lists)
}

// duplicates is the error about the keys that files have in common, nil when all of them
// may be.
func duplicates(files []*parsedFile, lists [][]any) error {
	keys := make([]map[any]any, len(files))
	for i, list := range lists {
		keys[i] = make(map[any]any, len(list))
		for _, key := range list {
			keys[i][pyyaml.Canonical(key)] = key
		}
	}
	var lines bytes.Buffer
	for i := range files {
		for j := i + 1; j < len(files); j++ {
			common, err := commonKeys(keys[i], keys[j])
			if err != nil {
				return err
			}
			if len(common) > 0 {
				fmt.Fprintf(&lines, "\nDuplicate keys found in %s and %s: %s", files[i].path, files[j].path, joinCut(common))
			}
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	return failf("ValueError", "%s", lines.String()[1:])
}

// commonKeys are the keys of both, sorted, without those that start with "_" (CFG-032).
func commonKeys(a, b map[any]any) ([]string, error) {
	var common []string
	for canonical, key := range a {
		if _, ok := b[canonical]; !ok {
			continue
		}
		text, err := argumentText(key)
		if err != nil {
			return nil, err
		}
		if text == "" || text[0] != '_' {
			common = append(common, text)
		}
	}
	slices.Sort(common)
	return common, nil
}
