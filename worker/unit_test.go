package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
	"github.com/kedge-run/kedge/session"
)

func TestConfigNamesEveryMistake(t *testing.T) {
	_, err := New(Config{Queue: "a/b", Concurrency: -1, Prefix: "Big", Timing: Timing{Lease: 1, Heartbeat: 1}})
	for _, part := range []string{"no connection", "no engine", "concurrency -1", "queue:", "prefix", "lease"} {
		require.ErrorContains(t, err, part)
	}
}

func TestSweepOrder(t *testing.T) {
	var sources [][]*source
	for _, p := range messages.Priorities() {
		var level []*source
		for _, tenant := range []string{"a", "b"} {
			level = append(level, &source{consumer: natsx.QueueConsumer{Tenant: tenant, Priority: p}, waiting: true})
		}
		sources = append(sources, level)
	}
	got := []string{}
	for sweep := range 25 {
		var names []string
		for _, s := range sweepOrder(sources, sweep) {
			names = append(names, string(s.consumer.Priority)+s.consumer.Tenant)
		}
		require.Len(t, names, 8)
		got = append(got, strings.Join(names, " "))
	}
	require.Equal(t, "p0a p0b p1a p1b p2a p2b p3a p3b", got[0])
	require.Equal(t, "p0b p0a p1b p1a p2b p2a p3b p3a", got[1], "the tenant that starts rotates")
	require.Equal(t, "p1a p1b p0b p0a p2b p2a p3b p3a", got[7], "every eighth sweep starts lower")
	require.Equal(t, "p2a p2b p0a p0b p1a p1b p3a p3b", got[15])
	require.Equal(t, "p3a p3b p0b p0a p1b p1a p2b p2a", got[23])
	for _, level := range sources {
		for _, s := range level {
			s.waiting = false
		}
	}
	require.Empty(t, sweepOrder(sources, 25))
}

// TestHintsAreAskedByPriority: a worker whose slots are taken asks for what it heard of by priority, not in the order in
// which it heard.
func TestHintsAreAskedByPriority(t *testing.T) {
	var consumers []natsx.QueueConsumer
	for _, p := range messages.Priorities() {
		consumers = append(consumers, natsx.QueueConsumer{Tenant: "a", Priority: p})
	}
	subjects := messages.Subjects{}
	f := newFetcher(consumers, subjects, newSlots(1), 0, nil)
	require.Empty(t, f.order())
	for _, p := range []messages.Priority{messages.P3, messages.P1, messages.P0} {
		f.hint(&nats.Msg{Subject: subjects.Request(p, "shop", "a", "r-"+messages.RunID(p))})
	}
	var got []messages.Priority
	for _, s := range f.order() {
		got = append(got, s.consumer.Priority)
	}
	require.Equal(t, []messages.Priority{messages.P0, messages.P1, messages.P3}, got)
	require.Len(t, f.woken, 1)
}

type retryable struct{ error }

func (retryable) Retryable() bool { return true }

func TestOutcomes(t *testing.T) {
	plain := errors.New("broken")
	nodeError := func(err error) error { return &session.RunError{Node: "n", Message: err.Error(), Err: err} }
	for _, c := range []struct {
		name  string
		cause error
		err   error
		want  outcome
	}{
		{"success", nil, nil, outcome{state: messages.StateSucceeded}},
		{"lost", ErrLost, plain, outcome{settle: settleNothing}},
		{"lost but finished", ErrLost, nil, outcome{settle: settleNothing}},
		{"stopping", ErrStopping, plain, outcome{settle: settlePutBack}},
		{"stopping but finished", ErrStopping, nil, outcome{state: messages.StateSucceeded}},
		{"cancelled", ErrCancelled, plain, outcome{state: messages.StateCancelled, code: messages.CodeCancelled}},
		{"cancelled but finished", ErrCancelled, nil, outcome{state: messages.StateSucceeded}},
		{"timeout", ErrTimeout, plain, outcome{state: messages.StateTimedOut, code: messages.CodeTimeout}},
		{"node timeout", &timeoutError{kind: ErrNodeTimeout, nodes: []string{"n"}}, plain, outcome{state: messages.StateTimedOut, code: messages.CodeNodeTimeout}},
		{"node", nil, nodeError(plain), outcome{state: messages.StateFailed, code: messages.CodeNodeFailed}},
		{"dataset", nil, nodeError(&catalog.DatasetError{}), outcome{state: messages.StateFailed, code: messages.CodeDatasetFailed}},
		{"retryable", nil, nodeError(retryable{plain}), outcome{state: messages.StateFailed, code: messages.CodeTransient}},
		{"hook", nil, plain, outcome{state: messages.StateFailed, code: messages.CodeRunFailed}},
		{"pipeline", nil, &session.PipelineNotFoundError{Name: "x"}, outcome{state: messages.StateRejected, code: messages.CodePipelineNotFound, field: "pipeline_names"}},
		{"filter", nil, &pipeline.Error{Message: "x"}, outcome{state: messages.StateRejected, code: messages.CodeFilterInvalid}},
		{"filter inside a run", nil, nodeError(&pipeline.Error{Message: "x"}), outcome{state: messages.StateFailed, code: messages.CodeNodeFailed}},
		{"panic", nil, &runner.PanicError{Value: "x"}, outcome{state: messages.StateFailed, code: messages.CodeInternal}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			if c.cause != nil {
				cancel(c.cause)
			}
			defer cancel(nil)
			require.Equal(t, c.want, outcomeOf(ctx, c.err))
		})
	}
}

