package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawNodes makes nodes that form an acyclic graph: each reads some datasets of earlier ones.
func drawNodes(t *rapid.T) []Part {
	count := rapid.IntRange(1, 14).Draw(t, "nodes")
	var made []string
	parts := make([]Part, count)
	for i := range count {
		inputs := []string{fmt.Sprintf("free%d", rapid.IntRange(0, 3).Draw(t, "free"))}
		if len(made) > 0 {
			inputs = append(inputs, rapid.SliceOfNDistinct(rapid.SampledFrom(made), 0, min(3, len(made)), rapid.ID).Draw(t, "inputs")...)
		}
		out := fmt.Sprintf("d%d", i)
		if rapid.Bool().Draw(t, "transcoded") {
			out = fmt.Sprintf("t%d@a", i)
		}
		node, err := NewNode(givesFunc{}, inputs, out, Name(fmt.Sprintf("n%d", i)),
			Namespace(rapid.SampledFrom([]string{"", "", "a", "a.b", "ab", "c"}).Draw(t, "namespace")),
			Tags(rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 2).Draw(t, "tags")...))
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = node
		made = append(made, out)
	}
	return rapid.Permutation(parts).Draw(t, "order")
}

func drawPipeline(t *rapid.T) *Pipeline { return must(t, drawNodes(t)...) }

func must(t *rapid.T, parts ...Part) *Pipeline {
	p, err := New(parts...)
	require.NoError(t, err)
	return p
}

// some draws node names of a pipeline.
func some(t *rapid.T, p *Pipeline, label string) []string {
	return rapid.SliceOfDistinct(rapid.SampledFrom(nodeNames(p.Nodes())), rapid.ID).Draw(t, label)
}

func sortedNames(p *Pipeline) []string { return unique(nodeNames(p.Nodes())) }

// checkOrder requires that every node stands one level after its last parent.
func checkOrder(t *rapid.T, p *Pipeline) {
	level := map[*Node]int{}
	for l, group := range p.GroupedNodes() {
		require.NotEmpty(t, group)
		require.True(t, slices.IsSorted(nodeNames(group)))
		for _, n := range group {
			level[n] = l
		}
	}
	require.Len(t, level, len(p.Nodes()))
	for n, parents := range p.NodeDependencies() {
		want := 0
		for _, parent := range parents {
			want = max(want, level[parent]+1)
		}
		require.Equal(t, want, level[n])
	}
}

func TestOrderPutsEveryNodeRightAfterItsParents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkOrder(t, drawPipeline(t)) })
}

func TestSlicesAreSubsetsClosedInTheirDirection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPipeline(t)
		start := some(t, p, "start")
		down, err := p.FromNodes(start...)
		require.NoError(t, err)
		up, err := p.ToNodes(start...)
		require.NoError(t, err)
		inDown, inUp := map[*Node]bool{}, map[*Node]bool{}
		for _, n := range down.Nodes() {
			inDown[n] = true
		}
		for _, n := range up.Nodes() {
			inUp[n] = true
		}
		for _, name := range start {
			require.True(t, inDown[p.Node(name)] && inUp[p.Node(name)])
		}
		for n, parents := range p.NodeDependencies() {
			for _, parent := range parents {
				require.True(t, !inDown[parent] || inDown[n], "a reader of a kept node is missing downstream")
				require.True(t, !inUp[n] || inUp[parent], "a parent of a kept node is missing upstream")
			}
		}
		checkOrder(t, down)
		checkOrder(t, up)
	})
}

func TestFilterIsTheIntersectionOfItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPipeline(t)
		f := FilterOptions{FromNodes: some(t, p, "from"), ToNodes: some(t, p, "to"), NodeNames: some(t, p, "names")}
		if rapid.Bool().Draw(t, "tagged") {
			f.Tags = []string{"x"}
		}
		want := p
		for _, part := range []FilterOptions{{FromNodes: f.FromNodes}, {ToNodes: f.ToNodes}, {NodeNames: f.NodeNames}, {Tags: f.Tags}} {
			kept, err := p.Filter(part)
			if err != nil {
				kept = must(t)
			}
			want = want.And(kept)
		}
		got, err := p.Filter(f)
		if len(want.Nodes()) == 0 {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, nodeNames(want.Nodes()), nodeNames(got.Nodes()))
		checkOrder(t, got)
	})
}

func TestOperatorsAreThoseOfSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := drawNodes(t)
		part := func(label string) *Pipeline {
			return must(t, rapid.SliceOfDistinct(rapid.SampledFrom(all), func(p Part) *Node { return p.(*Node) }).Draw(t, label)...)
		}
		add := func(a, b *Pipeline) *Pipeline {
			sum, err := a.Add(b)
			require.NoError(t, err)
			return sum
		}
		a, b, c := part("a"), part("b"), part("c")
		require.Equal(t, nodeNames(add(add(a, b), c).Nodes()), nodeNames(add(a, add(b, c)).Nodes()))
		require.Equal(t, nodeNames(add(a, b).Nodes()), nodeNames(add(b, a).Nodes()))
		require.Equal(t, sortedNames(a), sortedNames(add(a.Sub(b), a.And(b))))
		require.Empty(t, a.Sub(a).Nodes())
		require.Equal(t, sortedNames(a.And(b)), sortedNames(b.And(a)))
	})
}

func TestASliceIsWhatItsNodesMake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPipeline(t)
		slice, err := p.OnlyNodes(some(t, p, "names")...)
		require.NoError(t, err)
		var parts []Part
		for _, n := range slice.Nodes() {
			parts = append(parts, n)
		}
		fresh := must(t, parts...)
		require.Equal(t, fresh.Describe(false), slice.Describe(false))
		require.Equal(t, fresh.Datasets(), slice.Datasets())
		require.Equal(t, fresh.Warnings(), slice.Warnings())
		require.Equal(t, naiveInterruptions(fresh), interrupted(slice.Warnings()))
	})
}

func TestModularIsUndoneByMappingBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPipeline(t)
		inner, err := Modular(Options{Namespace: "outer"}, p)
		require.NoError(t, err)
		require.Len(t, inner.Nodes(), len(p.Nodes()))
		for i, n := range inner.Nodes() {
			require.Equal(t, "outer."+p.Nodes()[i].Name(), n.Name())
		}
		require.Equal(t, mapped(p.Inputs(), func(s string) string { return "outer." + s }), inner.Inputs())
	})
}

// FuzzConstruct builds pipelines of nodes read from JSON: whatever they say, New
// gives a pipeline in order or an error, and slicing the result never fails.
func FuzzConstruct(f *testing.F) {
	f.Add([]byte(`[{"in": ["a"], "out": ["b"]}, {"in": ["b"], "out": ["c@x"], "name": "n", "ns": "a.b"}]`))
	f.Add([]byte(`[{"in": ["a"], "out": ["b"]}, {"in": ["b"], "out": ["a"]}]`))
	f.Add([]byte(`[{"in": ["a@x", "a"], "out": ["b"]}, {"in": ["a@y"], "out": ["b@q"], "name": "n"}, {"out": ["d"], "name": "n"}]`))
	f.Add([]byte(`[{"in": ["parameters", "params:x.y"], "out": ["x.y"], "ns": ".."}, {"in": ["x.y"], "out": ["z"], "ns": "q"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var specs []struct {
			In, Out  []string
			Name, NS string
		}
		if json.Unmarshal(text, &specs) != nil || len(specs) > 50 {
			t.Skip("no nodes")
		}
		parts := make([]Part, len(specs))
		for i, s := range specs {
			parts[i] = Define(vectorFunc{name: "f"}, s.In, s.Out, Name(s.Name), Namespace(s.NS))
		}
		p, err := New(parts...)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		p.Warnings()
		require.NotEmpty(t, p.Describe(false))
		place := map[*Node]int{}
		for i, n := range p.Nodes() {
			place[n] = i
		}
		for n, parents := range p.NodeDependencies() {
			for _, parent := range parents {
				require.Less(t, place[parent], place[n])
			}
		}
		for _, n := range p.Nodes() {
			slice, err := p.ToNodes(n.Name())
			require.NoError(t, err)
			require.Contains(t, slice.Nodes(), n)
		}
	})
}
