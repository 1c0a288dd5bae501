package ledger

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// scenario is one search.
type scenario struct {
	budget  budget
	endings []ending // the first one is what happens when all goes well
	rules   rules
	request messages.RunRequest
	at      time.Time // when the run enters its queue
	limit   int       // of the concurrency key "k" at the beginning; 0: nobody declared one
	heirs   bool      // each worker has another run with the key in hand
	brief   bool      // the submitter takes the run for a brief one
}

// maxStates bounds one search; KEDGE_SEARCH_STATES changes it.
func maxStates() int {
	if n, err := strconv.Atoi(os.Getenv("KEDGE_SEARCH_STATES")); err == nil {
		return n
	}
	return defaultStates
}

// search explores a scenario, nearest states first, so that a counterexample is a short one.
type search struct {
	scenario scenario
	minds    minds
	seen     map[uint64]bool
	settled  map[uint64]bool
	queue    []reached
	trace    []string // filled while tracing
	tracing  bool
	deepest  int
	most     int  // states
	near     bool // no state is farther away
}

// reached is a state on the way, and how the search came to it.
type reached struct {
	state
	way *way
}

// way is the moves that led to a state, the last one first.
type way struct {
	before *way
	move   move
	length int
}

// counterexample is a history that breaks an invariant.
type counterexample struct {
	violation string
	trace     []string
}

func (c *counterexample) String() string {
	return strings.Join(c.trace, "\n") + "\n==> " + c.violation
}

func newSearch(what scenario) *search {
	what.rules.statuses = decoded{}
	return &search{
		most:     maxStates(),
		scenario: what, seen: map[uint64]bool{}, settled: map[uint64]bool{},
		minds: minds{roots: map[program]*mind{}, parked: map[*mind]*process{}},
	}
}

// explore looks at every state, or at the nearest and then at random ways from these to their ends; nil: none breaks
// an invariant.
func (s *search) explore() *counterexample {
	defer s.minds.end()
	s.visit(s.begin(), nil)
	for len(s.queue) > 0 && len(s.seen) < s.most*3/4 {
		at := s.queue[0]
		s.queue[0] = reached{}
		s.queue = s.queue[1:]
		for _, m := range s.moves(&at.state) {
			if bad := s.visit(s.apply(at.state, m), by(at.way, m)); bad != nil {
				return bad
			}
		}
	}
	s.near = len(s.queue) == 0
	random := rand.New(rand.NewPCG(1, 2))
	for fruitless := 0; len(s.seen) < s.most && !s.near && fruitless < maxFruitless; fruitless++ {
		before := len(s.seen)
		if bad := s.walk(s.queue[random.IntN(len(s.queue))], random); bad != nil {
			return bad
		}
		if len(s.seen) > before {
			fruitless = 0
		}
	}
	return nil
}

// maxFruitless is how many ways without a new state tell that there are hardly any more.
const maxFruitless = 1000

// walk goes on at random until nothing can happen.
func (s *search) walk(at reached, random *rand.Rand) *counterexample {
	for {
		moves := s.moves(&at.state)
		if len(moves) == 0 {
			return nil
		}
		m := moves[random.IntN(len(moves))]
		next := s.apply(at.state, m)
		at = reached{next, by(at.way, m)}
		if bad := s.visit(next, at.way); bad != nil {
			return bad
		}
	}
}

func by(before *way, m move) *way {
	return &way{before: before, move: m, length: before.steps() + 1}
}

func (w *way) steps() int {
	if w == nil {
		return 0
	}
	return w.length
}

// visit checks a state and puts it into the queue if it is new.
func (s *search) visit(st state, by *way) *counterexample {
	if st.w.violation != "" {
		return s.explain(by)
	}
	sum := st.digest()
	if s.seen[sum] {
		return nil
	}
	s.seen[sum] = true
	s.deepest = max(s.deepest, by.steps())
	if s.settle(st) != "" {
		return s.explain(by)
	}
	if len(s.seen) < s.most*3/4 {
		s.queue = append(s.queue, reached{st, by})
	}
	return nil
}

