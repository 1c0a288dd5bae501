package ledger_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// keys are signers: mine may sign for the default tenant, all for every one, other for another
// one, stranger for none.
type keys struct{ mine, all, other, stranger nkeys.KeyPair }

// newSigned is a bench whose claims want signatures, and whose submits are signed by mine.
func newSigned(t *testing.T) (*bench, keys) {
	t.Helper()
	var k keys
	for _, key := range []*nkeys.KeyPair{&k.mine, &k.all, &k.other, &k.stranger} {
		var err error
		*key, err = nkeys.CreateUser()
		require.NoError(t, err)
	}
	b := newBench(t, func(topology *natsx.Topology, cfg *ledger.Config) {
		topology.Queues, topology.Tenants = []string{queue, "second"}, []string{messages.DefaultTenant, "other"}
		cfg.Signer = k.mine
		cfg.Trusted = map[string][]string{
			public(t, k.mine): {messages.DefaultTenant}, public(t, k.all): {ledger.AnyTenant}, public(t, k.other): {"other"},
		}
	})
	return b, k
}

func public(t *testing.T, key nkeys.KeyPair) string {
	t.Helper()
	text, err := key.PublicKey()
	require.NoError(t, err)
	return text
}

// sign gives the header of a signature.
func sign(t *testing.T, key nkeys.KeyPair, subject, body string, change ...func(*messages.Signature)) string {
	t.Helper()
	s := &messages.Signature{Key: public(t, key), At: time.Now()}
	for _, c := range change {
		c(s)
	}
	value, err := key.Sign(s.Statement(subject, []byte(body)))
	require.NoError(t, err)
	s.SetBytes(value)
	text, err := s.Encode()
	require.NoError(t, err)
	return text
}

// publish stores a request as any client may, and lets a worker claim it.
func (b *bench) publish(subject, body string, header nats.Header) *ledger.Claim {
	b.t.Helper()
	_, err := b.js.PublishMsg(b.ctx(), &nats.Msg{Subject: subject, Data: []byte(body), Header: header})
	require.NoError(b.t, err)
	claim, err := b.Claim(b.ctx(), b.next(), "w1")
	require.NoError(b.t, err)
	return claim
}

func signedBy(text string) nats.Header { return nats.Header{messages.SignatureHeader: {text}} }

