package client_test

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// never is a Poll that leaves all to the messages.
const never = time.Hour

// over makes a client on a connection of the test.
func (b *bench) over(nc *nats.Conn, cfg client.Config) *client.Client {
	b.t.Helper()
	c, err := client.New(nc, cfg)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, c.Close()) })
	return c
}

func (b *bench) connect(opts ...nats.Option) *nats.Conn {
	b.t.Helper()
	nc, err := nats.Connect(b.js.Conn().ConnectedUrl(), opts...)
	require.NoError(b.t, err)
	b.t.Cleanup(nc.Close)
	return nc
}

// spy sees what is published on a subject.
func (b *bench) spy(subject string) *nats.Subscription {
	b.t.Helper()
	sub, err := b.js.Conn().SubscribeSync(subject)
	require.NoError(b.t, err)
	require.NoError(b.t, b.js.Conn().Flush())
	return sub
}

// seen counts what a spy has seen of all that happened before.
func (b *bench) seen(spy *nats.Subscription) int {
	b.t.Helper()
	require.NoError(b.t, b.js.Conn().Flush())
	n, _, err := spy.Pending()
	require.NoError(b.t, err)
	return n
}

// requireWaiting lets as many waits begin.
func (b *bench) requireWaiting(c *client.Client, runs int) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return c.Waiting() == runs }, 10*time.Second, time.Millisecond)
}

const replyReads = "$JS.API.DIRECT.GET.KV_kedge_runs.kedge.reply.>"

// waitFor starts a wait and checks its reply.
func waitFor(ctx context.Context, t *testing.T, group *sync.WaitGroup, c *client.Client, run messages.RunID) {
	group.Go(func() {
		reply, err := c.Wait(ctx, run)
		if err != nil || reply.Result == nil || reply.Result.RunID != run || reply.Result.NodesRun != 2 {
			t.Errorf("run %s: %+v, %v", run, reply, err)
		}
	})
}

func TestWaitsBeforeDuringAndAfterTheEnd(t *testing.T) {
	b := newBench(t, client.Config{Poll: never})
	stranger := b.over(b.connect(), client.Config{Poll: never})
	const runs = 40
	var waits, ends sync.WaitGroup
	for range runs {
		run := b.submit()
		waitFor(t.Context(), t, &waits, b.Client, run)
		waitFor(t.Context(), t, &waits, stranger, run)
		claim := b.claim()
		require.Equal(t, run, claim.Status().RunID)
		ends.Go(func() {
			if err := claim.Finish(t.Context(), success()); err != nil {
				t.Error(err)
			}
			waitFor(t.Context(), t, &waits, b.Client, run)
			waitFor(t.Context(), t, &waits, stranger, run)
		})
		waitFor(t.Context(), t, &waits, b.Client, run)
		waitFor(t.Context(), t, &waits, stranger, run)
	}
	ends.Wait()
	waits.Wait()
}

func TestWaitForOwnRunsReadsNothing(t *testing.T) {
	b := newBench(t, client.Config{})
	nc := b.connect()
	c := b.over(nc, client.Config{Queue: "a", Poll: never})
	_, err := c.Wait(t.Context(), "unknown")
	require.ErrorIs(t, err, client.ErrNotFound)
	spy := b.spy(replyReads)

	const runs = 40
	var waits sync.WaitGroup
	subscriptions := 0
	for i := range runs {
		receipt, err := c.Submit(t.Context(), &messages.RunRequest{})
		require.NoError(t, err)
		if i == 0 {
			subscriptions = nc.NumSubscriptions()
		}
		waitFor(t.Context(), t, &waits, c, receipt.RunID)
	}
	require.Equal(t, subscriptions, nc.NumSubscriptions(), "waits share one subscription")
	b.requireWaiting(c, runs)
	ended := map[messages.RunID]bool{}
	for range runs {
		claim := b.claim()
		ended[claim.Status().RunID] = true
		require.NoError(t, claim.Finish(t.Context(), success()))
	}
	require.Len(t, ended, runs)
	waits.Wait()
	require.Zero(t, b.seen(spy))

	// A run that has ended is looked for, though it is this client's own.
	for run := range ended {
		waitFor(t.Context(), t, &waits, c, run)
	}
	waits.Wait()
	require.Equal(t, runs, b.seen(spy))
}

