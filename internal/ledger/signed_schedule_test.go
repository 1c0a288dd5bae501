package ledger_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// withoutKey is a bench without a key: it passes signatures on.
func (b *bench) withoutKey() *bench {
	b.t.Helper()
	other := *b
	other.cfg.Signer = nil
	other.Ledger = other.another()
	return &other
}

// everySecond is a schedule with all that a signature must bear.
func everySecond(s *messages.Schedule) {
	s.Every = messages.Duration(time.Second)
	s.Request.Labels = map[string]string{"team": "<a>\xff"}
	s.Request.RuntimeParams["x"] = 1e21
	s.Request.Inputs = map[string]messages.Data{"d": {Value: json.RawMessage(`{ "a" : "<" }`)}}
}

func TestSignedScheduleRuns(t *testing.T) {
	b, _ := newSigned(t)
	b.schedule(everySecond)
	dispatcher := b.withoutKey()
	for range 2 {
		dispatcher.dispatch()
		require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	}
	paused, err := b.PauseSchedule(b.ctx(), nightly)
	require.NoError(t, err)
	require.NotNil(t, paused.Signature)
	_, err = dispatcher.ResumeSchedule(b.ctx(), nightly)
	require.NoError(t, err)
	dispatcher.dispatch()
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))

	receipt, err := b.RunSchedule(b.ctx(), nightly)
	require.NoError(t, err)
	claim := b.claim("w1")
	require.Equal(t, receipt.Key, claim.Key())
	require.NoError(t, claim.Finish(b.ctx(), success()))
}

func TestSignedScheduleForms(t *testing.T) {
	for name, change := range map[string]func(*messages.Schedule){
		"once": func(s *messages.Schedule) {
			s.Every, s.At = 0, time.Now().Add(300*time.Millisecond).In(time.FixedZone("", 3600))
		},
		"cron":     func(s *messages.Schedule) { s.Every, s.Cron, s.TimeZone = 0, "* * * * * *", "Europe/Berlin" },
		"priority": func(s *messages.Schedule) { s.Every, s.Request.Priority = messages.Duration(time.Second), messages.P1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := newSigned(t)
			b.schedule(change)
			b.withoutKey().dispatch()
			require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
		})
	}
}

// TestScheduleIsSignedLater adds the same schedule again, with a key.
func TestScheduleIsSignedLater(t *testing.T) {
	b, _ := newSigned(t)
	plainly := func(s *messages.Schedule) { s.Every = messages.Duration(time.Second) }
	unsigned := b.withoutKey()
	first := unsigned.schedule(plainly)
	require.Nil(t, first.Signature)
	again := b.schedule(plainly)
	require.NotNil(t, again.Signature)
	require.Equal(t, first.CreatedAt, again.CreatedAt)
	require.Equal(t, again.Signature, b.schedule(plainly).Signature, "once is enough")
	require.Equal(t, again.Signature, unsigned.schedule(plainly).Signature, "nobody who can't sign takes it away")
	unsigned.dispatch()
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))

	other, err := unsigned.AddSchedule(b.ctx(), messages.Schedule{Name: nightly.Name, Queue: queue, Every: messages.Duration(2 * time.Second)}, true)
	require.NoError(t, err)
	require.Nil(t, other.Signature, "the signature was another schedule's")
}

// TestForgedSchedules is what a dispatcher finds that somebody has stored who may write schedules of the
// tenant and has no key, and what somebody can do with the signature of a run.
func TestForgedSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*messages.Schedule)
		says   string
	}{
		"unsigned":         {func(s *messages.Schedule) { s.Signature = nil }, "is not signed"},
		"another request":  {func(s *messages.Schedule) { s.Request.Tags = []string{"b"} }, "does not match"},
		"other labels":     {func(s *messages.Schedule) { s.Request.Labels = map[string]string{"a": "b"} }, "does not match"},
		"less often":       {func(s *messages.Schedule) { s.Every = messages.Duration(2 * time.Second) }, "does not match"},
		"at another time":  {func(s *messages.Schedule) { s.Every, s.Cron = 0, "* * * * * *" }, "does not match"},
		"another start":    {func(s *messages.Schedule) { s.CreatedAt = s.CreatedAt.Add(-time.Second / 2) }, "does not match"},
		"another priority": {func(s *messages.Schedule) { s.Request.Priority = messages.P1 }, "does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := newSigned(t)
			s := b.schedule(func(s *messages.Schedule) { s.Every = messages.Duration(time.Second) })
			c.change(&s)
			b.forge(&s)
			b.tick(s.Next.Add(time.Second))
			run := b.show().Live[0]
			claim, err := b.Claim(b.ctx(), b.next(), "w1")
			require.NoError(t, err)
			require.True(t, claim == nil, "it was claimed")
			reply := b.requireEnd(ledger.Key{Tenant: nightly.Tenant, RunID: run}, messages.StateRejected)
			require.Equal(t, messages.CodeNotTrusted, reply.Error.Code)
			require.Contains(t, reply.Error.Message, c.says)
		})
	}
}

