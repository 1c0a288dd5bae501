package messages

import (
	"fmt"
	"regexp"
	"strings"
)

// DefaultPrefix is the first token of every subject.
const DefaultPrefix = "kedge"

// RevisionHeader names, in a request, the revision of the status that its submitter
// wrote before, or 0 when that status must be read. Without it there is none. It spares
// the first claim a read, and promises nothing: every claim is a compare-and-set.
const RevisionHeader = "Kedge-Status-Revision"

// Subjects builds and reads the subjects below one prefix. The zero value uses
// [DefaultPrefix]. Ids are taken as checked (see [CheckID]): an unchecked id could
// smuggle a token in.
type Subjects struct {
	// Prefix is the first token, [a-z0-9_-]. Defaults to "kedge".
	Prefix string
}

// prefixForm keeps the prefix usable in stream and bucket names too.
var prefixForm = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// Validate checks the prefix's form.
func (s Subjects) Validate() error {
	if !prefixForm.MatchString(s.prefix()) {
		return fmt.Errorf("prefix %q: want 1 to 32 of a-z, 0-9, '_', '-'", s.Prefix)
	}
	return nil
}

func (s Subjects) prefix() string {
	if s.Prefix == "" {
		return DefaultPrefix
	}
	return s.Prefix
}

func (s Subjects) join(tokens ...string) string {
	return s.prefix() + "." + strings.Join(tokens, ".")
}

// Stream names a stream, for example Stream("RUNS") = KEDGE_RUNS.
func (s Subjects) Stream(name string) string { return strings.ToUpper(s.prefix()) + "_" + name }

// Bucket names a bucket, for example Bucket("runs") = kedge_runs.
func (s Subjects) Bucket(name string) string { return s.prefix() + "_" + name }

// Request is where the request of a run is queued. "*" as queue, tenant or run
// makes it a filter.
func (s Subjects) Request(priority Priority, queue, tenant string, run RunID) string {
	return s.join("run", string(priority), EncodeToken(queue), EncodeToken(tenant), EncodeToken(string(run)))
}

// Requests is the filter of all requests.
func (s Subjects) Requests() string { return s.join("run", ">") }

// Done is where the one reply of a run is stored.
func (s Subjects) Done(tenant string, run RunID) string {
	return s.join("reply", EncodeToken(tenant), EncodeToken(string(run)), "done")
}

// DoneStored is where the server republishes a reply once it is stored, unlike what is
// published to Done, which its stream may refuse. Nobody else needs, or should have,
// the right to publish here. "*" as run makes it a filter.
func (s Subjects) DoneStored(tenant string, run RunID) string {
	return s.join("done", EncodeToken(tenant), EncodeToken(string(run)))
}

// Events is where the events of a run go; "*" as tenant and run makes it a filter.
func (s Subjects) Events(tenant string, run RunID) string {
	return s.join("reply", EncodeToken(tenant), EncodeToken(string(run)), "events")
}

// Replies is the filter of everything about a run: its events and its reply.
func (s Subjects) Replies(tenant string, run RunID) string {
	return s.join("reply", EncodeToken(tenant), EncodeToken(string(run)), ">")
}

// Dead is where the dead letter of a run is kept.
func (s Subjects) Dead(queue, tenant string, run RunID) string {
	return s.join("dead", EncodeToken(queue), EncodeToken(tenant), EncodeToken(string(run)))
}

// Timed names what waits for a time: a delayed run, or a schedule.
type Timed struct {
	Tenant   string
	Run      RunID  // of a delayed run; empty: a schedule
	Schedule string // its name
}

// The tokens that tell the two kinds of Timed apart.
const (
	timedRun      = "run"
	timedSchedule = "cron"
)

func (t Timed) tokens() (tenant, kind, name string) {
	if t.Run != "" {
		return EncodeToken(t.Tenant), timedRun, EncodeToken(string(t.Run))
	}
	return EncodeToken(t.Tenant), timedSchedule, EncodeToken(t.Schedule)
}

// Timer is where the message is stored that the server moves to Due at its time. It
// holds nothing: what is due, the status or the schedule tells.
func (s Subjects) Timer(t Timed) string {
	tenant, kind, name := t.tokens()
	return s.join("schedule", tenant, kind, name)
}

// Timers is the filter of all timers.
func (s Subjects) Timers() string { return s.join("schedule", ">") }

// Due is where the server stores a timer's message when its time has come.
func (s Subjects) Due(t Timed) string {
	tenant, kind, name := t.tokens()
	return s.join("due", tenant, kind, name)
}

// Dues is the filter of all that is due.
func (s Subjects) Dues() string { return s.join("due", ">") }

