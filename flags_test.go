package kedge_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge"
)

// TestEveryFlagIsInAScenario reads the flags from --help of each command and looks for a scenario that uses them.
func TestEveryFlagIsInAScenario(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(t, err)
	var scenarios strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		scenarios.Write(data)
	}
	for _, command := range [][]string{nil, {"setup"}, {"audit"}} {
		var help bytes.Buffer
		code := kedge.Run(t.Context(), nil, &kedge.Env{
			Args: append(command, "--help"), Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: &help, Stderr: &help,
			Lookup: func(string) (string, bool) { return "", false },
		})
		require.Zero(t, code, help.String())
		flags := regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`).FindAllStringSubmatch(help.String(), -1)
		require.NotEmpty(t, flags)
		require.NotContains(t, help.String(), "(default )")
		require.NotRegexp(t, "(?m)^ +(?:-\\w, )?--.*`", help.String(), "backquotes beyond the name of a flag's value")
		require.NotRegexp(t, `(?m)^ +(?:-\w, )?--[a-z-]+ \S+ \S.*?   `, help.String(), "the name of a flag's value is one word")
		for _, flag := range flags {
			require.Regexpf(t, regexp.QuoteMeta(flag[1])+`\b`, scenarios.String(), "no scenario uses worker %s %s", strings.Join(command, " "), flag[1])
		}
	}
}
