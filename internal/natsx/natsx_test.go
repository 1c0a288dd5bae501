package natsx_test

import (
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSetupIsRepeatableAndChecked(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{})
	topology := natsx.Topology{Queues: []string{"spaceflights", "my.queue"}, Tenants: []string{"default", "t1"}}
	require.ErrorContains(t, topology.Check(t.Context(), js), "consumer spaceflights+default+p0")
	require.NoError(t, topology.Setup(t.Context(), js))
	require.NoError(t, topology.Setup(t.Context(), js))
	require.NoError(t, topology.Check(t.Context(), js))

	consumers, err := topology.Consumers(t.Context(), js, "my.queue")
	require.NoError(t, err)
	require.Len(t, consumers, 8)
	require.Equal(t, messages.P0, consumers[1].Priority)
	require.Equal(t, "t1", consumers[1].Tenant)
}

func TestSetupNamesDifferences(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{Queues: []string{"q"}})
	other := natsx.Topology{Queues: []string{"q"}, AckWait: time.Minute, Retention: time.Hour}
	err := other.Setup(t.Context(), js)
	require.ErrorContains(t, err, "stream KEDGE_EVENTS: MaxAge is 168h0m0s, want 1h0m0s")
	other.Retention = 0
	require.ErrorContains(t, other.Setup(t.Context(), js), "consumer q+default+p0: AckWait is 12s, want 1m0s")
	require.ErrorContains(t, natsx.Topology{Queues: []string{"a b"}}.Setup(t.Context(), js), "queue: invalid id")
}

func TestQueueOf(t *testing.T) {
	queue, ok := natsx.QueueOf(natsx.ConsumerName("my.queue", "t1", messages.P2))
	require.True(t, ok)
	require.Equal(t, "my.queue", queue)
	for _, other := range []string{"dispatch", "a+b", "a b+c+p1", "KQ3xv"} {
		_, ok := natsx.QueueOf(other)
		require.False(t, ok, other)
	}
}

func TestStoreFolderIsLocked(t *testing.T) {
	dir := t.TempDir()
	server := natstest.Start(t, natsx.ServerConfig{StoreDir: dir})
	_, err := natsx.StartServer(t.Context(), natsx.ServerConfig{StoreDir: dir, Port: -1})
	require.ErrorIs(t, err, natsx.ErrStoreLocked)
	server.Shutdown()
	again, err := natsx.StartServer(t.Context(), natsx.ServerConfig{StoreDir: dir, Port: -1})
	require.NoError(t, err)
	again.Shutdown()
}

func TestPortIsTaken(t *testing.T) {
	server := natstest.Start(t)
	url, err := url.Parse(server.URL())
	require.NoError(t, err)
	port, err := strconv.Atoi(url.Port())
	require.NoError(t, err)
	dir := t.TempDir()
	_, err = natsx.StartServer(t.Context(), natsx.ServerConfig{StoreDir: dir, Port: port})
	require.ErrorIs(t, err, natsx.ErrPort)
	server.Shutdown()
	again, err := natsx.StartServer(t.Context(), natsx.ServerConfig{StoreDir: dir, Port: port})
	require.NoError(t, err)
	again.Shutdown()
}

func TestConnectSaysNotReachable(t *testing.T) {
	_, err := natsx.Connect(t.Context(), natsx.ConnectOptions{URL: "nats://127.0.0.1:1", Wait: 50 * time.Millisecond})
	require.ErrorIs(t, err, natsx.ErrNotReachable)
}

func TestConnectInProcess(t *testing.T) {
	server := natstest.Start(t)
	nc, err := natsx.Connect(t.Context(), natsx.ConnectOptions{InProcess: server.Server})
	require.NoError(t, err)
	require.True(t, nc.IsConnected())
	nc.Close()
}

func TestPublishOutlivesTheServer(t *testing.T) {
	process := natstest.StartProcess(t, false)
	js := process.JetStream(natsx.Topology{})
	process.Kill()
	restarted := make(chan struct{})
	go func() { defer close(restarted); process.Restart() }()
	msg := nats.NewMsg(messages.Subjects{}.Request(messages.P1, "q", "default", "r1"))
	_, err := natsx.Publish(t.Context(), js, msg, 20*time.Second)
	<-restarted
	require.NoError(t, err)
	_, err = natsx.Publish(t.Context(), js, msg, time.Second)
	require.True(t, natsx.SubjectTaken(err), "%v", err)
	require.False(t, natsx.Unanswered(err))
}

// TestFenceByAnotherSubject shows what the whole ledger rests on: a store may expect
// the last sequence of another subject of its stream, and only what is stored is
// republished.
func TestFenceByAnotherSubject(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{})
	kv, err := js.KeyValue(t.Context(), "kedge_runs")
	require.NoError(t, err)
	revision, err := kv.Create(t.Context(), "default.r1", []byte("{}"))
	require.NoError(t, err)
	fenced := jetstream.WithExpectLastSequenceForSubject(revision, "$KV.kedge_runs.default.r1")
	done := messages.Subjects{}.Done("default", "r1")
	republished, err := js.Conn().SubscribeSync(messages.Subjects{}.DoneStored("default", "*"))
	require.NoError(t, err)

	_, err = kv.Update(t.Context(), "default.r1", []byte("{}"), revision)
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), done, []byte(`{"refused":true}`), fenced)
	require.True(t, natsx.WrongSequence(err), "%v", err)

	fenced = jetstream.WithExpectLastSequenceForSubject(revision+1, "$KV.kedge_runs.default.r1")
	_, err = js.Publish(t.Context(), done, []byte("{}"), fenced)
	require.NoError(t, err)
	msg, err := republished.NextMsg(10 * time.Second)
	require.NoError(t, err)
	require.Equal(t, messages.Subjects{}.DoneStored("default", "r1"), msg.Subject)
	require.Equal(t, "{}", string(msg.Data))
	require.Equal(t, "3", msg.Header.Get(jetstream.SequenceHeader))
}
