package hosted_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
)

// vectorRuns is how many vectors are asked: each needs Python processes of its own. KEDGE_HOSTED_VECTORS gives another
// number, 0 for all.
const vectorRuns = 24

// vectorClock is the time that Kedro was given when it answered.
const vectorClock = "2024-02-02T02.02.02.002Z"

// question is what the engine is asked of a vector of family run.
type question struct {
	Files []struct {
		Path string `json:"path"`
		Text string `json:"text"`
	} `json:"files"`
	Session struct {
		Class         string         `json:"class"`
		Env           string         `json:"env"`
		RuntimeParams map[string]any `json:"runtime_params"`
	} `json:"session"`
	Runs []struct {
		Args struct {
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
			RuntimeParams      map[string]any    `json:"runtime_params"`
		} `json:"args"`
		Runner struct {
			Class      string `json:"class"`
			MaxWorkers int    `json:"max_workers"`
			IsAsync    bool   `json:"is_async"`
			Default    bool   `json:"default"`
		} `json:"runner"`
	} `json:"runs"`
	HookActions []json.RawMessage `json:"hook_actions"`
}

// answer is what Kedro said, as far as an engine outside of its process can tell.
type answer struct {
	Error *kedroError `json:"error"`
	Runs  []struct {
		Error  *kedroError                `json:"error"`
		Loose  bool                       `json:"loose"`
		Resume *string                    `json:"resume"`
		Result map[string]json.RawMessage `json:"result"`
	} `json:"runs"`
}

type kedroError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// TestConformanceRun has real Kedro, in children, run the projects of the vectors, and compares with what it answered
// in one process: the value of each free output, the type of each error, the resume hint.
func TestConformanceRun(t *testing.T) {
	kept := vectorRuns
	if n, err := strconv.Atoi(os.Getenv("KEDGE_HOSTED_VECTORS")); err == nil {
		kept = n
	}
	generator, err := filepath.Abs("../../internal/oracle/conformance")
	require.NoError(t, err)
	t.Setenv("VECTOR_GENERATOR", generator)
	t.Setenv("KEDRO_ENV", "")
	asked := 0
	all := oracle.Load(t, "run")
	step := 1
	if kept > 0 {
		step = max(1, len(all)/(2*kept)) // spread over the kinds
	}
	for i := 0; i < len(all) && (kept == 0 || asked < kept); i += step {
		v := all[i]
		var q question
		decoder := json.NewDecoder(bytes.NewReader(v.Input))
		decoder.UseNumber() // 99 is not 99.0
		require.NoError(t, decoder.Decode(&q))
		if len(q.HookActions) > 0 || len(v.Unstable) > 0 {
			continue // its plugin acts inside of the process, or the answer hangs on Python's order of sets
		}
		asked++
		t.Run(v.ID, func(t *testing.T) { compareVector(t, v, &q) })
	}
	require.Positive(t, asked)
}

func compareVector(t *testing.T, v oracle.Vector, q *question) {
	var want answer
	require.NoError(t, json.Unmarshal(v.Expect, &want))
	s, err := hosted.Open(t.Context(), hosted.Config{Project: layOut(t, v, q), Python: python(t), Env: q.Session.Env})
	if err != nil {
		require.True(t, want.Error != nil || len(want.Runs) > 0 && want.Runs[0].Error != nil, "%v", err)
		return
	}
	defer s.Close()
	for i, want := range want.Runs {
		if i > 0 && q.Session.Class == "KedroSession" {
			return // a classic session is used once
		}
		result, err := s.Run(t.Context(), vectorOptions(q, i))
		if want.Error != nil || want.Loose {
			require.Error(t, err)
			if want.Error != nil {
				require.Equal(t, want.Error.Type, session.ErrorType(err), "%v", err)
			}
			var failed *session.RunError
			if want.Resume != nil && strings.Contains(*want.Resume, "You can resume") {
				require.ErrorAs(t, err, &failed)
				require.Equal(t, strings.TrimSpace(*want.Resume), strings.TrimSpace(failed.Resume))
			}
			continue
		}
		require.NoError(t, err)
		require.Len(t, result.Outputs, len(want.Result))
		for name, value := range want.Result {
			got, err := result.Outputs[name].Load(t.Context())
			if bytes.Contains(value, []byte(`"$error"`)) {
				require.Error(t, err)
				continue
			}
			if bytes.Contains(value, []byte(`"$`)) {
				continue // not JSON
			}
			require.NoError(t, err, name)
			text, err := json.Marshal(got)
			require.NoError(t, err)
			require.JSONEq(t, string(value), string(text), name)
		}
	}
}

// layOut writes the project of a vector.
func layOut(t *testing.T, v oracle.Vector, q *question) string {
	t.Helper()
	dir := copyProject(t, "vectors")
	write := func(name string, text []byte) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, text, 0o644))
	}
	write("conf/base/.gitkeep", nil)
	write("conf/local/.gitkeep", nil)
	write("vector.json", v.Input)
	for _, f := range q.Files {
		write(f.Path, []byte(f.Text))
	}
	return dir
}

func vectorOptions(q *question, i int) session.RunOptions {
	args, with := q.Runs[i].Args, q.Runs[i].Runner
	opts := session.RunOptions{
		RunID: args.RunID, PipelineNames: args.PipelineNames, Tags: args.Tags, NodeNames: args.NodeNames, FromNodes: args.FromNodes,
		ToNodes: args.ToNodes, FromInputs: args.FromInputs, ToOutputs: args.ToOutputs, LoadVersions: args.LoadVersions,
		Namespaces: args.Namespaces, OnlyMissingOutputs: args.OnlyMissingOutputs, RuntimeParams: args.RuntimeParams,
	}
	if q.Session.Class == "KedroSession" {
		opts.RuntimeParams = q.Session.RuntimeParams
	}
	if opts.RunID == "" {
		opts.RunID = vectorClock
	}
	if !with.Default {
		opts.RunnerName, opts.RunnerParams = with.Class, map[string]any{"is_async": with.IsAsync}
		if with.MaxWorkers > 0 {
			opts.RunnerParams["max_workers"] = with.MaxWorkers
		}
	}
	return opts
}
