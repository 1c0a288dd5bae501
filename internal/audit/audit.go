package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kedge-run/kedge/messages"
)

// Kind says what is wrong.
type Kind string

// The kinds of findings.
const (
	// KindLost: a run has no terminal reply, though it was submitted or says that it has ended.
	KindLost Kind = "lost run"
	// KindDouble: a run has more than one terminal reply.
	KindDouble Kind = "double reply"
	// KindContradiction: the final status of a run is no copy of its reply.
	KindContradiction Kind = "contradiction"
	// KindStuck: a run has not ended, and nothing will bring it to a worker.
	KindStuck Kind = "stuck status"
	// KindMessage: a request is stored whose run has ended or is unknown.
	KindMessage Kind = "message left"
	// KindLease: a sign of life of a claim that is over.
	KindLease Kind = "orphan lease"
	// KindKey: a key or slot that belongs to no run.
	KindKey Kind = "orphan key"
	// KindObject: an object that belongs to no run.
	KindObject Kind = "orphan object"
	// KindUnreadable: a value that this version cannot read.
	KindUnreadable Kind = "unreadable"
)

// Kinds lists the kinds in the order of a report.
func Kinds() []Kind {
	return []Kind{KindLost, KindDouble, KindContradiction, KindStuck, KindMessage, KindLease, KindKey, KindObject, KindUnreadable}
}

// Run names a run.
type Run struct {
	Tenant string         `json:"tenant,omitempty"`
	ID     messages.RunID `json:"run_id,omitempty"`
}

// Finding is one thing that must not be.
type Finding struct {
	Kind Kind `json:"kind"`
	Run
	Detail string `json:"detail"`
}

// String is a line for people.
func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Kind, f.ID, f.Detail) }

// Snapshot is what is stored at one moment, as far as it matters.
type Snapshot struct {
	// At is the server's time of the snapshot.
	At       time.Time
	Statuses map[Run]Status
	Replies  map[Run][]Reply // by sequence
	Requests []Request
	Leases   []Lease
	Keys     []Owned
	Objects  []Owned
	// Unreadable are values that could not be read.
	Unreadable []Finding
}

// Status is a stored status.
type Status struct {
	messages.Status
	Sequence uint64 // in the stream that it shares with the replies
}

// Reply is a stored reply.
type Reply struct {
	Ended    messages.Ended
	Sequence uint64
}

// Request is a stored request.
type Request struct {
	Run
	Subject  string
	Sequence uint64
	StoredAt time.Time
}

// Lease is a sign of life of a claim.
type Lease struct {
	Run
	Epoch uint64
}

// Owned is a key or object that belongs to a run.
type Owned struct {
	Run
	Name     string
	StoredAt time.Time
}

// Expect says what should be.
type Expect struct {
	// Submitted are runs that must have a record. Defaults to none.
	Submitted []Run
	// Ended asks that every run has ended: nothing is under way, and nothing may be left.
	Ended bool
	// Grace is how long a change may be under way: what is younger is no finding.
	Grace time.Duration
	// Objects is how long an object may lie before its run is submitted.
	Objects time.Duration
}

// Findings compares a snapshot with what should be; they are ordered by kind and run.
func (s Snapshot) Findings(expect Expect) []Finding {
	found := slices.Clone(s.Unreadable)
	add := func(kind Kind, run Run, format string, args ...any) {
		found = append(found, Finding{Kind: kind, Run: run, Detail: fmt.Sprintf(format, args...)})
	}
	for _, run := range expect.Submitted {
		if _, known := s.Statuses[run]; !known {
			add(KindLost, run, "it was submitted, and there is no status of it")
		}
	}
	waiting := map[Run]bool{}
	for _, request := range s.Requests {
		waiting[request.Run] = true
		s.judgeRequest(request, expect, add)
	}
	for _, key := range s.Keys {
		if status, known := s.Statuses[key.Run]; s.At.Sub(key.StoredAt) >= expect.Grace && s.settled(status, expect) && (!known || status.State.Terminal()) {
			add(KindKey, key.Run, "%s is kept for a run that has ended or is unknown", key.Name)
		}
	}
	for _, object := range s.Objects {
		if _, known := s.Statuses[object.Run]; !known && s.At.Sub(object.StoredAt) >= expect.Objects {
			add(KindObject, object.Run, "%s is kept for a run that nobody knows", object.Name)
		}
	}
	alive := map[Lease]bool{}
	for _, lease := range s.Leases {
		alive[lease] = true
		s.judgeLease(lease, expect, add)
	}
	for run, status := range s.Statuses {
		if s.settled(status, expect) {
			s.judgeStatus(run, status, expect, waiting[run], alive[Lease{Run: run, Epoch: status.Epoch}], add)
		}
	}
	for run, replies := range s.Replies {
		s.judgeReplies(run, replies, expect, add)
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(Kinds(), a.Kind), slices.Index(Kinds(), b.Kind)), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Detail, b.Detail))
	})
	return found
}

