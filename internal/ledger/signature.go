package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/messages"
)

// A signature travels in a header of the request. Where only the request's body is kept, in
// the status of a delayed run and in the event accepted, the signature lies beside it, so that whoever stores
// the request again stores it as it was signed. A run of a schedule carries the
// signature of the schedule. Claims check it: nothing on the way there needs to be trusted.

// Signer signs what is submitted: an nkeys.KeyPair of a user is one.
type Signer interface {
	// PublicKey is the public NKey, which begins with U.
	PublicKey() (string, error)
	// Sign gives the ed25519 signature of the input.
	Sign(input []byte) ([]byte, error)
}

// AnyTenant stands, in [Config.Trusted], for all tenants.
const AnyTenant = "*"

// checkSigning checks the keys of the configuration.
func (c Config) checkSigning() error {
	for key := range c.Trusted {
		if !nkeys.IsValidPublicUserKey(key) {
			return errors.New("a trusted key is not the public NKey of a user")
		}
	}
	if c.Signer == nil {
		return nil
	}
	key, err := c.Signer.PublicKey()
	if err == nil && !nkeys.IsValidPublicUserKey(key) {
		err = errors.New("want the key of a user")
	}
	if err != nil {
		return fmt.Errorf("the signer: %w", err)
	}
	return nil
}

// sign makes the signature of what statement gives; nil without a signer.
func (l *Ledger) sign(notBefore time.Time, statement func(*messages.Signature) ([]byte, error)) (*messages.Signature, error) {
	if l.cfg.Signer == nil {
		return nil, nil //nolint:nilnil // unsigned is no error
	}
	key, err := l.cfg.Signer.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	s := &messages.Signature{Key: key, At: l.now(), NotBefore: notBefore}
	said, err := statement(s)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	value, err := l.cfg.Signer.Sign(said)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	s.SetBytes(value)
	return s, nil
}

func (l *Ledger) signRequest(subject string, body []byte, notBefore time.Time) (*messages.Signature, error) {
	return l.sign(notBefore, func(s *messages.Signature) ([]byte, error) { return s.Statement(subject, body), nil })
}

// signSchedule gives the schedule with its signature.
func (l *Ledger) signSchedule(s messages.Schedule) (messages.Schedule, error) {
	var err error
	s.Signature, err = l.sign(time.Time{}, func(g *messages.Signature) ([]byte, error) {
		return s.Statement(l.cfg.Subjects, g.At)
	})
	return s, err
}

// signedByMe reports whether a schedule is as signed as this ledger would leave it.
func (l *Ledger) signedByMe(s *messages.Schedule) bool {
	if l.cfg.Signer == nil {
		return true
	}
	key, err := l.cfg.Signer.PublicKey()
	return err == nil && s.Signature != nil && s.Signature.Key == key
}

// setSignature puts a signature into the header of a request.
func setSignature(header nats.Header, signature *messages.Signature) error {
	text, err := signature.Encode()
	if text != "" {
		header.Set(messages.SignatureHeader, text)
	}
	return err
}

// signatureOf reads the signature of a stored request. One that can't be read is none: the
// claim that refuses it has seen it.
func signatureOf(header nats.Header) *messages.Signature {
	signature, err := messages.ReadSignature(header.Values(messages.SignatureHeader))
	if err != nil {
		return nil
	}
	return signature
}

// authenticate refuses a request whose signature this ledger must trust and doesn't.
func (l *Ledger) authenticate(d *delivery, msg jetstream.Msg) {
	var err error
	d.signature, err = messages.ReadSignature(msg.Headers().Values(messages.SignatureHeader))
	if l.cfg.Trusted == nil {
		return
	}
	// Whoever sends a request again that has ended could name the revision of its status.
	d.revision = 0
	if d.invalid != nil {
		return
	}
	if err == nil {
		err = l.trust(d, msg.Data())
	}
	if err == nil {
		return
	}
	if errors.Is(err, messages.ErrUnsigned) {
		err = errors.New("the request is not signed, and this worker runs signed ones only; submit it with --sign-with")
	}
	d.invalid = &messages.FieldError{Field: "signature", Code: messages.CodeNotTrusted, Reason: err.Error()}
}

