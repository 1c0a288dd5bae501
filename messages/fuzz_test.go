package messages

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// seed adds the recorded messages of a kind and some hostile ones.
func seed(f *testing.F, kind string) {
	f.Helper()
	files, err := filepath.Glob("testdata/v*/" + kind + "*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	for _, text := range []string{"", "null", "[]", "{}", `{"run_id":1}`, `{"a":{"a":`, strings.Repeat("[", 1000), "\xff", `{"state":"failed"}`} {
		f.Add([]byte(text))
	}
}

// FuzzDecodeRunRequest checks that what is accepted is written and read back the same,
// and that a refusal is a field error of bounded length.
func FuzzDecodeRunRequest(f *testing.F) {
	seed(f, "run_request")
	usual, err := json.Marshal(usualRequest())
	require.NoError(f, err)
	f.Add(usual)
	f.Fuzz(func(t *testing.T, data []byte) {
		requireStrict(t, data)
		request, err := DecodeRunRequest(data)
		if err == nil {
			err = request.Validate()
		}
		if err != nil {
			var field *FieldError
			require.ErrorAs(t, err, &field)
			require.Less(t, len(err.Error()), 4096)
			return
		}
		again, err := json.Marshal(request)
		require.NoError(t, err)
		reread, err := DecodeRunRequest(again)
		require.NoError(t, err)
		twice, err := json.Marshal(reread)
		require.NoError(t, err)
		require.Equal(t, string(again), string(twice))
	})
}

func FuzzDecodeDeadLetter(f *testing.F) {
	seed(f, "dead_letter")
	f.Fuzz(func(t *testing.T, data []byte) {
		letter, err := DecodeDeadLetter(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(letter)
		require.NoError(t, err)
		_, err = DecodeDeadLetter(again)
		require.NoError(t, err)
	})
}

func FuzzDecodeReply(f *testing.F) {
	seed(f, "run_")
	usual, err := (&Reply{Result: usualResult()}).Encode()
	require.NoError(f, err)
	f.Add(usual)
	f.Fuzz(func(t *testing.T, data []byte) {
		if usual, ok := readUsual(data); ok {
			requireStandard(t, usual, data)
		}
		reply, err := DecodeReply(data)
		if err != nil {
			return
		}
		require.True(t, reply.State().Terminal())
		require.NotNil(t, reply.Ended())
		again, err := reply.Encode()
		require.NoError(t, err)
		_, err = DecodeReply(again)
		require.NoError(t, err)
	})
}

func FuzzDecodeEvents(f *testing.F) {
	seed(f, "events")
	f.Fuzz(func(t *testing.T, data []byte) {
		told, err := DecodeEvents(data)
		if err != nil {
			return
		}
		var events Events
		for i := range told {
			require.NoError(t, events.Add(&told[i]))
		}
		if len(told) > 0 {
			again, err := DecodeEvents(events.Encode())
			require.NoError(t, err)
			require.Len(t, again, len(told))
		}
	})
}

func FuzzDecodeStatus(f *testing.F) {
	seed(f, "status")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzLenient[Status](t, data) })
}

func FuzzDecodeWorker(f *testing.F) {
	seed(f, "worker")
	f.Fuzz(func(t *testing.T, data []byte) { fuzzLenient[Worker](t, data) })
}

func FuzzDecodeSchedule(f *testing.F) {
	seed(f, "schedule")
	for _, text := range []string{`{"name":"../x","cron":"* * * * *"}`, `{"every":"1ns"}`, `{"cron":"x","at":"2026-11-23T18:36:01Z"}`, `{"request":{"run_id":"r"}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		schedule, err := DecodeSchedule(data)
		if err != nil {
			return
		}
		if err := schedule.Validate(); err != nil {
			var field *FieldError
			require.ErrorAs(t, err, &field)
			require.Less(t, len(err.Error()), 4096)
			return
		}
		require.True(t, schedule.SameDefinition(schedule))
		require.NoError(t, schedule.TickRunID(schedule.At).Validate())
		fuzzLenient[Schedule](t, data)
	})
}

// fuzzLenient checks that whatever can be read can be written and read again.
func fuzzLenient[T any](t *testing.T, data []byte) {
	t.Helper()
	var value T
	if json.Unmarshal(data, &value) != nil {
		return
	}
	again, err := json.Marshal(value)
	if err != nil {
		require.ErrorContains(t, err, "year outside of range")
		return
	}
	require.NoError(t, json.Unmarshal(again, &value))
}

func FuzzParseSubjects(f *testing.F) {
	f.Add("kedge.run.p1.q.t.r")
	f.Add("kedge.hint.run.p1.q.t.a=b")
	f.Add("kedge.reply.t.r.done")
	f.Add("kedge.reply.t.r.events")
	f.Add("kedge.hint.cancel.q.t.a=b")
	f.Add("kedge.due.t.run.a=b")
	f.Add("kedge.due.t.cron.nightly")
	f.Fuzz(func(t *testing.T, subject string) {
		s := Subjects{}
		if a, err := s.ParseRequest(subject); err == nil {
			back := s.Request(a.Priority, a.Queue, a.Tenant, a.RunID)
			require.Equal(t, strings.Replace(subject, "kedge.hint.", "kedge.", 1), back)
		}
		if tenant, run, err := s.ParseCancelHint(subject); err == nil {
			queue := strings.Split(subject, ".")[3]
			require.Equal(t, subject, s.CancelHint(strings.ReplaceAll(queue, "=", "."), tenant, run))
		}
		if tenant, run, done, err := s.ParseReply(subject); err == nil {
			back := s.Events(tenant, run)
			if done {
				back = s.Done(tenant, run)
			}
			require.Equal(t, subject, back)
		}
		if timed, err := s.ParseDue(subject); err == nil {
			require.Equal(t, subject, s.Due(timed))
		}
	})
}

func FuzzParseCloudEvent(f *testing.F) {
	f.Add("id", "type", "/source", "subject", "2026-11-23T18:36:01.166Z")
	f.Add("%41", "%", "%zz", "", "never")
	f.Fuzz(func(t *testing.T, id, kind, source, subject, at string) {
		envelope, err := ParseCloudEvent(map[string][]string{
			"ce-specversion": {"1.0"}, "ce-id": {id}, "ce-type": {kind}, "ce-source": {source},
			"ce-subject": {subject}, "ce-time": {at},
		})
		if err != nil {
			return
		}
		back, err := ParseCloudEvent(envelope.Header())
		if err != nil {
			require.ErrorContains(t, err, "time")
			return
		}
		require.Equal(t, envelope.ID, back.ID)
		require.Equal(t, envelope.Source, back.Source)
	})
}

// FuzzParseObjectName checks that a name that is accepted is written back the same, and
// that its subjects lie below the tenant's and name it again.
func FuzzParseObjectName(f *testing.F) {
	for _, text := range []string{"", "default/r/1-0", "t.1/2026-11-23T18.36.01.166Z-5f0c2a/x", "a/b", "a/b/c/d", "../b/c", "*/>/c", "a/b/c.d", "a=b/c/d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ParseObjectName(text)
		if err != nil {
			return
		}
		require.Equal(t, text, name.String())
		subject := Subjects{}.ObjectMark(name)
		require.Len(t, strings.Split(subject, "."), 6)
		again, err := Subjects{}.ParseObjectMark(subject)
		require.NoError(t, err)
		require.Equal(t, name, again)
	})
}