func (st *state) digest() uint64 {
	var sum maphash.Hash
	sum.SetSeed(hashing)
	st.w.digest(&sum)
	maphash.WriteComparable(&sum, st.left)
	maphash.WriteComparable(&sum, st.started)
	for _, p := range st.procs {
		maphash.WriteComparable(&sum, [2]int64{int64(p.id), int64(p.until)})
		maphash.WriteComparable(&sum, [2]bool{p.running, p.leased})
	}
	return sum.Sum64()
}

func (s *search) begin() state {
	st := state{left: s.scenario.budget}
	if s.scenario.limit > 0 {
		s.declare(&st.w)
	}
	s.start(&st, program{name: "submitter"}, s.submitProgram)
	return st
}

// declare stores the limit of the concurrency key.
func (s *search) declare(w *world) {
	value, err := json.Marshal(messages.Limits{Limits: map[string]messages.Limit{"k": {Concurrency: s.scenario.limit}}})
	if err == nil {
		_, err = w.store(natsx.Put("kedge_settings", messages.LimitsKey(theKey.Tenant), value, 0), &s.scenario.rules)
	}
	if err != nil {
		panic(err)
	}
}

// settle asks, in a state where nobody is at work, whether the run comes to its end when no more faults happen, and
// what the auditor says then.
func (s *search) settle(st state) (violation string) {
	if len(st.procs) > 0 {
		return ""
	}
	var sum maphash.Hash
	sum.SetSeed(hashing)
	st.w.digest(&sum)
	maphash.WriteComparable(&sum, st.started)
	if !s.settled[sum.Sum64()] {
		s.settled[sum.Sum64()] = true
		return s.runDown(st)
	}
	return ""
}

// quietRounds is enough for anything to end by itself: leases, ack waits and graces run out within a few ticks.
const quietRounds = 16

// runDown lets time pass without faults: messages are delivered, a sweeper comes by. Then everything must have ended.
func (s *search) runDown(st state) string {
	s.note("from here on there are no more faults")
	st.left = budget{}
	for range quietRounds {
		s.note("%v pass", modelTick)
		st.w.pass(modelTick)
		if _, _, ok := st.w.queued(); ok && st.w.request.ready <= st.w.now {
			s.note("the request is delivered")
			s.deliver(&st, 0)
			s.finish(&st)
		}
		s.start(&st, program{name: "sweeper"}, s.sweepProgram)
		s.finish(&st)
		if st.w.violation != "" {
			return st.w.violation
		}
		if found := st.findings(); len(found) == 0 {
			return ""
		}
	}
	return "the auditor finds: " + st.findings()[0].String()
}

func (st *state) findings() []audit.Finding {
	expect := audit.Expect{Ended: true}
	if st.w.submitted {
		expect.Submitted = []audit.Run{{Tenant: theKey.Tenant, ID: theKey.RunID}}
	}
	return st.w.snapshot().Findings(expect)
}

// finish lets all processes go on to their ends, without faults.
func (s *search) finish(st *state) {
	for len(st.procs) > 0 {
		m := s.moves(st)[0]
		s.noteMove(st, m)
		*st = s.apply(*st, m)
	}
}

func (s *search) note(format string, args ...any) {
	if s.tracing {
		s.trace = append(s.trace, fmt.Sprintf(format, args...))
	}
}

// explain goes a way again and tells what happens.
func (s *search) explain(by *way) *counterexample {
	s.tracing = true
	var moves []move
	for ; by != nil; by = by.before {
		moves = append(moves, by.move)
	}
	st := s.begin()
	for _, m := range slices.Backward(moves) {
		s.noteMove(&st, m)
		st = s.apply(st, m)
	}
	violation := st.w.violation
	if violation == "" {
		violation = s.runDown(st)
	}
	return &counterexample{violation: violation, trace: s.trace}
}

