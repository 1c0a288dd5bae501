package pyyaml

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// simple are texts that the small reader reads; seeds of the comparison too.
var simple = []string{
	"a: 1\nb: x\n",
	"---\n# head\na:\n  b: 1 # one\n  c:\n  - 1\n  - x: y\n    z: {p: [1, 2.5, 'q'], \"r\": no}\n  -\n    k: v\n  - - 1\n    - 2\nd:\n\ne: ''\n",
	"- a\n- b: 1\n  c: 2\n-\n- - x\n",
	"{\n  \"a\": [1, 2,\n    {\"b\":null}],\n  \"c\": \"d\"\n}\n",
	"'it''s': ${globals:root}/${a.b}/x.csv\n\"k\" : http://x/y#z\n1: one\n~: nothing\n2.5: yes\n",
	"größe: \"ä\" # ü\nb: 017\nc: 1_000\nd: 12:30:45\ne: 1e3\nf: .inf\ng: 2020-01-01\n",
	"a: b\\\n", "a: []\nb: {}\nc: [a b, c d ]\n",
}

// complicated are texts that are left to the full parser.
var complicated = []string{
	"a: &x 1\nb: *x\n", "<<: {a: 1}\n", "a: |\n  text\n", "a: >\n  text\n", "a: one\n  two\n", "a: 'one\n  two'\n", "a: \"x\\n\"\n", "a: !t 1\n",
	"? a\n: b\n", "a: 1\na: 2\n", "a: b: c\n", "a:\tb\n", "a: 1\r\n", "%YAML 1.1\n---\na: 1\n", "a: 1\n---\nb: 2\n", "a: 1\n...\n", "a\n", "", "=: 1\n",
	"a: [1,\n 2]\n", "[a: b]\n", "{a, b}\n", "[a:b]\n", "a: 1\n b: 2\n", " a: 1\n", "a: @x\n", "a: 'x' y\n", "a: {b: http://x}\n", "\ufeffa: 1\n", "a: \x85\n",
	"a:\n- 1\n b: 2\n", "a: - 1\n", "- a: 1\n - b\n", "[1, 2]: x\n", "a: [1, 2] x\n", "a: 1#\n  b", "[-]\n",
}

func TestBlock(t *testing.T) {
	for _, text := range simple {
		value, ok := decodeBlock([]byte(text), OmegaConf)
		require.True(t, ok, text)
		sameAsFull(t, text, value)
	}
	for _, text := range complicated {
		_, ok := decodeBlock([]byte(text), OmegaConf)
		require.False(t, ok, text)
	}
}

// TestBlockOfPieces does the same with texts of the pieces that YAML is made of, which
// random bytes seldom form.
func TestBlockOfPieces(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"a", "b", "key", ": ", ":", " ", "  ", "\n", "\n  ", "\n    ", "- ", "-", "[", "]", "{", "}", ", ", ",", "'", "\"", "#", " # c", "1", "0.5",
		"no", "~", "null", "${a}", "?", "? ", "\\", "=", "<<", "<", "x y", "---", "...", "é", "a: 1\n", "  b: 2\n", "- c\n", "a:\n", "'q'", "\"q\"", "[1, 2]", "{p: q}", "017", "1_0", "|", "%"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(pieces, 1, 14).Draw(t, "pieces"), "")
		value, ok := decodeBlock([]byte(text), OmegaConf)
		if !ok {
			return
		}
		full, err := decodeFull([]byte(text), Options{Name: "<file>"})
		if err != nil || Repr(full) != Repr(value) {
			t.Fatalf("%q: block reads %s, the full parser %s, %v", text, Repr(value), Repr(full), err)
		}
	})
}

func sameAsFull(t *testing.T, text string, value any) {
	t.Helper()
	full, err := decodeFull([]byte(text), Options{Name: "<file>"})
	require.NoError(t, err, text)
	require.Equal(t, Repr(full), Repr(value), text)
}

// FuzzBlock compares the small reader with the full one wherever the small one reads.
func FuzzBlock(f *testing.F) {
	for _, text := range append(simple, complicated...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 || strings.Count(text, "[")+strings.Count(text, "{") > 200 {
			return
		}
		for _, schema := range []Schema{OmegaConf, Safe} {
			value, ok := decodeBlock([]byte(text), schema)
			if !ok {
				continue
			}
			full, err := decodeFull([]byte(text), Options{Name: "<file>", Schema: schema})
			require.NoError(t, err)
			require.Equal(t, Repr(full), Repr(value))
		}
	})
}