func TestWaitHearsOnlyOfStoredReplies(t *testing.T) {
	b := newBench(t, client.Config{Poll: never})
	stored := b.spy("kedge.done.>")
	run := b.submit()
	var waits sync.WaitGroup
	waitFor(t.Context(), t, &waits, b.Client, run)
	b.requireWaiting(b.Client, 1)
	claim := b.claim()
	// A worker that was thought dead comes back with a reply of its own.
	_, err := b.js.Publish(t.Context(), messages.Subjects{}.Done("default", run),
		[]byte(`{"run_id":"`+run+`","state":"succeeded","nodes_run":99}`),
		jetstream.WithExpectLastSequenceForSubject(1<<40, "$KV.kedge_runs.default."+messages.EncodeToken(string(run))))
	require.True(t, natsx.WrongSequence(err), "%v", err)
	require.NoError(t, claim.Finish(t.Context(), success()))
	waits.Wait()
	require.Equal(t, 1, b.seen(stored))
}

func TestSubmitOfAnEndedRunIsLookedFor(t *testing.T) {
	b := newBench(t, client.Config{Poll: never})
	run := b.submit()
	require.NoError(t, b.claim().Finish(t.Context(), success()))
	_, err := b.Wait(t.Context(), run)
	require.NoError(t, err)
	again, err := b.Submit(t.Context(), &messages.RunRequest{RunID: run}, client.ToQueue("a"))
	require.NoError(t, err)
	require.True(t, again.Existing)
	reply, err := b.Wait(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, 2, reply.Result.NodesRun)
}

// gate is a dialer that can be closed.
type gate struct{ open chan struct{} }

func (g *gate) Dial(network, address string) (net.Conn, error) {
	<-g.open
	return net.Dial(network, address)
}

func TestWaitOutlivesTheConnection(t *testing.T) {
	b := newBench(t, client.Config{})
	open := make(chan struct{})
	close(open)
	door := &gate{open: open}
	lost, back := make(chan struct{}, 1), make(chan struct{}, 1)
	nc := b.connect(nats.SetCustomDialer(door), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond),
		nats.ReconnectJitter(0, 0), nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} }),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	hearing := b.over(nc, client.Config{Poll: never})
	looking := b.over(nc, client.Config{Poll: 20 * time.Millisecond})
	first, second := b.submit(), b.submit()
	var waits sync.WaitGroup
	waitFor(t.Context(), t, &waits, hearing, first)
	waitFor(t.Context(), t, &waits, looking, second)
	b.requireWaiting(hearing, 1)
	b.requireWaiting(looking, 1)

	door.open = make(chan struct{}) // not read by anybody before the reconnect below
	require.NoError(t, nc.ForceReconnect())
	<-lost
	one, two := b.claim(), b.claim()
	require.Equal(t, second, two.Status().RunID)
	require.NoError(t, two.Finish(t.Context(), success())) // nobody hears of it
	close(door.open)
	<-back
	require.NoError(t, nc.Flush()) // the subscriptions stand again
	require.NoError(t, one.Finish(t.Context(), success()))
	waits.Wait()
}

// lockedBuffer is a log that is written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestWaitLooksWhereItMayNotSubscribe(t *testing.T) {
	url := guardedServer(t)
	admin, err := nats.Connect(url, nats.UserInfo("admin", "x"))
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	js, err := jetstream.New(admin)
	require.NoError(t, err)
	require.NoError(t, natsx.Topology{Queues: []string{"a"}}.Setup(t.Context(), js))
	worker, err := ledger.New(js, ledger.Config{})
	require.NoError(t, err)
	nc, err := nats.Connect(url, nats.UserInfo("deaf", "x"))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	b := &bench{t: t, js: js, worker: worker}
	b.Client = b.over(nc, client.Config{Poll: 20 * time.Millisecond})

	log := &lockedBuffer{}
	ctx := zerolog.New(log).WithContext(t.Context())
	run := b.submit()
	var waits sync.WaitGroup
	waitFor(ctx, t, &waits, b.Client, run)
	claim := b.claim()
	require.Eventually(t, func() bool { return log.String() != "" }, 10*time.Second, time.Millisecond)
	require.NoError(t, claim.Finish(t.Context(), success()))
	waits.Wait()
	require.Equal(t, 1, bytes.Count([]byte(log.String()), []byte("\n")), "told once: %s", log)
	require.Contains(t, log.String(), `Permissions Violation for Subscription to \"kedge.done.default.*\"`)
}

