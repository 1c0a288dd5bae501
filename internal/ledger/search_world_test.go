package ledger

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// world is what a server stores, as far as one run goes: a value that shares with its copies what none of them changes.
// It answers as JetStream does.
type world struct {
	now     time.Duration // since the start: true, monotonic time
	shelves [numStreams]shelf
	request struct { // the delivery state of the one request
		delivered uint64
		ready     time.Duration // from when it may be delivered
	}
	dones     int  // replies that were ever stored
	submitted bool // a submit told its caller that the run is stored
	jumped    bool // a wall clock was wrong
	lowered   int  // how many processes there were when the limit was lowered; 0: it was not
	violation string
}

// rules are what a server keeps to. Each can be switched off, to show that the search sees it.
type rules struct {
	noFence  bool // replies are stored whatever the status is
	noCAS    bool // statuses are stored whatever was stored before
	noLease  bool // leases can't be found
	noSlot   bool // slots are stored whoever has them
	noChange bool // a change of the limits can't be read
	statuses decoded
}

// shelf is one stream.
type shelf struct {
	sequence uint64
	subjects []subject // by name
	ids      []string  // message ids that were stored
}

// subject holds all that was stored, the newest last: a bucket serves the newest alone, its lagging replica an older one.
type subject struct {
	name     string
	versions []version
}

type version struct {
	data     []byte
	header   nats.Header
	sequence uint64
	stored   time.Duration
	expires  time.Duration // 0: never
	digest   uint64        // of data
	status   *messages.Status
}

// The streams. Their names are those of production.
const (
	streamRuns = iota
	streamRecords
	streamEvents
	streamLeases
	streamDead
	streamKeys
	streamTimers
	streamSettings
	numStreams
)

func streamOf(subject string) int {
	switch {
	case strings.HasPrefix(subject, "kedge.run."):
		return streamRuns
	case strings.HasSuffix(subject, ".done"), strings.HasPrefix(subject, "$KV.kedge_runs."):
		return streamRecords
	case strings.HasSuffix(subject, ".events"):
		return streamEvents
	case strings.HasPrefix(subject, "$KV.kedge_leases."):
		return streamLeases
	case strings.HasPrefix(subject, "kedge.dead."):
		return streamDead
	case strings.HasPrefix(subject, "$KV.kedge_keys."):
		return streamKeys
	case strings.HasPrefix(subject, "$KV.kedge_settings."):
		return streamSettings
	case strings.HasPrefix(subject, "kedge.schedule."):
		return streamTimers
	}
	panic("the search knows no stream of " + subject)
}

var (
	epoch   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	theKey  = Key{Tenant: "t", RunID: "r"}
	hashing = maphash.MakeSeed()

	statusSubject = natsx.KeySubject("kedge_runs", messages.StatusKey(theKey.Tenant, theKey.RunID))
	doneSubject   = messages.Subjects{}.Done(theKey.Tenant, theKey.RunID)
)

const (
	modelLease = 12 * time.Second
	// modelTick is more than the time for which a claim without a lease is believed, and less than the lease.
	modelTick    = 7 * time.Second
	modelPublish = 2 * time.Second // together with the lease: the sweeper's grace
)

func (v version) record() natsx.Record {
	return natsx.Record{Data: v.data, Header: v.header, Sequence: v.sequence, Time: epoch.Add(v.stored)}
}

func (v version) deleted() bool { return v.header.Get("KV-Operation") != "" }

// find gives a subject for reading.
func (s *shelf) find(name string) subject {
	for _, have := range s.subjects {
		if have.name == name {
			return have
		}
	}
	return subject{name: name}
}

// put replaces a subject.
func (s *shelf) put(changed subject) {
	i, found := slices.BinarySearchFunc(s.subjects, changed.name, func(have subject, want string) int { return strings.Compare(have.name, want) })
	s.subjects = slices.Clone(s.subjects)
	if !found {
		s.subjects = slices.Insert(s.subjects, i, changed)
	}
	s.subjects[i] = changed
}

func (s subject) last() (version, bool) {
	if len(s.versions) == 0 {
		return version{}, false
	}
	return s.versions[len(s.versions)-1], true
}

