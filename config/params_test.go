package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/config"
)

func TestParseParams(t *testing.T) {
	type m = map[string]any
	for text, want := range map[string]m{ // CLI-040, CLI-043, CLI-044, CLI-045
		"":                                {},
		" , ,":                            {},
		"a=1, b=-5":                       {"a": 1, "b": -5},
		"a=01,b=0x1f,c=1:30":              {"a": 1, "b": 31, "c": 90},
		"a=1.5,b=.5,c=1e3":                {"a": 1.5, "b": 0.5, "c": 1000.0},
		"a=true,b=True,c=yes,d=on,e=None": {"a": true, "b": true, "c": true, "d": true, "e": "None"},
		"a=,b=~,c=null,d=#c":              {"a": nil, "b": nil, "c": nil, "d": nil},
		`a='x',b="1"`:                     {"a": "x", "b": "1"},
		"a=b=c,d=http://x/y":              {"a": "b=c", "d": "http://x/y"},
		"a=k:v,b=foo: bar":                {"a": "k:v", "b": m{"foo": "bar"}},
		"a=[1],b=- 1,c={b:1},d={}":        {"a": []any{1}, "b": []any{1}, "c": m{"b:1": nil}, "d": m{}},
		"a=2020-01-01,b=x #c":             {"a": "2020-01-01", "b": "x"},
		`a.b=1,a.c=2,d\.e=3`:              {"a": m{"b": 1, "c": 2}, "d.e": 3},
		"a[0]=1,a.1=2":                    {"a": m{"0": 1, "1": 2}},
		"a=1,a.b=2":                       {"a": m{"b": 2}},
		"a.b=1,a=2":                       {"a": 2},
		"a={b: 1},a={c: 2}":               {"a": m{"b": 1, "c": 2}},
		`a\=b=1`:                          {"a=b": 1},
		"a=${b.c}":                        {"a": "${b.c}"},
		"a=[1],a.0=2":                     {"a": []any{2}},
		"a.b=1,c=${a},c.d=2":              {"a": m{"b": 1, "d": 2}, "c": "${a}"}, // into what a reference leads to
		"a.b.c=1,d=${a},e=${d.b},e.f=2":   {"a": m{"b": m{"c": 1, "f": 2}}, "d": "${a}", "e": "${d.b}"},
		"a=1,b=${a},b.c=2":                {"a": 1, "b": m{"c": 2}},
		"a=x${b},a.c=2":                   {"a": m{"c": 2}},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := config.ParseParams(text, "--params")
			require.NoError(t, err)
			require.Equal(t, want, got.Plain())
		})
	}
}

func TestParseParamsErrors(t *testing.T) {
	for text, want := range map[string][2]string{
		"a=1,b:2":                               {"UsageError", "Invalid format of `--params` option: Item `b:2` must contain a key and a value separated by `=`."}, // CLI-041
		"=1":                                    {"UsageError", "Invalid format of `--params` option: Parameter key cannot be an empty string."},                    // CLI-042
		"a=[1":                                  {"ParserError", "in \"<unicode string>\", line"},
		"a=@x":                                  {"ScannerError", "found character that cannot start any token"},
		`a="x`:                                  {"ScannerError", "found unexpected end of stream"},
		"a=*x":                                  {"ComposerError", "found undefined alias"},
		"a=${":                                  {"GrammarParseError", "full_key: a"},
		"a=${x},a.b=1":                          {"InterpolationKeyError", "Interpolation key 'x' not found"},
		"a=${b},b=${a},a.c=1":                   {"InterpolationResolutionError", "Recursive interpolation detected"},
		"a.b=${a},a.b.c=1":                      {"InterpolationResolutionError", "Interpolation to parent node detected"},
		"a=1,b=${a.c},b.d=1":                    {"InterpolationResolutionError", "ConfigTypeError raised while resolving interpolation: Error trying to access a.c: node `a` is not a container"},
		"a=[1],a.x=1":                           {"ValueError", "invalid literal for int() with base 10: 'x'"},
		"a=[1],a.7=1":                           {"ConfigIndexError", "list index out of range\n    full_key: a[7]\n    object_type=list"},
		"a=[1],a={}":                            {"ConfigTypeError", "Cannot merge incompatible container types\n    full_key: a\n    object_type=list"},
		"a" + strings.Repeat(".a", 2000) + "=1": {"ValueError", "nested more than 1000 levels deep"},
	} {
		_, err := config.ParseParams(text, "--params")
		requireError(t, err, want[0], want[1])
	}
}
