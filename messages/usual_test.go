package messages

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usualResult has what most replies have.
func usualResult() *RunResult {
	return &RunResult{
		Ended: Ended{
			RunID: "20261128T100000.000Z-1", SessionID: "s", Tenant: "default", Queue: "shop", State: StateSucceeded,
			Attempt: 1, Epoch: 1, Worker: "w1", Pipelines: []string{"__default__", "report"},
			FinishedAt: time.Date(2026, 11, 28, 10, 0, 0, 5, time.UTC), Events: 7, QueuedFor: Duration(time.Second), Took: Duration(3 * time.Microsecond),
		},
		NodesRun: 2, NodesSkipped: 1,
		Outputs: map[string]Output{
			"answer": {Value: json.RawMessage(`{"a":"ä\n\"}","b":[1,{}]}`)}, "other": {Type: "csv", Path: "x"}, "third": {Value: json.RawMessage("null")},
			"fourth": {Value: json.RawMessage(`"]"`), Type: "str", Shape: "1", Problem: "p"}, "fifth": {},
		},
	}
}

// requireStandard compares what was read with what the standard decoder reads.
func requireStandard(t *testing.T, got *RunResult, data []byte) {
	t.Helper()
	want := &RunResult{}
	require.NoError(t, json.Unmarshal(data, want), "%s", data)
	require.Equal(t, want, got, "%s", data)
}

func TestUsualRepliesAreReadAsByTheStandardDecoder(t *testing.T) {
	least := &RunResult{Ended: Ended{State: StateSucceeded}}
	versions := usualResult()
	versions.Outputs, versions.Versions = nil, map[string]string{"a": "v"}
	none := usualResult()
	none.Outputs = map[string]Output{}
	for _, result := range []*RunResult{usualResult(), least, versions, none} {
		data, err := (&Reply{Result: result}).Encode()
		require.NoError(t, err)
		got, ok := readUsual(data)
		require.True(t, ok, "%s", data)
		requireStandard(t, got, data)
	}
}

// TestUnusualRepliesAreLeft changes one place of a usual reply: what is then read is what the standard decoder reads, or
// nothing.
func TestUnusualRepliesAreLeft(t *testing.T) {
	data, err := (&Reply{Result: usualResult()}).Encode()
	require.NoError(t, err)
	for i := range data {
		for _, other := range []byte(`x"\{}[],:0- ` + "\xff\n") {
			changed := bytes.Clone(data)
			changed[i] = other
			if got, ok := readUsual(changed); ok {
				requireStandard(t, got, changed)
			}
			if got, ok := readUsual(data[:i]); ok {
				requireStandard(t, got, data[:i])
			}
		}
	}
	text := string(data)
	for name, unusual := range map[string]string{
		"a blank":       strings.Replace(text, ":", ": ", 1),
		"another order": strings.Replace(text, `"attempt":1,"epoch":1`, `"epoch":1,"attempt":1`, 1),
		"another field": strings.Replace(text, `"attempt":1`, `"attempt":1,"new":2`, 1),
		"an escape":     strings.Replace(text, `"shop"`, `"sh\u006fp"`, 1),
		"a fraction":    strings.Replace(text, `"attempt":1`, `"attempt":1.0`, 1),
		"a zero first":  strings.Replace(text, `"attempt":1`, `"attempt":01`, 1),
		"no list":       strings.Replace(text, `["__default__","report"]`, `[]`, 1),
		"more behind":   text + "{}",
		"another state": strings.Replace(text, `"succeeded"`, `"failed"`, 1),
	} {
		require.NotEqual(t, text, unusual, name)
		_, ok := readUsual([]byte(unusual))
		require.False(t, ok, name)
	}
}

// usualRequest has what a request may have to be usual.
func usualRequest() *RunRequest {
	return &RunRequest{
		RunID: "20261128T100000.000Z-1", PipelineNames: []string{"a", "b"}, Tags: []string{"t"}, NodeNames: []string{"n"},
		FromNodes: []string{"f"}, ToNodes: []string{"o"}, FromInputs: []string{"i"}, ToOutputs: []string{"u"}, Namespaces: []string{"s"},
		Runner: "SequentialRunner", Priority: P0, IdempotencyKey: "k", UniqueKey: "q", ConcurrencyKey: "c",
		ReplySubject: "_INBOX.a", Outputs: []string{"x", "y"}, RetryOf: "r",
	}
}

// requireStrict compares what is read as usual, if it is, with what is read strictly.
func requireStrict(t *testing.T, data []byte) (usual bool) {
	t.Helper()
	got, usual := readUsualRequest(data)
	if usual {
		want, err := decodeStrictly(data)
		require.NoError(t, err, "%s", data)
		require.Equal(t, want, got, "%s", data)
	}
	return usual
}

func TestUsualRequestsAreReadAsStrictly(t *testing.T) {
	unusual := map[string]func(*RunRequest){
		"parameters": func(r *RunRequest) { r.RuntimeParams = map[string]any{"a": 1} },
		"a timeout":  func(r *RunRequest) { r.Timeout = Duration(time.Second) },
		"labels":     func(r *RunRequest) { r.Labels = map[string]string{"a": "b"} },
		"an escape":  func(r *RunRequest) { r.Runner = "<" },
	}
	for _, request := range []*RunRequest{usualRequest(), {RunID: "r"}} {
		data, err := json.Marshal(request)
		require.NoError(t, err)
		require.True(t, requireStrict(t, data), "%s", data)
		for i := range data {
			for _, other := range []byte(`x"\{}[],:0- ` + "\xff\n") {
				changed := bytes.Clone(data)
				changed[i] = other
				requireStrict(t, changed)
			}
			requireStrict(t, data[:i])
		}
		for name, change := range unusual {
			changed := *request
			change(&changed)
			data, err := json.Marshal(changed)
			require.NoError(t, err)
			require.False(t, requireStrict(t, data), name)
		}
	}
	require.False(t, requireStrict(t, []byte(`{}`)))
	require.False(t, requireStrict(t, []byte(`{"run_id":"r","run_id":"r"}`)))
	long := `{"run_id":"` + strings.Repeat("x", MaxMessageBytes) + `"}`
	require.False(t, requireStrict(t, []byte(long)))
}

func BenchmarkDecodeRunRequest(b *testing.B) {
	data, err := json.Marshal(&RunRequest{RunID: "20261128T100000.000Z-1", PipelineNames: []string{"a"}})
	require.NoError(b, err)
	for _, c := range []struct {
		name string
		read func() error
	}{
		{"usual", func() error { _, err := DecodeRunRequest(data); return err }},
		{"strict", func() error { _, err := decodeStrictly(data); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, c.read())
			}
		})
	}
}

func BenchmarkDecodeReply(b *testing.B) {
	result := usualResult()
	result.Outputs = map[string]Output{"answer": {Value: json.RawMessage(`{"ok":true}`)}}
	data, err := (&Reply{Result: result}).Encode()
	require.NoError(b, err)
	for _, c := range []struct {
		name string
		read func() error
	}{
		{"usual", func() error { _, err := DecodeReply(data); return err }},
		{"standard", func() error { return json.Unmarshal(data, &RunResult{}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, c.read())
			}
		})
	}
}
