package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// configCase is the question of a vector of the family config.
type configCase struct {
	Files []struct{ Path, Text string } `json:"files"`
	Dirs  []string                      `json:"dirs"`
	Env   map[string]string             `json:"env_vars"`
	Keys  []string                      `json:"keys"`

	Loader struct {
		Env           *string             `json:"env"`
		BaseEnv       string              `json:"base_env"`
		DefaultRunEnv string              `json:"default_run_env"`
		RuntimeParams oracle.Value        `json:"runtime_params"`
		Patterns      map[string][]string `json:"config_patterns"`
		MergeStrategy map[string]string   `json:"merge_strategy"`
		IgnoreHidden  *bool               `json:"ignore_hidden"`
		Restrict      bool                `json:"restrict_runtime_params_type_selection"`
	} `json:"loader"`
}

func (c configCase) write(t *testing.T, root string) {
	t.Helper()
	for _, dir := range c.Dirs {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, file := range c.Files {
		path := filepath.Join(root, file.Path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(file.Text), 0o644))
	}
}

func (c configCase) options(root string, cache *config.Cache) config.Options {
	opts := config.Options{
		BaseEnv: c.Loader.BaseEnv, Cache: cache, ConfSource: root, DefaultRunEnv: c.Loader.DefaultRunEnv,
		MergeStrategy: c.Loader.MergeStrategy, Patterns: c.Loader.Patterns, RestrictTypeSelection: c.Loader.Restrict,
		ReadHidden: c.Loader.IgnoreHidden != nil && !*c.Loader.IgnoreHidden,
		LookupEnv:  func(name string) (string, bool) { value, ok := c.Env[name]; return value, ok },
	}
	if c.Loader.Env != nil {
		opts.Env = *c.Loader.Env
	}
	opts.RuntimeParams, _ = c.Loader.RuntimeParams.Any.(map[string]any)
	return opts
}

// answer asks one loader for all keys. seen is a text that keeps absolute paths out.
func (c configCase) answer(root string, cache *config.Cache) any {
	loader, err := config.NewLoader(c.options(root, cache))
	if err != nil {
		return map[string]any{"error": withoutRoot(oracle.Error(err), root)}
	}
	queries := []any{}
	for _, key := range c.Keys {
		value, err := loader.Get(key)
		if err != nil {
			queries = append(queries, map[string]any{"error": withoutRoot(oracle.Error(err), root)})
			continue
		}
		queries = append(queries, map[string]any{"value": pyyaml.PlainValue(value)})
	}
	return map[string]any{"queries": queries}
}

func withoutRoot(value any, root string) any {
	if fields, ok := value.(map[string]any); ok {
		fields["message"] = oracle.Canonical(strings.ReplaceAll(fields["message"].(string), root, "<CONF>"))
	}
	return value
}

// TestConformanceConfig asks every question twice over one cache: CFG-001..075 hold
// for the first reader of a folder and for the ones that find it known.
func TestConformanceConfig(t *testing.T) {
	parent := t.TempDir()
	oracle.Suite{
		Family: "config",
		Answer: func(t *testing.T, v oracle.Vector) any {
			var c configCase
			v.Decode(t, &c)
			root := filepath.Join(parent, v.ID)
			require.NoError(t, os.Mkdir(root, 0o755))
			c.write(t, root)
			var cache config.Cache
			first := c.answer(root, &cache)
			require.Equal(t, oracle.Encode(first), oracle.Encode(c.answer(root, &cache)), "%s: the second loader answers otherwise", v.ID)
			require.NoError(t, os.RemoveAll(root))
			return first
		},
	}.Run(t)
}
