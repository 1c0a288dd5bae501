package pyyaml_test

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

func decode(t *testing.T, text string, schema pyyaml.Schema) any {
	t.Helper()
	value, err := pyyaml.Decode([]byte(text), pyyaml.Options{Schema: schema})
	require.NoError(t, err)
	return pyyaml.PlainValue(value)
}

// TestScalars is the table "YAML scalars" of the specification of configuration.
func TestScalars(t *testing.T) {
	huge, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	for text, want := range map[string]any{
		"yes": true, "on": true, "True": true, "OFF": false, "no": false, "Y": "Y", "n": "n", "yES": "yES",
		"017": 15, "0o17": "0o17", "08": "08", "0b2": "0b2", "0x1F": 31, "-0x1f": -31, "0b11": 3, "1_000": 1000, "+3": 3, "0": 0, "-7": -7,
		"12:30:45": 45045, "1:30": 90, "-1:30": -90, "1:99": "1:99", "1:30.5": 90.5,
		"1e3": 1000.0, "1e-3": 0.001, "1.5e3": 1500.0, "1.": 1.0, ".5": 0.5, "1_0.5": 10.5, "1e400": math.Inf(1), "1.2.3": "1.2.3",
		".inf": math.Inf(1), "-.INF": math.Inf(-1), "inf": "inf", "nan": "nan",
		"2020-01-01": "2020-01-01", "2020-01-01T10:00:00Z": "2020-01-01T10:00:00Z",
		"~": nil, "null": nil, "Null": nil, "": nil, "nULL": "nULL", "???": "???",
		"-123456789012345678901234567890": huge,
		"'1'":                             "1", `"2"`: "2", "!!str 5": "5", "!!int '7'": 7, "!!float 3": 3.0, "!!bool 'yes'": true, "!!null x": nil, "! 5": 5, "!!binary aGk=": []byte("hi"),
		"|\n  a\n  b\n": "a\nb\n", ">\n  a\n  b\n": "a b\n", "'it''s'": "it's", `"tab\there \u00e9"`: "tab\there é",
	} {
		require.Equal(t, map[string]any{"v": want}, decode(t, "v: "+text+"\n", pyyaml.OmegaConf), text)
	}
	require.True(t, math.IsNaN(decode(t, ".NaN", pyyaml.OmegaConf).(float64)))
	require.Equal(t, 1e3, decode(t, "1e3", pyyaml.OmegaConf))
}

func TestSafeSchema(t *testing.T) {
	require.Equal(t, "1e3", decode(t, "1e3", pyyaml.Safe), "OmegaConf reads more texts as floats")
	require.Equal(t, time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), decode(t, "2020-01-02", pyyaml.Safe))
	require.True(t, time.Date(2020, 1, 2, 8, 4, 5, 5e8, time.UTC).Equal(decode(t, "2020-01-02 10:04:05.5 +02:00", pyyaml.Safe).(time.Time)))
	require.Equal(t, map[string]any{"a": 2}, decode(t, "a: 1\na: 2\n", pyyaml.Safe))
	require.Equal(t, map[any]any{nil: 1}, decode(t, "null: 1", pyyaml.Safe))
}

