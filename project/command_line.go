package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// commandLine is what "command" says, its placeholders found.
type commandLine struct {
	words  []template // the list form, run without a shell
	script template   // the text form, run by sh; nil for the list form
}

// template is text with placeholders.
type template []segment

// segment is literal text or one placeholder.
type segment struct {
	text string
	ref  *reference
}

// reference is a placeholder: {inputs.companies}, {outputs.clean}, {params.options.size}.
type reference struct {
	kind   string   // "inputs", "outputs" or "params"
	name   string   // as written
	starts bool     // it begins a word that no "--" precedes, so a text like "-rf" would be read as an option
	slot   int      // which input, output or parameter it stands for
	path   []string // keys below a parameter
}

var (
	placeholder = regexp.MustCompile(`\{(inputs|outputs|params)\.([^{}\s]+)\}`)
	misspelt    = regexp.MustCompile(`\{(input|output|param|parameter|parameters)\.([^{}\s]+)\}`)
	rightWord   = map[string]string{"input": "inputs", "output": "outputs", "param": "params", "parameter": "params", "parameters": "params"}
)

func (r *reference) String() string { return "{" + r.kind + "." + r.name + "}" }

// variable is the environment variable that holds the same value.
func (r *reference) variable() string { return variable(r.kind, r.name) }

var notInVariable = regexp.MustCompile(`[^A-Za-z0-9_]`)

func variable(kind, name string) string {
	prefix := map[string]string{"inputs": "KEDGE_INPUT_", "outputs": "KEDGE_OUTPUT_", "params": "KEDGE_PARAM_"}[kind]
	return prefix + notInVariable.ReplaceAllString(name, "_")
}

// commandLine reads "command": a list of words, or a text for the shell.
func (s *source) commandLine(f field) *commandLine {
	switch {
	case f.node.Kind == yaml.SequenceNode && len(f.node.Content) > 0:
		return &commandLine{words: s.words(f)}
	case f.node.Kind == yaml.ScalarNode && f.node.ShortTag() == "!!str" && strings.TrimSpace(f.node.Value) != "":
		script := s.template(f.node, f.name)
		markStarts(script)
		return &commandLine{script: script}
	}
	s.fail(f.node, f.name, "expected the words of a command as a list, or a line for the shell as text, got %s", describeFilled(f.node))
	return &commandLine{}
}

func (s *source) words(f field) []template {
	words := make([]template, 0, len(f.node.Content))
	options := true
	for i, item := range f.node.Content {
		item = deref(item)
		name := fmt.Sprintf("%s[%d]", f.name, i)
		if item.Kind != yaml.ScalarNode || isNull(item) {
			s.fail(item, name, "expected a word, got %s", describe(item))
			continue
		}
		if i == 0 && strings.Trim(item.Value, "/ ") == "" {
			s.fail(item, name, "expected the name of a program, got %s", describeFilled(item))
		}
		word := s.template(item, name)
		if options && i > 0 && len(word) > 0 && word[0].ref != nil {
			word[0].ref.starts = true
		}
		options = options && item.Value != "--"
		words = append(words, word)
	}
	return words
}

// template finds the placeholders of a text. Other braces are left as they are, so that awk and shell code need no escapes.
func (s *source) template(n *yaml.Node, name string) template {
	if m := misspelt.FindStringSubmatch(n.Value); m != nil {
		s.fail(n, name, "unknown placeholder %s; did you mean {%s.%s}?", m[0], rightWord[m[1]], m[2])
	}
	t := template{}
	rest := n.Value
	for {
		m := placeholder.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		if m[0] > 0 {
			t = append(t, segment{text: rest[:m[0]]})
		}
		t = append(t, segment{ref: &reference{kind: rest[m[2]:m[3]], name: rest[m[4]:m[5]]}})
		rest = rest[m[1]:]
	}
	if rest != "" || len(t) == 0 {
		t = append(t, segment{text: rest})
	}
	return t
}

// markStarts finds the placeholders of a script that begin a word.
func markStarts(script template) {
	before := ""
	for _, seg := range script {
		if seg.ref == nil {
			before = strings.TrimRight(seg.text, `"'`)
			continue
		}
		begins := before == "" || strings.ContainsAny(before[len(before)-1:], " \t\n;|&(`")
		seg.ref.starts = begins && !strings.HasSuffix(strings.TrimRight(before, " \t"), " --")
		before = "x" // what follows a placeholder without a blank belongs to the same word
	}
}

// all lists the placeholders of a command.
func (c *commandLine) all() []*reference {
	var refs []*reference
	for _, t := range append(slices.Clone(c.words), c.script) {
		for _, seg := range t {
			if seg.ref != nil {
				refs = append(refs, seg.ref)
			}
		}
	}
	return refs
}

// program is the name of the program for messages and automatic node names; a script is "sh".
func (c *commandLine) program() string {
	if len(c.words) == 0 || c.words[0][0].ref != nil {
		return "sh"
	}
	first := strings.TrimRight(c.words[0][0].text, "/")
	return notInName.ReplaceAllString(first[strings.LastIndex(first, "/")+1:], "_")
}

var notInName = regexp.MustCompile(`[^\w.-]`)

// shell is the script for sh. A placeholder becomes a reference to an environment variable, quoted to be one word
// wherever it stands, so a value is never part of the program.
func (t template) shell() string {
	var b strings.Builder
	q := quoting{}
	for _, seg := range t {
		if seg.ref == nil {
			q.scan(seg.text)
			b.WriteString(seg.text)
			continue
		}
		variable := "${" + seg.ref.variable() + "}"
		switch q.top() {
		case '"':
			b.WriteString(variable)
		case '\'':
			b.WriteString(`'"` + variable + `"'`)
		default:
			b.WriteString(`"` + variable + `"`)
		}
	}
	return b.String()
}

// quoting follows the quotes of shell text: a stack of ' and ", of ( for $(...) and of ` for the old form. A mistake
// here (in a here-document, say) can only cost a placeholder its quotes; what it stands for stays data.
type quoting struct {
	stack []byte
	last  byte
}

func (q *quoting) top() byte {
	if len(q.stack) == 0 {
		return 0
	}
	return q.stack[len(q.stack)-1]
}

func (q *quoting) push(c byte) { q.stack = append(q.stack, c) }

func (q *quoting) pop() { q.stack = q.stack[:len(q.stack)-1] }

func (q *quoting) scan(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case q.top() == '\'':
			if c == '\'' {
				q.pop()
			}
		case c == '\\':
			i++
		case c == '#' && q.top() != '"' && (q.last == 0 || strings.IndexByte(" \t\n;", q.last) >= 0):
			if i = i + strings.IndexByte(text[i:]+"\n", '\n'); i >= len(text) {
				return
			}
			c = '\n'
		default:
			q.quote(c)
		}
		q.last = c
	}
}

// quote changes the stack for a character that is neither escaped nor in single quotes.
func (q *quoting) quote(c byte) {
	top := q.top()
	switch {
	case (c == '"' || c == '`') && top == c:
		q.pop()
	case c == '"' || c == '`':
		q.push(c)
	case c == '\'' && top != '"':
		q.push(c)
	case c == '(' && (top != '"' || q.last == '$'):
		q.push(c)
	case c == ')' && top == '(':
		q.pop()
	}
}

// describeFilled is describe, and says of an empty list or text that it is empty.
func describeFilled(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "an empty list"
	case n.ShortTag() == "!!str" && strings.TrimSpace(n.Value) == "":
		return "an empty text"
	}
	return describe(n)
}
