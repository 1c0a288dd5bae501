package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// state is what the search compares: what is stored, what each living process was told, and what may still happen.
type state struct {
	w       world
	left    budget
	procs   []proc
	started int // processes so far
}

// proc is a living process.
type proc struct {
	*mind
	running bool          // the run is under way in it
	leased  bool          // it has given a sign of life
	until   time.Duration // when its claim is over
	run     string        // that is under way in it
}

// budget bounds what happens in one history.
type budget struct {
	crashes, lost, stale, full int // processes that die, answers that do, reads that lag, requests without room
	ticks                      int // of modelTick
	deliveries, early, jumps   int // of the request; of these: before the ack wait is over, to a wrong wall clock
	submits, cancels, sweeps   int // processes
	dispatches                 int // processes that a timer wakes
	rivals, lowers             int // processes that work on other runs with the key; that lower its limit to 1
}

// move is one thing that may happen next.
type move struct {
	kind   moveKind
	who    int // index of the process
	number int // of the option; by how many versions a replica lags; an hour of the wall clock
}

type moveKind int

const (
	goes     moveKind = iota // a process does its op
	lags                     // it reads from a replica that lags
	chooses                  // an option
	inVain                   // it does its op, the answer is lost, and it gives up
	repeats                  // it does its op, the answer is lost, and it does it again
	unheard                  // nobody hears it
	refused                  // the stream is full
	dies                     // it dies before its op
	delivers                 // the request is delivered
	early                    // before its time
	sweeps
	submits
	cancels
	dispatches
	rivals
	lowers
	ticks
)

// moves lists what may happen next, always in the same order.
func (s *search) moves(st *state) []move {
	for i, p := range st.procs {
		if p.op.kind == opChoose {
			all := make([]move, len(p.op.options))
			for n := range all {
				all[n] = move{kind: chooses, who: i, number: n}
			}
			return all
		}
	}
	var all []move
	for i, p := range st.procs {
		all = st.fates(all, i, p.op)
	}
	return st.events(all)
}

// fates adds what may become of the op of a process.
func (st *state) fates(all []move, who int, o op) []move {
	add := func(allowed bool, kind moveKind) {
		if allowed {
			all = append(all, move{kind: kind, who: who})
		}
	}
	add(true, goes)
	if o.kind == opRead && o.reading == natsx.ReadLastDirect && st.left.stale > 0 {
		for lag := range st.w.shelves[streamOf(o.subject)].find(o.subject).versions {
			all = append(all, move{kind: lags, who: who, number: lag + 1})
		}
	}
	changes := o.kind == opStore || o.kind == opAck
	add(changes && st.left.lost > 0, inVain)
	add(changes && st.left.lost > 0, repeats)
	add((changes || o.kind == opRead) && st.left.lost > 0, unheard)
	add(o.kind == opStore && st.left.full > 0 && streamOf(o.subject) == streamRuns, refused)
	add(st.left.crashes > 0, dies)
	return all
}

// events adds what may happen beside the processes.
func (st *state) events(all []move) []move {
	add := func(allowed bool, m move) {
		if allowed {
			all = append(all, m)
		}
	}
	_, _, stored := st.w.queued()
	if stored && st.left.deliveries > 0 && st.count("worker") < 2 {
		ready := st.w.request.ready <= st.w.now
		add(ready, move{kind: delivers})
		add(ready && st.left.jumps > 0, move{kind: delivers, number: 1})
		add(ready && st.left.jumps > 0, move{kind: delivers, number: -1})
		add(!ready && st.left.early > 0, move{kind: early})
	}
	add(st.left.sweeps > 0 && st.count("sweeper") == 0, move{kind: sweeps})
	add(st.left.submits > 0 && st.count("submitter") == 0, move{kind: submits})
	add(st.left.cancels > 0, move{kind: cancels})
	timer := slices.ContainsFunc(st.w.shelves[streamTimers].subjects, func(at subject) bool { return len(at.versions) > 0 })
	add(timer && st.left.dispatches > 0 && st.count("dispatcher") == 0, move{kind: dispatches})
	add(st.left.rivals > 0, move{kind: rivals})
	add(st.left.lowers > 0, move{kind: lowers})
	add(st.left.ticks > 0, move{kind: ticks})
	return all
}

