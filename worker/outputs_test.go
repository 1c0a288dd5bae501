package worker_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// opaque is a value that is no JSON.
type opaque struct{ Done chan int }

// large is a list whose JSON takes more than two pieces of an object.
func large() []map[string]any {
	rows := make([]map[string]any, 10_000)
	for i := range rows {
		rows[i] = map[string]any{"id": i, "text": strings.Repeat("x", 60)}
	}
	return rows
}

// startOutputs serves a pipeline whose free outputs are of all sizes and kinds.
func startOutputs(t *testing.T, change func(*worker.Config)) *fixture {
	f := newFixture(t)
	f.start(open(t, nil, project.WithPipeline("sizes", func() (*pipeline.Pipeline, error) {
		return pipeline.New(
			pipeline.Define(func() int { return 1 }, nil, "small"),
			pipeline.Define(large, nil, "rows"),
			pipeline.Define(func() map[string]any { return map[string]any{"text": strings.Repeat("y", 600_000)} }, nil, "mapping"),
			pipeline.Define(func() opaque { return opaque{Done: make(chan int)} }, nil, "opaque"),
		)
	})), change)
	return f
}

func (f *fixture) sizes() map[string]messages.Output {
	f.t.Helper()
	reply := f.wait(f.submit(messages.RunRequest{PipelineNames: []string{"sizes"}}))
	require.Nil(f.t, reply.Error)
	return reply.Result.Outputs
}

func (f *fixture) read(ref *messages.Ref) []byte {
	f.t.Helper()
	require.NotNil(f.t, ref)
	content, err := f.client.Open(f.t.Context(), *ref)
	require.NoError(f.t, err)
	defer content.Close()
	text, err := io.ReadAll(content)
	require.NoError(f.t, err)
	return text
}

func TestLargeOutputsComeByReference(t *testing.T) {
	f := startOutputs(t, nil)
	outputs := f.sizes()
	require.JSONEq(t, "1", string(outputs["small"].Value))

	require.Nil(t, outputs["rows"].Value)
	require.Equal(t, "10000", outputs["rows"].Shape)
	require.Equal(t, "json", outputs["rows"].Ref.Format)
	want, err := json.Marshal(large())
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(f.read(outputs["rows"].Ref)))
	require.Contains(t, string(f.read(outputs["mapping"].Ref)), "yyyy")

	require.Nil(t, outputs["opaque"].Ref, "nothing is stored of what is no JSON")
	require.Equal(t, "worker_test.opaque", outputs["opaque"].Type)
}

func TestOutputsAboveTheLimitAreTold(t *testing.T) {
	f := startOutputs(t, func(cfg *worker.Config) { cfg.MaxDataBytes = 500_000 })
	outputs := f.sizes()
	require.Nil(t, outputs["rows"].Ref)
	require.Contains(t, outputs["rows"].Problem, "500000 bytes")
	require.JSONEq(t, "1", string(outputs["small"].Value))
}

func TestOutputsOfAFullBucketAreTold(t *testing.T) {
	f := newFixture(t)
	stream, err := f.js.Stream(t.Context(), "OBJ_kedge_data")
	require.NoError(t, err)
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = 100_000
	_, err = f.js.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	f.start(open(t, nil, project.WithPipeline("sizes", func() (*pipeline.Pipeline, error) {
		return pipeline.New(pipeline.Define(large, nil, "rows"))
	})), nil)
	require.Contains(t, f.sizes()["rows"].Problem, "bucket is full")
}

func TestDataOfOtherRunsIsTold(t *testing.T) {
	f := startOutputs(t, nil)
	ref := *f.sizes()["rows"].Ref
	ref.Name += "9"
	content, err := f.client.Open(t.Context(), ref)
	require.NoError(t, err)
	defer content.Close()
	_, err = io.ReadAll(content)
	require.ErrorIs(t, err, client.ErrDataGone)
}

// arrowFile is an output as the engine of Python projects gives it: a table in a file.
type arrowFile struct{ content string }

func (a arrowFile) Load(context.Context) (any, error) { return []byte(a.content), nil }
func (arrowFile) Describe() catalog.Description {
	return catalog.Description{Type: "kedro.io.memory_dataset.MemoryDataset"}
}
func (arrowFile) Encoded() (value json.RawMessage, valueType, shape string) {
	return nil, "pandas.core.frame.DataFrame", "9 x 2"
}
func (a arrowFile) File() (content *io.SectionReader, format string) {
	return io.NewSectionReader(strings.NewReader(a.content), 0, int64(len(a.content))), "arrow"
}

func TestFilesOfAnEngineComeByReference(t *testing.T) {
	f := newFixture(t)
	table := arrowFile{content: strings.Repeat("ARROW1", 100_000)}
	f.start(double{run: func(_ context.Context, opts session.RunOptions) (*session.Result, error) {
		return &session.Result{RunID: opts.RunID, Outputs: map[string]session.Output{"table": table}}, nil
	}}, nil)
	output := f.sizes()["table"]
	require.Equal(t, "pandas.core.frame.DataFrame", output.Type)
	require.Equal(t, "9 x 2", output.Shape)
	require.Equal(t, "arrow", output.Ref.Format)
	require.Equal(t, table.content, string(f.read(output.Ref)))
}
