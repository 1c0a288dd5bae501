package messages

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Overlap says what a schedule does when it is due while an earlier run of it is live.
type Overlap string

// The overlap policies.
const (
	OverlapSkip    Overlap = "skip"    // leaves the new run out
	OverlapQueue   Overlap = "queue"   // submits the new run when the live one has ended
	OverlapReplace Overlap = "replace" // cancels the live run, then as queue
)

// Overlaps lists the overlap policies, the default first.
func Overlaps() []Overlap { return []Overlap{OverlapSkip, OverlapQueue, OverlapReplace} }

// CatchUp says what a schedule does about the times that it missed, because the server
// or all workers were down.
type CatchUp string

// The catch-up policies.
const (
	CatchUpOne  CatchUp = "one"  // one run, for the newest missed time
	CatchUpNone CatchUp = "none" // no run
	CatchUpAll  CatchUp = "all"  // a run for each of the newest missed times, up to CatchUpLimit
)

// CatchUps lists the catch-up policies, the default first.
func CatchUps() []CatchUp { return []CatchUp{CatchUpOne, CatchUpNone, CatchUpAll} }

// Limits of a schedule.
const (
	// DefaultCatchUpLimit and MaxCatchUpLimit bound CatchUpAll.
	DefaultCatchUpLimit = 10
	MaxCatchUpLimit     = 100
	// MinEvery is the shortest interval: the server's timers are no faster.
	MinEvery = time.Second
)

// Labels of the runs of a schedule: its name, and the time that the run is for.
const (
	ScheduleLabel = "kedge.schedule"
	TickLabel     = "kedge.tick"
)