// TestSignaturesThatDoNotHold is what somebody may try who has the right to publish and not
// the key. Each is answered, and nothing is left in the queue.
func TestSignaturesThatDoNotHold(t *testing.T) {
	b, k := newSigned(t)
	subjects := messages.Subjects{}
	const body = `{"run_id":"%s","tags":["a"]}`
	day := 24 * time.Hour
	at := func(d time.Duration) func(*messages.Signature) {
		return func(s *messages.Signature) { s.At = time.Now().Add(d) }
	}
	cases := map[string]struct {
		header func(subject, body string) nats.Header
		says   string
	}{
		"unsigned":    {func(string, string) nats.Header { return nil }, "is not signed, and this worker runs signed ones only"},
		"unknown key": {func(s, body string) nats.Header { return signedBy(sign(t, k.stranger, s, body)) }, "a key that this worker does not know"},
		"other tenant": {func(s, body string) nats.Header { return signedBy(sign(t, k.other, s, body)) },
			"may not sign for tenant default"},
		"another key's name": {func(s, body string) nats.Header {
			return signedBy(strings.Replace(sign(t, k.stranger, s, body), public(t, k.stranger), public(t, k.mine), 1))
		}, "does not match"},
		"changed body": {func(s, body string) nats.Header {
			return signedBy(sign(t, k.mine, s, strings.Replace(body, `["a"]`, `["b"]`, 1)))
		}, "does not match"},
		"white space inside": {func(s, body string) nats.Header {
			return signedBy(sign(t, k.mine, s, strings.ReplaceAll(body, ",", ", ")))
		}, "does not match"},
		"of another run": {func(s, body string) nats.Header { return signedBy(sign(t, k.mine, s+"x", body)) }, "does not match"},
		"of another priority": {func(s, body string) nats.Header {
			return signedBy(sign(t, k.mine, strings.Replace(s, ".p1.", ".p3.", 1), body))
		}, "does not match"},
		"of another queue": {func(s, body string) nats.Header {
			return signedBy(sign(t, k.mine, strings.Replace(s, queue, "second", 1), body))
		}, "does not match"},
		"of another tenant": {func(s, body string) nats.Header {
			return signedBy(sign(t, k.all, strings.Replace(s, ".default.", ".other.", 1), body))
		}, "does not match"},
		"another time": {func(s, body string) nats.Header {
			return signedBy(strings.Replace(sign(t, k.mine, s, body, at(time.Minute)), `"at":"2`, `"at":"1`, 1))
		}, "does not match"},
		"before its time": {func(s, body string) nats.Header {
			return signedBy(sign(t, k.mine, s, body, func(s *messages.Signature) { s.NotBefore = time.Now().Add(time.Hour) }))
		}, "was queued before"},
		"without its time": {func(s, body string) nats.Header {
			later := sign(t, k.mine, s, body, func(s *messages.Signature) { s.NotBefore = time.Now().Add(time.Hour) })
			var read messages.Signature
			require.NoError(t, json.Unmarshal([]byte(later), &read))
			read.NotBefore = time.Time{}
			text, err := read.Encode()
			require.NoError(t, err)
			return signedBy(text)
		}, "does not match"},
		"too old":     {func(s, body string) nats.Header { return signedBy(sign(t, k.mine, s, body, at(-8*day))) }, "sign it again"},
		"from future": {func(s, body string) nats.Header { return signedBy(sign(t, k.mine, s, body, at(day))) }, "set the signer's clock"},
		"garbage":     {func(string, string) nats.Header { return signedBy("\x00{]") }, "holds no signature"},
		"truncated": {func(s, body string) nats.Header {
			text := sign(t, k.mine, s, body)
			return signedBy(text[:len(text)-20])
		}, "holds no signature"},
		"short value": {func(s, body string) nats.Header {
			var read messages.Signature
			require.NoError(t, json.Unmarshal([]byte(sign(t, k.mine, s, body)), &read))
			read.Value = read.Value[:40]
			text, err := read.Encode()
			require.NoError(t, err)
			return signedBy(text)
		}, "value: has 30 bytes, not 64"},
		"twice": {func(s, body string) nats.Header {
			text := sign(t, k.mine, s, body)
			return nats.Header{messages.SignatureHeader: {text, text}}
		}, "is there 2 times"},
		"huge": {func(string, string) nats.Header { return signedBy(strings.Repeat("x", 5<<10)) }, "at most 4096"},
		"of a schedule that is none": {func(s, body string) nats.Header {
			return signedBy(sign(t, k.mine, s, body, func(s *messages.Signature) {
				s.Schedule = &messages.SignedTick{Name: "n", CreatedAt: time.Now(), Every: messages.Duration(time.Hour), Tick: time.Now()}
			}))
		}, "not one of schedule n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := b.in(t)
			key := ledger.Key{Tenant: messages.DefaultTenant, RunID: messages.NewRunID(time.Now())}
			subject, said := subjects.Request(messages.P1, queue, key.Tenant, key.RunID), fmt.Sprintf(body, key.RunID)
			require.Nil(t, b.publish(subject, said, c.header(subject, said)))
			reply := b.requireEnd(key, messages.StateRejected)
			require.Equal(t, messages.CodeNotTrusted, reply.Error.Code)
			require.Equal(t, "signature", reply.Error.Field)
			require.Contains(t, reply.Error.Message, c.says)
			for _, secret := range []nkeys.KeyPair{k.mine, k.stranger} {
				seed, err := secret.Seed()
				require.NoError(t, err)
				require.NotContains(t, reply.Error.Message, string(seed))
			}
		})
	}
}

// in is the bench for a subtest.
func (b *bench) in(t *testing.T) *bench {
	t.Helper()
	sub := *b
	sub.t = t
	return &sub
}

// TestSignaturesThatHold covers signatures made without the ledger, for example by a client
// in another language.
func TestSignaturesThatHold(t *testing.T) {
	b, k := newSigned(t)
	for name, c := range map[string]struct {
		key    nkeys.KeyPair
		body   string
		change func(*messages.Signature)
	}{
		"compact":            {k.mine, `{"run_id":"%s"}`, nil},
		"key of all tenants": {k.all, `{"run_id":"%s"}`, nil},
		"written at ease":    {k.mine, "\n{ \"run_id\" : \"%s\",\n  \"tags\": [\"<b>\"] }\n", nil},
		"due":                {k.mine, `{"run_id":"%s"}`, func(s *messages.Signature) { s.NotBefore = time.Now().Add(-time.Second) }},
		"signed long ago for now": {k.mine, `{"run_id":"%s"}`, func(s *messages.Signature) {
			s.At, s.NotBefore = s.At.Add(-400*24*time.Hour), time.Now().Add(-time.Second)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := b.in(t)
			run := messages.NewRunID(time.Now())
			key := ledger.Key{Tenant: messages.DefaultTenant, RunID: run}
			subject, body := messages.Subjects{}.Request(messages.P1, queue, key.Tenant, run), fmt.Sprintf(c.body, run)
			change := c.change
			if change == nil {
				change = func(*messages.Signature) {}
			}
			claim := b.publish(subject, body, signedBy(sign(t, c.key, subject, body, change)))
			require.NotNil(t, claim)

			// The message is lost, and its worker too: the first event keeps both to the letter.
			require.NoError(t, claim.Publish(b.ctx(), messages.Event{Kind: messages.EventLog}))
			b.awaitAccepted(key)
			b.requeueAfterLoss(key)
			again := b.claim("w2")
			require.EqualValues(t, 2, again.Status().Attempt)
			require.NoError(t, again.Finish(b.ctx(), success()))
			b.requireEnd(key, messages.StateSucceeded)
		})
	}
}

