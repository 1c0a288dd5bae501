package worker_test

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/worker"
)

type review struct {
	ID   int    `kedge:"id"`
	Text string `kedge:"text"`
}

// startReviews serves a pipeline that counts reviews, and one that tells the length of a parameter.
func startReviews(t *testing.T, change func(*worker.Config)) *fixture {
	t.Setenv("TMPDIR", t.TempDir())
	f := newFixture(t)
	count := func(reviews iter.Seq2[review, error]) (int, error) {
		n := 0
		for r, err := range reviews {
			if err != nil || r.ID != n {
				return 0, fmt.Errorf("review %d: %+v, %w", n, r, err)
			}
			n++
		}
		return n, nil
	}
	f.start(open(t, map[string]string{"conf/base/parameters.yml": "text: short\n"},
		project.WithPipeline("count", func() (*pipeline.Pipeline, error) {
			return pipeline.New(pipeline.Define(count, "reviews", "n"))
		}),
		project.WithPipeline("length", func() (*pipeline.Pipeline, error) {
			return pipeline.New(pipeline.Define(func(text string) int { return len(text) }, "params:text", "length"))
		})), change)
	return f
}

func csv(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("id,text\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,%s\n", i, strings.Repeat("x", 60))
	}
	return b.Bytes()
}

func (f *fixture) submitWith(request messages.RunRequest, opts ...client.SubmitOption) *messages.Reply {
	f.t.Helper()
	receipt, err := f.client.Submit(f.t.Context(), &request, opts...)
	require.NoError(f.t, err)
	return f.wait(receipt.RunID)
}

func requireN(t *testing.T, output string, want int, reply *messages.Reply) {
	t.Helper()
	require.Nil(t, reply.Error)
	require.JSONEq(t, fmt.Sprint(want), string(reply.Result.Outputs[output].Value))
}

func TestInputsOfAllSizes(t *testing.T) {
	f := startReviews(t, nil)
	count := messages.RunRequest{PipelineNames: []string{"count"}}
	for _, rows := range []int{1, 20_000} {
		var told int64
		reply := f.submitWith(count, client.WithInput("reviews", client.Input{Content: bytes.NewReader(csv(rows)), Size: int64(len(csv(rows))), Format: "csv"}),
			client.WithProgress(func(_ string, done, _ int64) { told = done }))
		requireN(t, "n", rows, reply)
		require.EqualValues(t, len(csv(rows)), told)
	}
	json := "[" + strings.Repeat(`{"id":0,"text":"x"}`, 1) + "]"
	requireN(t, "n", 1, f.submitWith(count, client.WithInput("reviews", client.Input{Content: strings.NewReader(json), Size: int64(len(json))})))
	var list strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&list, `%c{"id":%d,"text":"xxxxxxxxxxxxxxxxxxxx"}`, "[,"[min(i, 1)], i)
	}
	list.WriteString("]")
	requireN(t, "n", 20_000, f.submitWith(count, client.WithInput("reviews", client.Input{Content: strings.NewReader(list.String()), Size: int64(list.Len())})))
	count.Inputs = map[string]messages.Data{"reviews": {Value: []byte(list.String())}}
	requireN(t, "n", 20_000, f.submitWith(count))

	require.Eventually(t, func() bool {
		left, err := os.ReadDir(os.Getenv("TMPDIR"))
		return err == nil && len(left) == 0
	}, deadline, time.Millisecond, "files of inputs go with their run")
}

func TestLargeParametersTravelByReference(t *testing.T) {
	f := startReviews(t, nil)
	request := messages.RunRequest{
		PipelineNames: []string{"length"}, RuntimeParams: map[string]any{"text": strings.Repeat("x", 2<<20)},
	}
	again := request
	receipt, err := f.client.Submit(t.Context(), &request)
	require.NoError(t, err)
	requireN(t, "length", 2<<20, f.wait(receipt.RunID))
	again.RunID = receipt.RunID
	twice, err := f.client.Submit(t.Context(), &again)
	require.NoError(t, err)
	require.True(t, twice.Existing, "the same submit again is the same run")

	keyed := messages.RunRequest{PipelineNames: []string{"length"}, IdempotencyKey: "k"}
	var receipts []client.Receipt
	for range 2 {
		try := keyed
		try.RuntimeParams = map[string]any{"text": strings.Repeat("x", 1<<20)}
		receipt, err := f.client.Submit(t.Context(), &try)
		require.NoError(t, err)
		receipts = append(receipts, receipt)
	}
	require.Equal(t, receipts[0].RunID, receipts[1].RunID, "the same content is the same submit")
}