// Schedule is a run that is submitted at certain times: what and when, as its owner said,
// and what has come of it. It is the value of its key in the bucket of schedules, changed
// by compare-and-set only. Readers skip unknown fields.
type Schedule struct {
	Name   string `json:"name"` // see [CheckID]
	Tenant string `json:"tenant"`
	Queue  string `json:"queue"`

	// One of these says when. Cron is read by the clock of TimeZone.
	Cron     string    `json:"cron,omitempty"`
	TimeZone string    `json:"time_zone,omitempty"` // of the IANA database; empty: UTC
	Every    Duration  `json:"every,omitempty"`     // from CreatedAt on
	At       time.Time `json:"at,omitzero"`         // once

	Overlap      Overlap `json:"overlap,omitempty"`        // defaults to skip
	CatchUp      CatchUp `json:"catch_up,omitempty"`       // defaults to one
	CatchUpLimit int     `json:"catch_up_limit,omitempty"` // of "all"; defaults to 10

	// Request is the request of each run, without a run id.
	Request RunRequest `json:"request"`
	// Signature vouches for all runs of the schedule, see Statement.
	Signature *Signature `json:"signature,omitempty"`

	Paused    bool      `json:"paused,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Next is the time that it is due next; zero: it is paused, or over.
	Next time.Time `json:"next,omitzero"`
	// Pending are due runs that are not submitted yet, in order.
	Pending []Tick `json:"pending,omitempty"`
	// Live are submitted runs that may not have ended.
	Live []RunID `json:"live,omitempty"`
	// History tells what came of the newest times, newest first.
	History []Tick `json:"history,omitempty"`
}

// Tick is one time at which a schedule was due, and what came of it.
type Tick struct {
	At     time.Time  `json:"at"`
	RunID  RunID      `json:"run_id,omitempty"`
	Action TickAction `json:"action,omitempty"` // empty while pending
	Reason string     `json:"reason,omitempty"` // why there is no run, for people
}

// TickAction says what came of a tick.
type TickAction string

// The actions. The list is append-only.
const (
	TickSubmitted TickAction = "submitted" // as RunID
	TickByHand    TickAction = "by_hand"   // somebody asked for a run now
	TickSkipped   TickAction = "skipped"   // by the overlap policy
	TickMissed    TickAction = "missed"    // by the catch-up policy; At is the newest of them
	TickRefused   TickAction = "refused"   // the request can't be submitted
)

// MaxHistory bounds the history of a schedule.
const MaxHistory = 20

// TickRunID is the id of the run of a schedule for a time: whoever submits it, and how
// often, it is one run. It sorts by the time that the run is for.
func (s *Schedule) TickRunID(at time.Time) RunID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%d", s.Tenant, s.Name, s.CreatedAt.UnixNano(), at.UnixNano()))
	return RunID(fmt.Sprintf("%s-%x", at.UTC().Format(runIDLayout), sum[:runIDRandomBytes]))
}

// TickRequest is the request of the run for a time.
func (s *Schedule) TickRequest(run RunID, at time.Time) *RunRequest {
	request := s.Request
	request.RunID = run
	request.Labels = map[string]string{ScheduleLabel: s.Name, TickLabel: at.UTC().Format(time.RFC3339)}
	for key, value := range s.Request.Labels {
		request.Labels[key] = value
	}
	return &request
}

// SameDefinition reports whether two schedules say the same, whatever came of them.
func (s *Schedule) SameDefinition(other *Schedule) bool {
	a, errA := json.Marshal(s.definition())
	b, errB := json.Marshal(other.definition())
	return errA == nil && errB == nil && string(a) == string(b)
}

func (s *Schedule) definition() Schedule {
	return Schedule{
		Name: s.Name, Tenant: s.Tenant, Queue: s.Queue, Cron: s.Cron, TimeZone: s.TimeZone, Every: s.Every, At: s.At.UTC(),
		Overlap: s.Overlap, CatchUp: s.CatchUp, CatchUpLimit: s.CatchUpLimit, Request: s.Request,
	}
}

// DecodeSchedule reads a stored schedule; unknown fields are skipped.
func DecodeSchedule(data []byte) (*Schedule, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // parameters keep their digits
	s := &Schedule{}
	if err := decoder.Decode(s); err != nil {
		return nil, fmt.Errorf("reading schedule: %w", err)
	}
	return s, nil
}

// Validate checks what can be checked without a clock: whether a cron expression can be
// read is for those to say who compute its times. It returns the first *FieldError, or nil.
func (s *Schedule) Validate() error {
	for _, check := range []func() *FieldError{s.checkPlace, s.checkWhen, s.checkPolicies, s.checkRequest} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schedule) checkPlace() *FieldError {
	for _, id := range []struct{ field, id string }{{"name", s.Name}, {"tenant", s.Tenant}, {"queue", s.Queue}} {
		if err := CheckID(id.id); err != nil {
			return invalid(id.field, err.Error())
		}
	}
	return nil
}

func (s *Schedule) checkWhen() *FieldError {
	var given []string
	for _, when := range []struct {
		field string
		is    bool
	}{{"cron", s.Cron != ""}, {"every", s.Every != 0}, {"at", !s.At.IsZero()}} {
		if when.is {
			given = append(given, when.field)
		}
	}
	switch {
	case len(given) == 0:
		return invalid("", "a schedule needs one of cron, every and at")
	case len(given) > 1:
		return invalid("", fmt.Sprintf("%s are given: a schedule needs one of cron, every and at", strings.Join(given, " and ")))
	case s.Every != 0 && time.Duration(s.Every) < MinEvery:
		return invalid("every", fmt.Sprintf("must be at least %s", MinEvery))
	case s.TimeZone != "" && s.Cron == "":
		return invalid("time_zone", "means something with cron only")
	}
	return nil
}

func (s *Schedule) checkPolicies() *FieldError {
	switch {
	case s.Overlap != "" && !slices.Contains(Overlaps(), s.Overlap):
		return invalid("overlap", oneOf(Overlaps(), string(s.Overlap)))
	case s.CatchUp != "" && !slices.Contains(CatchUps(), s.CatchUp):
		return invalid("catch_up", oneOf(CatchUps(), string(s.CatchUp)))
	case s.CatchUpLimit < 0 || s.CatchUpLimit > MaxCatchUpLimit:
		return invalid("catch_up_limit", fmt.Sprintf("must be 1 to %d", MaxCatchUpLimit))
	case s.CatchUpLimit != 0 && s.CatchUp != CatchUpAll:
		return invalid("catch_up_limit", "means something with the catch-up policy all only")
	case s.CatchUp == CatchUpAll && s.Overlap != OverlapQueue:
		return invalid("catch_up", "the policy all needs the overlap policy queue: with another one the missed runs would overlap each other, and all but one be left out")
	}
	return nil
}

func oneOf[T ~string](values []T, not string) string {
	var names []string
	for _, value := range values {
		names = append(names, string(value))
	}
	return fmt.Sprintf("must be one of %s, not %q", strings.Join(names, ", "), clip(not))
}

// checkRequest checks the request as that of a run.
func (s *Schedule) checkRequest() *FieldError {
	r := s.Request
	switch {
	case r.RunID != "":
		return invalid("request.run_id", "must be empty: each run has an id of its own")
	case r.IdempotencyKey != "":
		return invalid("request.idempotency_key", "must be empty: every run would be the first one")
	case !r.StartBy.IsZero():
		return invalid("request.start_by", "must be empty: it is one moment, and the runs are many")
	}
	r.RunID = "r"
	for key := range r.Labels {
		if key == ScheduleLabel || key == TickLabel {
			return invalid("request.labels."+key, "is set by the schedule")
		}
	}
	if err := r.Validate(); err != nil {
		field := err.(*FieldError) //nolint:errorlint,forcetypeassert // Validate returns nothing else
		return &FieldError{Field: strings.TrimSuffix("request."+field.Field, "."), Reason: field.Reason, Code: field.Code}
	}
	return nil
}

// ScheduleKey is the key of a schedule in the bucket of schedules.
func ScheduleKey(tenant, name string) string { return EncodeToken(tenant) + "." + EncodeToken(name) }