func (st *state) count(name string) int {
	n := 0
	for _, p := range st.procs {
		if strings.HasPrefix(p.program.name, name) {
			n++
		}
	}
	return n
}

// apply gives the state after a move.
func (s *search) apply(st state, m move) state {
	st.procs = slices.Clone(st.procs)
	switch m.kind {
	case goes:
		s.tell(&st, m.who, s.act(&st, st.procs[m.who].op, 0))
	case lags:
		st.left.stale--
		s.tell(&st, m.who, s.act(&st, st.procs[m.who].op, m.number))
	case chooses:
		s.tell(&st, m.who, answer{option: m.number})
	case inVain:
		st.left.lost--
		s.act(&st, st.procs[m.who].op, 0)
		s.tell(&st, m.who, answer{err: nats.ErrTimeout})
	case repeats:
		st.left.lost--
		s.act(&st, st.procs[m.who].op, 0)
	case unheard:
		st.left.lost--
		s.tell(&st, m.who, answer{err: nats.ErrTimeout})
	case refused:
		st.left.full--
		s.tell(&st, m.who, answer{err: &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}})
	case dies:
		st.left.crashes--
		st.procs = slices.Delete(st.procs, m.who, m.who+1)
	default:
		s.happen(&st, m)
	}
	return st
}

// happen does what is no process's op.
func (s *search) happen(st *state, m move) {
	switch m.kind {
	case delivers, early:
		st.left.deliveries--
		if m.kind == early {
			st.left.early--
		}
		if m.number != 0 {
			st.left.jumps--
			st.w.jumped = true
		}
		s.deliver(st, time.Duration(m.number)*time.Hour)
	case sweeps:
		st.left.sweeps--
		s.start(st, program{name: "sweeper"}, s.sweepProgram)
	case submits:
		st.left.submits--
		s.start(st, program{name: "submitter"}, s.submitProgram)
	case cancels:
		st.left.cancels--
		s.start(st, program{name: "canceller"}, cancelProgram)
	case dispatches:
		st.left.dispatches--
		s.start(st, program{name: "dispatcher"}, dispatchProgram)
	case rivals:
		s.start(st, program{name: fmt.Sprintf("rival %d", st.left.rivals), delivered: 2}, s.rivalProgram)
		st.left.rivals--
	case lowers:
		st.left.lowers--
		s.start(st, program{name: "operator"}, lowerProgram)
	case ticks:
		st.left.ticks--
		st.w.pass(modelTick)
	}
}

// act does an op, and gives the answer.
func (s *search) act(st *state, o op, lag int) answer {
	var a answer
	switch o.kind {
	case opRead:
		if strings.HasSuffix(o.subject, "*") {
			a.records = st.w.readAll(o.subject)
			for _, r := range a.records {
				a.digest = maphash.Comparable(hashing, [3]uint64{a.digest, r.Sequence, maphash.Bytes(hashing, r.Data)})
			}
			return a
		}
		if s.scenario.rules.noChange && streamOf(o.subject) == streamSettings {
			o.reading = natsx.ReadFirstFromLeader
		}
		a.record, a.err = st.w.read(o.reading, o.subject, lag)
		if s.scenario.rules.noLease && streamOf(o.subject) == streamLeases {
			a = answer{err: natsx.ErrNoRecord}
		}
		a.digest = maphash.Bytes(hashing, a.record.Data)
	case opStore:
		a.sequence, a.err = st.w.store(o.msg, &s.scenario.rules)
	case opAck:
		st.w.remove(o.subject, o.request)
	case opNak:
		st.w.request.ready = st.w.now + o.delay
	case opAlive:
		st.w.request.ready = st.w.now + modelLease
	}
	return a
}

