package natsx

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// tryTimeout bounds one try of a publish. It is longer than a healthy server ever
// takes and short enough to try again soon after an election.
const tryTimeout = 3 * time.Second

// retryWait is the pause before the next try.
const retryWait = 100 * time.Millisecond

// Publish stores msg and repeats while the server gives no answer, up to timeout: a
// cluster needs 4 to 8 s to elect a leader. A try whose answer was lost may have
// been stored, so the message needs an expected sequence, a message id or a stream
// that refuses a second one; a refusal may come from the caller's own first try.
func Publish(ctx context.Context, js jetstream.JetStream, msg *nats.Msg, timeout time.Duration) (ack *jetstream.PubAck, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		ack, err = publishOnce(ctx, js, msg)
		if refused := refusal(js.Conn(), msg.Subject); err != nil && refused != nil {
			return nil, refused
		}
		if !Unanswered(err) || ctx.Err() != nil {
			return ack, err
		}
		if !Pause(ctx, retryWait) {
			return nil, err
		}
	}
}

func publishOnce(ctx context.Context, js jetstream.JetStream, msg *nats.Msg) (*jetstream.PubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
}

// Pause waits; false when ctx ends before.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Ack acks a fetched message through the pipe and waits for the server's answer, which
// a server that goes down never gives. An ack that was lost costs another delivery.
// Without a pipe the message acks itself.
func Ack(ctx context.Context, pipe *Pipe, msg jetstream.Msg) error {
	if pipe == nil {
		return msg.DoubleAck(ctx)
	}
	_, err := pipe.Request(ctx, msg.Reply(), []byte("+ACK"))
	return err
}

// Unanswered reports whether err leaves open what the server did: no answer, no
// leader, or no connection. The operation may be tried again.
func Unanswered(err error) bool {
	if err == nil || errors.Is(err, ErrRefused) {
		return false
	}
	for _, open := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, jetstream.ErrNoStreamResponse,
		nats.ErrDisconnected, nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded,
		nats.ErrStaleConnection, jetstream.ErrAsyncPublishTimeout, jetstream.ErrTooManyStalledMsgs, jetstream.ErrJetStreamNotEnabled,
	} {
		if errors.Is(err, open) {
			return true
		}
	}
	var api *jetstream.APIError
	// 503 answers: no leader yet, not available, insufficient resources for now.
	return errors.As(err, &api) && api.Code == 503 && api.ErrorCode != errCodeStoreFailed
}

const (
	errCodeWrongSequence    = 10071 // stored message is not the expected one
	errCodeWrongSequenceAny = 10164 // the same, while a store of the subject is in process
	errCodeStoreFailed      = 10077 // a limit of the stream
)

// WrongSequence reports whether an expected sequence did not hold: somebody else
// wrote the subject.
func WrongSequence(err error) bool {
	code := APICode(err)
	return code == errCodeWrongSequence || code == errCodeWrongSequenceAny
}

// LimitReached reports whether the stream refused a message because of a limit: its
// size, or one message per subject. The text tells which; see [SubjectTaken].
func LimitReached(err error) bool { return APICode(err) == errCodeStoreFailed }

// SubjectTaken reports whether the stream holds a message of this subject already.
func SubjectTaken(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == errCodeStoreFailed &&
		api.Description == "maximum messages per subject exceeded"
}

// APICode is the JetStream error code of err, or 0.
func APICode(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}
