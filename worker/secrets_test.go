package worker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/worker"
)

// told is what a worker let out about its runs: its log, and everything in the streams and buckets.
type told struct {
	f   *fixture
	mu  sync.Mutex // guards the field below
	log bytes.Buffer
}

func (o *told) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(p)
}

func (o *told) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.String()
}

// startTold starts a worker as the binary does, on a project whose log is kept.
func startTold(t *testing.T, files map[string]string, options ...project.Option) *told {
	t.Helper()
	o := &told{f: newFixture(t)}
	secrets := new(mask.Secrets)
	logger := zerolog.New(secrets.Writer(o)).Level(zerolog.InfoLevel)
	dir := t.TempDir()
	writeFiles(t, dir, files)
	sess, err := openIn(secrets.NewContext(t.Context()), dir, options...)
	require.NoError(t, err)
	o.f.start(sess, func(cfg *worker.Config) { cfg.Logger = logger })
	return o
}

// run makes one run and gives everything that a watcher sees of it, and the log lines among that.
func (o *told) run(t *testing.T, request messages.RunRequest) (everything string, lines []string) {
	t.Helper()
	f := o.f.in(t)
	run := f.submit(request)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for update, err := range f.client.Watch(ctx, run) {
		require.NoError(t, err)
		text, err := json.Marshal(update)
		require.NoError(t, err)
		everything += string(text) + "\n"
		if e := update.Event; e != nil && e.Kind == messages.EventLog {
			lines = append(lines, fmt.Sprintf("%s %s: %s", e.Level, e.Node, e.Message))
		}
		if update.Reply != nil {
			break
		}
	}
	status, err := f.client.Status(ctx, run)
	require.NoError(t, err)
	text, err := json.Marshal(status)
	require.NoError(t, err)
	return everything + string(text), lines
}

// What node functions log and commands write becomes events of the run, whatever runner runs it; the engine's own lines
// only go to the log.
func TestLogLinesBecomeEvents(t *testing.T) {
	files := map[string]string{
		"kedge.yml": "name: shop\n", "conf/base/parameters.yml": "word: careful\n",
		"pipelines/speak.yml": "nodes:\n  - name: speak\n    command: echo careful >&2\n    inputs: params:word\n",
	}
	o := startTold(t, files, project.WithPipeline("log", func() (*pipeline.Pipeline, error) {
		return pipeline.New(pipeline.Define(func(ctx context.Context) int {
			zerolog.Ctx(ctx).Info().Int("rows", 3).Msg("half way")
			zerolog.Ctx(ctx).Debug().Msg("below the level of the log")
			return 1
		}, nil, "one", pipeline.Name("logger")))
	}))
	for _, runner := range []string{"SequentialRunner", "ThreadRunner"} {
		_, lines := o.run(t, messages.RunRequest{PipelineNames: []string{"log"}, Runner: runner})
		require.Equal(t, []string{"info logger: half way"}, lines)
		_, lines = o.run(t, messages.RunRequest{PipelineNames: []string{"speak"}, Runner: runner})
		require.Equal(t, []string{"info speak: careful"}, lines)
	}
	require.Contains(t, o.text(), "Running node: ")
	require.Contains(t, o.text(), `"rows":3`)
	for line := range strings.Lines(o.text()) {
		require.LessOrEqual(t, strings.Count(line, `"run_id":`), 1, line)
		if strings.Contains(line, "Running node: ") || strings.Contains(line, "run ended") {
			require.Contains(t, line, `"run_id":`)
		}
	}
}

// vault is a dataset that shows its password, and can't be loaded.
type vault struct{ password string }

func (v vault) Load(context.Context) (any, error) {
	return nil, errors.New("wrong password " + v.password)
}
func (v vault) Save(context.Context, any) error      { return nil }
func (v vault) Exists(context.Context) (bool, error) { return true, nil }
func (v vault) Release(context.Context) error        { return nil }
func (v vault) Describe() catalog.Description {
	return catalog.Description{Type: "shop.Vault", Args: []catalog.DescribedArg{
		{Name: "filepath", Value: "vault/" + v.password}, {Name: "password", Value: v.password},
	}}
}

