package pyyaml_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// TestEncode compares with what yaml.dump(value, default_flow_style=False) wrote.
func TestEncode(t *testing.T) {
	large, _ := new(big.Int).SetString("1180591620717411303424", 10)
	type m = map[string]any
	for want, value := range map[string]any{
		"null\n...\n": nil,
		"1\n...\n":    1,
		"text\n...\n": "text",
		"'1'\n":       "1",
		"''\n":        "",
		"[]\n":        []any{},
		"{}\n":        m{},
		"a: 1\nb:\n- x\n- - 2\n  - 3\n- c: d\n  e: f\n": m{"b": []any{"x", []any{2, 3}, m{"c": "d", "e": "f"}}, "a": 1},
		"a: {}\nb: []\n": m{"b": []any{}, "a": m{}},
		"- 1.5\n- 1.0e+16\n- 0.1\n- .inf\n- -.inf\n- .nan\n- 1.0\n":          []any{1.5, 1e16, 0.1, math.Inf(1), math.Inf(-1), math.NaN(), 1.0},
		"- 'yes'\n- 'null'\n- '2020-01-01'\n- 1e3\n- '<<'\n- '='\n":          []any{"yes", "null", "2020-01-01", "1e3", "<<", "="},
		"- 'a: b'\n- 'a #c'\n- '- x'\n- -x\n- '[x'\n- it's\n- ' x'\n":        []any{"a: b", "a #c", "- x", "-x", "[x", "it's", " x"},
		"- \"\\xE9t\\xE9\"\n- \"\\u65E5\"\n- \"\\U0001F600\"\n- \"a\\tb\"\n": []any{"été", "日", "😀", "a\tb"},
		"- 'two\n\n  lines'\n":                  []any{"two\nlines"},
		"? ''\n: 1\n":                           m{"": 1},
		"2: b\n10: a\n":                         map[int]any{10: "a", 2: "b"},
		"- 1180591620717411303424\n- true\n":    []any{large, true},
		"- 2020-01-02\n- 2020-01-02 03:04:05\n": []any{time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)},
		"a: !!binary |\n  aGk=\n":               m{"a": []byte("hi")},
		"a: " + strings.TrimSpace(strings.Repeat("long ", 16)) + "\n  " + strings.TrimSpace(strings.Repeat("long ", 4)) + "\n": m{"a": strings.TrimSpace(strings.Repeat("long ", 20))},
	} {
		got, err := pyyaml.Encode(value)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	_, err := pyyaml.Encode(m{"a": []any{make(chan int)}})
	require.EqualError(t, err, `convert value at "a[0]": chan int is no configuration value`)
	var deep any = 1
	for range 2000 {
		deep = []any{deep}
	}
	_, err = pyyaml.Encode(deep)
	require.ErrorContains(t, err, "nested more than 1000 levels deep")
}

func TestFromPlain(t *testing.T) {
	type level string
	number := 3
	value, err := pyyaml.FromPlain(map[string]any{
		"b": map[any]any{1: level("x"), "k": nil}, "a": []int8{1, 2}, "f": float32(0.5), "u": uint64(math.MaxUint64), "p": &number, "n": json.Number("1.5"), "i": json.Number("12345678901234567890"),
	})
	require.NoError(t, err)
	require.Equal(t, "{'a': [1, 2], 'b': {1: 'x', 'k': None}, 'f': 0.5, 'i': 12345678901234567890, 'n': 1.5, 'p': 3, 'u': 18446744073709551615}", pyyaml.Repr(value))
	loop := map[string]any{}
	loop["again"] = loop
	_, err = pyyaml.FromPlain(loop)
	require.ErrorContains(t, err, "nested more than 1000 levels deep")
}

func TestRepr(t *testing.T) {
	for want, value := range map[string]any{
		"None": nil, "True": true, "1.0": 1.0, "1e+16": 1e16, "1e-05": 1e-5, "0.0001": 1e-4, "nan": math.NaN(), "-inf": math.Inf(-1), "123456789.125": 123456789.125,
		`'a\'b"c'`: `a'b"c`, `"it's"`: "it's", `'\n\\\x00é\u2028'`: "\n\\\x00é\u2028", `b'a\xff\n'`: []byte("a\xff\n"), "['a', [1]]": []any{"a", []any{1}},
	} {
		require.Equal(t, want, pyyaml.Repr(value))
	}
	require.Equal(t, "text", pyyaml.Str("text"))
}

func TestMap(t *testing.T) {
	m := pyyaml.NewMap(pyyaml.Pair{Key: "a", Value: 1}, pyyaml.Pair{Key: 1, Value: 2}, pyyaml.Pair{Key: true, Value: 3}, pyyaml.Pair{Key: "a", Value: 4})
	require.Equal(t, []any{"a", 1}, m.Keys())
	value, ok := m.Get(1.0)
	require.True(t, ok)
	require.Equal(t, 3, value)
	require.Equal(t, map[string]any{"a": 4, "1": 3}, m.Plain())
	other := m.Replace(map[int]any{0: 5})
	require.Equal(t, "{'a': 5, 1: 3}", pyyaml.Repr(other))
	require.Equal(t, "{'a': 4, 1: 3}", pyyaml.Repr(m))
	other = other.Replace(map[int]any{1: []any{6}})
	require.Equal(t, map[string]any{"a": 5, "1": []any{6}}, other.Plain())
	require.Equal(t, map[any]any{"a": 5, 1: []any{6}}, pyyaml.PlainValue(other))
	value, _ = other.Get(true)
	require.Equal(t, []any{6}, value)
	text, err := pyyaml.Encode(other)
	require.NoError(t, err)
	require.Equal(t, "a: 5\n1:\n- 6\n", string(text))
	for key, value := range other.All() {
		require.Equal(t, map[any]any{"a": 5, 1: []any{6}}[key], value)
	}
	var none *pyyaml.Map
	require.Zero(t, none.Len())
	require.Empty(t, none.Keys())
	require.Empty(t, none.Plain())
	_, ok = none.Get("a")
	require.False(t, ok)
}
