package pipeline

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNodeProperties(t *testing.T) { // PIP-020 to PIP-027
	n := mustNode(t, vectorFunc{name: "split_data"}, []string{"a.b.raw", "params:x"}, "a.b.out", Namespace("a.b"), Tags("t", "s", "t"), Confirms("c"))
	require.Equal(t, "a.b.split_data__ca882fc0", n.Name())
	require.Equal(t, "Split Data", n.ShortName())
	require.Equal(t, []string{"a", "a.b"}, n.NamespacePrefixes())
	require.Equal(t, []string{"s", "t"}, n.Tags())
	require.Equal(t, []string{"c"}, n.Confirms())
	require.Equal(t, "split_data([a.b.raw;params:x]) -> [a.b.out]", n.String())
	require.Equal(t, "Node(split_data, ['a.b.raw', 'params:x'], 'a.b.out', None)", fmt.Sprintf("%#v", n))
	require.Equal(t, "split_data", n.FuncName())
	require.Equal(t, "split_data", n.Func().Name())
	require.Empty(t, mustNode(t, vectorFunc{name: "f"}, "a", nil).NamespacePrefixes()[0])
}

func TestAFunctionWithoutModuleIsNamedByItself(t *testing.T) { // PIP-021, as for partial functions
	n := mustNode(t, givesFunc{}, "x", "y")
	require.Equal(t, "gives__ebf43c51", n.Name())
}

func TestDeclarationsOfGoMapsAreTakenInSortedOrder(t *testing.T) {
	n := mustNode(t, givesFunc{}, map[string]string{"b": "y", "a": "x"}, map[string]any{"l": "q", "k": "p"}, Name("n"))
	require.Equal(t, []string{"x", "y"}, n.Inputs())
	require.Equal(t, []string{"p", "q"}, n.Outputs())
	_, err := NewNode(givesFunc{}, Args{{"a", "x"}, {"a", "y"}}, nil)
	require.ErrorContains(t, err, "'inputs' name 'a' twice.")
	_, err = NewNode(givesFunc{}, map[string]any{"b": 1, "a": "x"}, nil)
	require.ErrorContains(t, err, "but 1 from {'a': 'x', 'b': 1} is '<class 'int'>'")
}

func TestNodesKeepWhatTheyWereGiven(t *testing.T) {
	inputs := []string{"a", "b"}
	n := mustNode(t, givesFunc{}, inputs, "c")
	inputs[0] = "changed"
	require.Equal(t, []string{"a", "b"}, n.Inputs())
}

func TestANameMayNotEndInANewline(t *testing.T) { // PIP-006: Kedro lets it through
	_, err := NewNode(givesFunc{}, "a", "b", Name("ok\n"))
	require.ErrorContains(t, err, "is not a valid node name.")
	_, err = NewNode(givesFunc{}, "a", "b", Tags("ok\n"))
	require.ErrorContains(t, err, "is not a valid node tag.")
}

func TestSplitTranscoding(t *testing.T) { // PIP-110
	base, format, err := SplitTranscoding("data@spark")
	require.NoError(t, err)
	require.Equal(t, [2]string{"data", "spark"}, [2]string{base, format})
	base, format, err = SplitTranscoding("data")
	require.NoError(t, err)
	require.Equal(t, [2]string{"data", ""}, [2]string{base, format})
	_, _, err = SplitTranscoding("a@b@c")
	require.EqualError(t, err, "Expected maximum 1 transcoding separator, found 2 instead: 'a@b@c'.")
}

func FuzzNodeName(f *testing.F) {
	for _, seed := range []string{"plain", "a.b-c_d", "été", "数据", "ok\n", "", "a b", "\xff", "²½Ⅷ", "x@y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n, err := NewNode(givesFunc{}, "in", "out", Name(name), Namespace("ns"))
		if name == "" {
			require.NoError(t, err)
			return
		}
		if !validName(name) {
			require.ErrorContains(t, err, "is not a valid node name")
			return
		}
		require.NoError(t, err)
		require.Equal(t, "ns."+name, n.Name())
		require.Equal(t, name, n.ShortName())
	})
}

func FuzzTranscoding(f *testing.F) {
	for _, seed := range []string{"a", "a@b", "@", "a@", "@b", "a@b@c", "params:x@y", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		base, format, err := SplitTranscoding(name)
		if err != nil {
			return
		}
		require.Equal(t, base, baseName(name))
		if base != name {
			require.Equal(t, name, base+"@"+format)
		}
		bases, err := baseNames([]string{"x", name})
		require.NoError(t, err)
		require.Equal(t, []string{"x", base}, bases)
	})
}
