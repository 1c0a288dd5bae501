package ledger

import (
	"fmt"
	"time"

	"github.com/kedge-run/kedge/messages"
)

// This file is the protocol without I/O: what a delivered message means, and how a
// step changes a status. The rest of the package stores what these functions return.

// delivery is what a fetched message tells about its run.
type delivery struct {
	address  messages.RequestAddress
	subject  string
	sequence uint64
	storedAt time.Time
	request  *messages.RunRequest // nil when invalid
	digest   string
	invalid  *messages.FieldError // why the request is refused
	foretold bool                 // revision is known
	revision uint64               // of the status when the request was stored; 0: there was none
	// signature is the request's, as it came; nil when there is none that can be read.
	signature *messages.Signature
	alone     bool  // nothing else runs, and nothing will, where the run would start
	slot      *Slot // of the run's concurrency key, taken for the claim
}

// promised is the status that the submitter says it wrote. Whether it is still the
// newest, the compare-and-set of the claim decides.
func (d delivery) promised() (record, bool) {
	if !d.foretold || d.revision == 0 {
		return record{}, d.foretold
	}
	return record{status: queued(d), revision: d.revision, found: true}, true
}

// action is what a claimer does with a delivery.
type action int

const (
	actRun   action = iota // claim the run and start it
	actClose               // seize the run and end it with decision.reply
	actWait                // put the message back for decision.delay
	actDrop                // ack the message: it is not needed
	actAlone               // leave the message to its claimer, until nothing else runs there
)

func (a action) String() string { return [...]string{"run", "close", "wait", "drop", "alone"}[a] }

// decision is an action and its reason.
type decision struct {
	action action
	reason string
	delay  time.Duration   // of actWait
	reply  *messages.Reply // of actClose
}

// ownerPoll is how soon a delivery whose owner lives is looked at again.
const ownerPoll = time.Second

// longestWait bounds how long a message is put back: a worker whose clock is wrong must
// not keep it from the others.
const longestWait = 30 * time.Second

// decide says what a delivery means. status is nil when there is none; alive tells
// whether the lease of the status's epoch exists; quiet is how long a claim without a
// lease is believed to live, since the first heartbeat makes the lease.
func decide(status *messages.Status, alive bool, d delivery, now time.Time, quiet time.Duration) decision {
	if status == nil {
		fresh := queued(d)
		status = &fresh
	}
	switch {
	case status.State.Terminal():
		return decision{action: actDrop, reason: "the run has ended"}
	case status.RequestSubject != d.subject:
		return decision{action: actDrop, reason: "the run is queued elsewhere"}
	case d.sequence < status.RequestSequence:
		return decision{action: actDrop, reason: "the request was stored again"}
	case held(status) && (alive || young(status, now, quiet)):
		return decision{action: actWait, reason: "the owner lives", delay: ownerPoll}
	case status.State == messages.StateCancelling:
		return decision{action: actClose, reason: "the run was cancelled", reply: cancelledReply(status.Cancel)}
	case d.invalid != nil:
		return decision{action: actClose, reason: "the request is invalid", reply: rejectedReply(d.invalid)}
	case condemned(status):
		return decision{action: actClose, reason: "the run was lost while it ran alone", reply: deadReply(status)}
	case status.NotBefore.After(now):
		return decision{action: actWait, reason: "not before its time", delay: min(longestWait, status.NotBefore.Sub(now))}
	case status.State == messages.StateScheduled:
		return decision{action: actWait, reason: "the dispatcher is at it", delay: ownerPoll}
	case overdue(status, now):
		return decision{action: actClose, reason: "start_by has passed", reply: expiredReply(status.StartBy)}
	case lossesBy(status) >= suspectLosses && !d.alone:
		return decision{action: actAlone, reason: "the run was lost before and must run alone"}
	}
	return decision{action: actRun}
}

// held reports whether a worker owns the run, dead or alive.
func held(s *messages.Status) bool {
	return s.State == messages.StateRunning || s.State == messages.StateCancelling && s.Owner != ""
}

// overdue reports whether nobody has started the run in time. One that was started is
// not late, whatever became of that attempt.
func overdue(s *messages.Status, now time.Time) bool {
	return s.State == messages.StateQueued && s.Attempt == 0 && !s.StartBy.IsZero() && s.StartBy.Before(now)
}

// young reports whether the claim may be too new for a lease. The clocks of two
// workers differ a little, so a claim may seem to come from the future. A clock that
// jumped makes it wrong in either direction; the fence holds all the same.
func young(s *messages.Status, now time.Time, quiet time.Duration) bool {
	return now.Sub(s.StartedAt).Abs() < quiet
}

// queued is the status of a request that nobody has touched.
func queued(d delivery) messages.Status {
	s := messages.Status{
		RunID: d.address.RunID, Tenant: d.address.Tenant, Queue: d.address.Queue, Priority: d.address.Priority,
		State: messages.StateQueued, RequestSubject: d.subject, RequestDigest: d.digest,
		SubmittedAt: d.storedAt, UpdatedAt: d.storedAt,
	}
	if r := d.request; r != nil {
		s.StartBy, s.Pipelines, s.Labels, s.RetryOf = r.StartBy, r.PipelineNames, r.Labels, r.RetryOf
		s.IdempotencyKey, s.UniqueKey, s.ConcurrencyKey = r.IdempotencyKey, r.UniqueKey, r.ConcurrencyKey
	}
	return s
}

