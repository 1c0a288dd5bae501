package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// keyPath is an evaluated reference.
type keyPath struct {
	raw  string // as written, nested references replaced by their values
	dots int    // leading dots: relative to the container of the reference
	keys []string
}

// path evaluates the keys of a reference.
func (r *resolution) path(inter *interpolation, parent, self *node) (keyPath, error) {
	if inter.fixed != nil {
		return *inter.fixed, nil
	}
	path := keyPath{dots: inter.dots}
	var raw strings.Builder
	raw.WriteString(strings.Repeat(".", inter.dots))
	for i, key := range inter.keys {
		text, err := r.pathKey(key, parent, self)
		if err != nil {
			return path, err
		}
		written := key.raw
		if key.inter != nil {
			written = text
		}
		switch {
		case key.brackets:
			raw.WriteString("[" + written + "]")
		case i > 0:
			raw.WriteString("." + written)
		default:
			raw.WriteString(written)
		}
		path.add(key, text)
	}
	path.raw = raw.String()
	return path, nil
}

func (p *keyPath) add(key pathKey, text string) {
	switch {
	case key.inter == nil:
		p.keys = append(p.keys, text)
	case key.brackets:
		p.keys = append(p.keys, splitKey("["+text+"]")...)
	case len(p.keys) == 0:
		rest := strings.TrimLeft(text, ".")
		p.dots += len(text) - len(rest)
		if rest != "" {
			p.keys = append(p.keys, splitKey(rest)...)
		}
	default:
		p.keys = append(p.keys, splitKey(text)...)
	}
}

// pathKey is the text of one step; a nested reference must give text or an integer.
func (r *resolution) pathKey(key pathKey, parent, self *node) (string, error) {
	if key.inter == nil {
		return key.text, nil
	}
	value, err := r.interpolation(key.inter, parent, self)
	if err != nil {
		return "", err
	}
	switch value := value.(type) {
	case string:
		return value, nil
	case int:
		return strconv.Itoa(value), nil
	}
	return "", failf("InterpolationResolutionError", "The following interpolation is used to denote a config key and thus should return a string or integer, "+
		"but instead returned `%s` of type `%s`: %s", textOf(value), pythonClass(value), key.inter.source)
}

// reference is the value that a path leads to: a container's node, or a value.
func (r *resolution) reference(path keyPath, parent *node) (any, error) {
	from, relative, ok := start(parent, path)
	if !ok {
		return nil, failf("InterpolationKeyError", "ConfigKeyError while resolving interpolation: Error resolving key '%s'", path.raw)
	}
	found, err := r.selectFrom(from, path.keys, true)
	if err != nil {
		if isError(err, "MissingMandatoryValue") {
			return nil, failf("InterpolationToMissingValueError", "MissingMandatoryValue while resolving interpolation: %s", err.Error())
		}
		return nil, err
	}
	if found == nil {
		message := "Interpolation key '" + relative + "' not found"
		if relative != path.raw {
			message = "Interpolation key '" + path.raw + "' not found (resolved to '" + from.resolvedKey(relative) + "')"
		}
		return nil, failf("InterpolationKeyError", "%s", message)
	}
	if target, ok := found.value.(*node); ok {
		for at := parent; at != nil; at = at.parent {
			if at == target {
				return nil, failf("InterpolationResolutionError", "Interpolation to parent node detected")
			}
		}
	}
	return found.value, nil
}

// resolvedKey is the full path of a relative one.
func (n *node) resolvedKey(relative string) string {
	if base := n.fullKey(nil); n.kind == dictNode && base != "" && strings.HasPrefix(relative, "[") {
		return base + "." + relative
	}
	return n.fullKey(relative)
}

// start is where a path begins: the root, or some levels above the reference.
func start(parent *node, path keyPath) (from *node, relative string, ok bool) {
	if path.dots == 0 {
		return parent.root(), path.raw, true
	}
	from = parent
	for range path.dots - 1 {
		if from = from.parent; from == nil {
			return nil, "", false
		}
	}
	return from, strings.TrimPrefix(path.raw, strings.Repeat(".", path.dots)), true
}

