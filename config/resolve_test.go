package config_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/config"
)

// tree is what the interpolations below refer to.
const tree = `
a: 1
b: {c: x, d: [1, 2, {e: f}], k: c, 5: five}
s: str
n: null
t: ???
x.y: dotted
ref: ${b}
rel: {p: "${.q}", q: "${..a}"}
`

// resolved is the value of the text v beside tree.
func resolved(t *testing.T, text string, change ...func(*config.Options)) (any, error) {
	t.Helper()
	params, err := get(t, "parameters", files{"base/parameters.yml": tree + "v: " + text + "\n", "base/globals.yml": "g: {h: 7, z: 0}\nempty: ''\n_no: 1\n"}, change...)
	return params["v"], err
}

func TestInterpolation(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	for text, want := range map[string]any{ // CFG-050
		"${a}":                         1,
		"x-${a}":                       "x-1",
		"${b.d[0]}-${b.d.1}":           "1-2",
		"${b[c]}":                      "x",
		"${b.5}":                       "five",
		"${b.d[-1].e}":                 "f",
		"${b.d}":                       []any{1, 2, map[string]any{"e": "f"}},
		"${ref.c}":                     "x",
		"${b.${b.k}}":                  "x",
		`${x\.y}`:                      "dotted",
		"${rel.p}":                     1,
		`\${a}`:                        "${a}",
		`\\${a}`:                       `\1`,
		`'\\\${a}'`:                    `\${a}`,
		"$a ${n}$":                     "$a None$",
		"x${b.d}":                      "x[1, 2, {'e': 'f'}]",
		"${oc.select:a}":               1,
		"${oc.select:nope,5}":          5,
		"${oc.select:nope}":            nil,
		"${oc.select:t,5}":             5,
		`'${oc.decode:"[1, 2.5, x]"}'`: []any{1, 2.5, "x"},
		"${oc.decode:null}":            nil,
		"'${oc.create:{x: 1}}'":        map[string]any{"x": 1},
		`'${oc.create:"q: [1]"}'`:      map[string]any{"q": []any{1}},
		"${oc.dict.keys:b}":            []any{"c", "d", "k", 5},
		"'${oc.dict.values:rel}'":      []any{1, 1},
		"${oc.deprecated:a}":           1,
		"'${oc.select:nope, {a: [1, true, null, 1e3, -2, .5, a b, \"q, ${a}\"]}}'": map[string]any{"a": []any{1, true, nil, 1000.0, -2, 0.5, "a b", "q, 1"}},
		`${oc.select:nope,a\,b}`:                             "a,b",
		`${oc.select:nope,'it\'s'}`:                          "it's",
		"${oc.select:nope,s3://b/k}":                         "s3://b/k",
		"${oc.select:nope,}":                                 "",
		"${oc.select:nope,123456789012345678901234567890}":   huge,
		"${globals:g.h}":                                     7, // CFG-052
		"${globals:g}":                                       map[string]any{"h": 7, "z": 0},
		"${globals:g.z,5}":                                   0,
		"${globals:nope,null}":                               nil,
		"${globals:nope,''}":                                 "",
		"${globals:nope,${a}}":                               1,
		"${runtime_params:rp.zero,5}":                        0, // CFG-053
		"${runtime_params:rp.none,5}":                        nil,
		"${runtime_params:rp.list,5}":                        []any{},
		"${runtime_params:nope,[1, 2]}":                      []any{1, 2},
		"x${runtime_params:rp.text}${runtime_params:no,'y'}": "xty",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := resolved(t, text, runtime(map[string]any{"rp": map[string]any{"zero": 0, "none": nil, "list": []any{}, "text": "t"}}))
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestInterpolationErrors(t *testing.T) {
	const at = "\n    full_key: v\n    object_type=dict"
	for text, want := range map[string][2]string{ // CFG-051
		"${nope}":                          {"InterpolationKeyError", "Interpolation key 'nope' not found" + at},
		"${.nope}":                         {"InterpolationKeyError", "Interpolation key '.nope' not found (resolved to 'nope')" + at},
		"${....a}":                         {"InterpolationKeyError", "ConfigKeyError while resolving interpolation: Error resolving key '....a'"},
		"${a.b}":                           {"InterpolationResolutionError", "ConfigTypeError raised while resolving interpolation: Error trying to access a.b: node `a` is not a container"},
		"${b.d.x}":                         {"InterpolationResolutionError", "TypeError raised while resolving interpolation: Index 'x' (str) is not an int" + at},
		"${t}":                             {"InterpolationToMissingValueError", "MissingMandatoryValue while resolving interpolation: Missing mandatory value: t" + at},
		"${nope:1}":                        {"UnsupportedInterpolationType", "Unsupported interpolation type nope" + at},
		"${v}":                             {"InterpolationResolutionError", "Recursive interpolation detected" + at},
		"{w: '${v}'}":                      {"InterpolationResolutionError", "Interpolation to parent node detected\n    full_key: v.w"},
		"[{w: '${nope}'}]":                 {"InterpolationKeyError", "full_key: v[0].w\n    object_type=dict"},
		"${unclosed":                       {"GrammarParseError", "no viable alternative at input '${unclosed'" + at},
		"${a b}":                           {"GrammarParseError", "token recognition error at: ' b'" + at},
		"${globals:nope}":                  {"InterpolationResolutionError", "Globals key 'nope' not found and no default value provided." + at},
		"${globals:_no}":                   {"InterpolationResolutionError", "Keys starting with '_' are not supported for globals." + at},
		"${globals:}":                      {"InterpolationResolutionError", "TypeError raised while resolving interpolation: missing a required argument: 'variable'" + at},
		"${oc.env:HOME}":                   {"UnsupportedInterpolationType", "Unsupported interpolation type oc.env" + at}, // CFG-055
		"${runtime_params:nope}":           {"InterpolationResolutionError", "Runtime parameter 'nope' not found and no default value provided." + at},
		"${oc.decode:'[1'}":                {"InterpolationResolutionError", "GrammarParseError raised while resolving interpolation"},
		"'${b.${oc.create:{a: 1}}}'":       {"InterpolationResolutionError", "is used to denote a config key and thus should return a string or integer"},
		"'${w: [a}'":                       {"GrammarParseError", "BRACKET_CLOSE"},
		"${a}" + strings.Repeat("${", 500): {"GrammarParseError", "nested more than 200 levels deep"},
	} {
		t.Run(text[:min(30, len(text))], func(t *testing.T) {
			_, err := resolved(t, text)
			requireError(t, err, want[0], want[1])
		})
	}
}

func TestCyclesEnd(t *testing.T) {
	for name, text := range map[string]string{
		"references":  "a: ${b}\nb: ${c}\nc: ${a}\n",
		"containers":  "a: {x: '${b}'}\nb: {y: '${a}'}\n",
		"on the way":  "a: ${a.b}\n",
		"in a select": "a: ${oc.select:a}\n",
		"decoded":     "a: \"${oc.decode:'${a}'}\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := get(t, "parameters", files{"base/parameters.yml": text})
			requireError(t, err, "InterpolationResolutionError", "Recursive interpolation detected")
		})
	}
}

