package project

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/kedge-run/kedge/pipeline"
)

// slot is an input, output or parameter of a command under the name that the command uses: the argument's name in a
// mapping, else the dataset's, a parameter's without "params:".
type slot struct {
	name   string
	kind   string // "inputs", "outputs" or "params"
	format format // of the file, when the dataset keeps none
}

// format is a kind of file for data that has no file of its own.
type format struct {
	name   string
	typ    string // dataset type that writes and reads it
	suffix string
}

// formats are what "formats" of a node may say; the first one is the default.
var formats = []format{
	{"json", "json.JSONDataset", ".json"},
	{"csv", "pandas.CSVDataset", ".csv"},
	{"excel", "pandas.ExcelDataset", ".xlsx"},
	{"parquet", "pandas.ParquetDataset", ".parquet"},
	{"text", "text.TextDataset", ".txt"},
	{"yaml", "yaml.YAMLDataset", ".yml"},
}

func formatNames() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// slots lists the datasets of inputs or outputs in their order.
func slots(arguments any, output bool) []slot {
	var list []slot
	add := func(name, dataset string) {
		kind := "inputs"
		switch {
		case output:
			kind = "outputs"
		case dataset == "parameters" || strings.HasPrefix(dataset, "params:"):
			kind = "params"
		}
		list = append(list, slot{name: name, kind: kind, format: formats[0]})
	}
	switch a := arguments.(type) {
	case string:
		add(strings.TrimPrefix(a, "params:"), a)
	case []string:
		for _, dataset := range a {
			add(strings.TrimPrefix(dataset, "params:"), dataset)
		}
	case pipeline.Args:
		for _, arg := range a {
			add(arg.Name, arg.Dataset)
		}
	}
	return list
}

// checkCommand connects the placeholders of a command with the node's inputs and outputs.
func (s *source) checkCommand(p *part) {
	p.in, p.out = slots(p.inputs, false), slots(p.outputs, true)
	for _, ref := range p.command.all() {
		s.connect(p, ref)
	}
	s.checkFormats(p)
	s.checkVariables(p)
}

// connect finds what a placeholder stands for.
func (s *source) connect(p *part, ref *reference) {
	list := p.in
	if ref.kind == "outputs" {
		list = p.out
	}
	var known []string
	ref.slot = -1
	for i, candidate := range list {
		if candidate.kind != ref.kind {
			continue
		}
		known = append(known, candidate.name)
		rest, below := strings.CutPrefix(ref.name, candidate.name+".")
		switch {
		case candidate.name == ref.name:
			ref.slot, ref.path = i, nil
			return
		case below && ref.kind == "params":
			ref.slot, ref.path = i, strings.Split(rest, ".")
		}
	}
	if ref.slot >= 0 {
		return
	}
	hint := didYouMean(ref.name, known)
	switch {
	case ref.kind == "inputs" && slices.ContainsFunc(list, func(one slot) bool { return one.kind == "params" && one.name == ref.name }):
		hint = "; it is a parameter: write {params." + ref.name + "}"
	case len(known) == 0 && ref.kind == "params":
		hint = `; the node has no parameters: add "params:` + ref.name + `" to its inputs`
	case len(known) == 0:
		hint = "; the node has no " + ref.kind
	}
	s.fail(p.functionAt, "command", "unknown placeholder %s%s", ref, hint)
}

// checkFormats reads "formats": the name of an input or output to a kind of file.
func (s *source) checkFormats(p *part) {
	for _, f := range p.formats {
		name, ok := s.text(f.node, "formats."+f.name)
		if !ok {
			continue
		}
		at := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
		if at < 0 {
			s.fail(f.node, "formats."+f.name, "unknown format %q%s", name, didYouMean(name, formatNames()))
			continue
		}
		if !setFormat(p.in, f.name, formats[at]) && !setFormat(p.out, f.name, formats[at]) {
			s.fail(f.key, "formats", "the node has no input or output %q%s", f.name, didYouMean(f.name, slotNames(p)))
		}
	}
}

func setFormat(list []slot, name string, f format) bool {
	found := false
	for i := range list {
		if list[i].name == name && list[i].kind != "params" {
			list[i].format, found = f, true
		}
	}
	return found
}

func slotNames(p *part) []string {
	var names []string
	for _, one := range append(slices.Clone(p.in), p.out...) {
		if one.kind != "params" {
			names = append(names, one.name)
		}
	}
	return names
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkVariables refuses names that would share an environment variable, and settings of Kedge's own.
func (s *source) checkVariables(p *part) {
	owner, clash := map[string]string{}, map[string]bool{}
	check := func(kind, name string) {
		v := variable(kind, name)
		if old, taken := owner[v]; taken && old != name && !clash[v] {
			clash[v] = true
			s.fail(p.functionAt, kind, "%q and %q would share the variable %s; name one of them otherwise by the mapping form (argument: dataset)", old, name, v)
		}
		owner[v] = name
	}
	for _, one := range append(slices.Clone(p.in), p.out...) {
		if one.kind != "params" {
			check(one.kind, one.name)
		}
	}
	for _, ref := range p.command.all() {
		check(ref.kind, ref.name)
	}
	for _, f := range p.env {
		if !variableName.MatchString(f.name) || strings.HasPrefix(f.name, "KEDGE_") {
			s.fail(f.key, "env", "expected the name of a variable outside of KEDGE_, got %q", f.name)
		}
		if f.node.Kind != yaml.ScalarNode || isNull(f.node) {
			s.fail(f.node, "env."+f.name, "expected text, got %s", describe(f.node))
		}
	}
}