// read answers as a replica that is behind versions old; the leader is never behind.
func (w *world) read(from natsx.Reading, name string, behind int) (natsx.Record, error) {
	versions := w.shelves[streamOf(name)].find(name).versions
	versions = versions[:len(versions)-behind]
	if len(versions) == 0 {
		return natsx.Record{}, natsx.ErrNoRecord
	}
	found := versions[len(versions)-1]
	if from == natsx.ReadFirstFromLeader {
		found = versions[0]
	}
	if found.deleted() {
		return natsx.Record{Sequence: found.sequence}, natsx.ErrNoRecord
	}
	return found.record(), nil
}

// readAll gives what is stored below a filter that ends in a wildcard, markers of deleted values too.
func (w *world) readAll(filter string) (all []natsx.Named) {
	for _, at := range w.shelves[streamOf(filter)].subjects {
		if last, ok := at.last(); ok && strings.HasPrefix(at.name, strings.TrimSuffix(filter, "*")) {
			all = append(all, natsx.Named{Record: last.record(), Subject: at.name, Deleted: last.deleted()})
		}
	}
	return all
}

// store stores a message, or refuses it.
func (w *world) store(msg *nats.Msg, r *rules) (uint64, error) {
	stream := streamOf(msg.Subject)
	s := &w.shelves[stream]
	id := msg.Header.Get(nats.MsgIdHdr)
	if id != "" && slices.Contains(s.ids, id) {
		return 0, natsx.ErrDuplicate
	}
	if err := s.expectation(msg, r); err != nil {
		return 0, err
	}
	at := s.find(msg.Subject)
	if _, taken := at.last(); taken && stream == streamRuns {
		return 0, &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum messages per subject exceeded"}
	}
	if id != "" {
		s.ids = append(slices.Clone(s.ids), id)
	}
	s.sequence++
	v := version{data: msg.Data, header: msg.Header, sequence: s.sequence, stored: w.now, digest: maphash.Bytes(hashing, msg.Data)}
	if ttl, err := time.ParseDuration(msg.Header.Get(jetstream.MsgTTLHeader)); err == nil {
		v.expires = w.now + ttl
	}
	switch {
	case msg.Subject == doneSubject:
		if w.dones++; w.dones > 1 {
			w.fail("a second terminal reply is stored")
		}
	case msg.Subject == statusSubject && !v.deleted():
		v.status = r.statuses.decode(msg.Data, v.digest)
		w.check(at, v)
	}
	at.versions = append(slices.Clone(at.versions), v)
	s.put(at)
	if stream == streamRuns {
		w.request.delivered, w.request.ready = 0, w.now
	}
	return s.sequence, nil
}

func (s *shelf) expectation(msg *nats.Msg, r *rules) error {
	expected := msg.Header.Get(jetstream.ExpectedLastSubjSeqHeader)
	if expected == "" || r.noSlot && strings.HasPrefix(msg.Subject, "$KV.kedge_keys.slot.") || r.noFence && msg.Subject == doneSubject || r.noCAS && msg.Subject == statusSubject {
		return nil
	}
	of := msg.Header.Get(jetstream.ExpectedLastSubjSeqSubjHeader)
	if of == "" {
		of = msg.Subject
	}
	last, _ := s.find(of).last()
	if want, _ := strconv.ParseUint(expected, 10, 64); last.sequence != want {
		return &jetstream.APIError{Code: 400, ErrorCode: 10071, Description: fmt.Sprintf("wrong last sequence: %d", last.sequence)}
	}
	return nil
}

// check looks at each status before it is stored.
func (w *world) check(at subject, next version) {
	last, found := at.last()
	switch {
	case next.status == nil:
		w.fail("an unreadable status is stored")
	case next.status.State.Terminal() && w.dones == 0:
		w.fail("the status says %s, and no reply is stored", next.status.State)
	case next.status.State == messages.StateDead && len(w.shelves[streamDead].subjects) == 0:
		w.fail("the run is dead, and there is no dead letter")
	case !found || last.status == nil:
	case last.status.State.Terminal() && last.digest != next.digest:
		w.fail("a final status, %s, is overwritten by %s", last.status.State, next.status.State)
	case next.status.Epoch < last.status.Epoch:
		w.fail("the epoch falls from %d to %d", last.status.Epoch, next.status.Epoch)
	case !last.status.State.Terminal() && !last.status.State.CanBecome(next.status.State):
		w.fail("the status goes from %s to %s", last.status.State, next.status.State)
	}
}

