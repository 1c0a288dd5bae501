package config_test

import (
	"bytes"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

type files map[string]string

// newLoader makes a loader over base and local with these files.
func newLoader(t *testing.T, in files, change ...func(*config.Options)) (*config.Loader, error) {
	t.Helper()
	root := t.TempDir()
	write(t, root, in)
	opts := config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local"}
	for _, apply := range change {
		apply(&opts)
	}
	return config.NewLoader(opts)
}

// get loads one type.
func get(t *testing.T, key string, in files, change ...func(*config.Options)) (map[string]any, error) {
	t.Helper()
	loader, err := newLoader(t, in, change...)
	require.NoError(t, err)
	value, err := loader.Get(key)
	return value.Plain(), err
}

func mustGet(t *testing.T, key string, in files, change ...func(*config.Options)) map[string]any {
	t.Helper()
	value, err := get(t, key, in, change...)
	require.NoError(t, err)
	return value
}

func requireError(t *testing.T, err error, kind, message string) {
	t.Helper()
	require.ErrorContains(t, err, message)
	var typed interface{ ErrorType() string }
	require.ErrorAs(t, err, &typed)
	require.Equal(t, kind, typed.ErrorType())
}

func runtime(params map[string]any) func(*config.Options) {
	return func(o *config.Options) { o.RuntimeParams = params }
}

func strategy(name string) func(*config.Options) {
	return func(o *config.Options) {
		o.MergeStrategy = map[string]string{"parameters": name, "catalog": name, "globals": name}
	}
}

func TestKeysAndAssignment(t *testing.T) {
	loader, err := newLoader(t, files{"base/globals.yml": "a: 1", "base/catalog.yml": "x: {v: '${globals:a}'}"})
	require.NoError(t, err)

	t.Run("CFG-003 unknown type", func(t *testing.T) {
		_, err := loader.Get("spark")
		requireError(t, err, "KeyError", "No config patterns were found for 'spark' in your config loader")
		def := pyyaml.NewMap()
		value, err := loader.GetOr("spark", def)
		require.NoError(t, err)
		require.Same(t, def, value)
		_, err = loader.GetOr("parameters", def)
		requireError(t, err, "MissingConfigException", "No files of YAML or JSON format found in")
	})
	t.Run("CFG-004 CFG-005 assigned values", func(t *testing.T) {
		require.Equal(t, []string{"catalog", "credentials", "globals", "parameters"}, loader.Keys())
		require.False(t, loader.Has("catalog"))
		require.NoError(t, loader.Set("globals", pyyaml.NewMap(pyyaml.Pair{Key: "a", Value: 2})))
		catalog, err := loader.Get("catalog")
		require.NoError(t, err)
		require.Equal(t, map[string]any{"x": map[string]any{"v": 2}}, catalog.Plain())
		own := pyyaml.NewMap()
		require.NoError(t, loader.Set("catalog", own))
		require.True(t, loader.Has("catalog"))
		catalog, err = loader.Get("catalog")
		require.NoError(t, err)
		require.Same(t, own, catalog)
	})
}

func TestConstruction(t *testing.T) {
	t.Run("CFG-006 a missing folder is ignored, broken globals are not", func(t *testing.T) {
		_, err := newLoader(t, nil, func(o *config.Options) { o.Env = "nowhere" })
		require.NoError(t, err)
		_, err = newLoader(t, files{"base/globals.yml": "a: [1"})
		requireError(t, err, "ParserError", "globals.yml, unable to read line 1, position 0.")
	})
	t.Run("CFG-008 no environments", func(t *testing.T) {
		_, err := get(t, "parameters", files{"base/parameters.yml": "a: 1", "local/parameters.yml": "a: 2"},
			func(o *config.Options) { o.BaseEnv, o.DefaultRunEnv = "", "" })
		requireError(t, err, "ValueError", "Duplicate keys found in")
	})
	t.Run("CFG-071 remote sources need a way to fetch them", func(t *testing.T) {
		_, err := newLoader(t, nil, func(o *config.Options) { o.ConfSource = "s3://bucket/conf" })
		require.ErrorContains(t, err, "remote sources need a way to fetch them")
	})
	t.Run("CFG-058 registration is logged", func(t *testing.T) {
		var out bytes.Buffer
		_, err := newLoader(t, nil, func(o *config.Options) {
			o.Logger = zerolog.New(&out)
			o.Resolvers = map[string]config.Resolver{"today": nil}
		})
		require.NoError(t, err)
		require.Contains(t, out.String(), "Registering new custom resolver: today")
	})
}

func TestEnvironments(t *testing.T) {
	env := func(name string) func(*config.Options) { return func(o *config.Options) { o.Env = name } }
	two := files{"base/parameters.yml": "a: 1\nb: 1\n", "local/parameters.yml": "a: 2\n", "staging/eu/parameters.yml": "a: 3\n"}

	require.Equal(t, map[string]any{"a": 2, "b": 1}, mustGet(t, "parameters", two), "CFG-010")
	require.Equal(t, map[string]any{"a": 1, "b": 1}, mustGet(t, "parameters", two, env("base")), "CFG-011")
	require.Equal(t, map[string]any{"a": 3, "b": 1}, mustGet(t, "parameters", two, env("staging/eu")), "CFG-013")

	_, err := get(t, "parameters", files{"base/parameters.yml": "a: ${nope}"}, env("gone"))
	requireError(t, err, "MissingConfigException", "Given configuration path either does not exist or is not a valid directory: ")
	require.ErrorContains(t, err, "/gone", "CFG-012: before the error of base")
	_, err = get(t, "catalog", two)
	requireError(t, err, "MissingConfigException", "matching the glob pattern(s): ['catalog*', 'catalog*/**', '**/catalog*']")
	require.Empty(t, mustGet(t, "catalog", two, env("base")), "CFG-020")
	require.Empty(t, mustGet(t, "globals", two), "CFG-020")
}

func TestPatterns(t *testing.T) {
	in := files{
		"base/catalog.yml": "a: 1", "base/catalog_dir/deep/any.yml": "b: 1", "base/x/y/catalog_z.yaml": "c: 1", "base/catalog.json": `{"d": 1,}`,
		"base/mycatalog.yml": "no: 1", "base/catalog.txt": "no: 1", "base/.hidden/catalog.yml": "h: 1", "base/.catalog.yml": "no: 1", "base/sub/globals.yml": "no: 1",
		"base/spark/deep/x.yml": "s: 1",
	}
	require.Equal(t, map[string]any{"a": 1, "b": 1, "c": 1, "d": 1}, mustGet(t, "catalog", in), "CFG-014 CFG-016 CFG-017 CFG-018 CFG-019")
	require.Contains(t, mustGet(t, "catalog", in, func(o *config.Options) { o.ReadHidden = true }), "h", "CFG-019")
	require.Empty(t, mustGet(t, "globals", in), "CFG-014")
	spark := func(o *config.Options) { o.Patterns = map[string][]string{"spark": {"spark*", "spark*/**"}} }
	require.Equal(t, map[string]any{"s": 1}, mustGet(t, "spark", in, spark), "CFG-015")
	_, err := newLoader(t, in, func(o *config.Options) { o.Patterns = map[string][]string{"spark": {"a**b"}} })
	requireError(t, err, "ValueError", "'**' can only be an entire path component")
}

func TestFileContent(t *testing.T) {
	for name, c := range map[string]struct {
		text, kind, message string
		want                map[string]any
	}{
		"CFG-021 empty":          {text: "# nothing\n", want: map[string]any{}},
		"CFG-021 text":           {text: "just text\n", want: map[string]any{"just text": nil}},
		"CFG-021 list":           {text: "- a\n", kind: "AttributeError", message: "'list' object has no attribute 'items'"},
		"CFG-021 number":         {text: "42\n", kind: "OSError", message: "Invalid loaded object type: int"},
		"CFG-021 two documents":  {text: "a: 1\n---\nb: 1\n", kind: "ComposerError", message: "expected a single document in the stream"},
		"CFG-022 syntax":         {text: "a: 1\n b: 2\n", kind: "ParserError", message: "parameters.yml, unable to read line 1, position 2."},
		"CFG-022 duplicate key":  {text: "a: 1\na: 2\n", kind: "ConstructorError", message: "found duplicate key a"},
		"CFG-022 unknown tag":    {text: "a: !x 1\n", kind: "ConstructorError", message: "could not determine a constructor for the tag '!x'"},
		"language tags":          {text: "a: !!python/object/apply:os.system [ls]\n", kind: "ConstructorError", message: "tag:yaml.org,2002:python/object"},
		"null key":               {text: "a: {null: 1}\n", kind: "KeyValidationError", message: "Incompatible key type 'NoneType'\n    full_key: a\n"},
		"not UTF-8":              {text: "a: \xff\n", kind: "UnicodeDecodeError", message: "can't decode byte 0xff in position 3"},
		"explicit time":          {text: "a: !!timestamp 2020-01-01\n", kind: "UnsupportedValueType", message: "full_key: a"},
		"aliases and merge keys": {text: "x: &x {p: 1, q: 1}\ny: {<<: *x, q: 2}\n", want: map[string]any{"x": map[string]any{"p": 1, "q": 1}, "y": map[string]any{"p": 1, "q": 2}}},
		"mandatory values stay":  {text: "a: ???\nb: \\???\n", want: map[string]any{"a": "???", "b": "???"}},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := get(t, "parameters", files{"base/parameters.yml": c.text})
			if c.kind != "" {
				requireError(t, err, c.kind, c.message)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, value)
		})
	}
}

