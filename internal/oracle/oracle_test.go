package oracle

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadReadsEveryFamily(t *testing.T) {
	t.Setenv("KEDGE_VECTORS", "")
	for _, family := range []string{"pipeline", "construct", "modular", "config", "catalog", "cli", "run"} {
		for _, v := range Load(t, family) {
			require.NotEmpty(t, v.ID)
			require.NotEmpty(t, v.Kind)
		}
	}
}

func TestLoadGraphReadsEverySize(t *testing.T) {
	for _, size := range []int{100, 1000, 10000} {
		require.Len(t, LoadGraph(t, size).Nodes, size)
	}
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	var v Vector
	require.ErrorContains(t, decode([]byte(`{"id":"a","kind":"b","input":1,"expect":2,"news":3}`), &v), "news")
	require.Error(t, decode([]byte(`{} {}`), &v))
}

// TestThePageOnKedroListsTheDeclarations: what the suites leave out or bring into another form stands in docs/kedro.md, and
// nothing else does.
func TestThePageOnKedroListsTheDeclarations(t *testing.T) {
	page, err := os.ReadFile("../../docs/kedro.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "## What the test vectors leave out\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	var listed, declared []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "- ") {
			listed = append(listed, strings.TrimSpace(line))
		}
	}
	for _, d := range Declared() {
		declared = append(declared, "- `"+d.Family+"`: "+d.What+".")
	}
	require.Equal(t, declared, listed)
}

func TestCanonicalSortsWhatComesFromSets(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Pipeline does not contain nodes named ['b', 'a'].", "Pipeline does not contain nodes named ['a', 'b']."},
		{
			`Pipeline does not contain nodes named ["it's", 'a']. Did you mean: ['z.a', 'b.a']?`,
			`Pipeline does not contain nodes named ['a', "it's"]. Did you mean: ['b.a', 'z.a']?`,
		},
		{
			"Circular dependencies exist among the following 2 item(s): [Node(f, ['b'], 'a', 'y'), Node(f, ['a'], 'b', 'x')]",
			"Circular dependencies exist among the following 2 item(s): [Node(f, ['a'], 'b', 'x'), Node(f, ['b'], 'a', 'y')]",
		},
		{
			"x but were referenced without the separator: b, a.\nPlease specify a transcoding",
			"x but were referenced without the separator: a, b.\nPlease specify a transcoding",
		},
		{"f due to duplicate output(s) {'b', 'a'}.\nNode outputs must be unique.", "f due to duplicate output(s) {'a', 'b'}.\nNode outputs must be unique."},
		{"the same inputs and outputs even if they are transcoded: {'b\\\\', 'a, c'}", "the same inputs and outputs even if they are transcoded: {'a, c', 'b\\\\'}"},
		{
			"The node's output keys {'b', 'a'} do not match with the returned output's keys {'d', 'c'}.",
			"The node's output keys {'a', 'b'} do not match with the returned output's keys {'c', 'd'}.",
		},
		{"Duplicate keys found in b and a: x\nDuplicate keys found in a and c: y", "Duplicate keys found in a and b: x\nDuplicate keys found in a and c: y"},
		{"anything else {'b', 'a'}", "anything else {'b', 'a'}"},
	} {
		require.Equal(t, c.want, Canonical(c.in))
		require.Equal(t, c.want, Canonical(Canonical(c.in)))
	}
}

func TestEncodeTellsIntegersFromFloats(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	require.Empty(t, Diff(
		map[string]any{"i": json.Number("1"), "f": json.Number("1.0"), "e": json.Number("1e+16"), "h": json.Number(huge.String()), "n": map[string]any{"$float": "nan"}},
		Encode(map[string]any{"i": 1, "f": 1.0, "e": 1e16, "h": huge, "n": math.NaN()}), nil))
	require.Len(t, Diff(json.Number("1"), Encode(1.0), nil), 1)
	require.Len(t, Diff(json.Number("1.5"), Encode(1), nil), 1)
}

func TestEncodeUsesTheTaggedForms(t *testing.T) {
	require.Equal(t, map[string]any{"$bytes": "aGk="}, Encode([]byte("hi")))
	require.Equal(t, map[string]any{"$dict": []any{[]any{"b", json.Number("1")}, []any{"a", nil}}}, Encode(Dict{{"b", 1}, {"a", nil}}))
	require.Equal(t, map[string]any{"$map": []any{[]any{json.Number("1"), "x"}}}, Encode(map[int]string{1: "x"}))
	require.Equal(t, map[string]any{"type": "error", "bases": []any{}, "message": "broken"}, Encode(errors.New("broken")))
}

func TestDiffShowsWhereAndLeavesOutWhatItIsTold(t *testing.T) {
	want := map[string]any{"a": []any{"x", "y"}, "b": true, "c": nil}
	got := map[string]any{"a": []any{"x", "z"}, "b": true, "d": "new"}
	differences := Diff(want, got, func(path string) bool { return path == "/c" })
	require.Equal(t, []Difference{{"/a/1", "y", "z"}, {"/d", Absent, "new"}}, differences)
	require.Contains(t, differences[0].String(), `kedro: "y"`)
	require.Contains(t, differences[1].String(), "(nothing)")
}

func FuzzCanonicalIsIdempotent(f *testing.F) {
	f.Add("Pipeline does not contain nodes named ['b', 'a'].")
	f.Add("Pipeline input(s) {'b', \"a'\"} not found in the X")
	f.Add(`Keys used in the configuration {'\x41\n'} should present in`)
	f.Fuzz(func(t *testing.T, message string) {
		once := Canonical(message)
		require.Equal(t, once, Canonical(once))
		require.Len(t, once, len(message))
	})
}

func FuzzValue(f *testing.F) {
	f.Add([]byte(`{"$dict": [["a", {"$dict": []}]], "n": 1.50}`))
	f.Add([]byte(`{"$dict": [["a", [1, null]]]}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		var v Value
		if v.UnmarshalJSON(text) == nil {
			Encode(v)
			Plain(v.Any)
		}
	})
}