// noteMove tells a move before it is done.
func (s *search) noteMove(st *state, m move) {
	if !s.tracing {
		return
	}
	who := func() proc { return st.procs[m.who] }
	text := map[moveKind]string{
		goes: "", lags: ", from a replica that lags by %d", inVain: ", it is done, the answer is lost",
		repeats: ", it is done, the answer is lost, it will be repeated", unheard: ", nobody hears it", refused: ", the queue is full",
	}
	switch suffix, ofProcess := text[m.kind]; {
	case m.kind == lags:
		s.note("%s: %v"+suffix, who().program.name, who().op, m.number)
	case ofProcess:
		s.note("%s: %v%s", who().program.name, who().op, suffix)
	case m.kind == chooses:
		s.note("%s: the run %s", who().program.name, who().op.options[m.number])
	case m.kind == dies:
		s.note("%s dies before: %v", who().program.name, who().op)
	case m.kind == delivers:
		s.note("the request is delivered, to a clock that is wrong by %d h", m.number)
	case m.kind == early:
		s.note("the request is delivered before its time")
	case m.kind == sweeps:
		s.note("a sweeper comes by")
	case m.kind == submits:
		s.note("the request is submitted again")
	case m.kind == cancels:
		s.note("somebody cancels")
	case m.kind == rivals:
		s.note("another run with the key is delivered")
	case m.kind == lowers:
		s.note("somebody lowers the limit to 1")
	case m.kind == dispatches:
		s.note("the timer fires")
	case m.kind == ticks:
		s.note("%v pass", modelTick)
	}
}

// scenarios are what the search looks at. Together they hold every kind of process and fault; each alone is small
// enough to be searched whole, or nearly.
func scenarios() map[string]scenario {
	all := []ending{succeeds, beats, drains}
	return map[string]scenario{
		"crashes":          {budget: budget{crashes: 2, ticks: 2, deliveries: 3}, endings: all},
		"lost answers":     {budget: budget{lost: 2, ticks: 2, deliveries: 2}, endings: all},
		"cancel":           {budget: budget{cancels: 1, crashes: 1, ticks: 2, deliveries: 2}, endings: []ending{beats, drains}},
		"cancel, sweeper":  {budget: budget{cancels: 1, sweeps: 1, crashes: 1, ticks: 3, deliveries: 1}, endings: []ending{beats}},
		"sweeper":          {budget: budget{sweeps: 1, crashes: 1, ticks: 4, deliveries: 1}, endings: []ending{succeeds, drains}},
		"two sweepers":     {budget: budget{sweeps: 2, ticks: 4, deliveries: 1}, endings: []ending{succeeds}},
		"stale reads":      {budget: budget{stale: 2, ticks: 2, deliveries: 2, cancels: 1}, endings: []ending{beats}},
		"early deliveries": {budget: budget{early: 2, ticks: 1, deliveries: 3}, endings: all},
		"wrong clocks":     {budget: budget{jumps: 1, early: 1, ticks: 2, deliveries: 2}, endings: all},
		"full queue":       {budget: budget{full: 1, lost: 1, submits: 1, ticks: 3, deliveries: 1}, endings: []ending{succeeds}},
		"retries": {
			budget: budget{crashes: 1, lost: 1, ticks: 2, deliveries: 2}, endings: []ending{retries, succeeds},
			request: messages.RunRequest{MaxAttempts: 2},
		},
		"key": {
			budget: budget{crashes: 1, lost: 1, submits: 1, ticks: 1, deliveries: 1}, endings: []ending{succeeds},
			request: messages.RunRequest{IdempotencyKey: "k"},
		},
		"unique key": {
			budget: budget{crashes: 2, lost: 1, submits: 1, ticks: 2, deliveries: 2}, endings: []ending{succeeds},
			request: messages.RunRequest{UniqueKey: "k"},
		},
		"unique key, cancel": {
			budget: budget{crashes: 1, cancels: 1, sweeps: 1, ticks: 3, deliveries: 1}, endings: []ending{beats},
			request: messages.RunRequest{UniqueKey: "k"},
		},
		"dead letters":       {budget: budget{crashes: 4, ticks: 6, deliveries: 4}, endings: []ending{succeeds}},
		"dead letters, more": {budget: budget{crashes: 3, lost: 1, cancels: 1, ticks: 6, deliveries: 4}, endings: []ending{loses}},
		"delay": {
			budget: budget{crashes: 1, lost: 1, dispatches: 2, sweeps: 1, ticks: 2, deliveries: 1}, endings: []ending{succeeds},
			at: epoch.Add(modelTick),
		},
		"delay, cancel": {
			budget: budget{crashes: 1, cancels: 1, dispatches: 2, ticks: 2, deliveries: 1}, endings: []ending{beats},
			at: epoch.Add(modelTick),
		},
		"slots": {
			budget: budget{crashes: 1, rivals: 2, ticks: 2, deliveries: 2}, endings: []ending{succeeds, beats, drains},
			request: messages.RunRequest{ConcurrencyKey: "k"},
		},
		"slots, lost answers": {
			budget: budget{lost: 2, rivals: 1, ticks: 2, deliveries: 2}, endings: []ending{succeeds, beats},
			request: messages.RunRequest{ConcurrencyKey: "k"},
		},
		"slots, cancel": {
			budget: budget{cancels: 1, crashes: 1, sweeps: 1, rivals: 1, ticks: 2, deliveries: 1}, endings: []ending{beats},
			request: messages.RunRequest{ConcurrencyKey: "k"},
		},
		"slots handed on": {
			budget: budget{crashes: 1, lost: 1, rivals: 1, ticks: 2, deliveries: 2}, endings: []ending{succeeds, drains},
			request: messages.RunRequest{ConcurrencyKey: "k"}, heirs: true,
		},
		"a lowered limit": {
			budget: budget{rivals: 3, lowers: 1, ticks: 1, deliveries: 1}, endings: []ending{succeeds},
			request: messages.RunRequest{ConcurrencyKey: "k"}, limit: 2,
		},
		"brief": {budget: budget{crashes: 2, lost: 1, sweeps: 1, ticks: 4, deliveries: 2}, endings: all, brief: true},
		"brief, cancel": {
			budget: budget{cancels: 1, lost: 1, sweeps: 1, ticks: 3, deliveries: 1}, endings: []ending{beats}, brief: true,
		},
		"brief, submitted again": {
			budget: budget{crashes: 1, lost: 2, submits: 1, ticks: 1, deliveries: 2}, endings: []ending{succeeds}, brief: true,
		},
		"lost processes": {budget: budget{crashes: 1, lost: 1, ticks: 2, deliveries: 2}, endings: []ending{fails, loses}},
	}
}