func TestDuplicates(t *testing.T) {
	_, err := get(t, "catalog", files{"base/catalog.yml": "x: 1\n_t: 1", "base/catalog_b.yml": "x: 2\n_t: 2"})
	requireError(t, err, "ValueError", "catalog_b.yml: x") // CFG-031, CFG-032
	require.Equal(t, map[string]any{"a": map[string]any{"x": 1, "y": 2}},
		mustGet(t, "parameters", files{"base/parameters.yml": "a: {x: 1}", "base/parameters_b.yml": "a: {y: 2}"}), "CFG-033")
	_, err = get(t, "parameters", files{"base/parameters.yml": "a: {b: 1}", "base/parameters_b.yml": "a.b: 2"})
	requireError(t, err, "ValueError", "parameters_b.yml: a.b")
	long := "key_that_is_long_enough_to_be_cut_somewhere_"
	text := long + "1: 1\n" + long + "2: 1\n" + long + "3: 1\n"
	_, err = get(t, "catalog", files{"base/catalog.yml": text, "base/catalog_b.yml": text})
	require.Regexp(t, `: key_that.{92}\.\.\.$`, err.Error())
}

func TestMerging(t *testing.T) {
	two := files{
		"base/parameters.yml": "a: {b: 1, c: [1, 2]}\nz: 0\n_t: 1\n", "local/parameters.yml": "a: {b: null}\nnew: 1\n",
		"base/catalog.yml": "_t: csv\nx: {type: '${_t}'}\n",
	}
	require.Equal(t, map[string]any{"a": map[string]any{"b": nil}, "z": 0, "_t": 1, "new": 1}, mustGet(t, "parameters", two), "CFG-034 CFG-038")
	require.Equal(t, map[string]any{"a": map[string]any{"b": nil, "c": []any{1, 2}}, "z": 0, "_t": 1, "new": 1}, mustGet(t, "parameters", two, strategy("SOFT")), "CFG-035")
	require.Equal(t, map[string]any{"x": map[string]any{"type": "csv"}}, mustGet(t, "catalog", two), "CFG-038")
	_, err := newLoader(t, two, strategy("hard"))
	requireError(t, err, "ValueError", "Merging strategy hard not supported. The accepted merging strategies are ['soft', 'destructive'].") // CFG-036
	_, err = get(t, "parameters", files{"base/parameters.yml": "a: ${b}", "local/parameters.yml": "b: 1"})
	requireError(t, err, "InterpolationKeyError", "Interpolation key 'b' not found\n    full_key: a\n    object_type=dict") // CFG-037

	var out bytes.Buffer
	mustGet(t, "parameters", two, func(o *config.Options) { o.Logger = zerolog.New(&out) })
	require.Contains(t, out.String(), "/local' will override the following existing top-level config keys: a")
}