// decoded keeps statuses by the digest of their text: the same few come again and again.
type decoded map[uint64]*messages.Status

func (d decoded) decode(data []byte, digest uint64) *messages.Status {
	if status, known := d[digest]; known {
		return status
	}
	var status messages.Status
	if json.Unmarshal(data, &status) == nil {
		d[digest] = &status
	}
	return d[digest]
}

func (w *world) fail(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
	}
}

// pass lets time pass: what has run out is gone.
func (w *world) pass(d time.Duration) {
	w.now += d
	for i := range w.shelves {
		s := &w.shelves[i]
		for _, at := range s.subjects {
			if last, ok := at.last(); ok && last.expires > 0 && last.expires <= w.now {
				s.put(subject{name: at.name})
			}
		}
	}
}

// queued gives the stored request.
func (w *world) queued() (request version, subject string, ok bool) {
	for _, at := range w.shelves[streamRuns].subjects {
		if last, ok := at.last(); ok {
			return last, at.name, true
		}
	}
	return version{}, "", false
}

// remove takes the request out of the queue: by its sequence, 0: whatever it is.
func (w *world) remove(name string, sequence uint64) {
	s := &w.shelves[streamRuns]
	if last, ok := s.find(name).last(); ok && (sequence == 0 || last.sequence == sequence) {
		s.put(subject{name: name})
	}
}

// snapshot is what an auditor reads.
func (w *world) snapshot() audit.Snapshot {
	run := audit.Run{Tenant: theKey.Tenant, ID: theKey.RunID}
	s := audit.Snapshot{At: epoch.Add(w.now), Statuses: map[audit.Run]audit.Status{}, Replies: map[audit.Run][]audit.Reply{}}
	records := &w.shelves[streamRecords]
	if status, ok := records.find(statusSubject).last(); ok && status.status != nil {
		s.Statuses[run] = audit.Status{Status: *status.status, Sequence: status.sequence}
	}
	if done, ok := records.find(doneSubject).last(); ok {
		if reply, err := messages.DecodeReply(done.data); err == nil {
			s.Replies[run] = []audit.Reply{{Ended: *reply.Ended(), Sequence: done.sequence}}
		}
	}
	if request, at, ok := w.queued(); ok {
		s.Requests = append(s.Requests, audit.Request{Run: run, Subject: at, Sequence: request.sequence, StoredAt: epoch.Add(request.stored)})
	}
	for _, at := range w.shelves[streamKeys].subjects {
		last, ok := at.last()
		if ok && !last.deleted() && strings.HasPrefix(at.name, natsx.KeySubject("kedge_keys", "unique.")) {
			s.Keys = append(s.Keys, audit.Owned{Run: run, Name: at.name, StoredAt: epoch.Add(last.stored)})
		}
		if ok && !last.deleted() && strings.HasPrefix(at.name, natsx.KeySubject("kedge_keys", kindSlot+".")) {
			var owner slotOwner
			if json.Unmarshal(last.data, &owner) == nil {
				s.Keys = append(s.Keys, audit.Owned{Run: audit.Run{Tenant: theKey.Tenant, ID: owner.RunID}, Name: at.name, StoredAt: epoch.Add(last.stored)})
			}
		}
	}
	for _, at := range w.shelves[streamLeases].subjects {
		if last, ok := at.last(); ok && !last.deleted() {
			of, _ := strconv.ParseUint(at.name[strings.LastIndexByte(at.name, '.')+1:], 10, 64)
			s.Leases = append(s.Leases, audit.Lease{Run: run, Epoch: of})
		}
	}
	return s
}

// digest identifies what is stored.
func (w *world) digest(h *maphash.Hash) {
	maphash.WriteComparable(h, w.request)
	maphash.WriteComparable(h, [3]int64{int64(w.now), int64(w.dones), int64(w.lowered)})
	maphash.WriteComparable(h, [2]bool{w.submitted, w.jumped})
	for i := range w.shelves {
		maphash.WriteComparable(h, w.shelves[i].sequence)
		for _, at := range w.shelves[i].subjects {
			for _, v := range at.versions {
				maphash.WriteComparable(h, [3]uint64{v.digest, v.sequence, uint64(v.expires)})
			}
			maphash.WriteComparable(h, len(at.versions))
		}
	}
}
