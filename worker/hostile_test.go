package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// hostile are requests that anyone with the right to submit may store, past every check of the submitter. In each,
// RUN stands for the run id of its subject.
var hostile = []struct {
	name  string
	body  string
	code  messages.Code
	field string // of the reply
	says  string // part of its message
}{
	{name: "empty", body: "", code: messages.CodeInvalidRequest},
	{name: "not JSON", body: "run everything, please", code: messages.CodeInvalidRequest, says: "JSON"},
	{name: "not an object", body: `["RUN"]`, code: messages.CodeInvalidRequest},
	{name: "unknown field", body: `{"run_id":"RUN","env":"prod"}`, code: messages.CodeInvalidRequest, field: "env", says: "unknown"},
	{name: "field given twice", body: `{"run_id":"RUN","tags":["a"],"tags":["b"]}`, code: messages.CodeInvalidRequest, field: "tags"},
	{name: "wrong type of list", body: `{"run_id":"RUN","tags":"a"}`, code: messages.CodeInvalidRequest, field: "tags"},
	{name: "wrong type in list", body: `{"run_id":"RUN","node_names":[1]}`, code: messages.CodeInvalidRequest, field: "node_names"},
	{name: "wrong type of bool", body: `{"run_id":"RUN","only_missing_outputs":"yes"}`, code: messages.CodeInvalidRequest, field: "only_missing_outputs"},
	{name: "wrong type of mapping", body: `{"run_id":"RUN","runtime_params":[1]}`, code: messages.CodeInvalidRequest, field: "runtime_params"},
	{name: "2 MiB", body: `{"run_id":"RUN","runtime_params":{"x":"` + strings.Repeat("a", 2<<20) + `"}}`, code: messages.CodeTooLarge},
	{name: "10,000 levels", body: `{"run_id":"RUN","runtime_params":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + "}",
		code: messages.CodeInvalidRequest, field: "runtime_params", says: "deep"},
	{name: "10,000 lists unclosed", body: `{"run_id":"RUN","tags":` + strings.Repeat("[", 10_000), code: messages.CodeInvalidRequest, field: "tags"},
	{name: "another run's id", body: `{"run_id":"another"}`, code: messages.CodeInvalidRequest, field: "run_id"},
	{name: "path in run id", body: `{"run_id":"../../etc/passwd"}`, code: messages.CodeInvalidRequest, field: "run_id"},
	{name: "path in load version", body: `{"run_id":"RUN","load_versions":{"cars":"../../../etc"}}`, code: messages.CodeInvalidRequest, field: "load_versions.cars"},
	{name: "path in dataset name", body: `{"run_id":"RUN","from_inputs":["../../etc/passwd"]}`, code: messages.CodeInvalidRequest, field: "from_inputs[0]"},
	{name: "path in injected dataset", body: `{"run_id":"RUN","inputs":{"/etc/passwd":{"value":1}}}`, code: messages.CodeInvalidRequest, field: "inputs"},
	{name: "path in node name", body: `{"run_id":"RUN","node_names":["..\\..\\x"]}`, code: messages.CodeInvalidRequest, field: "node_names[0]"},
	{name: "wildcard in reply subject", body: `{"run_id":"RUN","reply_subject":"_INBOX.>"}`, code: messages.CodeInvalidRequest, field: "reply_subject"},
	{name: "reply subject not allowed", body: `{"run_id":"RUN","reply_subject":"kedge.run.p0.shop.default.x"}`, code: messages.CodeNotAllowed, field: "reply_subject"},
	{name: "unknown pipeline", body: `{"run_id":"RUN","pipeline_names":["reportin"]}`, code: messages.CodePipelineNotFound, field: "pipeline_names", says: "reporting"},
	{name: "unknown node", body: `{"run_id":"RUN","from_nodes":["nope"]}`, code: messages.CodeFilterInvalid, field: "from_nodes", says: "nope"},
	{name: "unknown tag", body: `{"run_id":"RUN","tags":["nope"]}`, code: messages.CodeFilterInvalid, field: "tags"},
	{name: "unknown runner", body: `{"run_id":"RUN","runner":"NoSuchRunner"}`, code: messages.CodeNotAllowed, field: "runner", says: "NoSuchRunner"},
	{name: "runner of another module", body: `{"run_id":"RUN","runner":"os.system"}`, code: messages.CodeNotAllowed, field: "runner"},
	{name: "unknown runner parameter", body: `{"run_id":"RUN","runner":"ThreadRunner","runner_params":{"cmd":"rm"}}`, code: messages.CodeInvalidRequest, field: "runner_params"},
	{name: "wrong type of runner parameter", body: `{"run_id":"RUN","runner":"ThreadRunner","runner_params":{"max_workers":"all"}}`, code: messages.CodeInvalidRequest, field: "runner_params"},
	{name: "input of no pipeline", body: `{"run_id":"RUN","inputs":{"nope":{"value":1}}}`, code: messages.CodeInvalidRequest, field: "inputs.nope"},
	{name: "output of no pipeline", body: `{"run_id":"RUN","outputs":["nope"]}`, code: messages.CodeInvalidRequest, field: "outputs.nope"},
	{name: "reference to a foreign bucket", body: `{"run_id":"RUN","inputs":{"read":{"ref":{"bucket":"secrets","name":"x","digest":"y","size":1}}}}`,
		code: messages.CodeInvalidRequest, field: "inputs.read"},
	{name: "unknown priority", body: `{"run_id":"RUN","priority":"p9"}`, code: messages.CodeInvalidRequest, field: "priority"},
	{name: "timeout that is no time", body: `{"run_id":"RUN","timeout":"soon"}`, code: messages.CodeInvalidRequest, field: "timeout"},
}

// Each hostile request is answered with a rejected reply that names the field, the worker goes on, and nothing is left
// in the queue.
func TestHostileRequestsAreRejected(t *testing.T) {
	f := newFixture(t, natsx.ServerConfig{SyncInterval: fast.Lease, MaxPayload: 4 << 20})
	f.start(open(t, map[string]string{"conf/base/parameters.yml": "x: 13\n"},
		defaultPipeline(threeNodes), namedPipeline("reporting", threeNodes)), nil)
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			f := f.in(t)
			run := messages.NewRunID(time.Now())
			body := strings.ReplaceAll(h.body, "RUN", string(run))
			subject := messages.Subjects{}.Request(messages.P1, queue, messages.DefaultTenant, run)
			_, err := f.js.Publish(t.Context(), subject, []byte(body))
			require.NoError(t, err)

			reply := f.awaitReply(run)
			require.NotNil(t, reply.Error, "the request was accepted")
			require.Equal(t, messages.StateRejected, reply.Error.State)
			require.Equal(t, h.code, reply.Error.Code, reply.Error.Message)
			require.True(t, strings.HasPrefix(reply.Error.Field, h.field), "field %q, want %q", reply.Error.Field, h.field)
			require.Contains(t, reply.Error.Message, h.says)
			require.Less(t, len(reply.Error.Message), 2000, "the reply repeats the hostile text")
			f.emptyQueue()
			require.Equal(t, messages.StateSucceeded, f.wait(f.submit(messages.RunRequest{})).State(), "the worker does not go on")
		})
	}
}

// A subject that names no run can't be answered; it must not stay in the queue either.
func TestRequestsWithoutARunAreRemoved(t *testing.T) {
	f := newFixture(t)
	f.start(double{}, nil)
	for _, subject := range []string{
		"kedge.run.p1.shop.default.bad===id", "kedge.run.p1.shop.default.$x", "kedge.run.p1.shop.default." + strings.Repeat("a", 500),
	} {
		_, err := f.js.Publish(t.Context(), subject, []byte(`{"run_id":"x"}`))
		require.NoError(t, err)
	}
	f.emptyQueue()
	require.Equal(t, messages.StateSucceeded, f.wait(f.submit(messages.RunRequest{})).State())
}
