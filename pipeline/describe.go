package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
)

// KedroVersion is the release of Kedro whose behaviour this package has.
const KedroVersion = "1.7.0"

// maxShown is how many nodes GoString shows.
const maxShown = 10

// GoString is Kedro's debug form: the first ten nodes.
func (p *Pipeline) GoString() string {
	var nodes []string
	for i, n := range p.order {
		if i == maxShown {
			nodes = append(nodes, "...")
			break
		}
		nodes = append(nodes, n.GoString())
	}
	if nodes == nil {
		return "Pipeline([])"
	}
	return "Pipeline([\n" + strings.Join(nodes, ",\n") + "\n])"
}

// Describe is Kedro's loggable description: free inputs, nodes in execution
// order, free outputs; nodes by name or in their text form (PIP-053).
func (p *Pipeline) Describe(namesOnly bool) string {
	nodes := make([]string, len(p.order))
	for i, n := range p.order {
		if nodes[i] = n.name; !namesOnly {
			nodes[i] = n.String()
		}
	}
	names := func(names []string) string {
		if len(names) == 0 {
			return "None"
		}
		return strings.Join(names, ", ")
	}
	return "#### Pipeline execution order ####\nInputs: " + names(p.Inputs()) + "\n\n" + strings.Join(nodes, "\n") +
		"\n\nOutputs: " + names(p.Outputs()) + "\n##################################"
}

// ToJSON is Kedro's JSON form: its version, and the nodes in order of construction (PIP-054).
func (p *Pipeline) ToJSON() ([]byte, error) {
	type node struct {
		Name    string   `json:"name"`
		Inputs  []string `json:"inputs"`
		Outputs []string `json:"outputs"`
		Tags    []string `json:"tags"`
	}
	form := struct {
		KedroVersion string `json:"kedro_version"`
		Pipeline     []node `json:"pipeline"`
	}{KedroVersion, make([]node, len(p.nodes))}
	some := func(names []string) []string { return append([]string{}, names...) }
	for i, n := range p.nodes {
		form.Pipeline[i] = node{n.name, some(n.inputs), some(n.out.names), some(n.tags)}
	}
	return json.Marshal(form)
}

// NodeGroup is nodes that belong together, for instance to be deployed as one.
type NodeGroup struct {
	Name         string
	Type         string   // "namespace" or "nodes"
	Nodes        []string // full names in execution order
	Dependencies []string // names of other groups
}

// GroupNodesBy groups the nodes by "namespace" (its top level; nodes without
// one stand alone) or "none", in any letter case (PIP-055).
func (p *Pipeline) GroupNodesBy(strategy string) ([]NodeGroup, error) {
	group := func(n *Node) (name, kind string) { return n.name, "nodes" }
	switch strings.ToLower(strategy) {
	case "none":
	case "namespace":
		group = func(n *Node) (name, kind string) {
			if n.namespace == "" {
				return n.name, "nodes"
			}
			return topLevel(n.namespace), "namespace"
		}
	default:
		return nil, valueError("Unsupported group_by strategy: %s", strategy)
	}
	place := map[string]int{}
	var groups []NodeGroup
	for _, n := range p.order {
		name, kind := group(n)
		k, ok := place[name]
		if !ok {
			k = len(groups)
			place[name] = k
			groups = append(groups, NodeGroup{Name: name, Type: kind})
		}
		groups[k].Nodes = append(groups[k].Nodes, n.name)
		for _, parent := range p.parentsByName(n) {
			if other, _ := group(parent); other != name && !slices.Contains(groups[k].Dependencies, other) {
				groups[k].Dependencies = append(groups[k].Dependencies, other)
			}
		}
	}
	return groups, nil
}

func (p *Pipeline) parentsByName(n *Node) []*Node {
	parents := slices.Clone(p.NodeDependencies()[n])
	slices.SortFunc(parents, func(a, b *Node) int { return strings.Compare(a.name, b.name) })
	return parents
}