// tell gives a process its answer, and does what it then does at once.
func (s *search) tell(st *state, who int, a answer) {
	p := &st.procs[who]
	a.now = st.w.now
	p.mind = s.minds.tell(p.mind, a)
	s.settleDown(st, who)
}

// settleDown does the ops of a process that nobody can come between.
func (s *search) settleDown(st *state, who int) {
	p := &st.procs[who]
	for {
		switch o := p.op; o.kind {
		case opEnd:
			st.procs = slices.Delete(st.procs, who, who+1)
			return
		case opNote:
			s.note("        %s: %s", p.program.name, o.text)
		case opRuns:
			began := !p.running
			p.running, p.leased, p.until, p.run = true, o.leased, o.delay, o.text
			st.exclude(who)
			s.bound(st, who)
			if began && o.text == string(theKey.RunID) && st.w.dones > 0 && st.holds(*p) && !st.w.jumped {
				st.w.fail("%s starts the run, and its reply is stored", p.program.name)
			}
		case opRests:
			p.running = false
		case opLowered:
			st.w.lowered = st.started
		case opSubmitted:
			st.w.submitted = true
		case opFail:
			st.w.fail("%s", o.text)
		case opAlive:
			s.act(st, o, 0)
		case opStore:
			// Of the events only the first message, which keeps the request, is read by the protocol.
			if streamOf(o.subject) != streamEvents || len(st.w.shelves[streamEvents].find(o.subject).versions) == 0 {
				return
			}
		default:
			return
		}
		p.mind = s.minds.tell(p.mind, answer{now: st.w.now})
	}
}

// exclude: while a claim holds, nobody else runs the run.
func (st *state) exclude(who int) {
	if st.w.jumped {
		return // the wall clock decides how long a claim without a lease is believed
	}
	for i, other := range st.procs {
		if i != who && other.run == st.procs[who].run && st.holds(other) && st.holds(st.procs[who]) {
			st.w.fail("%s runs it, and the claim of %s holds until %v", st.procs[who].program.name, other.program.name, other.until)
		}
	}
}

// bound: of a concurrency key no more runs are under way, each as long as its claim may last, than its limit allows.
// Who came after it was lowered sees the new one.
func (s *search) bound(st *state, who int) {
	if s.scenario.request.ConcurrencyKey == "" {
		return
	}
	limit, n := max(1, s.scenario.limit), 0
	if st.w.lowered > 0 && st.procs[who].program.number > st.w.lowered {
		limit = 1
	}
	for _, p := range st.procs {
		if p.running && st.w.now < p.until {
			n++
		}
	}
	if n > limit {
		st.w.fail("%s starts %s, and %d runs of the key are under way, at most %d may be", st.procs[who].program.name, st.procs[who].run, n, limit)
	}
}

// holds reports whether nobody else should run what p runs: a claim without a lease is believed for half its time.
func (st *state) holds(p proc) bool {
	until := p.until
	if !p.leased {
		until -= modelLease / 2
	}
	return p.running && st.w.now < until
}

func (s *search) start(st *state, what program, run func(*process)) {
	st.started++
	what.number, what.born = st.started, st.w.now
	st.procs = append(st.procs, proc{mind: s.minds.start(what, run)})
	s.settleDown(st, len(st.procs)-1)
}

// deliver starts the work of one of two workers on the request.
func (s *search) deliver(st *state, wall time.Duration) {
	request, at, _ := st.w.queued()
	st.w.request.delivered++
	st.w.request.ready = st.w.now + modelLease
	name := "worker 1"
	if st.count(name) > 0 {
		name = "worker 2"
	}
	what := program{
		name: name, wall: wall, sequence: request.sequence, delivered: st.w.request.delivered,
		request: maphash.Comparable(hashing, [3]any{request.digest, request.stored, request.header.Get(messages.RevisionHeader)}),
	}
	s.start(st, what, func(p *process) { s.work(p, &fetchedMsg{p: p, subject: at, v: request}) })
}

