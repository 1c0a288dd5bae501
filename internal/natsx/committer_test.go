package natsx_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

const runsStream = "KV_kedge_runs"

func status(run string, expect uint64) *nats.Msg {
	msg := natsx.Put("kedge_runs", messages.StatusKey("default", messages.RunID(run)), []byte(run), 0)
	natsx.Expect(msg, msg.Subject, expect)
	return msg
}

func done(run string, expect uint64) *nats.Msg {
	msg := nats.NewMsg(messages.Subjects{}.Done("default", messages.RunID(run)))
	msg.Data = []byte(run)
	natsx.Expect(msg, natsx.KeySubject("kedge_runs", messages.StatusKey("default", messages.RunID(run))), expect)
	return msg
}

// TestCommitterTellsSequences stores many groups at once, under a server that syncs
// every write (so that batches are used) and one that does not.
func TestCommitterTellsSequences(t *testing.T) {
	for _, interval := range []time.Duration{0, time.Hour} {
		t.Run(interval.String(), func(t *testing.T) {
			js := natstest.Start(t, natsx.ServerConfig{SyncInterval: interval}).JetStream(natsx.Topology{})
			committer := natsx.NewCommitter(js, natsx.NewPipe(js.Conn()), 20*time.Second, natsx.NewCosts())
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Go(func() {
					for n := range 10 {
						run := fmt.Sprintf("r%d-%d", i, n)
						claim, err := committer.Store(t.Context(), status(run, 0))
						require.NoError(t, err)
						requireLast(t, js, status(run, 0).Subject, run, claim)
						reply, err := committer.Store(t.Context(), done(run, claim))
						require.NoError(t, err)
						final, err := committer.Store(t.Context(), status(run, claim))
						require.NoError(t, err)
						requireLast(t, js, done(run, 0).Subject, run, reply)
						requireLast(t, js, status(run, 0).Subject, run, final)
					}
				})
			}
			wg.Wait()
		})
	}
}

func requireLast(t *testing.T, js jetstream.JetStream, subject, data string, sequence uint64) {
	t.Helper()
	for _, read := range []string{"leader", "direct"} {
		record, err := natsx.LastFromLeader(t.Context(), js, runsStream, subject)
		if read == "direct" {
			record, err = natsx.LastDirect(t.Context(), js, runsStream, subject)
		}
		require.NoError(t, err, read)
		require.Equal(t, data, string(record.Data), read)
		require.Equal(t, sequence, record.Sequence, read)
	}
}

// TestCommitterRefusesOneMember shows that a refused message costs only itself, whatever
// it travels with.
func TestCommitterRefusesOneMember(t *testing.T) {
	js := natstest.Start(t, natsx.ServerConfig{StoreDir: t.TempDir()}).JetStream(natsx.Topology{})
	committer := natsx.NewCommitter(js, natsx.NewPipe(js.Conn()), 20*time.Second, natsx.NewCosts())
	for round := range 20 {
		commits := map[string]*natsx.Commit{}
		for i := range 64 {
			run := fmt.Sprintf("r%d-%d", round, i)
			expect := uint64(0)
			if i%8 == 3 {
				expect = 999999
			}
			commits[run] = committer.Add(status(run, expect))
		}
		refused := 0
		for run, commit := range commits {
			sequence, err := commit.Wait(t.Context())
			if err != nil {
				require.True(t, natsx.WrongSequence(err), "%v", err)
				_, missing := natsx.LastFromLeader(t.Context(), js, runsStream, status(run, 0).Subject)
				require.ErrorIs(t, missing, natsx.ErrNoRecord)
				refused++
				continue
			}
			requireLast(t, js, status(run, 0).Subject, run, sequence)
		}
		require.Equal(t, 8, refused)
	}
}

func TestRemovedKeyIsNoRecord(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{})
	put := natsx.Put("kedge_leases", "default.r.1", []byte("alive"), 2*time.Second)
	_, err := natsx.Publish(t.Context(), js, put, time.Second)
	require.NoError(t, err)
	_, err = natsx.Publish(t.Context(), js, natsx.Remove("kedge_leases", "default.r.1", 2*time.Second), time.Second)
	require.NoError(t, err)
	_, err = natsx.LastDirect(t.Context(), js, "KV_kedge_leases", put.Subject)
	require.ErrorIs(t, err, natsx.ErrNoRecord)
	_, err = natsx.LastFromLeader(t.Context(), js, "KV_kedge_leases", put.Subject)
	require.ErrorIs(t, err, natsx.ErrNoRecord)
}
