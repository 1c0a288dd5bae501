package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/oracle"
)

// vectorFunc is the function of a vector's node: it has a name and maybe
// parameters, and is never called.
type vectorFunc struct {
	name   string
	params []string
}

func (f vectorFunc) Name() string     { return f.name }
func (f vectorFunc) Module() string   { return "vectors.nodes" }
func (f vectorFunc) Params() []string { return f.params }
func (f vectorFunc) Call(context.Context, Inputs) (any, error) {
	return nil, nil
}

// declared is a side of a vector's node as NewNode takes it.
func declared(v oracle.Value) any {
	pairs, ok := v.Any.(oracle.Dict)
	if !ok {
		return oracle.Plain(v.Any)
	}
	args := make(Args, len(pairs))
	for i, pair := range pairs {
		name, ok := pair.Value.(string)
		if !ok {
			return oracle.Plain(v.Any) // wrong on purpose
		}
		args[i] = Arg{pair.Key, name}
	}
	return args
}

func vectorNode(n oracle.Node) (*Node, error) {
	var opts []NodeOption
	if n.Name != nil {
		opts = append(opts, Name(*n.Name))
	}
	if n.Namespace != nil {
		opts = append(opts, Namespace(*n.Namespace))
	}
	opts = append(opts, Tags(n.Tags.Texts()...), Confirms(n.Confirms.Texts()...))
	var fn any
	switch f := n.Func.Any.(type) {
	case string:
		fn = vectorFunc{f, n.Params}
	case map[string]any:
		fn = oracle.Plain(f["$literal"])
	}
	return NewNode(fn, declared(n.Inputs), declared(n.Outputs), opts...)
}

func vectorNodes(specs []oracle.Node) ([]Part, error) {
	parts := make([]Part, len(specs))
	for i, spec := range specs {
		node, err := vectorNode(spec)
		if err != nil {
			return nil, err
		}
		parts[i] = node
	}
	return parts, nil
}

func failed(err error) any { return map[string]any{"error": err} }

func nodeNames(nodes []*Node) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Name()
	}
	return out
}

// interrupted lists the namespaces that warnings are about, sorted.
func interrupted(warnings []string) []string {
	out := []string{}
	for _, w := range warnings {
		if rest, ok := strings.CutPrefix(w, "Namespace '"); ok {
			namespace, _, _ := strings.Cut(rest, "'")
			out = append(out, namespace)
		}
	}
	slices.Sort(out)
	return out
}

func textOrNull(text string, given *string) any {
	if given == nil && text == "" {
		return nil
	}
	return text
}

func TestConformancePipeline(t *testing.T) {
	oracle.Suite{Family: "pipeline", Answer: answerPipeline}.Run(t)
}

type pipelineQuestion struct {
	Nodes   []oracle.Node   `json:"nodes"`
	Detail  bool            `json:"detail"`
	Queries []pipelineQuery `json:"queries"`
}

type pipelineQuery struct {
	Op       string              `json:"op"`
	Args     map[string][]string `json:"args"`
	Names    []string            `json:"names"`
	Operator string              `json:"operator"`
	Left     []int               `json:"left"`
	Right    []int               `json:"right"`
}

func answerPipeline(t *testing.T, v oracle.Vector) any {
	var in pipelineQuestion
	v.Decode(t, &in)
	parts, err := vectorNodes(in.Nodes)
	if err != nil {
		return failed(err)
	}
	p, err := New(parts...)
	if err != nil {
		return failed(err)
	}
	out := shape(t, p, in)
	answers := []any{}
	for _, q := range in.Queries {
		answers = append(answers, answerQuery(t, p, parts, q))
	}
	out["queries"] = answers
	return out
}

