package worker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/messages"
)

// auditor reads the streams themselves and counts every reply that was ever stored.
type auditor struct {
	mu      sync.Mutex // guards replies and claims
	replies map[messages.RunID][]*messages.Reply
	claims  map[messages.RunID]int
}

func startAuditor(t testing.TB, js jetstream.JetStream) *auditor {
	t.Helper()
	a := &auditor{replies: map[messages.RunID][]*messages.Reply{}, claims: map[messages.RunID]int{}}
	subjects := messages.Subjects{}
	a.follow(t, js, "KV_"+subjects.Bucket("runs"), subjects.Done("*", "*"), func(run messages.RunID, data []byte) {
		reply, err := messages.DecodeReply(data)
		if err == nil {
			a.replies[run] = append(a.replies[run], reply)
		}
	})
	a.follow(t, js, subjects.Stream("EVENTS"), subjects.Events("*", "*"), func(run messages.RunID, data []byte) {
		events, err := messages.DecodeEvents(data)
		if err != nil {
			return
		}
		for _, event := range events {
			if event.Kind == messages.EventClaimed {
				a.claims[run]++
			}
		}
	})
	return a
}

func (a *auditor) follow(t testing.TB, js jetstream.JetStream, stream, filter string, note func(messages.RunID, []byte)) {
	t.Helper()
	consumer, err := js.OrderedConsumer(t.Context(), stream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}})
	require.NoError(t, err)
	consuming, err := consumer.Consume(func(msg jetstream.Msg) {
		_, run, _, err := messages.Subjects{}.ParseReply(msg.Subject())
		if err != nil {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		note(run, msg.Data())
	})
	require.NoError(t, err)
	t.Cleanup(func() { consuming.Stop(); <-consuming.Closed() })
}

// stored gives the replies of a run that were stored so far.
func (a *auditor) stored(run messages.RunID) []*messages.Reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.replies[run]
}

func (a *auditor) claimed(run messages.RunID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.claims[run]
}

const (
	chaosRounds = 20
	chaosRuns   = 200
)

// Two worker processes and the server as a third, 200 runs in flight, one worker killed in the midst, and a new one
// in its place: twenty times over. Every run has exactly one reply, and it is the right one.
func TestKilledWorkersLoseNothing(t *testing.T) {
	server := natstest.StartProcess(t, false)
	js := server.JetStream(topology)
	c, err := client.New(server.Connect(), client.Config{Queue: queue})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	audit := startAuditor(t, js)
	random := rand.New(rand.NewPCG(1, 2))
	workers := []*workerProcess{
		startWorker(t, roleWork, server.URL(), chaosRuns/2), startWorker(t, roleWork, server.URL(), chaosRuns/2),
	}
	for round := range chaosRounds {
		runs := submitMany(t, c, chaosRuns)
		victim := random.IntN(len(workers))
		killAfter(t, js, runs[random.IntN(len(runs))], time.Duration(random.IntN(300))*time.Millisecond)
		dead := workers[victim].id
		workers[victim].kill()
		workers[victim] = startWorker(t, roleWork, server.URL(), chaosRuns/2)
		again := 0
		for i, run := range runs {
			again += checkRun(t, c, audit, run, i, dead)
		}
		t.Logf("round %d: %d of %d runs were started again", round, again, len(runs))
	}
	requireEmpty(t, js)
}

// killAfter waits until a run was taken, and then for a while.
func killAfter(t testing.TB, js jetstream.JetStream, run messages.RunID, while time.Duration) {
	t.Helper()
	f := &fixture{t: t, js: js}
	f.awaitEvent(run, messages.EventClaimed)
	<-time.After(while)
}

func submitMany(t testing.TB, c *client.Client, n int) []messages.RunID {
	t.Helper()
	runs := make([]messages.RunID, n)
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			request := &messages.RunRequest{RuntimeParams: map[string]any{"x": i}}
			receipt, err := c.Submit(t.Context(), request)
			runs[i], errs[i] = receipt.RunID, err
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	return runs
}

// checkRun waits for the end of the run with x = i and gives 1 when it was started more than once: only because its
// worker died.
func checkRun(t testing.TB, c *client.Client, audit *auditor, run messages.RunID, i int, dead string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	reply, err := c.Wait(ctx, run)
	require.NoError(t, err, "run %s is lost", run)
	require.Nil(t, reply.Error)
	require.JSONEq(t, fmt.Sprint(3*(i+1)), string(reply.Result.Outputs["answer"].Value), "foreign result")
	require.Eventually(t, func() bool { return len(audit.stored(run)) == 1 }, deadline, 5*time.Millisecond)
	if reply.Result.Epoch == 1 {
		require.LessOrEqual(t, audit.claimed(run), 1, "run %s was started twice", run)
		return 0
	}
	require.NotEqual(t, dead, reply.Result.Worker)
	return 1
}

// requireEmpty waits until the queue is empty: nothing is left of runs that have ended.
func requireEmpty(t testing.TB, js jetstream.JetStream) {
	t.Helper()
	f := &fixture{t: t, js: js}
	f.emptyQueue()
}

// A worker that is stopped just before its reply, and woken after another one took over, publishes nothing.
func TestWorkerThatSleptThroughItsLeasePublishesNothing(t *testing.T) {
	f := newFixture(t)
	audit := startAuditor(t, f.js)
	sleeper := startWorker(t, roleStop, f.server.URL(), 4)
	run := f.submit(messages.RunRequest{RuntimeParams: map[string]any{"x": 13}})
	awaitStopped(t, sleeper)
	heir := startWorker(t, roleWork, f.server.URL(), 4)
	reply := f.wait(run)
	require.Nil(t, reply.Error)
	require.Equal(t, heir.id, reply.Result.Worker)
	f.emptyQueue()
	before, err := f.client.Status(t.Context(), run)
	require.NoError(t, err)

	sleeper.signal(t, syscall.SIGCONT)
	sleeper.signal(t, syscall.SIGTERM)
	require.NoError(t, sleeper.cmd.Wait(), "the woken worker ends cleanly, after it tried to end its run")
	after, err := f.client.Status(t.Context(), run)
	require.NoError(t, err)
	require.Equal(t, before, after)
	// A run that ends now, ends after whatever the sleeper might have stored.
	last := f.submit(messages.RunRequest{RuntimeParams: map[string]any{"x": 1}})
	f.wait(last)
	require.Eventually(t, func() bool { return len(audit.stored(last)) == 1 }, deadline, 5*time.Millisecond)
	require.Len(t, audit.stored(run), 1)
	require.Equal(t, heir.id, audit.stored(run)[0].Result.Worker)
}

// awaitStopped waits until the kernel says that the process is stopped.
func awaitStopped(t testing.TB, p *workerProcess) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		_, rest, _ := strings.Cut(string(text), ") ")
		return err == nil && strings.HasPrefix(rest, "T")
	}, deadline, 5*time.Millisecond)
}
