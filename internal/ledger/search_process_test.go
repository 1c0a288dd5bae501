package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// The search runs the ledger itself. A submitter, worker, canceller or sweeper is a coroutine that calls the ledger as
// its real caller does; each read, store, ack and put-back of the ledger is an op that it hands to the search. What a
// process does next depends only on what it was told so far, so the search keeps a tree of that for each program, and
// runs code only where no history has been before.

// op is what a process does next.
type op struct {
	kind    opKind
	subject string
	msg     *nats.Msg
	reading natsx.Reading
	options []string // opChoose
	text    string   // opNote, opFail; opRuns: the run
	delay   time.Duration
	leased  bool   // opRuns: there is a lease
	request uint64 // sequence of the message that is acked; 0: any
}

type opKind int

const (
	opEnd opKind = iota // the process has ended
	opRead
	opStore
	opAck // also purges
	opNak
	opWork   // nodes run
	opChoose // of no concern to other processes
	// What follows happens at once: nobody else can see a difference.
	opAlive // the message is kept from others for another ack wait
	opRuns  // the run is under way, and the claim holds for delay from the start of the world
	opRests // the run is under way no more
	opSubmitted
	opLowered // the limit of the concurrency key is 1 from now on
	opNote
	opFail
)

// answer is what a process is told about its op.
type answer struct {
	now      time.Duration
	record   natsx.Record
	records  []natsx.Named
	digest   uint64 // of the record
	sequence uint64
	option   int
	err      error
}

// key tells answers apart.
func (a answer) key() uint64 {
	text := ""
	if a.err != nil {
		text = a.err.Error()
	}
	return maphash.Comparable(hashing, [1]any{[6]any{a.now, a.record.Sequence, a.digest, a.sequence, a.option, text}})
}

// program is what a process is from its start. Equal ones behave equally when they are told the same.
type program struct {
	name      string
	number    int           // in its history
	born      time.Duration // its first look at the clock
	wall      time.Duration // by which its wall clock is wrong
	request   uint64        // digest of the delivered request, its sequence, and how often it was delivered
	sequence  uint64
	delivered uint64
}

// mind is what a process of a program was told, and so what it does next.
type mind struct {
	program program
	run     func(*process)
	parent  *mind
	told    answer
	id      int
	op      op
	next    map[uint64]*mind
}

// minds holds the trees of all programs.
type minds struct {
	roots  map[program]*mind
	parked map[*mind]*process // coroutines that wait where a tree may grow
	count  int
}

// maxParked bounds the coroutines; one that is missing is made again from its root.
const maxParked = 512

func (s *minds) start(what program, run func(*process)) *mind {
	root := s.roots[what]
	if root == nil {
		root = &mind{program: what, run: run}
		p := root.revive(nil)
		s.grow(root, p, p.pending)
		s.roots[what] = root
	}
	return root
}

// tell gives what a process does next when it is told a.
func (s *minds) tell(m *mind, a answer) *mind {
	key := a.key()
	if next := m.next[key]; next != nil {
		return next
	}
	p := s.parked[m]
	delete(s.parked, m)
	if p == nil {
		p = m.revive(nil)
	}
	p.resume(a)
	next := &mind{program: m.program, run: m.run, parent: m, told: a}
	if m.next == nil {
		m.next = map[uint64]*mind{}
	}
	m.next[key] = next
	s.grow(next, p, p.pending)
	return next
}

func (s *minds) grow(m *mind, p *process, o op) {
	s.count++
	m.id, m.op = s.count, o
	if o.kind == opEnd {
		return
	}
	if len(s.parked) >= maxParked {
		for other, parked := range s.parked {
			parked.stop()
			delete(s.parked, other)
			break
		}
	}
	s.parked[m] = p
}

func (s *minds) end() {
	for _, p := range s.parked {
		p.stop()
	}
}

// revive makes a coroutine that was told what m was told.
func (m *mind) revive(then []answer) *process {
	if m.parent != nil {
		return m.parent.revive(append(then, m.told))
	}
	p := &process{program: m.program, now: m.program.born}
	p.next, p.stop = iter.Pull(func(yield func(op) bool) {
		defer func() {
			if r := recover(); r != nil && r != any(died{}) {
				panic(r)
			}
		}()
		p.yield = yield
		m.run(p)
	})
	p.pending, _ = p.next()
	for i := len(then) - 1; i >= 0; i-- {
		p.resume(then[i])
	}
	return p
}

// process is a coroutine that calls the ledger.
type process struct {
	program
	now     time.Duration
	next    func() (op, bool)
	stop    func()
	yield   func(op) bool
	pending op
	told    answer
}

// died ends the coroutine of a process that is not needed any more.
type died struct{}

// ask hands an op to the search and gives the answer.
func (p *process) ask(o op) answer {
	if !p.yield(o) {
		panic(died{})
	}
	p.now = p.told.now
	return p.told
}

func (p *process) resume(a answer) {
	p.told = a
	p.pending, _ = p.next()
}