// ParseDue reads a subject made by Due.
func (s Subjects) ParseDue(subject string) (Timed, error) {
	rest, ok := strings.CutPrefix(subject, s.prefix()+".")
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 4 || tokens[0] != "due" || tokens[2] != timedRun && tokens[2] != timedSchedule {
		return Timed{}, fmt.Errorf("subject %q is not of the form %s.due.<tenant>.%s|%s.<name>", subject, s.prefix(), timedRun, timedSchedule)
	}
	tenant, err := DecodeToken(tokens[1])
	if err != nil {
		return Timed{}, fmt.Errorf("subject %q: tenant: %w", subject, err)
	}
	name, err := DecodeToken(tokens[3])
	if err != nil {
		return Timed{}, fmt.Errorf("subject %q: name: %w", subject, err)
	}
	if tokens[2] == timedRun {
		return Timed{Tenant: tenant, Run: RunID(name)}, nil
	}
	return Timed{Tenant: tenant, Schedule: name}, nil
}

// Hints is the core subject that wakes the workers of a queue: each stored request
// is announced there by its headers.
func (s Subjects) Hints(queue string) string {
	return s.join("hint", "run", "*", EncodeToken(queue), ">")
}

// CancelHint tells one worker of a queue that a run without an owner was cancelled: it
// need not wait for its turn to end. "*" as tenant and run makes it a filter.
func (s Subjects) CancelHint(queue, tenant string, run RunID) string {
	return s.join("hint", "cancel", EncodeToken(queue), EncodeToken(tenant), EncodeToken(string(run)))
}

// ParseCancelHint reads a subject made by CancelHint.
func (s Subjects) ParseCancelHint(subject string) (tenant string, run RunID, err error) {
	rest, ok := strings.CutPrefix(subject, s.prefix()+".hint.cancel.")
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 3 {
		return "", "", fmt.Errorf("subject %q is no hint of a cancel below %s", subject, s.prefix())
	}
	id, err := DecodeToken(tokens[2])
	if err == nil {
		tenant, err = DecodeToken(tokens[1])
	}
	if err != nil {
		return "", "", fmt.Errorf("subject %q: %w", subject, err)
	}
	return tenant, RunID(id), nil
}

// HintsRoot is where the server republishes the headers of Requests.
func (s Subjects) HintsRoot() string { return s.join("hint", "run", ">") }

// Worker is where one worker answers a service: cancel, plan, snapshot or info.
func (s Subjects) Worker(worker, service string) string {
	return s.join("worker", EncodeToken(worker), service)
}

// RequestAddress is what a request's subject (or its hint) tells.
type RequestAddress struct {
	Priority Priority
	Queue    string
	Tenant   string
	RunID    RunID
}

// ParseRequest reads a subject made by Request, or its hint. The error names the
// token that is wrong.
func (s Subjects) ParseRequest(subject string) (RequestAddress, error) {
	rest, ok := strings.CutPrefix(subject, s.prefix()+".")
	rest = strings.TrimPrefix(rest, "hint.")
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 5 || tokens[0] != "run" {
		return RequestAddress{}, fmt.Errorf("subject %q is not of the form %s.run.<priority>.<queue>.<tenant>.<run>", subject, s.prefix())
	}
	address := RequestAddress{Priority: Priority(tokens[1])}
	if err := address.Priority.Validate(); err != nil {
		return RequestAddress{}, fmt.Errorf("subject %q: %w", subject, err)
	}
	var run string
	for i, into := range []*string{&address.Queue, &address.Tenant, &run} {
		id, err := DecodeToken(tokens[i+2])
		if err != nil {
			return RequestAddress{}, fmt.Errorf("subject %q: %w", subject, err)
		}
		*into = id
	}
	address.RunID = RunID(run)
	return address, nil
}

// ParseReply reads a subject made by Done or Events.
func (s Subjects) ParseReply(subject string) (tenant string, run RunID, done bool, err error) {
	rest, ok := strings.CutPrefix(subject, s.prefix()+".")
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 4 || tokens[0] != "reply" || tokens[3] != "done" && tokens[3] != "events" {
		return "", "", false, fmt.Errorf("subject %q is no reply and no events below %s", subject, s.prefix())
	}
	if tenant, err = DecodeToken(tokens[1]); err != nil {
		return "", "", false, fmt.Errorf("subject %q: tenant: %w", subject, err)
	}
	id, err := DecodeToken(tokens[2])
	if err != nil {
		return "", "", false, fmt.Errorf("subject %q: run: %w", subject, err)
	}
	return tenant, RunID(id), tokens[3] == "done", nil
}

// StatusKey is the key of a run in the bucket of statuses.
func StatusKey(tenant string, run RunID) string {
	return EncodeToken(tenant) + "." + EncodeToken(string(run))
}
