package messages

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRunIDs(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 36, 1, 166e6, time.UTC)
	id := NewRunID(now)
	require.Regexp(t, `^2026-11-23T18\.36\.01\.166Z-[0-9a-f]{8}$`, string(id))
	require.NoError(t, id.Validate())
	require.NotEqual(t, id, NewRunID(now))
	for _, bad := range []string{"", ".", "..", "a..b", "a/b", "a b", "a=b", "ä", "a*", "a>", strings.Repeat("a", 129), "a\x00"} {
		require.ErrorIs(t, CheckID(bad), ErrInvalidID, "%q", bad)
	}
	for _, good := range []string{"a", "-", "_", "A.b-c_9", strings.Repeat("a", 128), ".a"} {
		require.NoError(t, CheckID(good), "%q", good)
	}
}

func TestSubjectsAreReversible(t *testing.T) {
	id := rapid.StringMatching(`[A-Za-z0-9_-]([A-Za-z0-9_-]|\.[A-Za-z0-9_-]){0,40}`)
	rapid.Check(t, func(t *rapid.T) {
		s := Subjects{Prefix: rapid.SampledFrom([]string{"", "acme"}).Draw(t, "prefix")}
		want := RequestAddress{
			Priority: rapid.SampledFrom(Priorities()).Draw(t, "priority"),
			Queue:    id.Draw(t, "queue"), Tenant: id.Draw(t, "tenant"), RunID: RunID(id.Draw(t, "run")),
		}
		subject := s.Request(want.Priority, want.Queue, want.Tenant, want.RunID)
		require.Len(t, strings.Split(subject, "."), 6)
		got, err := s.ParseRequest(subject)
		require.NoError(t, err)
		require.Equal(t, want, got)
		hint := strings.Replace(subject, ".run.", ".hint.run.", 1)
		got, err = s.ParseRequest(hint)
		require.NoError(t, err)
		require.Equal(t, want, got)

		for subject, isDone := range map[string]bool{s.Done(want.Tenant, want.RunID): true, s.Events(want.Tenant, want.RunID): false} {
			tenant, run, done, err := s.ParseReply(subject)
			require.NoError(t, err)
			require.Equal(t, []any{want.Tenant, want.RunID, isDone}, []any{tenant, run, done})
		}
	})
}

func TestSubjectsAreFixed(t *testing.T) {
	s, run := Subjects{}, RunID("2026-11-23T18.36.01.166Z-5f0c2a")
	require.Equal(t, []string{
		"kedge.run.p1.my=queue.default.2026-11-23T18=36=01=166Z-5f0c2a",
		"kedge.reply.default.2026-11-23T18=36=01=166Z-5f0c2a.done",
		"kedge.done.default.2026-11-23T18=36=01=166Z-5f0c2a", "kedge.done.default.*",
		"kedge.reply.default.2026-11-23T18=36=01=166Z-5f0c2a.events",
		"kedge.dead.q.default.2026-11-23T18=36=01=166Z-5f0c2a",
		"kedge.hint.run.*.q.>", "kedge.worker.w1.cancel", "KEDGE_RUNS", "kedge_runs",
		"default.2026-11-23T18=36=01=166Z-5f0c2a",
	}, []string{
		s.Request(P1, "my.queue", "default", run), s.Done("default", run), s.DoneStored("default", run), s.DoneStored("default", "*"),
		s.Events("default", run),
		s.Dead("q", "default", run), s.Hints("q"), s.Worker("w1", "cancel"), s.Stream("RUNS"), s.Bucket("runs"),
		StatusKey("default", run),
	})
	for _, bad := range []string{"", "kedge.run.p1.q.t", "kedge.run.p9.q.t.r", "kedge.run.p1.q.t.", "other.run.p1.q.t.r", "kedge.run.p1.q.t.a=="} {
		_, err := s.ParseRequest(bad)
		require.Error(t, err, "%q", bad)
		_, _, _, err = s.ParseReply(bad)
		require.Error(t, err, "%q", bad)
	}
	require.Error(t, Subjects{Prefix: "a.b"}.Validate())
	require.NoError(t, s.Validate())
}

