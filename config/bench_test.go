package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/config"
)

// writeLarge makes a conf folder with 1,000 catalog entries in ten files that use
// templates and globals; one of them hangs on a runtime parameter.
func writeLarge(tb testing.TB) string {
	tb.Helper()
	root := tb.TempDir()
	files := map[string]string{
		"base/catalog.yml":      "report:\n  type: text.TextDataset\n  filepath: data/${runtime_params:rid,none}.txt\n",
		"base/globals.yml":      "root: data\nlayers: {raw: 01_raw}\n",
		"base/parameters.yml":   "model: {depth: 3, rate: 0.1, features: [a, b, c]}\nseed: 7\n",
		"local/credentials.yml": "db: {user: u, password: p}\n",
	}
	for f := range 10 {
		var catalog strings.Builder
		fmt.Fprintf(&catalog, "_csv_%d: pandas.CSVDataset\n_load_%d: {sep: ';', header: 0, encoding: utf-8}\n\n", f, f)
		for i := range 100 {
			fmt.Fprintf(&catalog, "dataset_%d_%d:\n  type: ${_csv_%d}\n  filepath: ${globals:root}/${globals:layers.raw}/file_%d.csv\n  credentials: db\n"+
				"  load_args: ${_load_%d}\n  save_args:\n    index: false\n    sep: \",\"\n  metadata:\n    layer: raw\n\n", f, i, f, i, f)
		}
		files[fmt.Sprintf("base/catalog_%d.yml", f)] = catalog.String()
	}
	write(tb, root, files)
	return root
}

func write(tb testing.TB, root string, files map[string]string) {
	tb.Helper()
	require.NoError(tb, os.MkdirAll(filepath.Join(root, "base"), 0o755))
	require.NoError(tb, os.MkdirAll(filepath.Join(root, "local"), 0o755))
	for name, text := range files {
		path := filepath.Join(root, name)
		require.NoError(tb, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(tb, os.WriteFile(path, []byte(text), 0o644))
	}
}

func loadAll(tb testing.TB, opts config.Options) *config.Mapping {
	loader, err := config.NewLoader(opts)
	require.NoError(tb, err)
	catalog, err := loader.Get("catalog")
	require.NoError(tb, err)
	_, err = loader.Get("parameters")
	require.NoError(tb, err)
	_, err = loader.Get("credentials")
	require.NoError(tb, err)
	return catalog
}

// BenchmarkLoad is what one run pays for catalog, parameters, credentials and globals.
func BenchmarkLoad(b *testing.B) {
	root := writeLarge(b)
	options := func(cache *config.Cache) config.Options {
		return config.Options{ConfSource: root, BaseEnv: "base", DefaultRunEnv: "local", Cache: cache}
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			loadAll(b, options(&config.Cache{}))
		}
	})
	b.Run("warm", func(b *testing.B) {
		var cache config.Cache
		loadAll(b, options(&cache))
		for b.Loop() {
			loadAll(b, options(&cache))
		}
	})
	b.Run("warm with runtime parameters", func(b *testing.B) {
		var cache config.Cache
		loadAll(b, options(&cache))
		for i := 0; b.Loop(); i++ {
			opts := options(&cache)
			opts.RuntimeParams = map[string]any{"rid": i}
			loadAll(b, opts)
		}
	})
	b.Run("reload", func(b *testing.B) {
		cache := config.Cache{Reload: true}
		for b.Loop() {
			loadAll(b, options(&cache))
		}
	})
}