// awaitAccepted waits until the event that keeps the request is stored.
func (b *bench) awaitAccepted(key ledger.Key) {
	b.t.Helper()
	stream, err := b.js.Stream(b.ctx(), "KEDGE_EVENTS")
	require.NoError(b.t, err)
	require.Eventually(b.t, func() bool {
		_, err := stream.GetLastMsgForSubject(b.ctx(), messages.Subjects{}.Events(key.Tenant, key.RunID))
		return err == nil
	}, 10*time.Second, time.Millisecond)
}

// requeueAfterLoss purges the request of a run, and lets a sweeper find that out an hour later.
func (b *bench) requeueAfterLoss(key ledger.Key) {
	b.t.Helper()
	stream, err := b.js.Stream(b.ctx(), "KEDGE_RUNS")
	require.NoError(b.t, err)
	require.NoError(b.t, stream.Purge(b.ctx()))
	b.sweepLater()
	require.EqualValues(b.t, 1, b.waiting())
	require.Equal(b.t, messages.StateQueued, b.status(key).State)
}

func (b *bench) sweepLater() {
	b.t.Helper()
	later := *b
	later.cfg.Now = func() time.Time { return time.Now().Add(time.Hour) }
	_, err := later.another().Sweep(b.ctx(), "sweeper")
	require.NoError(b.t, err)
}

func TestSignedRunOfTheLedger(t *testing.T) {
	b, k := newSigned(t)
	key := b.submit(&messages.RunRequest{Labels: map[string]string{"a": "<b>\u2028é"}, RuntimeParams: map[string]any{"x": 1e21}})
	claim := b.claim("w1")
	require.NoError(t, claim.Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
	stored, err := b.js.Stream(b.ctx(), "KEDGE_EVENTS")
	require.NoError(t, err)
	msg, err := stored.GetLastMsgForSubject(b.ctx(), messages.Subjects{}.Events(key.Tenant, key.RunID))
	require.NoError(t, err)
	events, err := messages.DecodeEvents(msg.Data)
	require.NoError(t, err)
	require.Equal(t, public(t, k.mine), events[0].Signature.Key)
}

// TestStrandedSignedRun stores the request again that a server will not deliver any more.
func TestStrandedSignedRun(t *testing.T) {
	b, _ := newSigned(t)
	key := b.submit(&messages.RunRequest{})
	later := *b
	later.cfg.Now = func() time.Time { return time.Now().Add(time.Hour) }
	sweeper := later.another()
	ledger.PassAll(sweeper, queue)
	_, err := sweeper.Sweep(b.ctx(), "sweeper")
	require.NoError(t, err)
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	b.requireEnd(key, messages.StateSucceeded)
}

func TestSignedDelayedRun(t *testing.T) {
	for name, queueIt := range map[string]func(*bench, ledger.Key){
		"dispatched": func(b *bench, _ ledger.Key) { b.dispatch() },
		"swept": func(b *bench, _ ledger.Key) {
			require.NoError(b.t, b.due().DoubleAck(b.ctx()))
			b.sweepLater()
		},
		"lost once more": func(b *bench, key ledger.Key) {
			b.dispatch()
			b.requeueAfterLoss(key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := newSigned(t)
			key := b.delayed(time.Now().Add(10 * time.Millisecond))
			require.NotNil(t, b.status(key).Signature)
			queueIt(b, key)
			claim := b.claim("w1")
			require.Nil(t, b.status(key).Signature, "the event has it now")
			require.NoError(t, claim.Finish(b.ctx(), success()))
			b.requireEnd(key, messages.StateSucceeded)
		})
	}
}

// TestIdempotencyKeySignsTheFirstRun covers a submit that finishes another one's run, under that one's id.
func TestIdempotencyKeySignsTheFirstRun(t *testing.T) {
	b, _ := newSigned(t)
	first := ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: "first", IdempotencyKey: "k"}}
	require.NoError(t, ledger.SubmitSteps(b.ctx(), b.Ledger, first, 1))
	receipt, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: "second", IdempotencyKey: "k"}})
	require.NoError(t, err)
	require.EqualValues(t, "first", receipt.RunID)
	require.NoError(t, b.claim("w1").Finish(b.ctx(), success()))
	b.requireEnd(receipt.Key, messages.StateSucceeded)
}

