package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/config"
)

// FuzzInterpolation resolves any text: it gives a value or a typed error, and ends.
func FuzzInterpolation(f *testing.F) {
	for _, text := range []string{
		"${a}", "x-${a}${b.c}", "${b[c]}", "${b.${s}}", "${.a}", "${..a}", `\${a}`, `\\${a}`, "${oc.select:a,[1,{b: 'c'}]}", "${oc.decode:'[1'}",
		"${oc.create:{x: ${v}}}", "${oc.dict.values:b}", "${globals:a,${b}}", "${runtime_params:a, null}", "${v}", "${a b}", "${", "${:}", "${a:'", "${oc.env:X}",
		"${oc.select:\"q\\\"${a}\"}", "???", "\\???", "${oc.select:1_0,+.5e-3}", "${a:b,}", "${b.d[-1]}", "${oc.deprecated:a}", "${$a}", "${a\\.b}",
	} {
		f.Add(text)
	}
	root := f.TempDir()
	write(f, root, files{"base/parameters.yml": "a: 1\nb: {c: x, d: [1]}\ns: c\n"})
	f.Fuzz(func(t *testing.T, text string) {
		loader, err := config.NewLoader(config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "base",
			RuntimeParams: map[string]any{"v": text, "w": []any{text}}, Cache: &config.Cache{}})
		require.NoError(t, err)
		params, err := loader.Get("parameters")
		requireTyped(t, err)
		if err == nil {
			require.Contains(t, params.Plain(), "v")
		}
	})
}

// FuzzParams parses any text of --params.
func FuzzParams(f *testing.F) {
	for _, text := range []string{"a=1,b.c=[1]", `a\.b=1`, "a[0]=x,a.1={y: 1}", "=,", "a=${b}", "a=&x [*x]", "a=1:30", "a\\=b=", "[=1", "a=[1],a.0=2,a.x=1", "a.=1,.a=2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		params, err := config.ParseParams(text, "--params")
		requireTyped(t, err)
		if err == nil {
			require.NotNil(t, params.Plain())
		}
	})
}

// FuzzCatalogFile loads any text as catalog, credentials and globals.
func FuzzCatalogFile(f *testing.F) {
	for _, text := range []string{"a: {type: x}", "_t: 1\na: ${_t}", "- a", "1: 2", "a: [", "x: &a {b: 1}\ny: *a", "'a: 1'", "\"- 1\"", "a: ${globals:b}", "a: 1\n---\nb: 1"} {
		f.Add(text)
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		write(t, root, files{"base/catalog.yml": text, "local/catalog.yml": text, "base/credentials.yml": text})
		loader, err := config.NewLoader(config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local", MergeStrategy: map[string]string{"catalog": "soft"}})
		require.NoError(t, err)
		for _, key := range []string{"catalog", "credentials"} {
			_, err = loader.Get(key)
			requireTyped(t, err)
		}
		require.NoError(t, os.WriteFile(filepath.Join(root, "base/globals.yml"), []byte(text), 0o644))
		_, err = config.NewLoader(config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local"})
		requireTyped(t, err)
		require.NoError(t, os.Remove(filepath.Join(root, "base/globals.yml")))
	})
}

// requireTyped requires that an error, if any, says which of Python's it is.
func requireTyped(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var typed interface{ ErrorType() string }
	require.ErrorAs(t, err, &typed)
	require.NotEmpty(t, typed.ErrorType())
}