// submitProgram submits the request. Only the first submit can take the run for a brief one, since its id is new.
func (s *search) submitProgram(p *process) {
	request := s.scenario.request
	request.RunID = theKey.RunID
	l, brief := p.ledger(), s.scenario.brief && p.number == 1
	_, err := l.Submit(context.Background(), Submission{
		Tenant: theKey.Tenant, Queue: "q", Request: &request, At: s.scenario.at, Brief: brief,
	})
	p.note("is told: %v", result(err))
	if err == nil {
		p.ask(op{kind: opSubmitted})
	}
	if brief && p.ask(op{kind: opChoose, options: []string{"is not brief", "has ended soon"}}).option == 0 {
		l.payAll(context.Background())
	}
}

func cancelProgram(p *process) {
	status, err := p.ledger().Cancel(context.Background(), theKey, messages.Cancel{By: "somebody"})
	p.note("is told: %v", result(err))
	if errors.Is(err, ErrEnded) && !status.State.Terminal() {
		p.ask(op{kind: opFail, text: fmt.Sprintf("a cancel is told that the run has ended, and it is %s", status.State)})
	}
}

func (s *search) sweepProgram(p *process) {
	l := p.ledger()
	if s.scenario.brief {
		subject := l.cfg.Subjects.Request(messages.DefaultPriority, "q", theKey.Tenant, theKey.RunID)
		p.note("adopted: %v", result(l.sweepOrphan(context.Background(), subject)))
	}
	did, err := l.sweepOne(context.Background(), theKey, p.name)
	p.note("mended: %v, %v", did, result(err))
	if key := s.scenario.request.UniqueKey; key != "" {
		_ = l.sweepKey(context.Background(), keyName(kindUnique, theKey.Tenant, key))
	}
}

// dispatchProgram does what a fired timer asks for.
func dispatchProgram(p *process) {
	l := p.ledger()
	p.note("dispatched: %v", result(l.promote(context.Background(), theKey, epoch.Add(p.now), p.name)))
}

// work does what worker.execute does with a delivery.
func (s *search) work(p *process, msg *fetchedMsg) {
	l := p.ledger()
	c, err := l.Claim(context.Background(), msg, p.name)
	if errors.Is(err, ErrAlone) {
		c, err = l.ClaimAlone(context.Background(), msg, p.name)
	}
	switch {
	case err != nil:
		p.note("cannot claim: %v", err)
		_ = msg.NakWithDelay(time.Second)
		return
	case c == nil:
		p.note("has nothing to run")
		return
	}
	p.note("runs it in epoch %d", c.Status().Epoch)
	var left *Slot
	if s.scenario.heirs {
		c.OnLeave(func(slot *Slot) { left = slot })
		defer func() { s.inherit(p, l, left) }()
	}
	p.runs(c)
	c.feed.flush()
	var options []string
	for _, e := range s.scenario.endings {
		options = append(options, e.name)
	}
	s.scenario.endings[p.ask(op{kind: opChoose, options: options}).option].do(p, c)
}

func (p *process) runs(c *Claim) {
	p.ask(op{kind: opRuns, delay: c.ExpiresAt().Sub(epoch), leased: c.leased, text: string(c.Status().RunID)})
}

// inherit does what a worker does with a slot that one of its runs left, when another run waits there.
func (s *search) inherit(p *process, l *Ledger, slot *Slot) {
	if slot == nil {
		return
	}
	c, err := l.Waiter(s.rival(p, "heir")).Claim(context.Background(), p.name, slot)
	p.note("hands its slot on: %v", result(err))
	if c != nil {
		p.runs(c)
		succeeds.do(p, c)
	}
}