// TestFilesOfBothEnvironmentsAreReadFirst: what is wrong with the files of the second environment is told before what
// doesn't fit together in the first, but credentials are resolved while they are read (CFG-031, CFG-056).
func TestFilesOfBothEnvironmentsAreReadFirst(t *testing.T) {
	misfit := files{"base/parameters.yml": "a: {}", "base/parameters_b.yml": "a: []"}
	_, err := get(t, "parameters", misfit)
	requireError(t, err, "TypeError", "Cannot merge incompatible container types")
	misfit["local/parameters.yml"], misfit["local/parameters_b.yml"] = "x: 1", "x: 2"
	_, err = get(t, "parameters", misfit)
	requireError(t, err, "ValueError", "Duplicate keys found")

	_, err = get(t, "credentials", files{"base/credentials.yml": "a: ${b}", "local/credentials.yml": "x: 1", "local/credentials_b.yml": "x: 2"})
	requireError(t, err, "InterpolationKeyError", "Interpolation key 'b' not found")
}

func TestRuntimeParameters(t *testing.T) {
	in := files{"base/parameters.yml": "a: {x: 1, y: 2}\nl: [1, 2]\nref: ${a.y}\n", "local/parameters.yml": "a: {x: 5}\n", "base/catalog.yml": "d: {p: 'x/${runtime_params:rid,none}'}"}
	require.Equal(t, map[string]any{"a": map[string]any{"x": 5, "y": 9}, "l": []any{3}, "ref": 9, "from": 5},
		mustGet(t, "parameters", in, runtime(map[string]any{"a": map[string]any{"y": 9}, "l": []any{3}, "from": "${a.x}"})), "CFG-040 CFG-042")
	require.Equal(t, map[string]any{"a": map[string]any{"x": 1, "y": 2}, "l": nil, "ref": 2}, mustGet(t, "parameters",
		files{"base/parameters.yml": in["base/parameters.yml"]}, runtime(map[string]any{"l": nil})), "CFG-040 CFG-041")
	_, err := get(t, "parameters", files{"base/catalog.yml": "x: 1"}, runtime(map[string]any{"a": 1}))
	requireError(t, err, "MissingConfigException", "No files of YAML or JSON format found") // CFG-043
	require.Equal(t, map[string]any{"d": map[string]any{"p": "x/7"}}, mustGet(t, "catalog", in, runtime(map[string]any{"rid": 7, "d": 1})), "CFG-044")
	_, err = get(t, "parameters", in, runtime(map[string]any{"l": map[string]any{"k": 1}}))
	requireError(t, err, "TypeError", "Cannot merge incompatible container types")
	merged := mustGet(t, "parameters", files{"base/parameters.yml": "r: ${s}\ns: {k: 1}\n"}, runtime(map[string]any{"r": map[string]any{"o": 3}}))
	require.Equal(t, map[string]any{"s": map[string]any{"k": 1}, "r": map[string]any{"k": 1, "o": 3}}, merged, "a mapping merged into a reference")
}
