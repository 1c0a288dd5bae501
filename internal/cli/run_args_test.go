package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/cli"
)

// The vectors of family cli show the rules in breadth; here stand the ones that
// they don't reach, and what Kedge does otherwise on purpose.

func TestTwoLetterShorthandsAreNotValues(t *testing.T) {
	args, err := parse(t.TempDir(), []string{"-lv", "a:1", "--tags", "-lv", "-ns", "x,y", "-t-ns"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "1"}, args.LoadVersions)
	require.Equal(t, []string{"x", "y"}, args.Namespaces)
	require.Equal(t, []string{"-ns"}, args.Tags, "-t takes the rest of its word")
	args, err = parse(t.TempDir(), []string{"-ns=x", "-lv=a:1", "-t=y", "-n", "-t=z"})
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, args.Namespaces)
	require.Equal(t, map[string]string{"a": "1"}, args.LoadVersions)
	require.Equal(t, []string{"=y"}, args.Tags, "an equals sign after one letter belongs to the value")
	require.Equal(t, []string{"-t=z"}, args.NodeNames)
}

func TestWordsAfterTwoDashesAreLeftAlone(t *testing.T) {
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	cli.AddRunFlags(set)
	require.Equal(t, []string{"--load-versions", "a:1", "--", "-lv"}, cli.Words(set, []string{"-lv", "a:1", "--", "-lv"}))
}

func TestAsyncTakesNoValue(t *testing.T) {
	_, err := parse(t.TempDir(), []string{"--async=maybe"})
	requireUsage(t, err, "Option '--async' does not take a value.")
}

func TestNumberReplacesItsMark(t *testing.T) {
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	flags := cli.AddRunFlags(set)
	require.NoError(t, set.Parse([]string{"--params", "seed={n},name=run-{n}"}))
	flags.Number = "7"
	args, err := flags.Args(t.TempDir(), nil)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"seed": 7, "name": "run-7"}, args.Params.Plain())
	require.Equal(t, "nightly-7", flags.Numbered("nightly-{n}"))
}

func TestConfigFile(t *testing.T) {
	for name, tt := range map[string]struct {
		file, err string
		argv      []string
		check     func(t *testing.T, args *cli.RunArgs)
	}{
		"flags win over the file": {
			file: "run:\n  tags: a\n  params: {x: 1}\n", argv: []string{"--params", "y=2"},
			check: func(t *testing.T, args *cli.RunArgs) {
				require.Equal(t, []string{"a"}, args.Tags)
				require.Equal(t, map[string]any{"y": 2}, args.Params.Plain(), "not merged")
			},
		},
		"a switch as text": {
			file:  "run:\n  only_missing_outputs: 'on'\n",
			check: func(t *testing.T, args *cli.RunArgs) { require.True(t, args.OnlyMissing) },
		},
		"a switch that is off": {
			file:  "run:\n  only_missing_outputs: no\n",
			check: func(t *testing.T, args *cli.RunArgs) { require.False(t, args.OnlyMissing) },
		},
		"a number as name": {
			file:  "run:\n  tags: 2026\n",
			check: func(t *testing.T, args *cli.RunArgs) { require.Equal(t, []string{"2026"}, args.Tags) },
		},
		"nothing given for an option": {
			file:  "run:\n  tags:\n",
			check: func(t *testing.T, args *cli.RunArgs) { require.Empty(t, args.Tags) },
		},
		"environment and source": {
			file: "run:\n  env: prod\n  conf_source: s3://bucket/conf\n",
			check: func(t *testing.T, args *cli.RunArgs) {
				require.Equal(t, "prod", *args.Env)
				require.Equal(t, "s3://bucket/conf", args.ConfSource)
			},
		},
		"a list":                       {file: "run:\n  tags: [a, b]\n", err: "`tags` in the --config file must be text; several names are separated by commas"},
		"parameters that are a number": {file: "run:\n  params: [1]\n", err: "`params` in the --config file must be a mapping, or text such as a=1,b=2"},
		"a mapping of names":           {file: "run:\n  tags: {a: 1}\n", err: "`tags` in the --config file must be text; several names are separated by commas"},
		"a word that is no switch":     {file: "run:\n  is_async: maybe\n", err: "Invalid value for '--async': 'maybe' is not a valid boolean. Recognized values: , 0, 1, f, false, n, no, off, on, t, true, y, yes"},
		"no mapping":                   {file: "- run\n", err: "run.yml: expected a mapping with the key `run`"},
		"a section that is no mapping": {file: "run: 5\n", err: "run.yml: `run` must be a mapping of options"},
		"an empty file":                {file: "", err: "run"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "run.yml"), []byte(tt.file), 0o600))
			args, err := parse(dir, append([]string{"-c", "run.yml"}, tt.argv...))
			if tt.err != "" {
				requireUsage(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			tt.check(t, args)
		})
	}
}

func TestConfigFileThatIsNone(t *testing.T) {
	dir := t.TempDir()
	_, err := parse(dir, []string{"--config", "absent.yml"})
	requireUsage(t, err, "Invalid value for '--config' / '-c': File 'absent.yml' does not exist.")
	_, err = parse(dir, []string{"--config", dir})
	requireUsage(t, err, "Invalid value for '--config' / '-c': File '"+dir+"' is a directory.")
}

func TestConfSource(t *testing.T) { // CLI-058
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "conf"), 0o700))
	args, err := parse(dir, []string{"--conf-source", "conf"})
	require.NoError(t, err)
	resolved, err := filepath.EvalSymlinks(filepath.Join(dir, "conf"))
	require.NoError(t, err)
	require.Equal(t, resolved, args.ConfSource)
	_, err = parse(dir, []string{"--conf-source", "file://" + dir})
	requireUsage(t, err, "Invalid value for '--conf-source': Path 'file://"+dir+"' does not exist.")
}

func requireUsage(t *testing.T, err error, message string) {
	t.Helper()
	var usage *cli.UsageError
	require.ErrorAs(t, err, &usage)
	require.Equal(t, message, usage.Message)
	require.Equal(t, cli.Usage, cli.CodeOf(err))
}

// FuzzRunFlags reads any words: no input may crash, and what is understood is whole.
func FuzzRunFlags(f *testing.F) {
	for _, seed := range []string{
		"--params\x00a=1,b.c=2", "-lv\x00ds:v1", "-ns\x00a,b", "--nodes\x00f([a,b]) -> [c],g", "-t", "--async\x00--runner-params\x00is_async=false",
		"--\x00-lv", "-nx\x00-lvy", "--params=a={x: 1}", "--params\x00a[0]=1,a.b=2", "-\x00--=", "--pipeline\x00a\x00--pipelines\x00b",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		argv := strings.Split(text, "\x00")
		for _, word := range argv {
			if strings.HasPrefix(word, "--co") || strings.HasPrefix(word, "-c") {
				return // would read files of this machine
			}
		}
		args, err := parse(dir, argv)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NotNil(t, args.Params)
		require.NotNil(t, args.RunnerParams)
	})
}
