package audit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

var (
	now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	run = audit.Run{Tenant: "t", ID: "r"}
)

// healthy is a run that has ended as it should.
func healthy() audit.Snapshot {
	finished := now.Add(-time.Minute)
	return audit.Snapshot{
		At: now,
		Statuses: map[audit.Run]audit.Status{run: {Sequence: 9, Status: messages.Status{
			RunID: "r", Tenant: "t", State: messages.StateSucceeded, Attempt: 1, Epoch: 1, FinishedAt: finished, UpdatedAt: finished, RequestSubject: "q",
		}}},
		Replies: map[audit.Run][]audit.Reply{run: {{Sequence: 8, Ended: messages.Ended{
			RunID: "r", Tenant: "t", State: messages.StateSucceeded, Attempt: 1, Epoch: 1, FinishedAt: finished,
		}}}},
	}
}

func TestFindings(t *testing.T) {
	status := func(s *audit.Snapshot, change func(*audit.Status)) {
		changed := s.Statuses[run]
		change(&changed)
		s.Statuses[run] = changed
	}
	running := func(s *audit.Snapshot) {
		status(s, func(of *audit.Status) { of.State = messages.StateRunning })
		s.Replies = nil
	}
	request := audit.Request{Run: run, Subject: "q", Sequence: 1, StoredAt: now.Add(-time.Hour)}
	tests := map[string]struct {
		spoil func(*audit.Snapshot)
		ended bool
		want  []audit.Kind
	}{
		"healthy":                 {func(*audit.Snapshot) {}, true, nil},
		"submitted, no status":    {func(s *audit.Snapshot) { s.Statuses, s.Replies = nil, nil }, true, []audit.Kind{audit.KindLost}},
		"ended, no reply":         {func(s *audit.Snapshot) { s.Replies = nil }, false, []audit.Kind{audit.KindLost}},
		"two replies":             {func(s *audit.Snapshot) { s.Replies[run] = append(s.Replies[run], s.Replies[run][0]) }, false, []audit.Kind{audit.KindDouble}},
		"a reply after the end":   {func(s *audit.Snapshot) { s.Replies[run][0].Sequence = 10 }, false, []audit.Kind{audit.KindDouble}},
		"another end":             {func(s *audit.Snapshot) { s.Replies[run][0].Ended.State = messages.StateFailed }, false, []audit.Kind{audit.KindContradiction}},
		"running, nobody at it":   {running, false, []audit.Kind{audit.KindStuck}},
		"running, a sign of life": {func(s *audit.Snapshot) { running(s); s.Leases = []audit.Lease{{Run: run, Epoch: 1}} }, false, nil},
		"running, a request":      {func(s *audit.Snapshot) { running(s); s.Requests = []audit.Request{request} }, false, nil},
		"running, at the end":     {func(s *audit.Snapshot) { running(s); s.Requests = []audit.Request{request} }, true, []audit.Kind{audit.KindStuck, audit.KindMessage}},
		"ended, a request":        {func(s *audit.Snapshot) { s.Requests = []audit.Request{request} }, false, []audit.Kind{audit.KindMessage}},
		"ended, a sign of life":   {func(s *audit.Snapshot) { s.Leases = []audit.Lease{{Run: run, Epoch: 1}} }, false, []audit.Kind{audit.KindLease}},
		"ended, a key":            {func(s *audit.Snapshot) { s.Keys = []audit.Owned{{Run: run, Name: "unique.t.k"}} }, false, []audit.Kind{audit.KindKey}},
		"ended, an object":        {func(s *audit.Snapshot) { s.Objects = []audit.Owned{{Run: run, Name: "o"}} }, false, nil},
		"an object of nobody": {func(s *audit.Snapshot) {
			s.Objects = []audit.Owned{{Run: audit.Run{Tenant: "t", ID: "x"}, Name: "o"}}
		}, false, []audit.Kind{audit.KindObject}},
		"just now": {func(s *audit.Snapshot) {
			running(s)
			status(s, func(of *audit.Status) { of.UpdatedAt = now })
		}, false, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			test.spoil(&s)
			var kinds []audit.Kind
			for _, f := range s.Findings(audit.Expect{Submitted: []audit.Run{run}, Ended: test.ended, Grace: 10 * time.Second, Objects: time.Hour}) {
				kinds = append(kinds, f.Kind)
				require.NotEmpty(t, f.String())
			}
			require.Equal(t, test.want, kinds)
		})
	}
}

// Read reads what is there, an empty installation among it.
func TestRead(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{Queues: []string{"q"}})
	empty, err := audit.Read(t.Context(), js, messages.Subjects{})
	require.NoError(t, err)
	require.Empty(t, empty.Findings(audit.Expect{Ended: true}))

	for _, msg := range []struct{ subject, body string }{
		{"kedge.run.p1.q.default.r", "{}"},
		{"$KV.kedge_leases.default.r.3", "w"},
		{"$KV.kedge_leases.worker.w", "{}"},
		{"$KV.kedge_runs.default.r", "no status"},
		{"$KV.kedge_keys.unique.default.k", `{"run_id":"r"}`},
	} {
		_, err := js.Publish(t.Context(), msg.subject, []byte(msg.body))
		require.NoError(t, err)
	}
	spoilt, err := audit.Read(t.Context(), js, messages.Subjects{})
	require.NoError(t, err)
	var kinds []audit.Kind
	for _, f := range spoilt.Findings(audit.Expect{Ended: true}) {
		kinds = append(kinds, f.Kind)
	}
	require.Equal(t, []audit.Kind{audit.KindMessage, audit.KindLease, audit.KindKey, audit.KindUnreadable}, kinds)
}
