package pipeline

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// chain is a pipeline n0 -> n1 -> ... over datasets d0, d1, ...
func chain(t testing.TB, length int) *Pipeline {
	t.Helper()
	parts := make([]Part, length)
	for i := range parts {
		parts[i] = Define(givesFunc{}, fmt.Sprintf("d%d", i), fmt.Sprintf("d%d", i+1), Name(fmt.Sprintf("n%d", i)))
	}
	p, err := New(parts...)
	require.NoError(t, err)
	return p
}

func TestDefinitionErrorsComeOutOfNew(t *testing.T) {
	_, err := New(Define(5, "a", "b"))
	require.ErrorContains(t, err, "first argument must be a function, not 'int'")
	_, err = Modular(Options{Namespace: "ns"}, Define(givesFunc{}, nil, nil))
	require.ErrorContains(t, err, "it must have some 'inputs' or 'outputs'.")
}

func TestNothingIsNoPart(t *testing.T) { // PIP-040
	for _, part := range []Part{nil, (*Node)(nil), (*Pipeline)(nil)} {
		_, err := New(part)
		require.EqualError(t, err, "'nodes' argument of 'Pipeline' is None. It must be an iterable of nodes and/or pipelines instead.")
	}
	p, err := New()
	require.NoError(t, err)
	require.Empty(t, p.Nodes())
	require.Equal(t, "#### Pipeline execution order ####\nInputs: None\n\n\n\nOutputs: None\n##################################", p.Describe(true))
}

func TestErrorsHaveKedrosTypes(t *testing.T) { // PIP-041 to PIP-045
	node := func(in, out any, opts ...NodeOption) Part { return Define(givesFunc{}, in, out, opts...) }
	for kind, parts := range map[string][]Part{
		ValueError:              {node("a", "b", Name("n")), node("c", "d", Name("n"))},
		OutputNotUniqueError:    {node("a", "b@x"), node("c", "b@y")},
		ConfirmNotUniqueError:   {node("a", "b", Confirms("z")), node("c", "d", Confirms("z@x"))},
		CircularDependencyError: {node("a", "b"), node("b", "a")},
	} {
		_, err := New(parts...)
		var typed *Error
		require.ErrorAs(t, err, &typed)
		require.Equal(t, kind, typed.ErrorType())
	}
	_, err := Modular(Options{Inputs: Keep("nope")}, node("a", "b"))
	var typed *Error
	require.ErrorAs(t, err, &typed)
	require.Equal(t, MappingError, typed.Type)
}

func TestToJSON(t *testing.T) { // PIP-054
	p, err := New(Define(givesFunc{}, "b", nil, Name("second"), Tags("t")), Define(givesFunc{}, nil, []string{"b"}, Name("first")))
	require.NoError(t, err)
	text, err := p.ToJSON()
	require.NoError(t, err)
	require.JSONEq(t, `{"kedro_version": "1.7.0", "pipeline": [
		{"name": "second", "inputs": ["b"], "outputs": [], "tags": ["t"]},
		{"name": "first", "inputs": [], "outputs": ["b"], "tags": []}]}`, string(text))
}

func TestGroupNodesByKnowsTwoStrategies(t *testing.T) { // PIP-055
	p := chain(t, 2)
	groups, err := p.GroupNodesBy("NameSpace")
	require.NoError(t, err)
	require.Equal(t, []NodeGroup{{"n0", "nodes", []string{"n0"}, nil}, {"n1", "nodes", []string{"n1"}, []string{"n0"}}}, groups)
	_, err = p.GroupNodesBy("tag")
	require.EqualError(t, err, "Unsupported group_by strategy: tag")
}

func TestGoStringShowsTenNodes(t *testing.T) {
	require.Equal(t, "Pipeline([\nNode(gives, 'd0', 'd1', 'n0')\n])", fmt.Sprintf("%#v", chain(t, 1)))
	require.Contains(t, chain(t, 11).GoString(), "'n9'),\n...\n])")
	require.Equal(t, "Pipeline([])", chain(t, 0).GoString())
}