func TestTransitions(t *testing.T) {
	states := []State{StateScheduled, StateQueued, StateRunning, StateCancelling, StateSucceeded, StateFailed, StateTimedOut, StateCancelled, StateRejected, StateDead}
	for _, from := range states {
		for _, to := range states {
			if from.Terminal() {
				require.False(t, from.CanBecome(to), "%s -> %s", from, to)
			}
		}
		if !from.Terminal() && from != StateScheduled {
			require.True(t, from.CanBecome(StateCancelling), from)
		}
	}
	require.True(t, StateRunning.CanBecome(StateRunning))
	require.True(t, StateRunning.CanBecome(StateQueued))
	require.True(t, StateCancelling.CanBecome(StateSucceeded))
	require.False(t, StateCancelling.CanBecome(StateQueued))
	require.False(t, StateQueued.CanBecome(StateSucceeded))
}

func TestRetryClasses(t *testing.T) {
	require.Equal(t, RetryByPolicy, CodeNodeFailed.Retry())
	require.Equal(t, RetryAlways, CodeWorkerLost.Retry())
	for _, final := range []Code{CodeInvalidRequest, CodeTooLarge, CodePipelineNotFound, CodeFilterInvalid, CodeNotAllowed, CodeStartByPassed, CodeCancelled, CodePoison, "unheard of"} {
		require.Equal(t, RetryNever, final.Retry(), final)
	}
}

func TestBackoff(t *testing.T) {
	var none *Backoff
	require.Equal(t, time.Second, none.Delay(1))
	require.Equal(t, 8*time.Second, none.Delay(4))
	require.Equal(t, 5*time.Minute, none.Delay(1000))
	b := &Backoff{Initial: Duration(100 * time.Millisecond), Max: Duration(time.Second), Factor: 3}
	require.Equal(t, 300*time.Millisecond, b.Delay(2))
	require.Equal(t, time.Second, b.Delay(9))
	require.Equal(t, 300*time.Millisecond, b.Jittered(2, 0))
	require.InDelta(t, 150*time.Millisecond, b.Jittered(2, 0.999999), float64(time.Millisecond))
}

func TestRetryPolicy(t *testing.T) {
	queue := RetryPolicy{MaxAttempts: 4, Backoff: &Backoff{Initial: 1}, RetryOn: []Code{CodeTimeout}}
	none, own := RunRequest{}, RunRequest{MaxAttempts: 2, Backoff: &Backoff{Initial: 2}, RetryOn: []Code{CodeNodeFailed}}
	require.Equal(t, queue, none.RetryPolicy(queue))
	require.Equal(t, RetryPolicy{MaxAttempts: 2, Backoff: own.Backoff, RetryOn: own.RetryOn}, own.RetryPolicy(queue))
	for _, c := range []struct {
		policy RetryPolicy
		code   Code
		want   int
	}{
		{RetryPolicy{}, CodeNodeFailed, 1},
		{RetryPolicy{}, CodeTransient, 3},
		{RetryPolicy{MaxAttempts: 1}, CodeTransient, 1},
		{RetryPolicy{MaxAttempts: 5}, CodeTransient, 5},
		{RetryPolicy{MaxAttempts: 5}, CodeNodeFailed, 5},
		{RetryPolicy{MaxAttempts: 5}, CodeTimeout, 5},
		{RetryPolicy{MaxAttempts: 5}, CodeInvalidRequest, 1},
		{RetryPolicy{MaxAttempts: 5}, CodeCancelled, 1},
		{queue, CodeNodeFailed, 1},
		{queue, CodeTimeout, 4},
		{queue, CodeTransient, 4},
	} {
		require.Equal(t, c.want, c.policy.Attempts(c.code), "%+v %s", c.policy, c.code)
	}
	require.NoError(t, queue.Validate())
	require.ErrorContains(t, RetryPolicy{MaxAttempts: -1}.Validate(), "max_attempts")
}

func TestPlainKeepsNumbers(t *testing.T) {
	request, err := DecodeRunRequest([]byte(`{"run_id":"r","runtime_params":{"i":9007199254740993,"big":123456789012345678901234567890,"f":1.0,"e":1e400,"l":[1,{"a":-2}]}}`))
	require.NoError(t, err)
	big1, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	require.Equal(t, map[string]any{
		"i": 9007199254740993, "big": big1, "f": 1.0, "e": math.Inf(1), "l": []any{1, map[string]any{"a": -2}},
	}, Plain(request.RuntimeParams))
	again, err := json.Marshal(request)
	require.NoError(t, err)
	require.Contains(t, string(again), `"big":123456789012345678901234567890`)
	require.Contains(t, string(again), `"f":1.0`)
}