func shape(t *testing.T, p *Pipeline, in pipelineQuestion) map[string]any {
	groups := []any{}
	for _, group := range p.GroupedNodes() {
		groups = append(groups, nodeNames(group))
	}
	out := map[string]any{
		"nodes": nodeNames(p.Nodes()), "groups": groups,
		"inputs": p.Inputs(), "outputs": p.Outputs(), "datasets": p.Datasets(),
		"all_inputs": p.AllInputs(), "all_outputs": p.AllOutputs(),
		"describe": p.Describe(true), "grouped_by_namespace": nodeGroups(t, p, "namespace"),
		"interrupted_namespaces": interrupted(p.Warnings()),
	}
	if !in.Detail {
		return out
	}
	given := map[string]*string{}
	for _, spec := range in.Nodes {
		n, err := vectorNode(spec)
		require.NoError(t, err)
		given[n.Name()] = spec.Namespace
	}
	details, parents := []any{}, map[string]any{}
	for _, n := range p.Nodes() {
		details = append(details, map[string]any{
			"name": n.Name(), "short_name": n.ShortName(), "namespace": textOrNull(n.Namespace(), given[n.Name()]),
			"prefixes": n.NamespacePrefixes(), "inputs": n.Inputs(), "outputs": n.Outputs(), "tags": n.Tags(),
			"confirms": n.Confirms(), "str": n.String(),
		})
		names := nodeNames(p.NodeDependencies()[n])
		slices.Sort(names)
		parents[n.Name()] = names
	}
	out["details"], out["dependencies"] = details, parents
	out["describe_full"], out["grouped_by_none"] = p.Describe(false), nodeGroups(t, p, "None")
	return out
}

func nodeGroups(t *testing.T, p *Pipeline, strategy string) any {
	groups, err := p.GroupNodesBy(strategy)
	require.NoError(t, err)
	out := []any{}
	for _, g := range groups {
		out = append(out, map[string]any{"name": g.Name, "type": g.Type, "nodes": g.Nodes, "dependencies": g.Dependencies})
	}
	return out
}

func answerQuery(t *testing.T, p *Pipeline, parts []Part, q pipelineQuery) any {
	var result *Pipeline
	var err error
	switch q.Op {
	case "filter":
		result, err = p.Filter(filterOptions(t, q.Args))
	case "only_nodes":
		result, err = p.OnlyNodes(q.Names...)
	case "from_nodes":
		result, err = p.FromNodes(q.Names...)
	case "to_nodes":
		result, err = p.ToNodes(q.Names...)
	case "only_nodes_with_tags":
		result = p.OnlyNodesWithTags(q.Names...)
	case "only_nodes_with_namespaces":
		result, err = p.OnlyNodesWithNamespaces(q.Names...)
	case "only_nodes_with_inputs":
		result, err = p.OnlyNodesWithInputs(q.Names...)
	case "from_inputs":
		result, err = p.FromInputs(q.Names...)
	case "only_nodes_with_outputs":
		result, err = p.OnlyNodesWithOutputs(q.Names...)
	case "to_outputs":
		result, err = p.ToOutputs(q.Names...)
	case "tag":
		result, err = p.Tag(q.Names...)
	case "binary":
		result, err = combine(t, pick(parts, q.Left), pick(parts, q.Right), q.Operator)
	default:
		t.Fatalf("unknown query %q", q.Op)
	}
	if err != nil {
		return failed(err)
	}
	out := map[string]any{"nodes": nodeNames(result.Nodes())}
	if q.Op == "tag" {
		tags := []any{}
		for _, n := range result.Nodes() {
			tags = append(tags, n.Tags())
		}
		out["tags"] = tags
	}
	return out
}

func filterOptions(t *testing.T, args map[string][]string) FilterOptions {
	var f FilterOptions
	for key, values := range args {
		switch key {
		case "tags":
			f.Tags = values
		case "from_nodes":
			f.FromNodes = values
		case "to_nodes":
			f.ToNodes = values
		case "node_names":
			f.NodeNames = values
		case "from_inputs":
			f.FromInputs = values
		case "to_outputs":
			f.ToOutputs = values
		case "node_namespaces":
			f.NodeNamespaces = values
		default:
			t.Fatalf("unknown filter %q", key)
		}
	}
	return f
}

func pick(parts []Part, indexes []int) []Part {
	out := make([]Part, len(indexes))
	for k, i := range indexes {
		out[k] = parts[i]
	}
	return out
}

func combine(t *testing.T, left, right []Part, operator string) (*Pipeline, error) {
	a, err := New(left...)
	if err != nil {
		return nil, err
	}
	b, err := New(right...)
	if err != nil {
		return nil, err
	}
	switch operator {
	case "+":
		return a.Add(b)
	case "|":
		return a.Or(b)
	case "-":
		return a.Sub(b), nil
	case "&":
		return a.And(b), nil
	}
	t.Fatalf("unknown operator %q", operator)
	return nil, nil
}

