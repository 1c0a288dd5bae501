package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/cli"
)

// TestEveryFlagIsInAScenario collects the flags of all commands, as --help
// shows them, and looks for a scenario that uses each one with its command.
func TestEveryFlagIsInAScenario(t *testing.T) {
	lines := scenarioLines(t)
	root := newRoot(&cli.Env{Lookup: func(string) (string, bool) { return "", false }})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	walk(root, func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Hidden {
				return
			}
			use := usePattern(cmd, flag)
			for _, line := range lines {
				if use.MatchString(line) {
					return
				}
			}
			t.Errorf("no scenario in testdata uses `%s --%s`", cmd.CommandPath(), flag.Name)
		})
	})
}

// TestHelpIsReadable looks for what pflag makes of a careless text: the first words in backquotes become the name of the
// value, those after it stay as they are, and an empty default is shown as one.
func TestHelpIsReadable(t *testing.T) {
	root := newRoot(&cli.Env{Lookup: func(string) (string, bool) { return "", false }})
	walk(root, func(cmd *cobra.Command) {
		require.NotContains(t, cmd.UsageString(), "(default )", cmd.CommandPath())
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			value, text := pflag.UnquoteUsage(flag)
			require.NotContainsf(t, value, " ", "the value of `%s --%s`", cmd.CommandPath(), flag.Name)
			require.NotContainsf(t, text, "`", "the help of `%s --%s`", cmd.CommandPath(), flag.Name)
		})
	})
}

// usePattern is a line of a scenario that uses the flag with its command. The
// flags of the root may stand with any command.
func usePattern(cmd *cobra.Command, flag *pflag.Flag) *regexp.Regexp {
	names := "--" + flag.Name
	if flag.Shorthand != "" {
		names += "|-" + flag.Shorthand
	}
	return regexp.MustCompile(`\b` + strings.ReplaceAll(cmd.CommandPath(), " ", `\b.*\b`) + `\b.* (` + names + `)([ =]|$)`)
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, child := range cmd.Commands() {
		walk(child, visit)
	}
}

// scenarioLines are the lines of all scenarios that run submit.
func scenarioLines(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var lines []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
