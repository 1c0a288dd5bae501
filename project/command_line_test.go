package project

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

func readTemplate(t *testing.T, text string) template {
	t.Helper()
	s := &source{file: "test.yml"}
	parsed := s.template(&yaml.Node{Kind: yaml.ScalarNode, Value: text}, "command")
	require.Empty(t, s.errs)
	markStarts(parsed)
	return parsed
}

// TestShellPlaceholdersAreOneWord runs scripts with a hostile parameter: wherever the placeholder stands, the shell must
// see exactly its text as data.
func TestShellPlaceholdersAreOneWord(t *testing.T) {
	const hostile = "a b  $(echo HACKED) `echo HACKED` \"q\" 'p' * ; echo HACKED #\\ &| end"
	for _, script := range []string{
		`printf %s {params.x}`,
		`printf %s "{params.x}"`,
		`printf %s '{params.x}'`,
		`printf '%s' "$(printf %s {params.x})"`,
		`printf '%s' "$(printf %s "{params.x}")"`,
		"printf %s \"`printf %s {params.x}`\"",
		`(printf %s {params.x})`,
		`# it's a comment
		printf %s {params.x}`,
		`printf %s "it's "{params.x} | cut -c6-`,
		`printf %s \'{params.x} | cut -c2-`,
		`printf %s "\"{params.x}" | cut -c2-`,
		`v={params.x}; printf %s "$v"`,
		`echo '#' >/dev/null; printf %s {params.x}`,
		`printf %s "(" >/dev/null; printf %s "{params.x}"`,
	} {
		t.Run(script, func(t *testing.T) {
			cmd := exec.Command("/bin/sh", "-e", "-c", readTemplate(t, script).shell())
			cmd.Env = []string{"PATH=/usr/bin:/bin", "KEDGE_PARAM_x=" + hostile}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Equal(t, hostile, strings.TrimSuffix(string(out), "\n")) // cut ends its line
		})
	}
}

func TestOtherBracesAreLeftAlone(t *testing.T) {
	const script = `awk '{ print $1 }' | sed 's/{}/{a.b}/' ${HOME} {one,two} {{inputs}} {inputs} {inputs.}`
	parsed := readTemplate(t, script)
	require.Len(t, parsed, 1)
	require.Equal(t, script, parsed.shell())
}

func TestWhereAPlaceholderBeginsAWord(t *testing.T) {
	for script, want := range map[string]bool{
		`{params.x}`:            true,
		`run {params.x}`:        true,
		`run "{params.x}"`:      true,
		`run -- {params.x}`:     false,
		`run --name={params.x}`: false,
		`x={params.x}`:          false,
		`run a{params.x}`:       false,
		`true;{params.x}`:       true,
	} {
		t.Run(script, func(t *testing.T) {
			for _, seg := range readTemplate(t, script) {
				if seg.ref != nil {
					require.Equal(t, want, seg.ref.starts)
				}
			}
		})
	}
}

func TestProgramNames(t *testing.T) {
	for word, want := range map[string]string{
		"sort":              "sort",
		"./scripts/run.sh":  "run.sh",
		"/usr/bin/python3":  "python3",
		"{inputs.a}":        "sh",
		"scripts/my script": "my_script",
	} {
		require.Equal(t, want, (&commandLine{words: []template{readTemplate(t, word)}}).program(), word)
	}
	require.Equal(t, "sh", (&commandLine{script: readTemplate(t, "cd x && sort y")}).program())
}
