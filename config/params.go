package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// UsageError is a malformed option (CLI-041, CLI-042): exit code 2.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// ErrorType is the class of the command-line library.
func (e *UsageError) ErrorType() string { return "UsageError" }

// ErrorBases are its base classes.
func (e *UsageError) ErrorBases() []string { return []string{"ClickException", "Exception"} }

// ParseParams reads the text of --params, --runner-params or ?params=, such as
// "model.depth=3, names=[a]" (CLI-040..045). option names the option in errors.
// Errors are [*UsageError], or those of YAML and OmegaConf for a value.
func ParseParams(text, option string) (*Mapping, error) {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		if !ok {
			return nil, &UsageError{fmt.Sprintf("Invalid format of `%s` option: Item `%s` must contain a key and a value separated by `=`.", option, item)}
		}
		key = strings.TrimSpace(key)
		if key == "" {
			return nil, &UsageError{fmt.Sprintf("Invalid format of `%s` option: Parameter key cannot be an empty string.", option)}
		}
		items = append(items, key+"="+value)
	}
	root := &node{kind: dictNode}
	for _, item := range items {
		if err := updateFromText(root, item); err != nil {
			return nil, err
		}
	}
	return root.raw().(*pyyaml.Map), nil
}

// updateFromText sets one "key=value", where the key may hold escaped equals signs.
func updateFromText(root *node, item string) error {
	at := unescapedEquals(item)
	if at < 0 {
		return update(root, item, nil)
	}
	value, err := pyyaml.Decode([]byte(item[at+1:]), pyyaml.Options{Name: "<unicode string>"})
	if err != nil {
		return err
	}
	return update(root, item[:at], value)
}

func unescapedEquals(text string) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '=':
			return i
		case text[i] == '\\' && i+1 < len(text) && strings.IndexByte(".[]=", text[i+1]) >= 0:
			i++
		}
	}
	return -1
}

// update sets the value at a path as OmegaConf.update: mappings on the way are made,
// scalars on the way replaced, and a container is merged into one that is there.
func update(root *node, path string, value any) error {
	keys := splitKey(path)
	if len(keys) == 0 { // a lone open bracket
		return failf("IndexError", "list index out of range")
	}
	if len(keys) > pyyaml.MaxDepth {
		return failf("ValueError", "parameter key nested more than %d levels deep", pyyaml.MaxDepth)
	}
	at := root
	for _, key := range keys[:len(keys)-1] {
		next, err := descend(at, key)
		if err != nil {
			return err
		}
		at = next
	}
	return assign(at, keys[len(keys)-1], value)
}

// descend is the container under key, made when there is none.
func descend(at *node, key string) (*node, error) {
	child, err := lookup(at, key)
	if err == nil && child != nil {
		child, err = referent(child, nil)
	}
	if err != nil {
		return nil, err
	}
	if child != nil && child.container() {
		return child, nil
	}
	made := &node{kind: dictNode}
	return made, at.set(key, made)
}

// referent is the node that a lone reference leads to; nil for other texts with
// references, a node without any is its own. seen are the references on the way.
func referent(n *node, seen []*node) (*node, error) {
	switch {
	case n.template == nil:
		return n, nil
	case slices.Contains(seen, n):
		return nil, errRecursive()
	case len(n.template.parts) != 1 || n.template.parts[0].inter.resolver:
		return nil, nil
	}
	path, err := newResolution(builtin, false).path(n.template.parts[0].inter, n.parent, n)
	if err != nil {
		return nil, wrapResolution(err)
	}
	target, err := follow(n, path, append(seen, n))
	if err != nil {
		return nil, wrapResolution(err)
	}
	for at := n.parent; at != nil; at = at.parent {
		if at == target {
			return nil, failf("InterpolationResolutionError", "Interpolation to parent node detected")
		}
	}
	return target, nil
}

// follow is the node at the end of a path from n.
func follow(n *node, path keyPath, seen []*node) (*node, error) {
	at, relative, ok := start(n.parent, path)
	if !ok {
		return nil, failf("InterpolationKeyError", "ConfigKeyError while resolving interpolation: Error resolving key '%s'", path.raw)
	}
	for i, key := range path.keys {
		child, err := selectOne(at, key, true)
		switch {
		case isError(err, "MissingMandatoryValue"):
			return nil, failf("InterpolationToMissingValueError", "MissingMandatoryValue while resolving interpolation: %s", err.Error())
		case err != nil:
			return nil, err
		case child == nil:
			return nil, failf("InterpolationKeyError", "Interpolation key '%s' not found", relative)
		}
		if at, err = referent(child, seen); err != nil || at == nil {
			return nil, err
		}
		if i < len(path.keys)-1 && !at.container() {
			return nil, failf("ConfigTypeError", "Error trying to access %s: node `%s` is not a container and thus cannot contain `%s`",
				relative, strings.Join(path.keys[:i+1], "."), path.keys[i+1])
		}
	}
	return at, nil
}

func assign(at *node, key string, value any) error {
	made, err := newNode(at, key, value)
	if err != nil {
		return at.place(key, err)
	}
	if existing, err := lookup(at, key); err == nil && existing != nil && existing.container() && made.container() {
		if err := mergeInto(existing, made, builtin); err != nil {
			return place(err, existing.fullKey(nil), existing.typeName())
		}
		return nil
	}
	return at.set(key, made)
}

// set puts a child under the text of a key: an integer key of a mapping that is there,
// an index of a list, else the text.
func (n *node) set(key string, child *node) error {
	if n.kind == dictNode {
		if existing, _ := lookup(n, key); existing != nil {
			n.put(existing.key, child)
			return nil
		}
		n.put(key, child)
		return nil
	}
	index, err := strconv.Atoi(key)
	if err != nil {
		return failf("ValueError", "invalid literal for int() with base 10: %s", pyyaml.Repr(key))
	}
	if index < 0 {
		index += len(n.items)
	}
	if index < 0 || index >= len(n.items) {
		return n.place(index, failf("ConfigIndexError", "list index out of range"))
	}
	child.parent, child.key = n, index
	n.items[index] = child
	return nil
}
