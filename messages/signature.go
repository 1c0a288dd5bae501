package messages

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
	"time"
)

// SignatureHeader holds, in a request, its [Signature] as JSON.
const SignatureHeader = "Kedge-Signature"

// Signature says who vouches for a request: an ed25519 signature by an NKey. It binds the
// subject (so tenant, queue, priority and run), the exact body and the times below, and
// travels beside the request, since it can't be a part of what it signs.
type Signature struct {
	// Key is the public NKey of the signer, a user's.
	Key string `json:"key"`
	// At is when it was made, by the signer's clock.
	At time.Time `json:"at"`
	// NotBefore is the time that a delayed run waits for.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Schedule tells which of its runs this is, when the schedule was signed instead of the
	// request.
	Schedule *SignedTick `json:"schedule,omitempty"`
	// Value is the signature of the statement, in base64url without padding.
	Value string `json:"value"`
}

// SignedTick is one run of a signed schedule: the schedule's definition, as far as the request doesn't hold it, and the time that
// the run is for.
type SignedTick struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	Cron      string    `json:"cron,omitempty"`
	TimeZone  string    `json:"time_zone,omitempty"`
	Every     Duration  `json:"every,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Tick      time.Time `json:"tick"`
}

// maxSignatureBytes bounds the header: names and expressions have limits of their own.
const maxSignatureBytes = 4 << 10

// userKey is the form of a user's public NKey.
var userKey = regexp.MustCompile(`^U[A-Z2-7]{55}$`)

// ErrUnsigned says that a request carries no signature.
var ErrUnsigned = errors.New("the request is not signed")

// ReadSignature reads the values of a request's header strictly; [ErrUnsigned] when there
// are none. Whether the signature is good is not its business.
func ReadSignature(values []string) (*Signature, error) {
	switch {
	case len(values) == 0:
		return nil, ErrUnsigned
	case len(values) > 1:
		return nil, fmt.Errorf("the header %s is there %d times", SignatureHeader, len(values))
	case len(values[0]) > maxSignatureBytes:
		return nil, fmt.Errorf("the header %s has %d bytes, at most %d are allowed", SignatureHeader, len(values[0]), maxSignatureBytes)
	}
	decoder := json.NewDecoder(strings.NewReader(values[0]))
	decoder.DisallowUnknownFields()
	s := &Signature{}
	err := decoder.Decode(s)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more follows behind it")
		}
	}
	if err == nil {
		err = s.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("the header %s holds no signature: %w", SignatureHeader, err)
	}
	return s, nil
}

func (s *Signature) validate() error {
	_, err := s.Bytes()
	switch {
	case !userKey.MatchString(s.Key):
		return errors.New("key: want the public NKey of a user, U and 55 more characters")
	case s.At.IsZero():
		return errors.New("at: is missing")
	case err != nil:
		return err
	case s.Schedule != nil && (s.Schedule.CreatedAt.IsZero() || s.Schedule.Tick.IsZero() || CheckID(s.Schedule.Name) != nil):
		return errors.New("schedule: name, created_at or tick is missing")
	}
	return nil
}

// signatureBytes is the length of an ed25519 signature.
const signatureBytes = 64

// Bytes is the signature itself.
func (s *Signature) Bytes() ([]byte, error) {
	value, err := base64.RawURLEncoding.Strict().DecodeString(s.Value)
	if err == nil && len(value) != signatureBytes {
		err = fmt.Errorf("has %d bytes, not %d", len(value), signatureBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	return value, nil
}

// SetBytes sets the signature itself.
func (s *Signature) SetBytes(value []byte) { s.Value = base64.RawURLEncoding.EncodeToString(value) }

// Encode writes the value of the header; "" for nil.
func (s *Signature) Encode() (string, error) {
	if s == nil {
		return "", nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("writing signature: %w", err)
	}
	return string(text), nil
}

// Statement is what is signed for a request: lines of the kind of the statement, the
// subject, At, NotBefore ("-" for none) and the [Digest] of the body without white space
// around it.
func (s *Signature) Statement(subject string, body []byte) []byte {
	notBefore := "-"
	if !s.NotBefore.IsZero() {
		notBefore = timeLine(s.NotBefore)
	}
	return statement("kedge request v1", subject, timeLine(s.At), notBefore, Digest(bytes.Trim(body, " \t\r\n")))
}

func statement(lines ...string) []byte { return []byte(strings.Join(lines, "\n")) }

func timeLine(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Statement is what is signed for a schedule at a time: what its runs are, where they are
// queued and when they are due. Its policies are left out: no run tells them.
func (s *Schedule) Statement(subjects Subjects, at time.Time) ([]byte, error) {
	signed := Schedule{
		Name: s.Name, Tenant: s.Tenant, Queue: s.Queue, Cron: s.Cron, TimeZone: s.TimeZone, Every: s.Every,
		CreatedAt: s.CreatedAt.UTC(), Request: s.Request,
	}
	if !s.At.IsZero() {
		signed.At = s.At.UTC()
	}
	// What is stored was written twice, at last from what was read: text that can't be
	// written as it is changes the first time only.
	text, err := json.Marshal(&signed)
	if err == nil {
		var read *Schedule
		if read, err = DecodeSchedule(text); err == nil {
			text, err = json.Marshal(read)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("writing schedule %s: %w", s.Name, err)
	}
	subject := subjects.Request(cmp.Or(s.Request.Priority, DefaultPriority), s.Queue, s.Tenant, "*")
	return statement("kedge schedule v1", subject, timeLine(at), Digest(text)), nil
}

// TickSignature is the signature of the run for a time; nil when the schedule isn't signed.
func (s *Schedule) TickSignature(at time.Time) *Signature {
	if s.Signature == nil {
		return nil
	}
	signature := *s.Signature
	signature.Schedule = &SignedTick{
		Name: s.Name, CreatedAt: s.CreatedAt, Cron: s.Cron, TimeZone: s.TimeZone, Every: s.Every, At: s.At, Tick: at,
	}
	return &signature
}

// Of is the schedule that made a request, as far as its signature and its runs tell. The error says
// why the request can't be one of that schedule's.
func (t *SignedTick) Of(address RequestAddress, request *RunRequest) (*Schedule, error) {
	s := &Schedule{
		Name: t.Name, Tenant: address.Tenant, Queue: address.Queue, Cron: t.Cron, TimeZone: t.TimeZone, Every: t.Every, At: t.At,
		CreatedAt: t.CreatedAt, Request: *request,
	}
	s.Request.RunID = ""
	s.Request.Labels = maps.Clone(request.Labels)
	delete(s.Request.Labels, ScheduleLabel)
	delete(s.Request.Labels, TickLabel)
	made := s.TickRequest(s.TickRunID(t.Tick), t.Tick)
	switch {
	case made.RunID != address.RunID:
		return nil, fmt.Errorf("its run for %s has another id", timeLine(t.Tick))
	case !maps.Equal(made.Labels, request.Labels):
		return nil, fmt.Errorf("its run for %s has other labels", timeLine(t.Tick))
	case cmp.Or(request.Priority, DefaultPriority) != address.Priority:
		return nil, fmt.Errorf("its runs have another priority than %s", address.Priority)
	}
	return s, nil
}
