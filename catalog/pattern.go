package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// isPattern tells whether a name of catalog.yml is a dataset factory (CAT-040).
func isPattern(name string) bool { return strings.Contains(name, "{") }

// placeholder is what Kedro takes for a placeholder, both in the names of patterns and in their bodies.
var placeholder = regexp.MustCompile(`\{[^\n]*?\}`)

// specificity counts the characters outside braces (CAT-042).
func specificity(pattern string) int {
	return len([]rune(placeholder.ReplaceAllString(pattern, "")))
}

// field is what the package parse takes for a field; the rest of a pattern is literal text.
var field = regexp.MustCompile(`\{\{|\}\}|\{[\p{L}\p{N}_-]*(?:\.[\p{L}\p{N}_-]+|\[[^\]]+\])*(?::[^}]+)?\}`)

// matcher matches names against one pattern by the rules of Python's package parse (CAT-041). It is immutable.
type matcher struct {
	parts []part
	whole *regexp.Regexp // nil when a field is repeated
	err   error          // why the pattern can't be used, raised at the first match, as in Python
}

// part is one piece of a pattern: literal text, a field, or a repetition of a field.
type part struct {
	literal string
	name    string // field name as written; "" for an anonymous field
	spec    *fieldSpec
	repeats int // index of the part that this one repeats, or -1
}

func (p part) isField() bool { return p.spec != nil }

func newMatcher(pattern string) *matcher {
	m := &matcher{}
	seen := map[string]int{}
	formats := map[string]string{}
	at := 0
	for _, span := range field.FindAllStringIndex(pattern, -1) {
		m.literal(pattern[at:span[0]])
		at = span[1]
		if err := m.field(pattern[span[0]:span[1]], seen, formats); err != nil {
			m.err = err
			return m
		}
	}
	m.literal(pattern[at:])
	if !slices.ContainsFunc(m.parts, func(p part) bool { return p.repeats >= 0 }) {
		m.compile()
	}
	return m
}

func (m *matcher) literal(text string) {
	if text != "" {
		m.parts = append(m.parts, part{literal: text, repeats: -1})
	}
}

func (m *matcher) field(text string, seen map[string]int, formats map[string]string) error {
	if text == "{{" || text == "}}" {
		m.literal(text[:1])
		return nil
	}
	name, format, _ := strings.Cut(text[1:len(text)-1], ":")
	if name == "" || !unicode.IsLetter([]rune(name)[0]) {
		name = "" // Python's parse numbers these; nothing can refer to them
	} else if first, ok := seen[name]; ok {
		if formats[name] != format {
			return raise("RepeatedNameError", "field type %s for field \"%s\" does not match previous seen type %s",
				pyString(format), name, pyString(formats[name]))
		}
		m.parts = append(m.parts, part{repeats: first})
		return nil
	}
	spec, err := parseFieldSpec(format)
	if err != nil {
		return err
	}
	if name != "" {
		seen[name], formats[name] = len(m.parts), format
	}
	m.parts = append(m.parts, part{name: name, spec: spec, repeats: -1})
	return nil
}

// compile builds the one expression for the whole name: Go's leftmost-first matching finds the same fields as Python's.
func (m *matcher) compile() {
	var b strings.Builder
	b.WriteString(`(?is)\A`)
	for i, p := range m.parts {
		if p.isField() {
			b.WriteString(p.spec.expression(fmt.Sprintf("f%d", i)))
		} else {
			b.WriteString(regexp.QuoteMeta(p.literal))
		}
	}
	b.WriteString(`\z`)
	m.whole, m.err = regexp.Compile(b.String())
}

// match returns the named fields of name; ok tells whether the pattern matches.
func (m *matcher) match(name string) (fields map[string]any, ok bool, err error) {
	if m.err != nil {
		return nil, false, m.err
	}
	var texts map[int]string
	if m.whole != nil {
		texts, ok = m.matchWhole(name)
	} else {
		texts, ok = m.matchRepeated(name)
	}
	if !ok {
		return nil, false, nil
	}
	fields = make(map[string]any, len(texts))
	for i, text := range texts {
		p := m.parts[i]
		value, err := p.spec.convert(text)
		if err != nil {
			return nil, false, err
		}
		if p.name != "" {
			setField(fields, p.name, value)
		}
	}
	return fields, true, nil
}

func (m *matcher) matchWhole(name string) (map[int]string, bool) {
	found := m.whole.FindStringSubmatch(name)
	if found == nil {
		return nil, false
	}
	texts := map[int]string{}
	for i := range m.parts {
		if group := m.whole.SubexpIndex(fmt.Sprintf("f%d", i)); group >= 0 {
			texts[i] = found[group]
		}
	}
	return texts, true
}

// setField stores a field, a[b] as a mapping in a mapping.
func setField(fields map[string]any, name string, value any) {
	base, rest, ok := strings.Cut(name, "[")
	if !ok {
		fields[name] = value
		return
	}
	keys := append([]string{base}, strings.Split(strings.TrimSuffix(rest, "]"), "][")...)
	for _, key := range keys[:len(keys)-1] {
		inner, ok := fields[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			fields[key] = inner
		}
		fields = inner
	}
	fields[keys[len(keys)-1]] = value
}

// matchRepeated backtracks over the parts: regular expressions of Go have no back references.
func (m *matcher) matchRepeated(name string) (map[int]string, bool) {
	texts := map[int]string{}
	return texts, m.matchFrom([]rune(name), 0, texts)
}

func (m *matcher) matchFrom(rest []rune, i int, texts map[int]string) bool {
	if i == len(m.parts) {
		return len(rest) == 0
	}
	p := m.parts[i]
	if !p.isField() {
		want := []rune(p.literal)
		if p.repeats >= 0 {
			want = []rune(texts[p.repeats])
		}
		return hasFold(rest, want) && m.matchFrom(rest[len(want):], i+1, texts)
	}
	for n := range p.spec.lengths(len(rest)) {
		text, ok := p.spec.full(string(rest[:n]))
		if !ok {
			continue
		}
		texts[i] = text
		if m.matchFrom(rest[n:], i+1, texts) {
			return true
		}
	}
	delete(texts, i)
	return false
}

// hasFold tells whether text starts with prefix, whatever the case.
func hasFold(text, prefix []rune) bool {
	return len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), string(prefix))
}
