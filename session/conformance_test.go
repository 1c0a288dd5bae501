package session

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

// frozen is the clock of the vectors.
const frozen = "2024-02-02T02.02.02.002Z"

// question is the input of a vector of family run (conformance/README.md).
type question struct {
	Files []struct {
		Path string `json:"path"`
		Text string `json:"text"`
	} `json:"files"`
	Nodes     []oracle.Node  `json:"nodes"`
	Pipelines []oracle.Value `json:"pipelines"`
	Session   struct {
		Class         string       `json:"class"`
		Env           *string      `json:"env"`
		RuntimeParams oracle.Value `json:"runtime_params"`
		SessionID     string       `json:"session_id"`
		ServingMode   bool         `json:"serving_mode"`
	} `json:"session"`
	Runs []struct {
		Args   arguments `json:"args"`
		Runner struct {
			Class      string `json:"class"`
			MaxWorkers int    `json:"max_workers"`
			IsAsync    bool   `json:"is_async"`
			Default    bool   `json:"default"`
		} `json:"runner"`
	} `json:"runs"`
	HookActions []action `json:"hook_actions"`
	TwoPlugins  bool     `json:"two_plugins"`
}

// arguments are the keyword arguments of run.
type arguments struct {
	RunID              string            `json:"run_id"`
	PipelineNames      []string          `json:"pipeline_names"`
	Tags               []string          `json:"tags"`
	NodeNames          []string          `json:"node_names"`
	FromNodes          []string          `json:"from_nodes"`
	ToNodes            []string          `json:"to_nodes"`
	FromInputs         []string          `json:"from_inputs"`
	ToOutputs          []string          `json:"to_outputs"`
	LoadVersions       map[string]string `json:"load_versions"`
	Namespaces         []string          `json:"namespaces"`
	OnlyMissingOutputs bool              `json:"only_missing_outputs"`
	RuntimeParams      oracle.Value      `json:"runtime_params"`
}

func TestConformanceRun(t *testing.T) {
	t.Setenv("KEDRO_ENV", "")
	oracle.Suite{
		Family: "run",
		Answer: func(t *testing.T, v oracle.Vector) any { return ask(t, v) },
	}.Run(t)
}

// ask lays the project out, makes the runs and gives the answer in the vectors' form.
func ask(t *testing.T, v oracle.Vector) any {
	var q question
	v.Decode(t, &q)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for _, folder := range []string{"conf/base", "conf/local"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o755))
	}
	for _, f := range q.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(f.Text), 0o644))
	}
	rec := &recording{question: &q, dir: dir, vector: v}
	rec.forgetChanges()
	if _, err := rec.pipelines(); err != nil { // what Kedro warns of whatever is run; errors are the session's to tell
		t.Log(err)
	}
	s, err := rec.open()
	if err != nil {
		return map[string]any{"error": rec.failure(err)}
	}
	var expect struct {
		FilesAfter map[string]string `json:"files_after"`
		Runs       []struct {
			Warnings []string `json:"warnings"`
			Loose    bool     `json:"loose"`
			Error    any      `json:"error"`
		} `json:"runs"`
	}
	require.NoError(t, json.Unmarshal(v.Expect, &expect))
	answers := make([]any, len(q.Runs))
	loose := false
	for i := range q.Runs {
		answer := rec.run(s, i)
		if i < len(expect.Runs) && expect.Runs[i].Loose && answer["error"] != nil {
			loose = true
			delete(answer, "trace_overall")
			delete(answer, "trace_by_node")
			delete(answer, "released")
			delete(answer, "log")
			answer["loose"], answer["resume"] = true, nil
			if expect.Runs[i].Error == nil {
				answer["error"] = nil
			}
		}
		if i < len(expect.Runs) {
			answer["warnings"] = rec.warningsLike(expect.Runs[i].Warnings, q.Runs[i].Runner.Class == "ThreadRunner")
		}
		answers[i] = answer
	}
	require.NoError(t, s.Close())
	files := map[string]string{}
	if !loose {
		files = filesOf(t, dir)
		for name, want := range expect.FilesAfter {
			if text, ok := files[name]; want == "" && (!ok || text != "" && rec.failedToSave(answers, name)) {
				v.Normalise(oracle.EmptyFile)
				files[name] = want
			}
		}
		for name, text := range files {
			if want, ok := expect.FilesAfter[name]; ok && want != text && sameData(name, want, text) {
				v.Normalise(oracle.KeyOrder)
				files[name] = want
			}
		}
	}
	return map[string]any{"runs": answers, "files_after": files}
}