func (l *Ledger) tellUntrusted(ctx context.Context, d delivery) {
	log := zerolog.Ctx(ctx).Warn().Str(fieldRunID, string(d.address.RunID)).Str("tenant", d.address.Tenant).Str("reason", d.invalid.Reason)
	if d.signature != nil {
		log = log.Str("key", d.signature.Key)
	}
	log.Msg("a request that is not trusted is refused")
}

// trust says why a signature doesn't make its request run.
func (l *Ledger) trust(d *delivery, body []byte) error {
	s := d.signature
	tenants, known := l.cfg.Trusted[s.Key]
	switch {
	case !known:
		return fmt.Errorf("the request is signed by %s, a key that this worker does not know", s.Key)
	case !slices.Contains(tenants, AnyTenant) && !slices.Contains(tenants, d.address.Tenant):
		return fmt.Errorf("the request is signed by %s, which may not sign for tenant %s", s.Key, d.address.Tenant)
	}
	statement, err := s.Statement(d.subject, body), error(nil)
	if s.Schedule != nil {
		statement, err = l.tickStatement(d)
	}
	if err != nil {
		return fmt.Errorf("the request is not one of schedule %s: %w", s.Schedule.Name, err)
	}
	if !verified(s, statement) {
		return fmt.Errorf("the signature of %s does not match: the request was changed, or signed for another tenant, queue, priority or run", s.Key)
	}
	return l.timely(d)
}

func verified(s *messages.Signature, statement []byte) bool {
	key, err := nkeys.FromPublicKey(s.Key)
	if err != nil {
		return false
	}
	value, err := s.Bytes()
	return err == nil && key.Verify(statement, value) == nil
}

// tickStatement is what the owner of a schedule signed, when the request is one of its runs.
func (l *Ledger) tickStatement(d *delivery) ([]byte, error) {
	tick := d.signature.Schedule
	schedule, err := tick.Of(d.address, d.request)
	if err != nil {
		return nil, err
	}
	next, err := timetableOf(schedule)
	if err != nil {
		return nil, err
	}
	if !next(tick.Tick.Add(-time.Nanosecond)).Equal(tick.Tick) {
		return nil, fmt.Errorf("it is not due at %s", tick.Tick.UTC().Format(time.RFC3339Nano))
	}
	return schedule.Statement(l.cfg.Subjects, d.signature.At)
}

const (
	// earlyBy is how much the clocks of servers may differ.
	earlyBy = time.Minute
	// signerAhead is how far a signer's clock may run ahead.
	signerAhead = time.Hour
)

// timely refuses a request that is stored before its time, or so long after it that the
// record of its run may have expired: nobody could tell that it has run. It goes by when
// the server stored the request, so a run may wait for its turn as long as it has to.
func (l *Ledger) timely(d *delivery) error {
	s, stored := d.signature, d.storedAt
	from, what := s.At, "signed"
	switch {
	case s.At.After(stored.Add(signerAhead)):
		return fmt.Errorf("the request is signed at %s, more than %s after it was queued: set the signer's clock", text(s.At), signerAhead)
	case s.Schedule != nil:
		from, what = s.Schedule.Tick, "due"
	case s.NotBefore.After(from):
		from, what = s.NotBefore, "due"
	}
	if what == "due" && from.After(stored.Add(earlyBy)) {
		return fmt.Errorf("the request is signed for %s and was queued before, at %s", text(from), text(stored))
	}
	// By as much as a signer may run ahead, the record may be older than the signature.
	if limit := l.cfg.Retention - signerAhead; stored.Sub(from) > limit {
		return fmt.Errorf("the request was %s at %s and queued more than %s later, when nobody knew any more whether it had run: sign it again", what, text(from), limit)
	}
	return nil
}

func text(t time.Time) string { return t.UTC().Format(time.RFC3339) }