// rival is the request of another run with the same concurrency key.
func (s *search) rival(p *process, run messages.RunID) *fetchedMsg {
	request := s.scenario.request
	request.RunID = run
	data, err := json.Marshal(request)
	if err != nil {
		panic(err)
	}
	return &fetchedMsg{
		p: p, foreign: true, subject: messages.Subjects{}.Request(messages.P1, "q", theKey.Tenant, run),
		v: version{data: data, sequence: 1000 + uint64(p.number), stored: p.born},
	}
}

// rivalProgram does with another run what a worker does, if its key lets it.
func (s *search) rivalProgram(p *process) {
	c, err := p.ledger().Claim(context.Background(), s.rival(p, messages.RunID(strings.ReplaceAll(p.name, " ", "-"))), p.name)
	if c == nil {
		p.note("has nothing to run: %v", result(err))
		return
	}
	p.runs(c)
	p.ask(op{kind: opWork})
	succeeds.do(p, c)
}

// lowerProgram lowers the limit of the key to 1.
func lowerProgram(p *process) {
	err := p.ledger().SetLimit(context.Background(), theKey.Tenant, "k", messages.Limit{Concurrency: 1, At: epoch})
	p.note("is told: %v", result(err))
	if err == nil {
		p.ask(op{kind: opLowered})
	}
}

// ending is what a worker does with its claim; the search tries all.
type ending struct {
	name string
	do   func(p *process, c *Claim)
}

// The endings of a run.
var (
	succeeds = ending{"succeeds", func(p *process, c *Claim) {
		p.finish(c, &messages.Reply{Result: &messages.RunResult{NodesRun: 1}})
	}}
	fails = ending{"fails", func(p *process, c *Claim) {
		p.finish(c, failed(messages.StateFailed, messages.CodeNodeFailed, "no"))
	}}
	beats = ending{"gives a sign of life", func(p *process, c *Claim) {
		if !epoch.Add(p.now).Before(c.ExpiresAt()) {
			p.note("stops, since its claim is over")
			p.ask(op{kind: opRests})
			return
		}
		switch err := c.Beat(context.Background(), &messages.Progress{Done: 1, Total: 2}); {
		case errors.Is(err, ErrLost):
			p.note("stops: %v", err)
			p.ask(op{kind: opRests})
		case errors.Is(err, ErrCancelled):
			p.finish(c, cancelledReply(c.Status().Cancel))
		default:
			p.runs(c)
			p.ask(op{kind: opWork})
			succeeds.do(p, c)
		}
	}}
	drains = ending{"is put back", func(p *process, c *Claim) {
		p.ask(op{kind: opRests})
		_ = c.PutBack(context.Background(), Outcome{Delay: time.Second, Reason: "its worker stopped"})
	}}
	retries = ending{"fails and is tried again", func(p *process, c *Claim) {
		p.ask(op{kind: opRests})
		failure := &messages.Failure{Code: messages.CodeNodeFailed, Message: "no"}
		if again, ok := c.Retry(messages.RetryPolicy{}, failure); ok {
			again.Delay = time.Second
			_ = c.PutBack(context.Background(), again)
			return
		}
		p.finish(c, failed(messages.StateFailed, messages.CodeNodeFailed, "no"))
	}}
	loses = ending{"loses its process", func(p *process, c *Claim) {
		p.ask(op{kind: opRests})
		_ = c.PutBack(context.Background(), Outcome{Delay: time.Second, Reason: "its process was lost", Lost: true})
	}}
)

// finish stores a reply, and tries again when that fails.
func (p *process) finish(c *Claim, reply *messages.Reply) {
	p.ask(op{kind: opRests})
	for range 2 {
		err := c.Finish(context.Background(), reply)
		p.note("finish: %v", result(err))
		if err == nil || errors.Is(err, ErrLost) {
			return
		}
	}
}