// claimed starts an attempt: a new epoch fences the older ones.
func claimed(s messages.Status, sequence uint64, worker string, now time.Time) messages.Status {
	if s.State == messages.StateRunning {
		s.Losses++
		s.LastError = &messages.Failure{Code: messages.CodeWorkerLost, Message: fmt.Sprintf("worker %s was lost", s.Owner)}
	}
	s = seized(s, sequence, worker, now)
	s.State, s.Attempt, s.Alone = messages.StateRunning, s.Attempt+1, s.Losses >= suspectLosses
	s.NotBefore, s.Waiting, s.Progress, s.Request, s.Signature = time.Time{}, "", nil, nil, nil
	return s
}

// seized takes a run in order to end it, without starting it.
func seized(s messages.Status, sequence uint64, worker string, now time.Time) messages.Status {
	s.Epoch++
	s.Owner, s.StartedAt, s.UpdatedAt = worker, now, now
	if sequence > 0 {
		s.RequestSequence = sequence
	}
	return s
}

// waits says why a queued run is not started.
func waits(s messages.Status, reason string, now time.Time) messages.Status {
	s.Waiting, s.NotBefore, s.UpdatedAt = reason, time.Time{}, now
	return s
}

// progressed records how far the run is.
func progressed(s messages.Status, progress messages.Progress, now time.Time) messages.Status {
	s.Progress, s.UpdatedAt = &progress, now
	return s
}

// ended is the final status: a copy of the stored reply.
func ended(s messages.Status, reply *messages.Reply, now time.Time) messages.Status {
	e := reply.Ended()
	s.State, s.Attempt, s.Owner, s.FinishedAt, s.UpdatedAt = reply.State(), e.Attempt, e.Worker, e.FinishedAt, now
	s.Waiting, s.NotBefore, s.Request, s.Signature = "", time.Time{}, nil, nil
	if s.State == messages.StateDead {
		s.Losses++ // the one that gave the run up
	}
	s.LastError = nil
	if reply.Error != nil {
		s.LastError = reply.Error.Failure()
	}
	if r := reply.Result; r != nil { // a run shorter than a heartbeat has told nothing of its progress
		s.Progress = &messages.Progress{Done: r.NodesRun, Total: r.NodesRun}
	}
	return s
}

// released gives a run back to the queue.
func released(s messages.Status, o Outcome, now time.Time) messages.Status {
	s.State, s.Owner, s.UpdatedAt, s.Alone = messages.StateQueued, "", now, false
	s.Waiting, s.NotBefore, s.Progress = o.Reason, time.Time{}, nil
	if o.Delay > 0 {
		s.NotBefore = now.Add(o.Delay)
	}
	switch {
	case o.Lost:
		s.Losses++
	case o.Error != nil:
		s.Retries++
	}
	if again := o.failure(); again != nil {
		s.LastError = again
	}
	return s
}

// unstarted gives a run back whose newest attempt never began: it counts for nothing.
func unstarted(s, before messages.Status, now time.Time) messages.Status {
	s = released(s, Outcome{Delay: ownerPoll, Reason: "its worker could not read what is stored of it"}, now)
	s.Attempt, s.Request, s.Signature = before.Attempt, before.Request, before.Signature
	return s
}

// cancelling marks a live run for its end. A queued run has no owner whose lease
// could keep it alive.
func cancelling(s messages.Status, cancel messages.Cancel, now time.Time) messages.Status {
	s.State, s.Cancel, s.UpdatedAt, s.NotBefore = messages.StateCancelling, &cancel, now, time.Time{}
	return s
}

// requeued prepares a run whose message is gone for a new one.
func requeued(s messages.Status, now time.Time) messages.Status {
	if s.State == messages.StateRunning {
		s.Losses++
	}
	s = released(s, Outcome{Reason: "its request was stored again"}, now)
	s.RequestSequence = 0
	return s
}

// sealed fills in what a reply tells about its run.
func sealed(reply *messages.Reply, s messages.Status, now time.Time) *messages.Reply {
	e := reply.Ended()
	e.RunID, e.Tenant, e.Queue = s.RunID, s.Tenant, s.Queue
	e.Attempt, e.Epoch, e.Worker, e.FinishedAt = s.Attempt, s.Epoch, s.Owner, now
	e.QueuedFor = messages.Duration(max(0, s.StartedAt.Sub(enteredQueue(s))))
	e.Took = messages.Duration(max(0, now.Sub(s.StartedAt)))
	if e.Pipelines == nil {
		e.Pipelines = s.Pipelines
	}
	if reply.Result != nil {
		e.State = messages.StateSucceeded
	}
	return reply
}

// enteredQueue is when a run began to wait for a worker.
func enteredQueue(s messages.Status) time.Time {
	if s.ScheduledFor.After(s.SubmittedAt) {
		return s.ScheduledFor
	}
	return s.SubmittedAt
}

func cancelledReply(cancel *messages.Cancel) *messages.Reply {
	message := "the run was cancelled"
	if cancel != nil && cancel.By != "" {
		message += " by " + cancel.By
	}
	if cancel != nil && cancel.Reason != "" {
		message += ": " + cancel.Reason
	}
	return failed(messages.StateCancelled, messages.CodeCancelled, message)
}

func rejectedReply(why *messages.FieldError) *messages.Reply {
	code := why.Code
	if code == "" {
		code = messages.CodeInvalidRequest
	}
	reply := failed(messages.StateRejected, code, why.Error())
	reply.Error.Field = why.Field
	return reply
}

func expiredReply(startBy time.Time) *messages.Reply {
	return failed(messages.StateTimedOut, messages.CodeStartByPassed,
		"nobody started the run by "+startBy.UTC().Format(time.RFC3339))
}

func failed(state messages.State, code messages.Code, message string) *messages.Reply {
	return &messages.Reply{Error: &messages.RunError{
		Ended: messages.Ended{State: state}, Code: code, Message: message,
	}}
}