// trap is a dataset that shows its password in a panic, also when a plan only looks whether it exists.
type trap struct{ vault }

func (t trap) Exists(context.Context) (bool, error) { panic("wrong password " + t.password) }

// leaky is a value that shows a password when it is written as JSON.
type leaky struct{}

func (leaky) MarshalJSON() ([]byte, error) { return nil, errors.New("wrong password " + secret) }

const secret = "h&nter22 \"long\""

// No credential of the project gets into a reply, an event, a status or the worker's log, wherever a node puts it.
func TestCredentialsStayInside(t *testing.T) {
	vaults := project.WithType("shop.Vault", func(spec catalog.Spec) (catalog.Dataset, error) {
		credentials, _ := spec.Args["credentials"].(map[string]any)
		password, _ := credentials["password"].(string)
		return vault{password: password}, nil
	})
	traps := project.WithType("shop.Trap", func(spec catalog.Spec) (catalog.Dataset, error) {
		credentials, _ := spec.Args["credentials"].(map[string]any)
		password, _ := credentials["password"].(string)
		return trap{vault{password: password}}, nil
	})
	one := func(name string, fn, inputs, outputs any) project.Option {
		return project.WithPipeline(name, func() (*pipeline.Pipeline, error) {
			return pipeline.New(pipeline.Define(fn, inputs, outputs, pipeline.Name(strings.ReplaceAll(name, " ", "_"))))
		})
	}
	o := startTold(t, map[string]string{
		"kedge.yml": "name: shop\n", "conf/base/parameters.yml": "word: careful\n",
		"conf/base/catalog.yml":      "vault: {type: shop.Vault, credentials: dev}\ntrap: {type: shop.Trap, credentials: dev}\n",
		"conf/local/credentials.yml": "dev: {user: dev, password: '" + secret + "'}\n",
		"secret.txt":                 secret + "\n",
		"pipelines/prints.yml":       "nodes:\n  - name: prints\n    command: cat secret.txt >&2; exit 3\n    inputs: params:word\n",
	}, vaults, traps,
		one("traps", func() int { return 1 }, nil, "trap"),
		one("tells", func() leaky { return leaky{} }, nil, "told"),
		one("fails", func() (int, error) { return 0, errors.New("login failed: " + secret) }, nil, "x1"),
		one("panics", func() int { panic("login failed: " + secret) }, nil, "x2"),
		one("logs", func(ctx context.Context) int {
			zerolog.Ctx(ctx).Warn().Str("with", secret).Err(errors.New(secret)).Msg("login with " + secret)
			return 1
		}, nil, "x"),
		one("loads", func(any) {}, "vault", nil),
		one("saves", func() int { return 1 }, nil, "vault"),
		one("hook panics", func() int { return 1 }, nil, "x3"),
		project.WithHooks(hook.BeforePipelineRunFunc(func(_ context.Context, info hook.PipelineInfo) error {
			if slices.Contains(info.RunParams.PipelineNames, "hook panics") {
				panic("login failed: " + secret)
			}
			return nil
		})),
	)
	for _, name := range []string{"fails", "panics", "logs", "loads", "saves", "prints", "hook panics"} {
		t.Run(name, func(t *testing.T) {
			everything, _ := o.run(t, messages.RunRequest{PipelineNames: []string{name}})
			require.Contains(t, everything, "redacted")
			requireHidden(t, everything)
			requireHidden(t, o.text())
		})
	}
	require.Contains(t, o.text(), "login with "+mask.Text)
	everything, _ := o.run(t, messages.RunRequest{PipelineNames: []string{"tells"}})
	requireHidden(t, everything)
	ask := messages.RunRequest{PipelineNames: []string{"traps"}, OnlyMissingOutputs: true}
	_, err := o.f.client.Plan(t.Context(), &ask)
	require.ErrorContains(t, err, "wrong password "+mask.Text)
	everything, _ = o.run(t, ask)
	require.Contains(t, everything, "wrong password")
	require.Contains(t, everything, "redacted")
	requireHidden(t, everything)
	requireHidden(t, o.text())
}

func requireHidden(t *testing.T, text string) {
	t.Helper()
	for _, part := range []string{"nter22", `long\"`} {
		require.NotContains(t, text, part)
	}
}
