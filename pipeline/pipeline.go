package pipeline

import "errors"

// Part is what a pipeline is made of: a [*Node], a [*Pipeline], or what [Define] gives.
type Part interface{ addTo() }

func (n *Node) addTo()     {}
func (p *Pipeline) addTo() {}

// Pipeline is a checked set of nodes with the order that their datasets imply. It is immutable.
type Pipeline struct{}

// New makes a pipeline of nodes and pipelines (PIP-040 to PIP-048).
func New(parts ...Part) (*Pipeline, error) { return nil, errors.New("not yet") }

// Options says how [Modular] reuses nodes: Kedro's arguments of pipeline().
type Options struct {
	Inputs           Args     // free inputs: old name to new name; [Keep] for names that stay
	Outputs          Args     // outputs: old name to new name
	Parameters       Args     // parameters: old name to new name, with or without "params:"
	Tags             []string // added to every node
	Namespace        string   // put before node and dataset names
	KeepDatasetNames bool     // Kedro's prefix_datasets_with_namespace=False
}

// Keep maps names onto themselves.
func Keep(names ...string) Args { return nil }

// Modular makes a pipeline of parts with mapped names (PIP-080 to PIP-088).
func Modular(opts Options, parts ...Part) (*Pipeline, error) { return nil, errors.New("not yet") }

// Sum is the union of pipelines, Kedro's sum([...]) (PIP-060).
func Sum(pipelines ...*Pipeline) (*Pipeline, error) { return nil, errors.New("not yet") }

// Nodes lists the nodes in execution order (PIP-052). Do not change it.
func (p *Pipeline) Nodes() []*Node { return nil }

// GroupedNodes lists the nodes by level: each level depends on earlier ones only (PIP-052). Do not change it.
func (p *Pipeline) GroupedNodes() [][]*Node { return nil }

// Node finds a node by its full name; nil when there is none.
func (p *Pipeline) Node(name string) *Node { return nil }

// NodeDependencies maps every node to the nodes whose outputs it reads, in execution order. Do not change it.
func (p *Pipeline) NodeDependencies() map[*Node][]*Node { return nil }

// Inputs lists the free inputs, sorted (PIP-051). Do not change it.
func (p *Pipeline) Inputs() []string { return nil }

// Outputs lists the free outputs, sorted. Do not change it.
func (p *Pipeline) Outputs() []string { return nil }

// AllInputs lists the inputs of all nodes, sorted. Do not change it.
func (p *Pipeline) AllInputs() []string { return nil }

// AllOutputs lists the outputs of all nodes, sorted. Do not change it.
func (p *Pipeline) AllOutputs() []string { return nil }

// Datasets lists all dataset names, sorted. Do not change it.
func (p *Pipeline) Datasets() []string { return nil }

// Warnings lists what Kedro would warn of when it makes this pipeline (PIP-011, PIP-048).
func (p *Pipeline) Warnings() []string { return nil }

// Describe is Kedro's loggable description (PIP-053).
func (p *Pipeline) Describe(namesOnly bool) string { return "" }

// ToJSON is Kedro's JSON form (PIP-054).
func (p *Pipeline) ToJSON() ([]byte, error) { return nil, nil }

// NodeGroup is nodes that are deployed together.
type NodeGroup struct {
	Name         string
	Type         string   // "namespace" or "nodes"
	Nodes        []string // names in execution order
	Dependencies []string // names of other groups
}

// GroupNodesBy groups by "namespace" (the top level) or "none" (PIP-055).
func (p *Pipeline) GroupNodesBy(strategy string) ([]NodeGroup, error) { return nil, nil }

// Add is the union; of equal nodes the left one stays (PIP-060).
func (p *Pipeline) Add(other *Pipeline) (*Pipeline, error) { return nil, errors.New("not yet") }

// Or is [Pipeline.Add].
func (p *Pipeline) Or(other *Pipeline) (*Pipeline, error) { return nil, errors.New("not yet") }

// Sub keeps the nodes that other does not have (PIP-061).
func (p *Pipeline) Sub(other *Pipeline) *Pipeline { return nil }

// And keeps the nodes that other has too (PIP-061).
func (p *Pipeline) And(other *Pipeline) *Pipeline { return nil }

// Tag adds tags to every node.
func (p *Pipeline) Tag(tags ...string) (*Pipeline, error) { return nil, errors.New("not yet") }

// FilterOptions are Kedro's arguments of Pipeline.filter.
type FilterOptions struct {
	Tags, FromNodes, ToNodes, NodeNames, FromInputs, ToOutputs, NodeNamespaces []string
}

// Filter applies every filter given to this pipeline and keeps what all of them keep (PIP-070 to PIP-072).
func (p *Pipeline) Filter(f FilterOptions) (*Pipeline, error) { return nil, errors.New("not yet") }

// OnlyNodes keeps the nodes with these full names (PIP-063).
func (p *Pipeline) OnlyNodes(names ...string) (*Pipeline, error) { return nil, errors.New("not yet") }

// OnlyNodesWithNamespaces keeps the nodes in these namespaces or below (PIP-064).
func (p *Pipeline) OnlyNodesWithNamespaces(namespaces ...string) (*Pipeline, error) {
	return nil, errors.New("not yet")
}

// OnlyNodesWithTags keeps the nodes with any of these tags (PIP-065).
func (p *Pipeline) OnlyNodesWithTags(tags ...string) *Pipeline { return nil }

// OnlyNodesWithInputs keeps the nodes that read these datasets (PIP-066).
func (p *Pipeline) OnlyNodesWithInputs(datasets ...string) (*Pipeline, error) {
	return nil, errors.New("not yet")
}

// OnlyNodesWithOutputs keeps the nodes that write these datasets (PIP-066).
func (p *Pipeline) OnlyNodesWithOutputs(datasets ...string) (*Pipeline, error) {
	return nil, errors.New("not yet")
}

// FromInputs keeps the nodes that depend on these datasets, directly or not (PIP-067).
func (p *Pipeline) FromInputs(datasets ...string) (*Pipeline, error) {
	return nil, errors.New("not yet")
}

// ToOutputs keeps the nodes that these datasets need, directly or not (PIP-067).
func (p *Pipeline) ToOutputs(datasets ...string) (*Pipeline, error) {
	return nil, errors.New("not yet")
}

// FromNodes keeps these nodes and all downstream of them (PIP-068).
func (p *Pipeline) FromNodes(names ...string) (*Pipeline, error) { return nil, errors.New("not yet") }

// ToNodes keeps these nodes and all upstream of them (PIP-068).
func (p *Pipeline) ToNodes(names ...string) (*Pipeline, error) { return nil, errors.New("not yet") }

// SplitTranscoding cuts name@format in two (PIP-110).
func SplitTranscoding(name string) (base, format string, err error) { return name, "", nil }