func TestDepthIsBounded(t *testing.T) {
	const levels = 10_000
	_, err := get(t, "parameters", files{"base/parameters.yml": "a: " + strings.Repeat("[", levels) + strings.Repeat("]", levels)})
	requireError(t, err, "RecursionError", "parameters.yml: ")
	require.ErrorContains(t, err, "depth of 1000")
	var deep any = 1
	var chain strings.Builder
	for i := range levels {
		deep = map[string]any{"a": deep}
		fmt.Fprintf(&chain, "k%d: ${k%d}\n", i, i+1)
	}
	_, err = get(t, "parameters", files{"base/parameters.yml": "a: 1"}, runtime(map[string]any{"x": deep}))
	requireError(t, err, "ValueError", "nested more than 1000 levels deep")
	_, err = get(t, "parameters", files{"base/parameters.yml": chain.String()})
	requireError(t, err, "InterpolationResolutionError", "a chain of more than 1000 references")
}

func TestGlobals(t *testing.T) {
	_, err := newLoader(t, files{"base/globals.yml": "a: ${runtime_params:x,1}"})
	requireError(t, err, "UnsupportedInterpolationType", "The `runtime_params:` resolver is not supported for globals.") // CFG-054
	_, err = newLoader(t, files{"base/globals.yml": "a: 1\nb: ${globals:a}"})
	requireError(t, err, "InterpolationResolutionError", "'OmegaConfigLoader' object has no attribute '_globals'")
	two := files{"base/globals.yml": "a: {b: 1}\nc: 1", "local/globals.yml": "a: {d: 2}", "base/parameters.yml": "v: ${globals:a}"}
	require.Equal(t, map[string]any{"v": map[string]any{"d": 2}}, mustGet(t, "parameters", two), "CFG-052")
	require.Equal(t, map[string]any{"v": map[string]any{"b": 1, "d": 2}}, mustGet(t, "parameters", two, strategy("soft")), "CFG-035")
}