func TestConformanceConstruct(t *testing.T) {
	oracle.Suite{Family: "construct", Answer: answerConstruct, Skip: skipConstruct}.Run(t)
}

// skipConstruct declares what Kedge does differently on purpose.
func skipConstruct(v oracle.Vector) oracle.Declaration {
	if v.Kind == "quirk" {
		return oracle.Quirk
	}
	return oracle.Declaration{}
}

func answerConstruct(t *testing.T, v oracle.Vector) any {
	switch v.Kind {
	case "node", "signature":
		var in struct{ Node oracle.Node }
		v.Decode(t, &in)
		if what, text := endsInNewline(in.Node); what != "" {
			return refusesNewline(t, v, in.Node, what, text)
		}
		return answerNode(in.Node)
	case "pipeline":
		return answerItems(t, v)
	case "operator":
		var in struct {
			Left, Right []oracle.Node
			Operator    string
		}
		v.Decode(t, &in)
		left, err := vectorNodes(in.Left)
		require.NoError(t, err)
		right, err := vectorNodes(in.Right)
		require.NoError(t, err)
		p, err := combine(t, left, right, in.Operator)
		if err != nil {
			return failed(err)
		}
		return map[string]any{"nodes": nodeNames(p.Nodes())}
	}
	t.Fatalf("%s: unknown kind %q", v.ID, v.Kind)
	return nil
}

// endsInNewline tells whether the name or a tag of a node does.
func endsInNewline(spec oracle.Node) (what, text string) {
	newline := func(text string) bool { return strings.HasSuffix(text, "\n") }
	if spec.Name != nil && newline(*spec.Name) {
		return "name", *spec.Name
	}
	if i := slices.IndexFunc(spec.Tags.Texts(), newline); i >= 0 {
		return "tag", spec.Tags.Texts()[i]
	}
	return "", ""
}

// refusesNewline wants the error that PIP-006 wants where Kedro lets a newline through.
func refusesNewline(t *testing.T, v oracle.Vector, spec oracle.Node, what, text string) any {
	var expect map[string]any
	require.NoError(t, json.Unmarshal(v.Expect, &expect))
	if expect["error"] != nil {
		return answerNode(spec)
	}
	_, err := vectorNode(spec)
	require.EqualError(t, err, "'"+text+"' is not a valid node "+what+". It must contain only letters, digits, hyphens, underscores and/or fullstops.")
	v.Normalise(oracle.Newline)
	return expect
}

func answerNode(spec oracle.Node) any {
	n, err := vectorNode(spec)
	if err != nil {
		return failed(err)
	}
	return map[string]any{
		"name": n.Name(), "short_name": n.ShortName(), "inputs": n.Inputs(), "outputs": n.Outputs(), "str": n.String(),
		"repr": n.GoString(), "tags": n.Tags(), "confirms": n.Confirms(), "namespace": textOrNull(n.Namespace(), spec.Namespace),
	}
}

func answerItems(t *testing.T, v oracle.Vector) any {
	var in struct {
		Items []json.RawMessage
		What  string
	}
	v.Decode(t, &in)
	if in.Items == nil {
		_, err := New(nil)
		return failed(err)
	}
	var parts []Part
	for _, raw := range in.Items {
		part, err := item(t, raw)
		if err != nil {
			return failed(err)
		}
		parts = append(parts, part)
	}
	p, err := New(parts...)
	if err != nil {
		return failed(err)
	}
	return map[string]any{"nodes": nodeNames(p.Nodes()), "inputs": p.Inputs(), "outputs": p.Outputs()}
}

// item is a node or {"pipeline": [nodes]}.
func item(t *testing.T, raw json.RawMessage) (Part, error) {
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(raw, &fields))
	if _, ok := fields["pipeline"]; !ok {
		var spec oracle.Node
		oracle.Decode(t, raw, &spec)
		return vectorNode(spec)
	}
	var nested struct{ Pipeline []oracle.Node }
	oracle.Decode(t, raw, &nested)
	parts, err := vectorNodes(nested.Pipeline)
	if err != nil {
		return nil, err
	}
	return New(parts...)
}