// forge stores a schedule past the ledger.
func (b *bench) forge(s *messages.Schedule) {
	b.t.Helper()
	bucket, err := b.js.KeyValue(b.ctx(), "kedge_schedules")
	require.NoError(b.t, err)
	text, err := json.Marshal(s)
	require.NoError(b.t, err)
	_, err = bucket.Put(b.ctx(), messages.ScheduleKey(s.Tenant, s.Name), text)
	require.NoError(b.t, err)
}

// TestForgedTicks publishes runs of a signed schedule without a dispatcher.
func TestForgedTicks(t *testing.T) {
	b, _ := newSigned(t)
	s := b.schedule(func(s *messages.Schedule) { s.Every = messages.Duration(time.Hour) })
	old := s // as if it had been signed long ago
	old.CreatedAt = old.CreatedAt.Add(-30 * 24 * time.Hour)
	signedOld := b.resign(&old)
	ago := func(hours int) time.Time { return s.CreatedAt.Add(-time.Duration(hours) * time.Hour) }
	for name, c := range map[string]struct {
		of       *messages.Schedule
		tick     time.Time
		priority messages.Priority
		change   func(*messages.RunRequest)
		says     string
	}{
		"not due":          {signedOld, time.Now().Add(-time.Minute), messages.P1, nil, "it is not due at"},
		"before its time":  {&s, s.CreatedAt.Add(time.Hour), messages.P1, nil, "was queued before"},
		"long ago":         {signedOld, signedOld.CreatedAt.Add(time.Hour), messages.P1, nil, "queued more than"},
		"another priority": {signedOld, ago(0), messages.P0, nil, "another priority"},
		"another id": {signedOld, ago(1), messages.P1,
			func(r *messages.RunRequest) { r.RunID = "mine" }, "another id"},
		"another label": {signedOld, ago(2), messages.P1,
			func(r *messages.RunRequest) { r.Labels[messages.TickLabel] = "now" }, "other labels"},
		"more parameters": {signedOld, ago(3), messages.P1,
			func(r *messages.RunRequest) { r.RuntimeParams = map[string]any{"a": 1} }, "does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			b := b.in(t)
			request := c.of.TickRequest(c.of.TickRunID(c.tick), c.tick)
			if c.change != nil {
				c.change(request)
			}
			body, err := json.Marshal(request)
			require.NoError(t, err)
			header, err := c.of.TickSignature(c.tick).Encode()
			require.NoError(t, err)
			subject := messages.Subjects{}.Request(c.priority, queue, messages.DefaultTenant, request.RunID)
			_, err = b.js.PublishMsg(b.ctx(), &nats.Msg{Subject: subject, Data: body, Header: signedBy(header)})
			require.NoError(t, err)
			claim, err := b.Claim(b.ctx(), b.pollOf(c.priority, 10*time.Second), "w1")
			require.NoError(t, err)
			require.True(t, claim == nil, "it was claimed")
			reply := b.requireEnd(ledger.Key{Tenant: messages.DefaultTenant, RunID: request.RunID}, messages.StateRejected)
			require.Contains(t, reply.Error.Message, c.says)
			require.True(t, strings.HasPrefix(reply.Error.Message, "signature: "), reply.Error.Message)
		})
	}
}

// resign gives a schedule a signature of the bench's key.
func (b *bench) resign(s *messages.Schedule) *messages.Schedule {
	b.t.Helper()
	signed, err := ledger.SignSchedule(b.Ledger, *s)
	require.NoError(b.t, err)
	return &signed
}
