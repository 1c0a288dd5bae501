package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/kedge-run/kedge/internal/closest"
)

// FileError is a mistake in kedge.yml or a file of pipelines/, with the place where to mend it.
type FileError struct {
	File  string // as given to Load, or relative to the project
	Line  int    // counted from 1; 0 when the whole file is meant
	Where string // such as `node "clean"`; "" outside of nodes
	Field string // such as "inputs"; "" when no field is meant
	Err   error  // what is wrong and what was expected
}

// Error is "file:line: where: field: what".
func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line))
	}
	for _, part := range []string{e.Where, e.Field} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap gives the mistake without its place.
func (e *FileError) Unwrap() error { return e.Err }

// source walks one YAML file and collects its mistakes, so that a reader sees them all at once.
type source struct {
	file  string
	where string // the node being read
	errs  []error
}

// field is one key of a mapping with its value.
type field struct {
	name string
	key  *yaml.Node
	node *yaml.Node
}

func (s *source) fail(n *yaml.Node, name, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	s.errs = append(s.errs, &FileError{File: s.file, Line: line, Where: s.where, Field: name, Err: fmt.Errorf(format, args...)})
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parse gives the root of the only document in data; nil for an empty file or a broken one.
func (s *source) parse(data []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil && !errors.Is(decoder.Decode(&next), io.EOF) {
		s.fail(&next, "", "expected one YAML document, found another one")
		return nil
	}
	if err != nil {
		m := yamlLine.FindStringSubmatch(err.Error())
		line := 0
		if m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		s.fail(&yaml.Node{Line: line}, "", "not valid YAML: %s", yamlLine.ReplaceAllString(err.Error(), ""))
		return nil
	}
	return deref(doc.Content[0])
}

// fields reads a mapping; keys that are not known are refused with the nearest known ones. Merge keys (<<) count as
// written in place, and what is written in place wins.
func (s *source) fields(n *yaml.Node, what string, known ...string) []field {
	return s.known(s.pairs(n, what, 0), what, known)
}

// pairs reads a mapping with any keys in the order of the file.
func (s *source) pairs(n *yaml.Node, what string, depth int) []field {
	if n.Kind != yaml.MappingNode {
		s.fail(n, "", "expected %s as a mapping, got %s", what, describe(n))
		return nil
	}
	var own, merged []field
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := deref(n.Content[i]), deref(n.Content[i+1])
		switch {
		case key.ShortTag() == "!!merge":
			merged = append(merged, s.merged(value, what, depth)...)
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			s.fail(key, "", "expected text as a key of %s, got %s", what, describe(key))
		case indexOf(own, key.Value) >= 0:
			s.fail(key, "", "the key %q stands twice in %s", key.Value, what)
		default:
			own = append(own, field{name: key.Value, key: key, node: value})
		}
	}
	for _, f := range merged {
		if indexOf(own, f.name) < 0 {
			own = append(own, f)
		}
	}
	return own
}

// merged reads the value of a merge key: a mapping or a list of mappings, the first of which wins. Depth ends merges
// that contain themselves.
func (s *source) merged(n *yaml.Node, what string, depth int) []field {
	const deepest = 20
	if depth >= deepest {
		s.fail(n, "", "merge keys are nested more than %d deep in %s", deepest, what)
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return s.pairs(n, what, depth+1)
	}
	var all []field
	for _, item := range n.Content {
		all = append(all, s.pairs(deref(item), what, depth+1)...)
	}
	return all
}

// text reads text; ok is false after a mistake.
func (s *source) text(n *yaml.Node, name string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		s.fail(n, name, "expected text, got %s", describe(n))
		return "", false
	}
	return n.Value, true
}

// texts reads text or a list of texts; null is an empty list.
func (s *source) texts(n *yaml.Node, name string) []string {
	switch {
	case isNull(n):
		return nil
	case n.Kind == yaml.SequenceNode:
		list := make([]string, 0, len(n.Content))
		for i, item := range n.Content {
			if text, ok := s.text(deref(item), fmt.Sprintf("%s[%d]", name, i)); ok {
				list = append(list, text)
			}
		}
		return list
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str":
		return []string{n.Value}
	}
	s.fail(n, name, "expected text or a list of texts, got %s", describe(n))
	return nil
}

// textMap reads a mapping of text to text.
func (s *source) textMap(n *yaml.Node, name string) map[string]string {
	m := map[string]string{}
	if isNull(n) {
		return m
	}
	for _, f := range s.pairs(n, name, 0) {
		if text, ok := s.text(f.node, name+"."+f.name); ok {
			m[f.name] = text
		}
	}
	return m
}

// boolean reads true and false, in the other words of YAML 1.1 too, as Kedro's configuration does.
func (s *source) boolean(n *yaml.Node, name string) bool {
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0 {
		switch strings.ToLower(n.Value) {
		case "true", "yes", "on":
			return true
		case "false", "no", "off":
			return false
		}
	}
	s.fail(n, name, "expected true or false, got %s", describe(n))
	return false
}

// mistakes are all that were found, in the order of the file.
func (s *source) mistakes() []error {
	line := func(err error) int {
		var at *FileError
		errors.As(err, &at)
		return at.Line
	}
	slices.SortStableFunc(s.errs, func(a, b error) int { return line(a) - line(b) })
	return s.errs
}

func indexOf(fields []field, name string) int {
	return slices.IndexFunc(fields, func(f field) bool { return f.name == name })
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// describe names the kind of a value, and the value where it is short.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return fmt.Sprintf("the text %q", n.Value)
	case "!!int", "!!float":
		return "the number " + n.Value
	}
	return n.Value
}

// didYouMean is the tail of a message about an unknown name: the nearest known ones, else all of a short list.
func didYouMean(name string, known []string) string {
	if near := closest.Matches(name, known); len(near) > 0 {
		return "; did you mean " + quoted(near, " or ") + "?"
	}
	if len(known) == 0 {
		return ""
	}
	const short = 12
	if len(known) > short {
		known = append(slices.Clone(known[:short]), "...")
	}
	return "; known: " + strings.Join(known, ", ")
}

func quoted(names []string, sep string) string {
	q := make([]string, len(names))
	for i, name := range names {
		q[i] = strconv.Quote(name)
	}
	return strings.Join(q, sep)
}