// failedToSave tells whether the save of a file was the error of a run.
func (r *recording) failedToSave(answers []any, name string) bool {
	return slices.ContainsFunc(answers, func(answer any) bool {
		form, _ := answer.(map[string]any)["error"].(map[string]any)
		message, _ := form["message"].(string)
		return strings.Contains(message, "Failed while saving data to dataset ") && strings.Contains(message, "'<PROJECT>/"+name+"'")
	})
}

// filesOf reads all files outside of conf.
func filesOf(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil || strings.HasPrefix(filepath.ToSlash(relative), "conf/") {
			return err
		}
		text, err := os.ReadFile(path)
		files[filepath.ToSlash(relative)] = string(text)
		return err
	}))
	return files
}

// sameData compares JSON files as data: the order of a Go map is that of its keys.
func sameData(name, a, b string) bool {
	if !strings.HasSuffix(name, ".json") {
		return false
	}
	var left, right oracle.Value
	return json.Unmarshal([]byte(a), &left) == nil && json.Unmarshal([]byte(b), &right) == nil && reflect.DeepEqual(left, right)
}

// open makes the session of the question.
func (r *recording) open() (Session, error) {
	options := []project.Option{project.WithHooks(r.plugin("A"), r.plugin("B"))}
	build := func() (map[string]*pipeline.Pipeline, error) { return r.pipelines() }
	hasDefault := false
	for _, entry := range r.question.Pipelines {
		name, _ := entry.Any.([]any)[0].(string)
		hasDefault = hasDefault || name == project.Default
		options = append(options, project.WithPipeline(name, func() (*pipeline.Pipeline, error) {
			all, err := build() // Kedro builds all pipelines before it looks one up
			return all[name], err
		}))
	}
	if !hasDefault {
		options = append(options, project.WithoutDefault())
	}
	p := project.New("vector_project", options...)
	ctx := r.context()
	env := ""
	if r.question.Session.Env != nil {
		env = *r.question.Session.Env
	}
	fixed := func() string { return frozen }
	if r.question.Session.Class == "KedroSession" {
		return Create(ctx, Config{ProjectPath: r.dir, Project: p, Env: env, RuntimeParams: plainMap(r.question.Session.RuntimeParams), newRunID: fixed})
	}
	return CreateService(ctx, ServiceConfig{ProjectPath: r.dir, Project: p, Env: env, SessionID: r.question.Session.SessionID,
		ServingMode: r.question.Session.ServingMode, newRunID: fixed})
}

func plainMap(v oracle.Value) map[string]any {
	m, _ := oracle.Plain(v.Any).(map[string]any)
	return m
}

// pipelines builds the registry of the question.
func (r *recording) pipelines() (map[string]*pipeline.Pipeline, error) {
	parts := make([]pipeline.Part, len(r.question.Nodes))
	for i, spec := range r.question.Nodes {
		node, err := buildNode(spec)
		if err != nil {
			return nil, err
		}
		parts[i] = node
	}
	all := map[string]*pipeline.Pipeline{}
	for _, entry := range r.question.Pipelines {
		pair := entry.Any.([]any)
		var chosen []pipeline.Part
		for _, at := range oracle.Plain(pair[1]).([]any) {
			chosen = append(chosen, parts[at.(int)])
		}
		p, err := pipeline.New(chosen...)
		if err != nil {
			return nil, err
		}
		all[pair[0].(string)] = p
		r.mu.Lock()
		r.registry = append(r.registry, p.Warnings()...)
		r.mu.Unlock()
	}
	return all, nil
}

