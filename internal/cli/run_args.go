package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// RunArgs are the arguments of Kedro's session that the run flags stand for
// (CLI-011). Lists are never nil: a flag that is absent gives an empty one.
type RunArgs struct {
	PipelineNames []string // without repeats, in order of first appearance
	Tags          []string
	NodeNames     []string
	FromNodes     []string
	ToNodes       []string
	FromInputs    []string
	ToOutputs     []string
	Namespaces    []string
	LoadVersions  map[string]string
	Params        *config.Mapping // runtime parameters
	Runner        string          // "" when not given
	RunnerParams  *config.Mapping // --runner-params alone; see ResolveRunner
	Async         bool            // --async, deprecated
	OnlyMissing   bool            // --only-missing-outputs

	Env        *string // nil when not given; submit refuses it
	ConfSource string  // "" when not given; submit refuses it

	Deprecations []string // Kedro's warnings, to be shown and not to stop at
}

// Args reads the texts that were given, in the order Kedro does: options by
// first appearance, then the defaults of the --config file, then the leftover
// words. dir is the folder that relative paths start at. Errors are
// [UsageError] or, for a value that isn't YAML, the parser's.
func (f *RunFlags) Args(dir string, leftover []string) (*RunArgs, error) {
	r := newReading(dir)
	defaults, err := f.readGiven(r)
	if err != nil {
		return nil, err
	}
	for _, opt := range f.options {
		if _, given := f.given[opt.param]; given {
			continue
		}
		value, ok, err := fileValueOf(opt, defaults)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if err := r.read(opt, value); err != nil {
			return nil, err
		}
	}
	if len(leftover) > 0 {
		return nil, ExtraArguments(leftover)
	}
	return r.finish()
}

// readGiven reads what stands on the command line and gives the section of the --config file.
func (f *RunFlags) readGiven(r *reading) (*config.Mapping, error) {
	var defaults *config.Mapping
	for _, param := range f.order {
		i := slices.IndexFunc(f.options, func(o option) bool { return o.param == param })
		text := f.given[param]
		switch param {
		case "params":
			text = f.Numbered(text)
		case "config":
			section, err := readConfigFile(r.dir, text, f.options)
			if err != nil {
				return nil, err
			}
			defaults = section
			continue
		}
		if err := r.read(f.options[i], fileValue{text: text}); err != nil {
			return nil, err
		}
	}
	return defaults, nil
}

// reading gathers the values of one command line.
type reading struct {
	dir       string
	args      *RunArgs
	pipeline  string   // --pipeline
	pipelines []string // --pipelines
}

func newReading(dir string) *reading {
	return &reading{dir: dir, args: &RunArgs{
		PipelineNames: []string{}, Tags: []string{}, Namespaces: []string{},
		NodeNames: []string{}, FromNodes: []string{}, ToNodes: []string{},
		FromInputs: []string{}, ToOutputs: []string{},
		LoadVersions: map[string]string{},
		Params:       pyyaml.NewMap(), RunnerParams: pyyaml.NewMap(),
	}}
}

// read reads the value of one option that was given.
func (r *reading) read(opt option, value fileValue) (err error) {
	a, text := r.args, value.text
	switch opt.param {
	case "from_inputs":
		a.FromInputs = SplitNames(text)
	case "to_outputs":
		a.ToOutputs = SplitNames(text)
	case "from_nodes":
		a.FromNodes = SplitNodes(text)
	case "to_nodes":
		a.ToNodes = SplitNodes(text)
	case "node_names":
		a.NodeNames = SplitNodes(text)
	case "namespaces":
		a.Namespaces = SplitNodes(text)
	case "tags":
		a.Tags = SplitNames(text)
	case "pipelines":
		r.pipelines = SplitNames(text)
	case "pipeline":
		r.pipeline = text
	case "runner":
		a.Runner = text
	case "load_versions":
		a.LoadVersions, err = SplitVersions(text)
	case "params":
		a.Params, err = value.params("params")
	case "runner_params":
		a.RunnerParams, err = value.params("runner_params")
	case "is_async":
		a.Async = text == "true"
	case "only_missing_outputs":
		a.OnlyMissing = text == "true"
	case "env":
		a.Env = &text
	case "conf_source":
		a.ConfSource, err = checkConfSource(r.dir, text)
	}
	return err
}

func (v fileValue) params(option string) (*config.Mapping, error) {
	if v.mapping != nil {
		return v.mapping, nil
	}
	mapping, err := config.ParseParams(v.text, option)
	var malformed *config.UsageError
	if errors.As(err, &malformed) {
		return nil, usageErrorf("%s", malformed.Message)
	}
	return mapping, err
}

// finish applies the rules between options.
func (r *reading) finish() (*RunArgs, error) {
	a := r.args
	if r.pipeline != "" && len(r.pipelines) > 0 {
		return nil, kedroErrorf("Options '--pipeline' and '--pipelines' cannot be used together")
	}
	a.PipelineNames = unique(r.pipelines)
	if r.pipeline != "" {
		a.Deprecations = append(a.Deprecations, "Option '--pipeline' is deprecated and will be removed in a future release. "+
			"Please use '--pipelines' instead.")
		a.PipelineNames = []string{r.pipeline}
	}
	if a.Async {
		a.Deprecations = append(a.Deprecations, "Option '--async' is deprecated and will be removed in Kedro 2.0. "+
			"Please use '--runner-params=is_async=True' instead.")
	}
	return a, nil
}

// ResolveRunner gives the arguments of the runner: --runner-params, with
// is_async when --async was given (CLI-031). Kedro looks for the runner before it
// calls this.
func (a *RunArgs) ResolveRunner() (*config.Mapping, error) {
	if !a.Async {
		return a.RunnerParams, nil
	}
	if given, ok := a.RunnerParams.Get("is_async"); ok && !truthy(given) {
		return nil, kedroErrorf("Options '--async' and '--runner-params=is_async=False' cannot be used together.")
	}
	return with(a.RunnerParams, "is_async", true), nil
}

// checkConfSource is the rule of CLI-058: URLs other than file:// pass, a path must exist.
func checkConfSource(dir, text string) (string, error) {
	if text == "" || (strings.Contains(text, "://") && !strings.HasPrefix(text, "file://")) {
		return text, nil
	}
	path := within(dir, text)
	if _, err := os.Stat(path); err != nil {
		return "", badParameter("'--conf-source'", "Path '%s' does not exist.", text)
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved, nil
	}
	return path, nil
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func unique(names []string) []string {
	once := []string{}
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// with is m with one more entry.
func with(m *config.Mapping, key string, value any) *config.Mapping {
	pairs := make([]pyyaml.Pair, 0, m.Len()+1)
	for k, v := range m.All() {
		pairs = append(pairs, pyyaml.Pair{Key: k, Value: v})
	}
	return pyyaml.NewMap(append(pairs, pyyaml.Pair{Key: key, Value: value})...)
}

// truthy is Python's bool().
func truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case *config.Mapping:
		return v.Len() > 0
	}
	return true
}

// ParseParams reads the text of a --params option outside of `kedro run`.
func ParseParams(text string) (map[string]any, error) {
	params, err := config.ParseParams(text, "--params")
	if err != nil {
		return nil, err
	}
	return params.Plain(), nil
}