func TestTheLeftOfEqualNodesStays(t *testing.T) { // PIP-060
	left, err := New(Define(givesFunc{}, "a", "b", Name("n"), Tags("left")))
	require.NoError(t, err)
	right, err := New(Define(vectorFunc{name: "other"}, "a", "b", Name("n"), Tags("right")))
	require.NoError(t, err)
	both, err := left.Or(right)
	require.NoError(t, err)
	require.Equal(t, []string{"left"}, both.Node("n").Tags())
	require.Nil(t, both.Node("m"))
	sum, err := Sum(left, right, left)
	require.NoError(t, err)
	require.Len(t, sum.Nodes(), 1)
	changed, err := New(Define(givesFunc{}, "a", "c", Name("n")))
	require.NoError(t, err)
	_, err = left.Add(changed) // PIP-062
	require.ErrorContains(t, err, "must have unique names")
}

func TestAFilterThatKeepsAllGivesThePipelineItself(t *testing.T) {
	p := chain(t, 3)
	for _, f := range []FilterOptions{{}, {FromNodes: []string{"n0"}}} {
		same, err := p.Filter(f)
		require.NoError(t, err)
		require.Same(t, p, same)
	}
	_, err := chain(t, 0).Filter(FilterOptions{}) // PIP-071
	require.EqualError(t, err, "Pipeline contains no nodes after applying all provided filters. Please ensure that at least one pipeline with nodes has been defined.")
}

func TestSlicesOfSlices(t *testing.T) {
	p := chain(t, 6)
	middle, err := p.Filter(FilterOptions{FromNodes: []string{"n1"}, ToNodes: []string{"n4"}})
	require.NoError(t, err)
	require.Equal(t, []string{"d1"}, middle.Inputs()) // PIP-073
	require.Equal(t, []string{"d5"}, middle.Outputs())
	end, err := middle.FromInputs("d3")
	require.NoError(t, err)
	require.Equal(t, []string{"n3", "n4"}, nodeNames(end.Nodes()))
	_, err = end.OnlyNodes("n0")
	require.EqualError(t, err, "Pipeline does not contain nodes named ['n0'].")
	_, err = end.FromInputs("d0")
	require.EqualError(t, err, "Pipeline does not contain datasets named ['d0']")
	_, err = end.ToOutputs("d1@x")
	require.Error(t, err)
	again, err := New(end, Define(givesFunc{}, "d5", "d6", Name("n5")))
	require.NoError(t, err)
	require.Equal(t, []string{"n3", "n4", "n5"}, nodeNames(again.Nodes()))
}

func TestWarningsNameDottedDatasetsOnce(t *testing.T) { // PIP-011, PIP-048
	p, err := New(
		Define(givesFunc{}, "a.in", "ns.mid", Name("x"), Namespace("ns")),
		Define(givesFunc{}, "ns.mid", "out", Name("y")),
		Define(givesFunc{}, "out", "ns.end", Name("z"), Namespace("ns")),
	)
	require.NoError(t, err)
	warnings := p.Warnings()
	require.Len(t, warnings, 2)
	require.Contains(t, warnings[0], "One or more dataset names contain '.' characters")
	require.Equal(t, "Namespace 'ns' is interrupted by nodes ['y'] and thus invalid.", warnings[1])
	require.Empty(t, chain(t, 3).Warnings())
}

func TestModularLeavesTheOriginalAlone(t *testing.T) {
	p := chain(t, 2)
	before := p.Describe(false)
	q, err := Modular(Options{Namespace: "ns", Inputs: Args{{"d0", "raw"}}, Tags: []string{"t"}}, p)
	require.NoError(t, err)
	require.Equal(t, before, p.Describe(false))
	require.Equal(t, "#### Pipeline execution order ####\nInputs: raw\n\nns.n0\nns.n1\n\nOutputs: ns.d2\n##################################", q.Describe(true))
	require.Equal(t, []string{"t"}, q.Nodes()[0].Tags())
}

func TestAPipelineServesManyGoroutines(t *testing.T) {
	p := chain(t, 50)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_, err := p.Filter(FilterOptions{FromNodes: []string{"n10"}, ToOutputs: []string{"d40"}})
			if err != nil || len(p.Inputs()) != 1 || len(p.Outputs()) != 1 || len(p.NodeDependencies()) != 50 || len(p.Warnings()) != 0 || len(p.Datasets()) != 51 {
				t.Error("a shared pipeline gave another answer")
			}
		})
	}
	wg.Wait()
}