// TestSearch looks for a way to break what is promised: one terminal reply for each run, no run lost, none stuck, no
// two workers at a run while a claim holds, none that starts after its reply is stored.
func TestSearch(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(scenarios())) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSearch(scenarios()[name])
			start := time.Now()
			bad := s.explore()
			require.Nil(t, bad, "%v", bad)
			whole := "all"
			if !s.near {
				whole = "the nearest, and some farther"
			}
			t.Logf("%s %d states, %d of them ends, up to %d steps away; what processes were told: %d; %v",
				whole, len(s.seen), len(s.settled), s.deepest, s.minds.count, time.Since(start).Round(time.Millisecond))
		})
	}
}

// TestSearchSees weakens the server in one point each, and shows what then happens.
func TestSearchSees(t *testing.T) {
	tests := map[string]struct {
		scenario
		want string
	}{
		"a reply without a fence": {
			scenario{budget: budget{ticks: 2, deliveries: 2}, endings: []ending{succeeds}, rules: rules{noFence: true}},
			"starts the run, and its reply is stored",
		},
		"a status without compare-and-set": {
			scenario{budget: budget{ticks: 2, deliveries: 2}, endings: []ending{succeeds}, rules: rules{noCAS: true}},
			"starts the run, and its reply is stored",
		},
		"a lease that nobody looks at": {
			scenario{budget: budget{ticks: 1, early: 1, deliveries: 2}, endings: []ending{beats}, rules: rules{noLease: true}},
			"the claim of",
		},
		"a slot without compare-and-set": {
			scenario{budget: budget{rivals: 1, deliveries: 1}, endings: []ending{succeeds}, rules: rules{noSlot: true}, request: messages.RunRequest{ConcurrencyKey: "k"}},
			"2 runs of the key are under way, at most 1 may be",
		},
		"a lowered limit that nobody reads": {
			scenario{
				budget: budget{rivals: 2, lowers: 1, deliveries: 1}, endings: []ending{succeeds}, rules: rules{noChange: true},
				request: messages.RunRequest{ConcurrencyKey: "k"}, limit: 2,
			},
			"2 runs of the key are under way, at most 1 may be",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			weak := newSearch(test.scenario)
			weak.most = 50_000 // it ends with the first counterexample
			bad := weak.explore()
			require.NotNil(t, bad)
			require.Contains(t, bad.violation, test.want, "%v", bad)
			t.Logf("\n%v", bad)
		})
	}
}
