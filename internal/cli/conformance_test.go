package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/runner"
)

// question is the input of a vector of family cli.
type question struct {
	Argv       []string `json:"argv"`
	ConfigText *string  `json:"config_text"`
	Session    string   `json:"session"`
}

// configFile is the name of a vector's --config file.
const configFile = "run_config.yml"

// TestConformanceCLI asks the run flags what Kedro 1.7 was asked: the words of a
// command line, answered with the arguments that reach the session (CLI-010 to CLI-058).
func TestConformanceCLI(t *testing.T) {
	dir := t.TempDir()
	oracle.Suite{
		Family: "cli",
		Answer: func(t *testing.T, v oracle.Vector) any {
			var q question
			v.Decode(t, &q)
			answer, err := ask(t, dir, q)
			if err != nil {
				return errorAnswer(err, dir)
			}
			return answer
		},
		Ignore: func(v oracle.Vector, path string) oracle.Declaration {
			if path != "/run/runner/max_workers" {
				return oracle.Declaration{}
			}
			var q question
			v.Decode(t, &q)
			args, err := argsOf(t, dir, q)
			require.NoError(t, err)
			if _, given := args.RunnerParams.Get("max_workers"); !given {
				return oracle.MachineSize
			}
			return oracle.Declaration{}
		},
	}.Run(t)
}

// argsOf parses the words of a question.
func argsOf(t *testing.T, dir string, q question) (*cli.RunArgs, error) {
	argv := q.Argv
	if q.ConfigText != nil {
		path := filepath.Join(dir, configFile)
		require.NoError(t, os.WriteFile(path, []byte(*q.ConfigText), 0o600))
		argv = append([]string{"--config", path}, argv...)
	}
	return parse(dir, argv)
}

// ask answers a question as Kedro's run command does.
func ask(t *testing.T, dir string, q question) (map[string]any, error) {
	args, err := argsOf(t, dir, q)
	if err != nil {
		return nil, err
	}
	// Kedro makes the runner itself; here the session does, from its name and arguments.
	if _, err := runner.New(args.Runner, nil); err != nil {
		return nil, err
	}
	resolved, err := args.ResolveRunner()
	if err != nil {
		return nil, err
	}
	params := resolved.Plain()
	if _, ok := params["is_async"]; !ok {
		params["is_async"] = false
	}
	made, err := runner.New(args.Runner, params)
	if err != nil {
		return nil, err
	}
	create := map[string]any{"env": args.Env, "conf_source": nil}
	if args.ConfSource != "" {
		create["conf_source"] = args.ConfSource
	}
	run := map[string]any{
		"tags": args.Tags, "node_names": args.NodeNames, "from_nodes": args.FromNodes, "to_nodes": args.ToNodes,
		"from_inputs": args.FromInputs, "to_outputs": args.ToOutputs, "namespaces": args.Namespaces,
		"load_versions": args.LoadVersions, "only_missing_outputs": args.OnlyMissing,
		"pipeline_names": slices.Sorted(slices.Values(args.PipelineNames)),
		"runner":         describeRunner(made, params),
	}
	if q.Session == "classic" {
		create["runtime_params"] = args.Params.Plain()
	} else {
		run["runtime_params"] = args.Params.Plain()
	}
	deprecations := args.Deprecations
	if deprecations == nil {
		deprecations = []string{}
	}
	return map[string]any{"create": create, "run": run, "deprecations": deprecations}, nil
}

func parse(dir string, argv []string) (*cli.RunArgs, error) {
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	set.SortFlags = false
	set.Usage = func() {}
	flags := cli.AddRunFlags(set)
	if err := set.Parse(cli.Words(set, argv)); err != nil {
		return nil, cli.FlagError(set, err)
	}
	return flags.Args(dir, set.Args())
}

func describeRunner(made runner.Runner, params map[string]any) map[string]any {
	_, threads := made.(runner.Thread) // it loads and saves in its own threads: Kedro switches is_async off
	about := map[string]any{"class": made.Name(), "is_async": params["is_async"]}
	if threads {
		about["is_async"] = false
	}
	if workers, ok := params["max_workers"]; ok && threads {
		about["max_workers"] = workers
	}
	return about
}

func errorAnswer(err error, dir string) map[string]any {
	about, _ := oracle.Error(err).(map[string]any)
	places := strings.NewReplacer(filepath.Join(dir, configFile), "<CONFIG>", dir, "<ROOT>")
	about["message"] = places.Replace(about["message"].(string))
	var usage *cli.UsageError
	if errors.As(err, &usage) && !strings.HasSuffix(usage.ErrorType(), "KeyError") {
		about["exit_code"] = usage.KedroCode()
	}
	return map[string]any{"error": about}
}