func TestMappings(t *testing.T) {
	require.Equal(t, map[any]any{1: "b", "1": "c", 2.5: "d"}, decode(t, "1: a\ntrue: b\n'1': c\n2.5: d", pyyaml.OmegaConf), "1 and true are one key")
	require.Equal(t, map[string]any{"x": map[string]any{"a": 1}, "y": map[string]any{"a": 2, "b": 3}},
		decode(t, "x: &x {a: 1}\ny: {<<: [*x, {b: 3}], a: 2}", pyyaml.OmegaConf))
	value, err := pyyaml.Decode([]byte("z: 1\na: 2\n<<: {m: 3}\n=: 4"), pyyaml.Options{})
	require.NoError(t, err)
	require.Equal(t, []any{"m", "z", "a", "="}, value.(*pyyaml.Map).Keys(), "order is kept, what is merged goes first")
	require.Nil(t, decode(t, "", pyyaml.OmegaConf))
	require.Nil(t, decode(t, "# nothing\n", pyyaml.OmegaConf))
	require.Equal(t, map[string]any{"a": 1}, decode(t, "%YAML 1.2\n---\na: 1\n...\n", pyyaml.OmegaConf))
	require.Equal(t, map[string]any{"a": []any{1}}, decode(t, `{"a": [1,],}`, pyyaml.OmegaConf), "JSON with trailing commas")
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]struct {
		kind, message string
		line, column  int
	}{
		"key: [unclosed\n":      {"ParserError", "while parsing a flow sequence", 1, 0},
		"a: b: c\n":             {"ScannerError", "mapping values are not allowed in this context", 0, 4},
		"a: 1\n b: 2\n":         {"ScannerError", "mapping values are not allowed in this context", 1, 2},
		"\tkey: 1\n":            {"ScannerError", "found character that cannot start any token", 0, 0},
		"a: 1\na: 2\n":          {"ConstructorError", "while constructing a mapping\n  in \"<file>\", line 1, column 1\nfound duplicate key a\n  in \"<file>\", line 2, column 1", 1, 0},
		"a: *nope\n":            {"ComposerError", "found undefined alias\n  in \"<file>\", line 1, column 4", 0, 3},
		"a: !custom 1\n":        {"ConstructorError", "could not determine a constructor for the tag '!custom'", 0, 3},
		"!!python/name:os.x ''": {"ConstructorError", "for the tag 'tag:yaml.org,2002:python/name:os.x'", 0, 0},
		"a: 1\n---\nb: 2\n":     {"ComposerError", "expected a single document in the stream\n  in \"<file>\", line 1, column 1\nbut found another document\n  in \"<file>\", line 2, column 1", 1, 0},
		"? [x]\n: z\n":          {"ConstructorError", "found unhashable key", 0, 2},
		"a: &x 1\nb: &x 2\n":    {"ComposerError", "found duplicate anchor; first occurrence", 1, 3},
		"a: &x [*x]\n":          {"ConstructorError", "YAML recursive aliases are not supported.", 0, 3},
		"<<: 1\n":               {"ConstructorError", "expected a mapping or list of mappings for merging, but found scalar", 0, 4},
		"a: \"\\q\"\n":          {"ScannerError", "found unknown escape character", 0, 4},
		"a: <<\n":               {"ConstructorError", "tag:yaml.org,2002:merge", 0, 3},
		"a: !!binary 'abc'\n":   {"ConstructorError", "failed to decode base64 data", 0, 3},
		"a: \x01\n":             {"ReaderError", "control characters are not allowed", -1, -1},
	} {
		t.Run(text, func(t *testing.T) {
			_, err := pyyaml.Decode([]byte(text), pyyaml.Options{})
			var yamlError *pyyaml.Error
			require.ErrorAs(t, err, &yamlError)
			require.Equal(t, want.kind, yamlError.ErrorType())
			require.Contains(t, err.Error(), want.message)
			require.Equal(t, []int{want.line, want.column}, []int{yamlError.Line, yamlError.Column})
		})
	}
	_, err := pyyaml.Decode([]byte("!!int x"), pyyaml.Options{})
	require.EqualError(t, err, "invalid literal for int() with base 10: 'x'")
}

func TestLimits(t *testing.T) {
	refuse := func(text, message string) {
		t.Helper()
		_, err := pyyaml.Decode([]byte(text), pyyaml.Options{})
		require.ErrorContains(t, err, message)
	}
	refuse(strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), "depth of 1000")
	refuse(strings.Repeat("{a: ", 10_000), "depth of 1000")
	refuse(strings.Repeat("- ", 10_000)+"x", "depth of 1000")
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'k'; c++ {
		previous := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+previous+", ", 10), ", ") + "]\n"
	}
	refuse(bomb, "YAML node expansion exceeds the configured limit of 1000000.")
	refuse("a: &a ["+strings.Repeat("1, ", 400)+"]\nb: [*a"+strings.Repeat(", *a", 2000)+"]", "YAML aliases expand the document from")
	refuse("a: "+strings.Repeat("x", pyyaml.MaxSize), "exceeds the limit")
	require.Len(t, decode(t, "["+strings.Repeat("1, ", 20_000)+"]", pyyaml.OmegaConf), 20_000, "a large plain document is none of their business")
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"a: 1\nb: [x, {y: z}]\n", "&a [*a]", "x: &x {a: 1}\ny: {<<: *x}", "!!int 1:30", "? [a]\n: b", "- |\n  x\n- >\n  y\n", "\"\\u00e9\\x41\"", "%YAML 1.2\n---\n", "a: 1\n---\nb",
		"'it''s'", "!!binary aGk=", "2020-01-01 1:2:3", "<<: [{}, {a: b}]", "{a, b: , c}", "key: 'x\n\n y'", "\ufeffa: b", "1e400", "0x_", "-", "? ", "=: <<",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, schema := range []pyyaml.Schema{pyyaml.OmegaConf, pyyaml.Safe} {
			value, err := pyyaml.Decode(data, pyyaml.Options{Schema: schema})
			if err != nil {
				var typed interface{ ErrorType() string }
				require.ErrorAs(t, err, &typed)
				continue
			}
			pyyaml.Repr(value)
			text, err := pyyaml.Encode(value)
			require.NoError(t, err)
			again, err := pyyaml.Decode(text, pyyaml.Options{Schema: pyyaml.Safe})
			require.NoError(t, err, "what was written can't be read: %q", text)
			if schema == pyyaml.Safe {
				require.Equal(t, pyyaml.Repr(sortKeys(value)), pyyaml.Repr(sortKeys(again)), "%q", text)
			}
		}
	})
}

// sortKeys makes the order of keys one that doesn't hang on how a mapping was written.
func sortKeys(value any) any {
	sorted, err := pyyaml.FromPlain(pyyaml.PlainValue(value))
	if err != nil {
		return value
	}
	return sorted
}
