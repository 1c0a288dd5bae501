package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/kedge-run/kedge/config"
)

const (
	confEntries = 1000
	confModels  = 200
	confRounds  = 7  // loads of each side; the best counts
	confGoal    = 50 // times faster than Kedro
	kedroPin    = "kedro==1.7.0"
)

//go:embed conf.py
var confScript string

// conf loads the catalog and the parameters of one folder with Kedge and with Kedro, and compares times and results.
// Kedro runs in a virtual environment of its own, which is made once below the user's cache folder.
func conf(ctx context.Context, report *report) error {
	dir, err := os.MkdirTemp("", "kedge-bench-conf")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeConf(dir); err != nil {
		return err
	}
	loaded, err := loadConf(dir, &config.Cache{})
	if err != nil {
		return err
	}
	cold, err := best(confRounds, func() error { _, err := loadConf(dir, &config.Cache{}); return err })
	if err != nil {
		return err
	}
	var cache config.Cache
	warm, err := best(100, func() error { _, err := loadConf(dir, &cache); return err })
	if err != nil {
		return err
	}
	kedro, err := kedroConf(ctx, dir)
	if errors.Is(err, errNoPython) {
		fmt.Fprintf(os.Stderr, "\n!!! NOT COMPARED WITH KEDRO: %v\n\n", err)
	} else if err != nil {
		return err
	} else if err := sameConf(loaded, kedro.Loaded); err != nil {
		return err
	}
	baseline := 1000 * kedro.Seconds
	report.add("conf of 1,000 entries, cold load", 1000*cold.Seconds(), "ms", baseline)
	report.add("conf of 1,000 entries, warm load", 1000*warm.Seconds(), "ms", baseline)
	if baseline > 0 {
		report.add("conf of 1,000 entries, cold load, times faster than Kedro", kedro.Seconds/cold.Seconds(), "x", confGoal)
	}
	return nil
}

// best is the shortest time of n calls.
func best(n int, do func() error) (time.Duration, error) {
	shortest := time.Duration(1<<63 - 1)
	for range n {
		begin := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		shortest = min(shortest, time.Since(begin))
	}
	return shortest, nil
}

// writeConf makes a conf folder as large projects have it: a catalog in ten files with templates, globals, credentials,
// and parameters that refer to each other.
func writeConf(dir string) error {
	files := map[string]string{
		"base/globals.yml":      "root: data\nseed: 7\nlayers:\n  raw: 01_raw\n  primary: 03_primary\n",
		"base/parameters.yml":   confParameters(),
		"local/credentials.yml": "store:\n  key: user\n  secret: password\n",
	}
	for part := range 10 {
		files[fmt.Sprintf("base/catalog_%d.yml", part)] = confCatalog(part)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func confCatalog(part int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "_base_%d: ${globals:root}\n_csv_%[1]d: pandas.CSVDataset\n_load_%[1]d:\n  sep: ';'\n  header: 0\n  encoding: utf-8\n\n", part)
	for i := range confEntries / 10 {
		fmt.Fprintf(&b, "dataset_%d_%d:\n  type: ${_csv_%[1]d}\n  filepath: ${_base_%[1]d}/${globals:layers.raw}/file_%d.csv\n  credentials: store\n"+
			"  load_args: ${_load_%[1]d}\n  save_args:\n    index: false\n    sep: \",\"\n  metadata:\n    layer: raw\n\n", part, i)
	}
	return b.String()
}

func confParameters() string {
	var b strings.Builder
	b.WriteString("seed: ${globals:seed}\ncommon:\n  rate: 0.1\n  depth: 3\n")
	for i := range confModels {
		fmt.Fprintf(&b, "model_%d:\n  seed: ${seed}\n  rate: ${common.rate}\n  features: [a_%[1]d, b, c]\n  name: model-${.seed}-%[1]d\n", i)
	}
	return b.String()
}

// loadConf reads what a run needs of the folder.
func loadConf(dir string, cache *config.Cache) (map[string]any, error) {
	loader, err := config.NewLoader(config.Options{ConfSource: dir, BaseEnv: "base", DefaultRunEnv: "local", Cache: cache})
	if err != nil {
		return nil, err
	}
	loaded := map[string]any{}
	for _, key := range []string{"catalog", "parameters"} {
		if loaded[key], err = loader.Get(key); err != nil {
			return nil, err
		}
	}
	return loaded, nil
}

// kedroLoad is what conf.py prints.
type kedroLoad struct {
	Seconds float64        `json:"seconds"`
	Loaded  map[string]any `json:"loaded"`
}

// errNoPython says that Kedro can't be had here.
var errNoPython = errors.New("no Kedro")

// kedroConf loads the folder with Kedro.
func kedroConf(ctx context.Context, dir string) (loaded kedroLoad, err error) {
	python, err := kedroPython(ctx)
	if err != nil {
		return loaded, fmt.Errorf("%w: %w", errNoPython, err)
	}
	cmd := exec.CommandContext(ctx, python, "-W", "ignore", "-c", confScript, dir, fmt.Sprint(confRounds))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return loaded, fmt.Errorf("run Kedro: %w", err)
	}
	return loaded, json.Unmarshal(out, &loaded)
}

// kedroPython is the interpreter of the environment with Kedro, made when it isn't there.
func kedroPython(ctx context.Context) (string, error) {
	return pythonWith(ctx, strings.ReplaceAll(kedroPin, "==", "-"), kedroPin)
}

// pythonWith is the interpreter of an environment of this name with these requirements.
func pythonWith(ctx context.Context, name string, requirements ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	venv := filepath.Join(cache, "kedge-bench", name)
	python, done := filepath.Join(venv, "bin", "python"), filepath.Join(venv, "complete")
	if _, err := os.Stat(done); err == nil {
		return python, nil
	}
	fmt.Fprintln(os.Stderr, "installing", strings.Join(requirements, " "), "into", venv)
	install := append([]string{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, requirements...)
	for _, args := range [][]string{{"python3", "-m", "venv", "--clear", venv}, install} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
	}
	return python, os.WriteFile(done, nil, 0o644)
}

// sameConf tells whether both loaded the same, compared as JSON.
func sameConf(ours, kedros map[string]any) error {
	for key, want := range kedros {
		text, err := json.Marshal(ours[key].(*config.Mapping).Plain())
		if err != nil {
			return err
		}
		var got any
		if err := json.Unmarshal(text, &got); err != nil {
			return err
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("%s differs from what Kedro loads", key)
		}
	}
	if len(kedros) != len(ours) {
		return fmt.Errorf("kedro loaded %d types of configuration, kedge %d", len(kedros), len(ours))
	}
	return nil
}