// run makes one run and gives its answer.
func (r *recording) run(s Session, i int) map[string]any {
	r.reset()
	spec := &r.question.Runs[i]
	a := spec.Args
	opts := RunOptions{
		RunID: a.RunID, PipelineNames: a.PipelineNames, Tags: a.Tags, NodeNames: a.NodeNames, FromNodes: a.FromNodes,
		ToNodes: a.ToNodes, FromInputs: a.FromInputs, ToOutputs: a.ToOutputs, LoadVersions: a.LoadVersions,
		Namespaces: a.Namespaces, OnlyMissingOutputs: a.OnlyMissingOutputs, RuntimeParams: plainMap(a.RuntimeParams),
		trace: r.observe,
	}
	threaded := spec.Runner.Class == "ThreadRunner"
	if threaded {
		opts.Runner = runner.Thread{MaxWorkers: max(spec.Runner.MaxWorkers, 1)}
	} else if !spec.Runner.Default {
		opts.Runner = runner.Sequential{IsAsync: spec.Runner.IsAsync}
	}
	result, err := s.Run(r.context(), opts)
	answer := r.folded(threaded)
	if err != nil {
		answer["error"] = r.failure(err)
		answer["resume"] = nil
		var failed *RunError
		if errors.As(err, &failed) && failed.Resume != "" {
			answer["resume"] = failed.Resume
		}
		return answer
	}
	values := map[string]any{}
	for name, out := range result.Outputs {
		value, err := out.Load(context.Background())
		if err != nil {
			form := r.failure(err).(map[string]any)
			form["message"] = r.cut(form["message"].(string), name+": ")
			values[name] = map[string]any{"$error": form}
			continue
		}
		values[name] = oracle.Encode(value)
	}
	answer["result"] = values
	return answer
}

var finished = regexp.MustCompile(`completed successfully in [\d.]+ sec`)

func (r *recording) clean(text string) string {
	text = strings.ReplaceAll(text, r.dir, "<PROJECT>")
	return finished.ReplaceAllString(text, "completed successfully in <T> sec")
}

// failure is the vectors' form of an error, without the place of this test.
func (r *recording) failure(err error) any {
	var failed *RunError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var build *project.BuildError
	if errors.As(err, &build) {
		r.vector.Normalise(oracle.PipelinePrefix)
		err = build.Err
	}
	form, _ := oracle.Error(err).(map[string]any)
	form["message"] = r.clean(form["message"].(string))
	return form
}

// cut takes the name of a dataset off an error.
func (r *recording) cut(message, prefix string) string {
	rest, ok := strings.CutPrefix(message, prefix)
	if ok {
		r.vector.Normalise(oracle.DatasetPrefix)
	}
	return rest
}

func (r *recording) context() context.Context {
	return zerolog.New(r).Level(zerolog.InfoLevel).WithContext(context.Background())
}

// deprecated is a warning of a library below Kedro, which has nothing to do with the run.
const deprecated = "register_new_resolver() is deprecated"

var interrupted = regexp.MustCompile(`(?s)^(Namespace '.*?' is interrupted) by nodes .*`)

// warningsLike lists the distinct warnings of the run, with those of Python's libraries
// that are expected.
func (r *recording) warningsLike(expected []string, threaded bool) []string {
	out := []string{}
	if threaded {
		return out
	}
	of := func(text string) string { return interrupted.ReplaceAllString(text, "$1") }
	registry := func(want string) bool { // Kedro builds, and warns of, pipelines that don't run
		return slices.ContainsFunc(r.registry, func(text string) bool { return of(text) == want })
	}
	for _, text := range expected {
		switch {
		case strings.HasPrefix(text, deprecated):
			r.vector.Normalise(oracle.PythonWarnings)
			out = append(out, text)
		case registry(text):
			r.vector.Normalise(oracle.OtherPipelines)
			out = append(out, text)
		}
	}
	for _, text := range r.warnings {
		if strings.Contains(text, "dot notation") {
			r.vector.Normalise(oracle.DottedNames)
			continue
		}
		out = append(out, of(r.clean(text)))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