// TestReplayOfASignedRun sends what was signed once more when the run has ended. Whoever may write the
// tenant's statuses may also remove this one, or tell its revision.
func TestReplayOfASignedRun(t *testing.T) {
	b, _ := newSigned(t)
	key := b.submit(&messages.RunRequest{})
	msg := b.next()
	body, header := string(msg.Data()), msg.Headers()
	claim, err := b.Claim(b.ctx(), msg, "w1")
	require.NoError(t, err)
	require.NoError(t, claim.Finish(b.ctx(), success()))
	first := b.requireEnd(key, messages.StateSucceeded)

	bucket, err := b.js.KeyValue(b.ctx(), "kedge_runs")
	require.NoError(t, err)
	statusKey := messages.StatusKey(key.Tenant, key.RunID)
	entry, err := bucket.Get(b.ctx(), statusKey)
	require.NoError(t, err)
	forged := nats.Header{messages.SignatureHeader: header.Values(messages.SignatureHeader), messages.RevisionHeader: {fmt.Sprint(entry.Revision())}}
	require.Nil(t, b.publish(msg.Subject(), body, forged), "its revision is told")
	require.NoError(t, bucket.Delete(b.ctx(), statusKey))
	require.Nil(t, b.publish(msg.Subject(), body, signedBy(header.Get(messages.SignatureHeader))), "its status is gone")
	again := b.requireEnd(key, messages.StateSucceeded)
	require.Equal(t, first, again)
}

// TestRefusedRunKeepsItsRequest lets somebody who may sign retry what was not signed.
func TestRefusedRunKeepsItsRequest(t *testing.T) {
	b, _ := newSigned(t)
	unsigned := *b
	unsigned.cfg.Signer = nil
	receipt, err := unsigned.another().Submit(b.ctx(), ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: "r", UniqueKey: "u", Labels: map[string]string{"a": "b"}}})
	require.NoError(t, err)
	claim, err := b.Claim(b.ctx(), b.next(), "w1")
	require.NoError(t, err)
	require.True(t, claim == nil, "it was claimed")
	b.requireEnd(receipt.Key, messages.StateRejected)
	require.Equal(t, "b", b.status(receipt.Key).Labels["a"])
	b.awaitAccepted(receipt.Key)
	request, err := b.Request(b.ctx(), receipt.Key)
	require.NoError(t, err)
	require.JSONEq(t, `{"run_id":"r","unique_key":"u","labels":{"a":"b"}}`, string(request))
	again, err := b.Submit(b.ctx(), ledger.Submission{Queue: queue, Request: &messages.RunRequest{RunID: "again", UniqueKey: "u"}})
	require.NoError(t, err)
	require.EqualValues(t, "again", again.RunID, "the refused run has let go of the key")
}

func TestSigningKeysAreChecked(t *testing.T) {
	b := newBench(t)
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	_, err = ledger.New(b.js, ledger.Config{Signer: account})
	require.ErrorContains(t, err, "want the key of a user")
	_, err = ledger.New(b.js, ledger.Config{Trusted: map[string][]string{public(t, account): {"*"}}})
	require.ErrorContains(t, err, "a trusted key is not")
}

// A request in hand waits for its concurrency key and is claimed later: whether it is trusted is asked before.
func TestUntrustedRequestWaitsInNoLine(t *testing.T) {
	b, k := newSigned(t)
	run := messages.RunID("keyed")
	subject := messages.Subjects{}.Request(messages.P1, queue, messages.DefaultTenant, run)
	body := `{"run_id":"keyed","concurrency_key":"k"}`
	for _, test := range []struct {
		header nats.Header
		waits  bool
	}{
		{nats.Header{}, false},
		{signedBy(sign(t, k.stranger, subject, body)), false},
		{signedBy(sign(t, k.mine, subject, body)), true},
	} {
		_, err := b.js.PublishMsg(b.ctx(), &nats.Msg{Subject: subject, Data: []byte(body), Header: test.header})
		require.NoError(t, err)
		msg := b.next()
		require.Equal(t, test.waits, b.Waiter(msg) != nil)
		require.NoError(t, msg.DoubleAck(b.ctx()))
	}
}