// Values that fit one by one, but not together.
func TestManyInputsTravelByReference(t *testing.T) {
	f := startReviews(t, nil)
	request := messages.RunRequest{PipelineNames: []string{"count"}, Inputs: map[string]messages.Data{}}
	for i := range 8 {
		request.Inputs[fmt.Sprintf("unknown%d", i)] = messages.Data{Value: fmt.Appendf(nil, "%q", strings.Repeat("x", 200_000))}
	}
	reply := f.submitWith(request)
	require.NotNil(t, reply.Error, "it was stored, and refused by the worker for its datasets")
	require.Equal(t, "inputs.unknown0", reply.Error.Field)
}

func TestDataIsRefused(t *testing.T) {
	f := startReviews(t, func(cfg *worker.Config) { cfg.MaxDataBytes = 1 << 20 })
	count := messages.RunRequest{PipelineNames: []string{"count"}}
	input := func(rows int) client.SubmitOption {
		return client.WithInput("reviews", client.Input{Content: bytes.NewReader(csv(rows)), Size: int64(len(csv(rows))), Format: "csv"})
	}

	narrow, err := client.New(f.server.Connect(), client.Config{Queue: queue, MaxDataBytes: 1000})
	require.NoError(t, err)
	defer narrow.Close()
	var rejected *client.RejectedError
	_, err = narrow.Submit(t.Context(), &messages.RunRequest{}, input(1000))
	require.ErrorAs(t, err, &rejected)
	require.ErrorIs(t, err, client.ErrTooLarge)
	require.Equal(t, "inputs.reviews", rejected.Field)
	require.ErrorContains(t, err, "at most 1000 are allowed")
	_, err = f.client.Submit(t.Context(), &messages.RunRequest{RuntimeParams: map[string]any{"a": strings.Repeat("x", messages.MaxParamsBytes)}})
	require.ErrorIs(t, err, client.ErrTooLarge)
	require.ErrorContains(t, err, fmt.Sprint(messages.MaxParamsBytes))

	reply := f.submitWith(count, input(30_000))
	require.Equal(t, messages.CodeTooLarge, reply.Error.Code)
	require.Equal(t, messages.StateRejected, reply.Error.State)
	require.Contains(t, reply.Error.Message, "1048576")

	for name, test := range map[string]struct {
		change func(*messages.Ref)
		text   string
	}{
		"another tenant":  {func(r *messages.Ref) { r.Name = strings.Replace(r.Name, "default/", "t2/", 1) }, "of tenant t2"},
		"another bucket":  {func(r *messages.Ref) { r.Bucket = "other" }, "kedge_data only"},
		"another content": {func(r *messages.Ref) { r.Digest = "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=" }, "not what its reference says"},
		"another size":    {func(r *messages.Ref) { r.Size-- }, "not what its reference says"},
		"another object":  {func(r *messages.Ref) { r.Name += "x" }, "not stored"},
		"a format":        {func(r *messages.Ref) { r.Format = "pickle" }, "none of arrow, csv"},
	} {
		t.Run(name, func(t *testing.T) {
			f := f.in(t)
			request := messages.RunRequest{RunID: messages.RunID("data-" + strings.ReplaceAll(name, " ", "-")), PipelineNames: []string{"count"}}
			object := messages.ObjectName{Tenant: "default", RunID: request.RunID, ID: "0"}
			ref, err := natsx.NewObjects(f.js, messages.Subjects{}).Put(t.Context(), object, bytes.NewReader(csv(10)), natsx.PutOptions{Format: "csv"})
			require.NoError(t, err)
			test.change(&ref)
			request.Inputs = map[string]messages.Data{"reviews": {Ref: &ref}}
			reply := f.submitWith(request)
			require.NotNil(t, reply.Error)
			require.Equal(t, messages.StateRejected, reply.Error.State)
			require.Contains(t, reply.Error.Message, test.text)
			require.Equal(t, "inputs.reviews", reply.Error.Field)
		})
	}
}