func TestCloudEvents(t *testing.T) {
	event := Event{RunID: "r.1", Kind: EventLog, Epoch: 2, Number: 7, Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	var events Events
	require.NoError(t, events.Add(&event))
	require.NoError(t, events.Add(&Event{RunID: "r.1", Kind: EventClaimed, Epoch: 2, Number: 8}))
	envelope := events.CloudEvent("t\"ä %", "q")
	header := envelope.Header()
	require.Equal(t, "/kedge/t%22%C3%A4%20%25/q", header["ce-source"][0])
	require.Equal(t, "r.1/2/7", header["ce-id"][0])
	require.Equal(t, "run.kedge.events", header["ce-type"][0])
	back, err := ParseCloudEvent(header)
	require.NoError(t, err)
	require.Equal(t, envelope, back)
	_, err = ParseCloudEvent(map[string][]string{})
	require.ErrorContains(t, err, "version")
	header["ce-id"] = []string{"%4"}
	_, err = ParseCloudEvent(header)
	require.ErrorContains(t, err, "id")
}

// TestSchemas keeps schema/ and the Go types the same: KEDGE_REWRITE=1 writes it.
func TestSchemas(t *testing.T) {
	for name, text := range Schemas() {
		path := filepath.Join("schema", name)
		if os.Getenv("KEDGE_REWRITE") != "" {
			require.NoError(t, os.WriteFile(path, text, 0o644))
		}
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(kept), string(text), "%s differs from the types; KEDGE_REWRITE=1 go test ./messages writes it", path)
	}
	files, err := os.ReadDir("schema")
	require.NoError(t, err)
	require.Len(t, files, len(Schemas()))
}

// TestRecordedMessages reads messages of every released version; none is ever changed
// or removed. Writing what was read loses nothing.
func TestRecordedMessages(t *testing.T) {
	files, err := filepath.Glob("testdata/v*/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 8)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			message, err := decodeRecorded(filepath.Base(file), text)
			require.NoError(t, err)
			again, err := json.Marshal(message)
			require.NoError(t, err)
			require.JSONEq(t, string(text), string(again))
		})
	}
}

func decodeRecorded(name string, text []byte) (any, error) {
	kind, _, _ := strings.Cut(strings.TrimSuffix(name, ".json"), "-")
	switch kind {
	case "run_request":
		request, err := DecodeRunRequest(text)
		if err == nil {
			err = request.Validate()
		}
		return request, err
	case "schedule":
		schedule, err := DecodeSchedule(text)
		if err == nil {
			err = schedule.Validate()
		}
		return schedule, err
	case "run_result", "run_error":
		reply, err := DecodeReply(text)
		if err != nil {
			return nil, err
		}
		encoded, err := reply.Encode()
		return json.RawMessage(encoded), err
	case "events":
		told, err := DecodeEvents(text)
		var events Events
		for i := range told {
			err = errors.Join(err, events.Add(&told[i]))
		}
		return json.RawMessage(events.Encode()), err
	case "status":
		status := &Status{}
		return status, json.Unmarshal(text, status)
	case "dead_letter":
		return DecodeDeadLetter(text)
	case "worker":
		worker := &Worker{}
		return worker, json.Unmarshal(text, worker)
	}
	return nil, fmt.Errorf("%s: no such message", name)
}

func TestReadersSkipUnknownFields(t *testing.T) {
	reply, err := DecodeReply([]byte(`{"state":"succeeded","run_id":"r","brand_new":{"a":1},"nodes_run":2}`))
	require.NoError(t, err)
	require.Equal(t, 2, reply.Result.NodesRun)
	require.Equal(t, StateSucceeded, reply.State())
	for _, bad := range []string{"", "null", "[]", `{"state":"running"}`, `{"state":1}`} {
		_, err := DecodeReply([]byte(bad))
		require.Error(t, err, bad)
	}
}
