package pipeline

import (
	"context"
	"errors"
	"iter"
	"reflect"
)

// Arg binds a function's argument, or a key of its result, to a dataset.
type Arg struct{ Name, Dataset string }

// Args is Kedro's mapping form of inputs and outputs; the order counts.
type Args []Arg

// NodeOption is an optional argument of [NewNode].
type NodeOption func(*Node)

// Name gives the node a name: letters, digits, hyphens, underscores and full stops (PIP-006).
func Name(name string) NodeOption { return func(*Node) {} }

// Tags adds tags, of the same alphabet as names (PIP-007).
func Tags(tags ...string) NodeOption { return func(*Node) {} }

// Confirms names datasets that are confirmed after the node has run (PIP-013).
func Confirms(datasets ...string) NodeOption { return func(*Node) {} }

// Namespace puts the node into a namespace; levels are separated by full stops.
func Namespace(namespace string) NodeOption { return func(*Node) {} }

// Node is a function bound to the datasets that it reads and writes. It is immutable.
type Node struct{}

// NewNode binds fn, a Go function or a [Func], to its inputs and outputs: nil,
// a string, a []string or [Args].
func NewNode(fn any, inputs, outputs any, opts ...NodeOption) (*Node, error) {
	return nil, errors.New("not yet")
}

// Define is [NewNode] for use in the argument list of [New] and [Modular]: its error comes out of them.
func Define(fn any, inputs, outputs any, opts ...NodeOption) Part { return nil }

// Name is the full name, namespace included (PIP-020, PIP-021).
func (n *Node) Name() string { return "" }

// ShortName is the given name, else the function's name in words (PIP-022).
func (n *Node) ShortName() string { return "" }

// Namespace is the node's namespace; "" is none.
func (n *Node) Namespace() string { return "" }

// NamespacePrefixes lists a, a.b, a.b.c for a.b.c, and "" alone without a namespace (PIP-027).
func (n *Node) NamespacePrefixes() []string { return nil }

// Inputs lists the datasets read, in binding order (PIP-024). Do not change it.
func (n *Node) Inputs() []string { return nil }

// Outputs lists the datasets written. Do not change it.
func (n *Node) Outputs() []string { return nil }

// Tags lists the tags, sorted. Do not change it.
func (n *Node) Tags() []string { return nil }

// Confirms lists the datasets to confirm after a run. Do not change it.
func (n *Node) Confirms() []string { return nil }

// String is Kedro's text form (PIP-023).
func (n *Node) String() string { return "" }

// GoString is Kedro's debug form (PIP-023).
func (n *Node) GoString() string { return "" }

// Func is what the node runs.
func (n *Node) Func() Func { return nil }

// FuncName is the readable name of the function.
func (n *Node) FuncName() string { return "" }

// Generator tells whether the function yields its result in chunks (PIP-037).
func (n *Node) Generator() bool { return false }

// InputType is the Go type in which the function wants a dataset; nil is any.
func (n *Node) InputType(dataset string) reflect.Type { return nil }

// Outputs is the result of one run of a node.
type Outputs struct {
	Values map[string]any                   // dataset to value; nil for generator nodes
	Chunks iter.Seq2[map[string]any, error] // generator nodes: each step has one chunk for every output; may be ranged over once
}

// Close frees a generator whose Chunks are not ranged over. It is harmless otherwise.
func (o Outputs) Close() {}

// Run calls the function with the datasets given (PIP-030 to PIP-037).
func (n *Node) Run(ctx context.Context, inputs map[string]any) (Outputs, error) {
	return Outputs{}, errors.New("not yet")
}