// selected is a value that was found; missing means that it is ???.
type selected struct {
	value   any
	node    *node
	missing bool
}

// selectFrom follows keys from a container. It is nil when there is nothing. strict makes
// a missing value (???) an error.
func (r *resolution) selectFrom(from *node, keys []string, strict bool) (*selected, error) {
	if len(keys) == 0 {
		return &selected{value: from, node: from}, nil
	}
	at := from
	for i, key := range keys[:len(keys)-1] {
		child, err := selectOne(at, key, strict)
		if err != nil || child == nil {
			return nil, err
		}
		ref, err := r.deref(child)
		if err != nil {
			return nil, err
		}
		next, ok := ref.(*node)
		if !ok {
			return nil, failf("ConfigTypeError", "Error trying to access %s: node `%s` is not a container and thus cannot contain `%s`",
				strings.Join(keys, "."), strings.Join(keys[:i+1], "."), keys[i+1])
		}
		at = next
	}
	child, err := selectOne(at, keys[len(keys)-1], strict)
	if err != nil || child == nil {
		return nil, err
	}
	if slices.Contains(r.active, child) {
		return nil, errRecursive()
	}
	r.active = append(r.active, child)
	value, err := r.deref(child)
	r.active = r.active[:len(r.active)-1]
	if err != nil {
		return nil, err
	}
	return &selected{value, child, child.missing}, nil
}

// selectOne is a child of a container, nil when there is none.
func selectOne(c *node, key string, strict bool) (*node, error) {
	child, err := lookup(c, key)
	if err != nil || child == nil {
		return nil, err
	}
	if child.missing && strict {
		return nil, failf("MissingMandatoryValue", "Missing mandatory value: %s", c.fullKey(child.key))
	}
	return child, nil
}

func lookup(c *node, key string) (*node, error) {
	if c.kind == dictNode {
		if child := c.child(key); child != nil {
			return child, nil
		}
	}
	number, isInt := integer(key)
	if c.kind == dictNode {
		if !isInt {
			return nil, nil
		}
		child := c.child(number)
		if child == nil {
			return nil, nil
		}
		if _, ok := child.key.(int); !ok {
			return nil, nil
		}
		return child, nil
	}
	if !isInt {
		return nil, failf("TypeError", "Index %s (str) is not an int", pyyaml.Repr(key))
	}
	if number < 0 {
		number += len(c.items)
	}
	if number < 0 || number >= len(c.items) {
		return nil, nil
	}
	return c.items[number], nil
}

// integer reads a whole number. Most keys aren't one, and are told apart without making an error.
func integer(key string) (int, bool) {
	if key == "" || key[0] > '9' {
		return 0, false
	}
	number, err := strconv.Atoi(key)
	return number, err == nil
}

// splitKey cuts a path text such as a.b[c] into keys. A backslash escapes . [ ] and =.
func splitKey(path string) []string {
	if path != "" && !strings.ContainsAny(path, `[]\`) {
		return strings.Split(path, ".")
	}
	s := &keySplitter{text: path}
	if !strings.HasPrefix(path, "[") {
		s.keys = append(s.keys, s.until(".["))
	}
	for s.at < len(s.text) {
		s.at++
		if s.text[s.at-1] == '.' {
			s.keys = append(s.keys, s.until(".["))
			continue
		}
		key := s.until("]")
		if s.at >= len(s.text) {
			break // an open bracket is dropped
		}
		s.at++
		s.keys = append(s.keys, key)
	}
	return s.keys
}

type keySplitter struct {
	text string
	at   int
	keys []string
}

func (s *keySplitter) until(stops string) string {
	var b strings.Builder
	for s.at < len(s.text) && strings.IndexByte(stops, s.text[s.at]) < 0 {
		if s.text[s.at] == '\\' && s.at+1 < len(s.text) && strings.IndexByte(".[]=", s.text[s.at+1]) >= 0 {
			s.at++
		}
		b.WriteByte(s.text[s.at])
		s.at++
	}
	return b.String()
}
