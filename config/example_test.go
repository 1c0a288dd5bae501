package config_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kedge-run/kedge/config"
)

// A session keeps one Cache and makes a Loader for each run.
func Example() {
	conf, err := os.MkdirTemp("", "conf")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(conf)
	for name, text := range map[string]string{
		"base/globals.yml":    "bucket: s3://lake\n",
		"base/catalog.yml":    "report:\n  type: text.TextDataset\n  filepath: ${globals:bucket}/${runtime_params:rid, latest}.txt\n",
		"base/parameters.yml": "model: {depth: 3, rate: 0.1}\n",
		"local/.keep":         "",
	} {
		path := filepath.Join(conf, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			fmt.Println(err)
			return
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			fmt.Println(err)
			return
		}
	}

	var cache config.Cache
	for _, params := range []map[string]any{nil, {"rid": 7, "model": map[string]any{"depth": 5}}} {
		loader, err := config.NewLoader(config.Options{
			ConfSource: conf, BaseEnv: "base", DefaultRunEnv: "local", Cache: &cache, RuntimeParams: params,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		catalog, err := loader.Get("catalog")
		if err != nil {
			fmt.Println(err)
			return
		}
		parameters, err := loader.Get("parameters")
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(catalog.Plain()["report"], parameters.Plain()["model"])
	}
	// Output:
	// map[filepath:s3://lake/latest.txt type:text.TextDataset] map[depth:3 rate:0.1]
	// map[filepath:s3://lake/7.txt type:text.TextDataset] map[depth:5 rate:0.1]
}

func ExampleParseParams() {
	params, err := config.ParseParams("model.depth=5, names=[a], day=2026-11-23", "--params")
	fmt.Println(params.Plain(), err)
	// Output: map[day:2026-11-23 model:map[depth:5] names:[a]] <nil>
}
