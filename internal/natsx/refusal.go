package natsx

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// ErrRefused says that the server refuses what these credentials have no right to. The
// server itself does not answer then, so without a look at the connection's errors a
// refusal is a time-out.
var ErrRefused = errors.New("the server refuses it to these credentials")

// refusal is what the server last refused on a connection, if it is the subject; "" is any.
func refusal(nc *nats.Conn, subject string) error {
	err := nc.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"`+subject) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

// ExplainSilence gives err, and with it the refusal that explains it when the server did
// not answer and has refused something on this connection.
func ExplainSilence(nc *nats.Conn, err error) error {
	if !Unanswered(err) || errors.Is(err, ErrRefused) {
		return err
	}
	if refused := refusal(nc, ""); refused != nil {
		return fmt.Errorf("%w (%w)", refused, err)
	}
	return err
}