func TestCredentials(t *testing.T) {
	env := func(o *config.Options) {
		o.LookupEnv = func(name string) (string, bool) { return "secret of " + name, name == "USER_KEY" }
	}
	require.Equal(t, map[string]any{"db": map[string]any{"a": "secret of USER_KEY", "b": "1.5", "c": nil, "d": "u:secret of USER_KEY@h"}},
		mustGet(t, "credentials", files{"base/credentials.yml": "db: {a: '${oc.env:USER_KEY}', b: '${oc.env:NO,1.5}', c: '${oc.env:NO,null}', d: 'u:${oc.env:USER_KEY}@h'}"}, env), "CFG-055")
	_, err := get(t, "credentials", files{"base/credentials.yml": "db: {a: '${oc.env:NO}'}"}, env)
	requireError(t, err, "InterpolationResolutionError", `KeyError raised while resolving interpolation: "Environment variable 'NO' not found"`)
	_, err = get(t, "credentials", files{"base/credentials.yml": "a: 1", "base/credentials_b.yml": "b: ${a}"}, env)
	requireError(t, err, "InterpolationKeyError", "Interpolation key 'a' not found") // CFG-056
	_, err = get(t, "credentials", files{"base/credentials.yml": `a: \${b`})
	require.EqualError(t, err, "no viable alternative at input '${b'", "what was escaped is read again, and has no place by then")
	t.Setenv("KEDGE_TEST_KEY", "from the process")
	require.Equal(t, map[string]any{"a": "from the process"}, mustGet(t, "credentials", files{"base/credentials.yml": "a: ${oc.env:KEDGE_TEST_KEY}"}))
}

// typedError is an error of a custom resolver that names its Python class.
type typedError struct{}

func (typedError) Error() string     { return "no such table" }
func (typedError) ErrorType() string { return "LookupError" }

func TestCustomResolvers(t *testing.T) {
	custom := func(o *config.Options) {
		o.Resolvers = map[string]config.Resolver{
			"join":    func(args []any) (any, error) { return []int{len(args), args[0].(int)}, nil },
			"nothing": func([]any) (any, error) { return nil, nil },
			"broken":  func([]any) (any, error) { return nil, errors.New("disk on fire") },
			"typed":   func([]any) (any, error) { return nil, typedError{} },
			"oc.env":  func([]any) (any, error) { return "mine", nil },
			"globals": func([]any) (any, error) { return "never", nil },
		}
	}
	for text, want := range map[string]any{ // CFG-058
		"${join:1,${a}}": []any{2, 1},
		"${nothing:}":    nil,
		"${oc.env:X}":    "mine", // CFG-055
		"${globals:g.h}": 7,
	} {
		got, err := resolved(t, text, custom)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	_, err := resolved(t, "${broken:}", custom)
	requireError(t, err, "InterpolationResolutionError", "RuntimeError raised while resolving interpolation: disk on fire")
	_, err = resolved(t, "${typed:}", custom)
	requireError(t, err, "InterpolationResolutionError", "LookupError raised while resolving interpolation: no such table")
	require.ErrorIs(t, err, typedError{})
}

func TestTypeGuard(t *testing.T) {
	restrict := func(o *config.Options) {
		o.RestrictTypeSelection = true
		o.RuntimeParams = map[string]any{"t": "pickle.PickleDataset", "entry": map[string]any{"type": "x"}, "path": "p"}
	}
	refused := "Dataset 'd' resolves a 'type' field via the 'runtime_params:' resolver to 'pickle.PickleDataset', which is not permitted. " +
		"Runtime parameters must not select which dataset class is instantiated, at any nesting depth."
	for name, text := range map[string]string{
		"CFG-060":                      "d: {type: '${runtime_params:t}'}",
		"CFG-060 nested":               "d: {type: CachedDataset, dataset: {type: '${runtime_params:t}'}}",
		"CFG-062 stricter: reference":  "_t: ${runtime_params:t}\nd: {type: '${_t}'}",
		"CFG-062 stricter: list":       "d: {parts: [{type: '${runtime_params:t}'}]}",
		"CFG-060 default is not taken": "d: {type: '${runtime_params:t, MemoryDataset}'}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := get(t, "catalog", files{"base/catalog.yml": text}, restrict)
			requireError(t, err, "InterpolationResolutionError", refused)
			_, err = get(t, "catalog", files{"local/catalog.yml": text}, restrict) // CFG-063
			requireError(t, err, "InterpolationResolutionError", refused)
		})
	}
	_, err := get(t, "catalog", files{"base/catalog.yml": "d: ${runtime_params:entry}"}, restrict)
	requireError(t, err, "InterpolationResolutionError", "to 'x', which is not permitted")
	require.Equal(t, map[string]any{"d": map[string]any{"type": "MemoryDataset", "filepath": "p"}}, mustGet(t, "catalog",
		files{"base/catalog.yml": "d: {type: '${runtime_params:nope, MemoryDataset}', filepath: '${runtime_params:path}'}"}, restrict), "CFG-061")
}