// settled reports whether a status is old enough for what follows from it.
func (s Snapshot) settled(status Status, expect Expect) bool {
	return s.At.Sub(status.UpdatedAt) >= expect.Grace
}

// report notes a finding.
type report = func(kind Kind, run Run, format string, args ...any)

func (s Snapshot) judgeStatus(run Run, status Status, expect Expect, waiting, alive bool, add report) {
	switch {
	case status.State.Terminal():
		if len(s.Replies[run]) == 0 {
			add(KindLost, run, "its status says %s, and no reply is stored", status.State)
		}
	case expect.Ended:
		add(KindStuck, run, "it is %s and should have ended; epoch %d, owner %q", status.State, status.Epoch, status.Owner)
	case len(s.Replies[run]) > 0:
		add(KindStuck, run, "it is %s, but its reply is stored", status.State)
	case status.State == messages.StateScheduled:
	case !waiting && !alive:
		add(KindStuck, run, "it is %s with neither a request in a queue nor a sign of life; epoch %d, owner %q", status.State, status.Epoch, status.Owner)
	}
}

// judgeReplies knows that a reply is stored before the final status that copies it.
func (s Snapshot) judgeReplies(run Run, replies []Reply, expect Expect, add report) {
	if len(replies) > 1 {
		add(KindDouble, run, "%d terminal replies are stored", len(replies))
		return
	}
	reply := replies[0]
	status, known := s.Statuses[run]
	if s.At.Sub(reply.Ended.FinishedAt) < expect.Grace {
		return
	}
	switch {
	case !known:
		add(KindContradiction, run, "a reply is stored, and there is no status")
	case !status.State.Terminal(): // judged as a status
	case reply.Sequence > status.Sequence:
		add(KindDouble, run, "a reply was stored after the final status")
	case status.State != reply.Ended.State || status.Attempt != reply.Ended.Attempt || !status.FinishedAt.Equal(reply.Ended.FinishedAt):
		add(KindContradiction, run, "the status says %s by attempt %d at %s, the reply %s by attempt %d at %s",
			status.State, status.Attempt, status.FinishedAt, reply.Ended.State, reply.Ended.Attempt, reply.Ended.FinishedAt)
	}
}

func (s Snapshot) judgeRequest(request Request, expect Expect, add report) {
	status, known := s.Statuses[request.Run]
	switch {
	case s.At.Sub(request.StoredAt) < expect.Grace || known && s.At.Sub(status.UpdatedAt) < expect.Grace:
	case !known && expect.Ended:
		add(KindMessage, request.Run, "message %d at %s has no status", request.Sequence, request.Subject)
	case known && status.State.Terminal():
		add(KindMessage, request.Run, "message %d at %s is stored, and the run has ended as %s", request.Sequence, request.Subject, status.State)
	case known && status.RequestSubject != request.Subject:
		add(KindMessage, request.Run, "message %d at %s is stored, and the run is queued at %s", request.Sequence, request.Subject, status.RequestSubject)
	case expect.Ended:
		add(KindMessage, request.Run, "message %d at %s is stored, and the run should have ended", request.Sequence, request.Subject)
	}
}

func (s Snapshot) judgeLease(lease Lease, expect Expect, add report) {
	status, known := s.Statuses[lease.Run]
	switch {
	case known && s.At.Sub(status.UpdatedAt) < expect.Grace:
	case !known:
		add(KindLease, lease.Run, "of epoch %d, and there is no status", lease.Epoch)
	case status.State.Terminal():
		add(KindLease, lease.Run, "of epoch %d, and the run has ended as %s", lease.Epoch, status.State)
	case status.Epoch != lease.Epoch:
		add(KindLease, lease.Run, "of epoch %d, and the run is in epoch %d", lease.Epoch, status.Epoch)
	}
}
