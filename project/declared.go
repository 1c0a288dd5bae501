package project

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/kedge-run/kedge/pipeline"
)

// declared is one file of pipelines/: a pipeline in the words of Kedro's pipeline().
type declared struct {
	name  string
	file  string
	parts []part
	reuse pipeline.Options // the file's own inputs, outputs, namespace ... applied to all parts
}

// part is one element of "nodes": a node, or another pipeline that is used again.
type part struct {
	line  int
	where string
	// a node
	name       string
	command    *commandLine
	fn         string
	inputs     any // nil, string, []string or pipeline.Args
	outputs    any
	tags       []string
	confirms   []string
	namespace  string
	formats    []field
	env        []field
	functionAt *yaml.Node
	in, out    []slot // of a command
	// another pipeline
	pipeline string
	reuse    pipeline.Options
}

var (
	fileKeys    = []string{"nodes", "inputs", "outputs", "parameters", "tags", "namespace", "prefix_datasets_with_namespace"}
	nodeKeys    = []string{"name", "command", "func", "inputs", "outputs", "tags", "confirms", "namespace", "formats", "env"}
	includeKeys = []string{"pipeline", "inputs", "outputs", "parameters", "tags", "namespace", "prefix_datasets_with_namespace"}
)

// readPipeline reads one file of pipelines/.
func (s *source) readPipeline(root *yaml.Node, name string) declared {
	d := declared{name: name, file: s.file}
	if root == nil || isNull(root) {
		s.fail(root, "", `expected a mapping with the key "nodes", the file is empty`)
		return d
	}
	fields := s.fields(root, "the pipeline file", fileKeys...)
	if root.Kind == yaml.MappingNode && indexOf(fields, "nodes") < 0 {
		s.fail(root, "nodes", "is missing: a pipeline needs a list of nodes")
	}
	for _, f := range fields {
		if f.name == "nodes" {
			d.parts = s.parts(f)
			continue
		}
		s.reuseField(f, &d.reuse)
	}
	return d
}

func (s *source) parts(f field) []part {
	if f.node.Kind != yaml.SequenceNode {
		s.fail(f.node, f.name, "expected a list of nodes, got %s", describe(f.node))
		return nil
	}
	parts := make([]part, 0, len(f.node.Content))
	for i, item := range f.node.Content {
		item = deref(item)
		s.where = partLabel(item, i)
		parts = append(parts, s.part(item))
		s.where = ""
	}
	return parts
}

// partLabel names an element of "nodes" for messages, as well as it is named.
func partLabel(n *yaml.Node, i int) string {
	if n.Kind == yaml.MappingNode {
		for _, key := range []string{"name", "pipeline"} {
			for at := 0; at+1 < len(n.Content); at += 2 {
				value := deref(n.Content[at+1])
				if n.Content[at].Value == key && value.Kind == yaml.ScalarNode && value.Value != "" {
					return fmt.Sprintf("%s %q", map[string]string{"name": "node", "pipeline": "pipeline"}[key], value.Value)
				}
			}
		}
	}
	return fmt.Sprintf("nodes[%d]", i)
}

func (s *source) part(n *yaml.Node) part {
	p := part{line: n.Line, where: s.where}
	if n.Kind != yaml.MappingNode {
		s.fail(n, "", "expected a node as a mapping, got %s", describe(n))
		return p
	}
	all := s.pairs(n, "the node", 0)
	kinds := slices.DeleteFunc([]string{"command", "func", "pipeline"}, func(k string) bool { return indexOf(all, k) < 0 })
	switch {
	case len(kinds) != 1:
		s.fail(n, "", `expected one of the keys "command" (a program), "func" (a Go function) or "pipeline" (another pipeline), got %s`, orNone(kinds))
	case kinds[0] == "pipeline":
		for _, f := range s.known(all, "the pipeline", includeKeys) {
			if f.name == "pipeline" {
				p.pipeline, _ = s.text(f.node, f.name)
				continue
			}
			s.reuseField(f, &p.reuse)
		}
	default:
		for _, f := range s.known(all, "the node", nodeKeys) {
			s.nodeField(f, &p)
		}
		s.checkNode(&p)
	}
	return p
}

func (s *source) nodeField(f field, p *part) {
	switch f.name {
	case "name":
		p.name, _ = s.text(f.node, f.name)
	case "command":
		p.command, p.functionAt = s.commandLine(f), f.node
	case "func":
		p.fn, _ = s.text(f.node, f.name)
		p.functionAt = f.node
	case "inputs":
		p.inputs = s.arguments(f)
	case "outputs":
		p.outputs = s.arguments(f)
	case "tags":
		p.tags = s.texts(f.node, f.name)
	case "confirms":
		p.confirms = s.texts(f.node, f.name)
	case "namespace":
		if !isNull(f.node) {
			p.namespace, _ = s.text(f.node, f.name)
		}
	case "formats":
		p.formats = s.pairs(f.node, f.name, 0)
	case "env":
		p.env = s.pairs(f.node, f.name, 0)
	}
}

// checkNode checks what needs the whole node.
func (s *source) checkNode(p *part) {
	if p.command == nil {
		for _, f := range append(p.formats, p.env...) {
			s.fail(f.key, "", `"formats" and "env" belong to nodes with "command" only`)
		}
		return
	}
	s.checkCommand(p)
}

// arguments reads inputs or outputs of a node in all of Kedro's forms.
func (s *source) arguments(f field) any {
	switch {
	case isNull(f.node):
		return nil
	case f.node.Kind == yaml.MappingNode:
		args := pipeline.Args{}
		for _, arg := range s.pairs(f.node, f.name, 0) {
			if dataset, ok := s.text(arg.node, f.name+"."+arg.name); ok {
				args = append(args, pipeline.Arg{Name: arg.name, Dataset: dataset})
			}
		}
		return args
	case f.node.Kind == yaml.SequenceNode:
		return s.texts(f.node, f.name)
	case f.node.ShortTag() == "!!str":
		return f.node.Value
	}
	s.fail(f.node, f.name, "expected the name of a dataset, a list of names or a mapping of argument to name, got %s", describe(f.node))
	return nil
}

// reuseField reads one of the arguments of Kedro's pipeline().
func (s *source) reuseField(f field, o *pipeline.Options) {
	switch f.name {
	case "inputs":
		o.Inputs = s.mapped(f)
	case "outputs":
		o.Outputs = s.mapped(f)
	case "parameters":
		o.Parameters = s.mapped(f)
	case "tags":
		o.Tags = s.texts(f.node, f.name)
	case "namespace":
		if !isNull(f.node) {
			o.Namespace, _ = s.text(f.node, f.name)
		}
	case "prefix_datasets_with_namespace":
		o.KeepDatasetNames = !s.boolean(f.node, f.name)
	}
}

// mapped reads names that stay (text or list) or a mapping of old to new names.
func (s *source) mapped(f field) pipeline.Args {
	if f.node.Kind != yaml.MappingNode {
		return pipeline.Keep(s.texts(f.node, f.name)...)
	}
	args, _ := s.arguments(f).(pipeline.Args)
	return args
}

// known refuses the fields that are not known.
func (s *source) known(fields []field, what string, known []string) []field {
	for _, f := range fields {
		if !slices.Contains(known, f.name) {
			s.fail(f.key, "", "unknown key %q in %s%s", f.name, what, didYouMean(f.name, known))
		}
	}
	return fields
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none of them"
	}
	return quoted(names, " and ")
}