func TestEncodeWithin(t *testing.T) {
	for _, c := range []struct {
		value any
		room  int
		want  string
	}{
		{42, 10, "42"}, {"a", 2, ""}, {nil, 4, "null"}, {[]int{}, 2, "[]"},
		{[]int{1, 2, 3}, 7, "[1,2,3]"}, {[]int{1, 2, 3}, 6, ""},
		{[]byte("abc"), 10, `"YWJj"`}, {map[string]int{"a": 1}, 10, `{"a":1}`},
		{make(chan int), 10, ""}, {make([]int, 1<<20), 100, ""},
		{[]any{func() {}}, 100, ""}, {[]struct{ A int }{{1}}, 100, `[{"A":1}]`},
	} {
		require.Equal(t, c.want, string(encodeWithin(c.value, c.room)), "%T within %d", c.value, c.room)
	}
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	require.Equal(t, "abc", cut("abc", 3))
	require.Equal(t, "a…", cut("aäb", 2))
}

func TestFilterField(t *testing.T) {
	request := &messages.RunRequest{FromNodes: []string{"clean"}, Tags: []string{"x9"}}
	require.Equal(t, "tags", filterField(request, "no nodes with tags {'x9'}"))
	require.Equal(t, "from_nodes", filterField(request, "does not contain nodes named ['clean']"))
	require.Equal(t, "pipeline_names", filterField(request, "contains no nodes"))
	require.Equal(t, "tags", filterField(&messages.RunRequest{Tags: []string{"a"}}, "contains no nodes"))
}

func TestSlots(t *testing.T) {
	s := newSlots(3)
	require.Equal(t, 3, s.take(5))
	require.Equal(t, 0, s.take(1))
	idle := s.whenIdle()
	s.give(2)
	select {
	case <-idle:
		t.Fatal("one place is still taken")
	default:
	}
	s.abandon(1)
	<-idle
	total, taken, abandoned := s.counts()
	require.Equal(t, "3 1 1", fmt.Sprint(total, taken, abandoned))
	<-s.freed
}

// TestAbandonedRunIsNotAlone: a run that had to be alone and is abandoned keeps its place and no other; when it returns it
// doesn't end the reservation of another one.
func TestAbandonedRunIsNotAlone(t *testing.T) {
	s := newSlots(3)
	require.Equal(t, 1, s.take(1))
	first, ok := s.reserve()
	require.True(t, ok)
	<-first
	require.Zero(t, s.take(9))
	s.abandon(1)
	require.Equal(t, 2, s.take(9))
	_, ok = s.reserve()
	require.True(t, ok)
	s.abandon(-1)
	s.open(first)
	s.give(1)
	require.Zero(t, s.take(9), "another one waits to be alone")
}

// TestKeptSlotsDoNotBlock: while the server is asked about the slot of an abandoned run, the heartbeat of the others goes on.
func TestKeptSlotsDoNotBlock(t *testing.T) {
	slot := &keptSlot{}
	k := kept{slots: map[*run]*keptSlot{{}: slot}}
	slot.mu.Lock()
	now := time.Now()
	for i := range 2 {
		due := k.toRenew(now.Add(time.Duration(i)*time.Second), time.Second)
		require.Equal(t, []*keptSlot{slot}, due)
		due[0].renew(t.Context())
	}
	require.Empty(t, k.toRenew(now.Add(time.Second), time.Second))
}

// TestPlacesOfStoredReplies: a place whose run only stores its reply is given again, to as many as there is room for; the
// worker is idle, or has room for a run alone, when the replies are stored.
func TestPlacesOfStoredReplies(t *testing.T) {
	s := newSlots(2)
	require.Equal(t, 2, s.take(9))
	s.store(1)
	<-s.freed
	_, busy, _ := s.counts()
	require.Equal(t, 1, busy)
	require.Equal(t, 1, s.take(9))
	require.Equal(t, 0, s.take(9))
	s.store(1)
	s.store(1)
	alone, ok := s.reserve()
	require.True(t, ok)
	idle := s.whenIdle()
	for range 2 {
		s.store(-1)
		s.give(1)
	}
	<-alone
	select {
	case <-idle:
		t.Fatal("a reply is not stored yet")
	default:
	}
	s.store(-1)
	s.give(1)
	<-idle
	s.open(alone)
	require.Equal(t, 2, s.take(9))

	for range leastSpare + 1 {
		s.store(1)
		s.take(9)
	}
	require.Equal(t, 2+leastSpare, s.taken)
}

// TestSweepsAreFair counts who comes first: every tenant of a priority equally often, however many they are.
func TestSweepsAreFair(t *testing.T) {
	for tenants := 1; tenants <= 9; tenants++ {
		var sources [][]*source
		for _, p := range messages.Priorities() {
			var level []*source
			for i := range tenants {
				level = append(level, &source{consumer: natsx.QueueConsumer{Tenant: strconv.Itoa(i), Priority: p}, waiting: true})
			}
			sources = append(sources, level)
		}
		first := map[natsx.QueueConsumer]int{}
		rounds := fairSweep * 3 * tenants
		for sweep := range rounds {
			first[sweepOrder(sources, sweep)[0].consumer]++
		}
		for _, level := range sources {
			for _, s := range level {
				want := rounds / fairSweep / 3 / tenants
				if s.consumer.Priority == messages.P0 {
					want = rounds * (fairSweep - 1) / fairSweep / tenants
				}
				require.Equal(t, want, first[s.consumer], "%s of %d, %s", s.consumer.Tenant, tenants, s.consumer.Priority)
			}
		}
	}
}