func (p *process) note(format string, args ...any) {
	p.ask(op{kind: opNote, text: fmt.Sprintf(format, args...)})
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

// ledger gives the process a ledger of its own, whose server is the search.
func (p *process) ledger() *Ledger {
	l := assemble(standIn{p: p}, nil, Config{
		LeaseTTL: modelLease, PublishTimeout: modelPublish,
		// No two processes read the same time.
		Now: func() time.Time { return epoch.Add(p.now + p.wall + time.Duration(p.number)) },
	}.withDefaults())
	l.clock, l.feedTime, l.debts.wait = func() time.Time { return epoch.Add(p.now) }, -1, -1
	l.serverTime = func(context.Context) (time.Time, error) { return epoch.Add(p.now), nil }
	for _, priority := range messages.Priorities() {
		l.declared.Store(natsx.ConsumerName("q", theKey.Tenant, priority), true)
	}
	return l
}

// standIn is the server as one process sees it.
type standIn struct {
	jetstream.JetStream // only what the ledger uses in a step is there
	p                   *process
}

func (s standIn) ReadRecord(_ context.Context, from natsx.Reading, _, subject string) (natsx.Record, error) {
	a := s.p.ask(op{kind: opRead, subject: subject, reading: from})
	return a.record, a.err
}

// ReadRecords gives the slots of a key, as the leader knows them.
func (s standIn) ReadRecords(_ context.Context, _, filter string) ([]natsx.Named, error) {
	a := s.p.ask(op{kind: opRead, subject: filter, reading: natsx.ReadLastFromLeader})
	return a.records, a.err
}

func (s standIn) StoreRecord(_ context.Context, msg *nats.Msg) (uint64, error) {
	a := s.p.ask(op{kind: opStore, subject: msg.Subject, msg: msg})
	return a.sequence, a.err
}

func (s standIn) Stream(context.Context, string) (jetstream.Stream, error) {
	return purger{p: s.p}, nil
}

// Consumer gives one that has passed nothing.
func (s standIn) Consumer(context.Context, string, string) (jetstream.Consumer, error) {
	return untouched{}, nil
}

type untouched struct{ jetstream.Consumer }

func (untouched) CachedInfo() *jetstream.ConsumerInfo { return &jetstream.ConsumerInfo{} }

type purger struct {
	jetstream.Stream // only Purge is there
	p                *process
}

func (s purger) Purge(_ context.Context, opts ...jetstream.StreamPurgeOpt) error {
	var request jetstream.StreamPurgeRequest
	for _, opt := range opts {
		if err := opt(&request); err != nil {
			return err
		}
	}
	return s.p.ask(op{kind: opAck, subject: request.Subject}).err
}

// fetchedMsg is a delivery of the request to one process.
type fetchedMsg struct {
	jetstream.Msg // only what the ledger uses is there
	p             *process
	subject       string
	v             version
	foreign       bool // it is of another run than the search's, and its queue is none of the search's business
}

func (m *fetchedMsg) Subject() string      { return m.subject }
func (m *fetchedMsg) Data() []byte         { return m.v.data }
func (m *fetchedMsg) Headers() nats.Header { return m.v.header }

func (m *fetchedMsg) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{
		NumDelivered: m.p.delivered, Timestamp: epoch.Add(m.v.stored), Sequence: jetstream.SequencePair{Stream: m.v.sequence},
	}, nil
}

func (m *fetchedMsg) DoubleAck(context.Context) error {
	if m.foreign {
		return nil
	}
	return m.p.ask(op{kind: opAck, subject: m.subject, request: m.v.sequence}).err
}

func (m *fetchedMsg) NakWithDelay(delay time.Duration) error {
	if m.foreign {
		return nil
	}
	return m.p.ask(op{kind: opNak, subject: m.subject, delay: delay}).err
}

func (m *fetchedMsg) InProgress() error {
	if m.foreign {
		return nil
	}
	return m.p.ask(op{kind: opAlive}).err
}

func (o op) String() string {
	subject := strings.TrimPrefix(strings.TrimPrefix(o.subject, "$KV."), "kedge.")
	switch o.kind {
	case opRead:
		return fmt.Sprintf("%v %s", o.reading, subject)
	case opStore:
		text := "store " + subject
		if what := brief(o.msg.Data); what != "" {
			text += " (" + what + ")"
		}
		if at := o.msg.Header.Get(jetstream.ExpectedLastSubjSeqHeader); at != "" {
			text += " if the status is at " + at
		}
		return text
	case opAck:
		return "ack"
	case opWork:
		return "goes on with the run"
	case opNak:
		return fmt.Sprintf("put back for %v", o.delay)
	}
	return o.text
}

// brief is a status or reply for people.
func brief(data []byte) string {
	var s struct {
		State messages.State
		Epoch uint64
		Owner string
	}
	if json.Unmarshal(data, &s) != nil || s.State == "" {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("%s, epoch %d, %s", s.State, s.Epoch, s.Owner), ", ")
}