// guardedServer has a user that may do all but hear of replies.
func guardedServer(t *testing.T) (url string) {
	t.Helper()
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Users: []*server.User{
			{Username: "admin", Password: "x"},
			{Username: "deaf", Password: "x", Permissions: &server.Permissions{
				Subscribe: &server.SubjectPermission{Deny: []string{"kedge.done.>"}},
			}},
		},
	})
	require.NoError(t, err)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	require.True(t, ns.ReadyForConnections(10*time.Second))
	return ns.ClientURL()
}

// TestStatusOfBriefRuns: who has waited before hears the end of its runs, and stores the status of those that end at once
// no more than their workers need.
func TestStatusOfBriefRuns(t *testing.T) {
	b := newBench(t, client.Config{Queue: "a", Poll: never})
	first := func() bool { // whether the status came before the request
		t.Helper()
		consumer, err := b.js.Consumer(t.Context(), "KEDGE_RUNS", natsx.ConsumerName("a", "default", "p1"))
		require.NoError(t, err)
		msg, err := consumer.Next(jetstream.FetchMaxWait(10 * time.Second))
		require.NoError(t, err)
		claim, err := b.worker.Claim(t.Context(), msg, "w1")
		require.NoError(t, err)
		require.NoError(t, claim.Finish(t.Context(), success()))
		return msg.Headers().Get(messages.RevisionHeader) != ""
	}
	submit := func(request *messages.RunRequest) messages.RunID {
		t.Helper()
		receipt, err := b.Submit(t.Context(), request)
		require.NoError(t, err)
		return receipt.RunID
	}
	wait := func(run messages.RunID) {
		t.Helper()
		_, err := b.Wait(t.Context(), run)
		require.NoError(t, err)
	}

	run := submit(&messages.RunRequest{})
	require.True(t, first(), "nobody has waited")
	wait(run)

	run = submit(&messages.RunRequest{})
	require.False(t, first())
	wait(run)

	run = submit(&messages.RunRequest{RunID: "named"})
	require.True(t, first(), "its caller may have submitted it before")
	wait(run)

	run = submit(&messages.RunRequest{})
	status, err := b.Status(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, messages.StateQueued, status.State)
	runs, err := b.List(t.Context(), client.ListOptions{States: []messages.State{messages.StateQueued}})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.NoError(t, b.Close(), "and another client finds it too")
	status, err = b.over(b.connect(), client.Config{Queue: "a"}).Status(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, messages.StateQueued, status.State)
}

// TestWaitDoesNotDenyItsOwnRun: a server that lags may know nothing of a run that was just submitted.
func TestWaitDoesNotDenyItsOwnRun(t *testing.T) {
	b := newBench(t, client.Config{Queue: "a", Poll: 10 * time.Millisecond})
	_, err := b.Wait(t.Context(), "unknown")
	require.ErrorIs(t, err, client.ErrNotFound)
	receipt, err := b.Submit(t.Context(), &messages.RunRequest{RunID: "r"})
	require.NoError(t, err)
	_, err = b.js.PublishMsg(t.Context(), natsx.Remove("kedge_runs", messages.StatusKey("default", receipt.RunID), time.Second))
	require.NoError(t, err)
	_, err = b.worker.Status(t.Context(), ledger.Key{Tenant: "default", RunID: receipt.RunID})
	require.ErrorIs(t, err, ledger.ErrNotFound)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = b.Wait(ctx, receipt.RunID)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, client.ErrNotFound)
}