// TestGrammarErrors: a text that doesn't parse gets ANTLR's words (CFG-051), which the grammar of OmegaConf gave for these.
func TestGrammarErrors(t *testing.T) {
	for text, want := range map[string]string{
		"${globals:x":  "missing BRACE_CLOSE at '<EOF>'",
		"${g:[1":       "mismatched input '<EOF>' expecting BRACKET_CLOSE",
		"${g:{a:1":     "mismatched input '<EOF>' expecting {BRACE_CLOSE, COMMA}",
		"${g:{a 1}}":   "mismatched input '}' expecting COLON",
		"${g:a]}":      "extraneous input ']' expecting BRACE_CLOSE",
		"${g:'x":       "mismatched input '<EOF>' expecting MATCHING_QUOTE_CLOSE",
		"${g:{a:}}":    "mismatched input '}' expecting {INTER_OPEN, BRACE_OPEN, QUOTE_OPEN_SINGLE, QUOTE_OPEN_DOUBLE, BRACKET_OPEN, COLON, FLOAT, INT, BOOL, NULL, UNQUOTED_CHAR, ID, ESC, WS}",
		"${g:{:1}}":    "extraneous input ':' expecting {BRACE_CLOSE, FLOAT, INT, BOOL, NULL, UNQUOTED_CHAR, ID, ESC, WS}",
		"${g:[1,}]}":   "missing BRACKET_CLOSE at '}'",
		"${g:{a:1,}}":  "mismatched input '}' expecting {FLOAT, INT, BOOL, NULL, UNQUOTED_CHAR, ID, ESC, WS}",
		"${.a":         "mismatched input '<EOF>' expecting {BRACKET_OPEN, INTER_CLOSE, '.'}",
		"${.a x}":      "token recognition error at: ' x'",
		"${.a.":        "mismatched input '<EOF>' expecting {INTER_OPEN, ID, INTER_KEY}",
		"${[a":         "mismatched input '<EOF>' expecting BRACKET_CLOSE",
		"${a[b]c}":     "extraneous input 'c' expecting {BRACKET_OPEN, INTER_CLOSE, '.'}",
		"${a.b:c.d[e}": "mismatched input '[' expecting BRACE_CLOSE",
		"${a.}":        "no viable alternative at input '${a.}'",
		"${}":          "no viable alternative at input '${}'",
		"${..}":        "extraneous input '}' expecting {INTER_OPEN, BRACKET_OPEN, ID, '.', INTER_KEY}",
		"${a:${b":      "no viable alternative at input '${b'",
		"${${a:b}":     "no viable alternative at input '${${a:b}'",
		"${${a}:":      "mismatched input '<EOF>' expecting {INTER_OPEN, BRACE_OPEN, BRACE_CLOSE, QUOTE_OPEN_SINGLE, QUOTE_OPEN_DOUBLE, COMMA, BRACKET_OPEN, COLON, FLOAT, INT, BOOL, NULL, UNQUOTED_CHAR, ID, ESC, WS}",
		"x${a:'b${c'}": "token recognition error at: '''",
		"${a.${b.}}":   "no viable alternative at input '${a.${b.}'",
		"${a[${b.}]}":  "no viable alternative at input '${b.}'",
		`${g:"x"y}`:    "extraneous input 'y' expecting BRACE_CLOSE",
		`${g:x"y"}`:    `mismatched input '"' expecting BRACE_CLOSE`,
		"${g:${a[}}":   "mismatched input '}' expecting {INTER_OPEN, ID, INTER_KEY}",
		"${a[b]]":      "extraneous input ']' expecting {BRACKET_OPEN, INTER_CLOSE, '.'}",
		"${a[b}":       "missing BRACKET_CLOSE at '}'",
		"${a[b[}":      "missing BRACKET_CLOSE at '['",
		"${a.[b]}":     "no viable alternative at input '${a.['",
	} {
		root := t.TempDir()
		write(t, root, files{"base/parameters.yml": fmt.Sprintf("v: %q\n", text)})
		loader, err := config.NewLoader(config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "base"})
		require.NoError(t, err)
		_, err = loader.Get("parameters")
		requireError(t, err, "GrammarParseError", want+"\n    full_key: v")
	}
}
