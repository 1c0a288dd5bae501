package project_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

// TestLoad runs the files of testdata/load: each "load" is a project folder in txtar form, answered by its mistakes or by
// what was understood. With "compiled" it completes a project made in Go. Run with -rewrite to record answers.
func TestLoad(t *testing.T) {
	datadriven.Walk(t, "testdata/load", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			require.Equal(t, "load", d.Cmd)
			dir := filepath.Join(t.TempDir(), "shop")
			for _, file := range txtar.Parse([]byte(d.Input)).Files {
				name := filepath.Join(dir, filepath.FromSlash(file.Name))
				require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
				require.NoError(t, os.WriteFile(name, file.Data, 0o644))
			}
			var base *project.Project
			if d.HasArg("compiled") {
				base = compiled()
			}
			p, err := project.Load(dir, base)
			if err != nil {
				return strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
			}
			return understood(p)
		})
	})
}

// compiled is a project as Go code declares it.
func compiled() *project.Project {
	double := func(x int) int { return 2 * x }
	return project.New("shop",
		project.WithFunc("double", double),
		project.WithFunc("log", func(context.Context, any) {}),
		project.WithHooks(timing{}, hook.TryFirst(&audit{})),
		project.WithSettings(project.Settings{ConfSource: "settings", DefaultRunEnv: "dev"}),
		project.WithPipeline("doubling", func() (*pipeline.Pipeline, error) {
			return pipeline.New(pipeline.Define(double, "x", "y", pipeline.Name("double_node")))
		}),
	)
}

type timing struct{}

func (timing) BeforeNodeRun(context.Context, hook.NodeInfo) (map[string]any, error) { return nil, nil }

type audit struct{}

func (*audit) Name() string { return "audit-trail" }

func (*audit) BeforePipelineRun(context.Context, hook.PipelineInfo) error { return nil }

// understood shows a project: settings that aren't the defaults, and each pipeline.
func understood(p *project.Project) string {
	var b strings.Builder
	s := p.Settings()
	fmt.Fprintf(&b, "project %s, conf %s: %s, %s\n", p.Name(), s.ConfSource, s.BaseEnv, s.DefaultRunEnv)
	if s.ConfigPatterns != nil || s.MergeStrategy != nil {
		fmt.Fprintf(&b, "patterns %v, merge %v\n", s.ConfigPatterns, s.MergeStrategy)
	}
	if s.RunnerAllowlist != nil || s.CommandEnv != nil || !*s.DatasetValidation {
		fmt.Fprintf(&b, "runners %v, command_env %v, grace %s, validation %t\n", s.RunnerAllowlist, s.CommandEnv, s.CommandGrace, *s.DatasetValidation)
	}
	if hooks := p.Hooks(); len(hooks) > 0 {
		fmt.Fprintf(&b, "%d hooks\n", len(hooks))
	}
	for _, name := range p.Pipelines().Names() {
		made, err := p.Pipelines().Get(name)
		if err != nil {
			fmt.Fprintf(&b, "%s: error: %v\n", name, err)
			continue
		}
		fmt.Fprintf(&b, "%s:\n", name)
		for _, n := range made.Nodes() {
			fmt.Fprintf(&b, "  %s: %v -> %v", n.Name(), n.Inputs(), n.Outputs())
			if len(n.Tags()) > 0 {
				fmt.Fprintf(&b, " tags %v", n.Tags())
			}
			if len(n.Confirms()) > 0 {
				fmt.Fprintf(&b, " confirms %v", n.Confirms())
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
