package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/oracle"
)

var graphSizes = []int{100, 1000, 10000}

// graphParts are the nodes of a recorded graph, with or without their namespaces.
func graphParts(t testing.TB, g oracle.Graph, namespaces bool) []Part {
	parts := make([]Part, len(g.Nodes))
	for i, spec := range g.Nodes {
		name, namespace := spec.Name, spec.Namespace
		if namespace != "" && namespaces {
			name = strings.TrimPrefix(name, namespace+".")
		} else {
			namespace = ""
		}
		node, err := NewNode(vectorFunc{name: "f"}, spec.Inputs, spec.Outputs, Name(name), Namespace(namespace), Tags(spec.Tags...))
		require.NoError(t, err)
		require.Equal(t, spec.Name, node.Name())
		parts[i] = node
	}
	return parts
}

func graphPipeline(t testing.TB, g oracle.Graph, namespaces bool) *Pipeline {
	p, err := New(graphParts(t, g, namespaces)...)
	require.NoError(t, err)
	return p
}

// hash is the SHA-256 of names, each followed by a newline.
func hash(names []string) string {
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintln(sum, name)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func graphFilter(t testing.TB, q oracle.Query) FilterOptions {
	f := FilterOptions{
		Tags: q.Filter["tags"], FromNodes: q.Filter["from_nodes"], ToNodes: q.Filter["to_nodes"], NodeNames: q.Filter["node_names"],
		FromInputs: q.Filter["from_inputs"], ToOutputs: q.Filter["to_outputs"], NodeNamespaces: q.Filter["node_namespaces"],
	}
	given := 0
	for _, values := range [][]string{f.Tags, f.FromNodes, f.ToNodes, f.NodeNames, f.FromInputs, f.ToOutputs, f.NodeNamespaces} {
		if values != nil {
			given++
		}
	}
	require.Len(t, q.Filter, given)
	return f
}

func TestGraphsAnswerAsKedro(t *testing.T) {
	for _, size := range graphSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			g := oracle.LoadGraph(t, size)
			p := graphPipeline(t, g, true)
			var order []string
			var sizes []int
			for _, level := range p.GroupedNodes() {
				names := nodeNames(level)
				require.True(t, slices.IsSorted(names))
				order, sizes = append(order, names...), append(sizes, len(names))
			}
			require.Equal(t, g.Order.LayerSizes, sizes)
			require.Len(t, sizes, g.Order.Layers)
			require.Equal(t, g.Order.OrderSHA256, hash(order))
			free := slices.DeleteFunc(slices.Clone(p.Inputs()), isParameter)
			require.Equal(t, g.Free, unique(mapped(free, baseName)))
			for _, q := range g.Queries {
				answer, err := p.Filter(graphFilter(t, q))
				if q.Error != nil {
					require.Error(t, err, q.ID)
					continue
				}
				require.NoError(t, err, q.ID)
				names := nodeNames(answer.Nodes())
				require.Len(t, names, q.Count, q.ID)
				require.Equal(t, q.NamesSHA256, hash(unique(names)), q.ID)
			}
		})
	}
}

// TestInterruptionsAgreeWithKedrosAlgorithm runs Kedro's own quadratic search beside ours.
func TestInterruptionsAgreeWithKedrosAlgorithm(t *testing.T) {
	for _, size := range []int{100, 1000} {
		p := graphPipeline(t, oracle.LoadGraph(t, size), true)
		require.Equal(t, naiveInterruptions(p), interrupted(p.Warnings()))
	}
}

// naiveInterruptions is Pipeline._validate_namespaces with plain maps.
func naiveInterruptions(p *Pipeline) []string {
	left := map[*Node]map[string]bool{}
	found := []string{}
	for _, n := range p.Nodes() {
		left[n] = map[string]bool{}
		for _, parent := range p.NodeDependencies()[n] {
			for _, prefix := range n.NamespacePrefixes() {
				if left[parent][prefix] {
					if !strings.HasPrefix(parent.Namespace()+".", prefix+".") {
						found = append(found, prefix)
					}
					break
				}
			}
			for prefix := range left[parent] {
				left[n][prefix] = true
			}
			last, current := parent.Namespace(), n.Namespace()
			if last != "" && current != last && !strings.HasPrefix(current, last+".") {
				for _, prefix := range parent.NamespacePrefixes() {
					if !strings.HasPrefix(current, prefix) {
						left[n][prefix] = true
					}
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

func BenchmarkNew(b *testing.B) {
	each(b, func(b *testing.B, g oracle.Graph, namespaces bool) {
		parts := graphParts(b, g, namespaces)
		for b.Loop() {
			p, err := New(parts...)
			if err != nil {
				b.Fatal(err)
			}
			p.Warnings() // lazy here, at once in Kedro
		}
	})
}

func BenchmarkNewNodes(b *testing.B) {
	each(b, func(b *testing.B, g oracle.Graph, namespaces bool) {
		for b.Loop() {
			for _, spec := range g.Nodes {
				if _, err := NewNode(vectorFunc{name: "f"}, spec.Inputs, spec.Outputs, Name("n"), Tags(spec.Tags...)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	each(b, func(b *testing.B, g oracle.Graph, namespaces bool) {
		p := graphPipeline(b, g, namespaces)
		for _, q := range g.Queries {
			f := graphFilter(b, q)
			if f.NodeNamespaces != nil && !namespaces || q.Error != nil {
				continue
			}
			b.Run(q.ID, func(b *testing.B) {
				for b.Loop() {
					answer, err := p.Filter(f)
					if err != nil || len(answer.Nodes()) != q.Count {
						b.Fatal(err, len(answer.Nodes()))
					}
					answer.Warnings()
				}
			})
		}
	})
}

func each(b *testing.B, run func(b *testing.B, g oracle.Graph, namespaces bool)) {
	for _, size := range graphSizes {
		g := oracle.LoadGraph(b, size)
		for _, namespaces := range []bool{false, true} {
			name := fmt.Sprintf("%d", size)
			if namespaces {
				name += "/ns"
			}
			b.Run(name, func(b *testing.B) { run(b, g, namespaces) })
		}
	}
}
