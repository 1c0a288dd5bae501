package natsx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
)

// ErrNotReachable says that no server answered.
var ErrNotReachable = errors.New("no NATS server answered")

// ConnectOptions says how to reach a server. The zero value reaches a local one.
type ConnectOptions struct {
	// URL lists servers, comma-separated. Defaults to nats://127.0.0.1:4222.
	URL string
	// Name shows up in the server's list of connections. Defaults to none.
	Name string
	// Credentials is a .creds file. Defaults to none.
	Credentials string
	// NKeySeed is a file that holds an NKey seed. Defaults to none.
	NKeySeed string
	// TLS is used as given. Defaults to what the URL says.
	TLS *tls.Config
	// Wait is how long Connect waits for the first connection. Defaults to 5 s.
	Wait time.Duration
	// Inbox is the first token or tokens of the subjects of answers. Who has one of its own
	// needs no right to read those of others. Defaults to "_INBOX".
	Inbox string
	// InProcess is an embedded server of this process; it goes before URL. Defaults
	// to none.
	InProcess *Server
	// Logger gets lost connections and refused publishes. Defaults to silence.
	Logger zerolog.Logger
}

// reconnectBuffer bounds what is published while disconnected: nothing. A store that
// waits in a buffer looks like a timeout and is repeated by its caller anyway.
const reconnectBuffer = -1

// Connect opens a connection that reconnects for ever. [ErrNotReachable] when no
// server answers within Wait; an authorization error is returned as it is.
func Connect(ctx context.Context, o ConnectOptions) (*nats.Conn, error) {
	if o.URL == "" {
		o.URL = nats.DefaultURL
	}
	if o.Wait == 0 {
		o.Wait = 5 * time.Second
	}
	connected, closed := make(chan struct{}, 1), make(chan struct{})
	opts, err := o.natsOptions()
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		nats.ConnectHandler(func(*nats.Conn) { connected <- struct{}{} }),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	nc, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", o.URL, err)
	}
	timer := time.NewTimer(o.Wait)
	defer timer.Stop()
	select {
	case <-connected:
		return nc, nil
	case <-closed:
		return nil, fmt.Errorf("connecting to %s: %w", o.URL, nc.LastError())
	case <-timer.C:
		err = fmt.Errorf("connecting to %s within %s: %w", o.URL, o.Wait, ErrNotReachable)
	case <-ctx.Done():
		err = fmt.Errorf("connecting to %s: %w", o.URL, context.Cause(ctx))
	}
	nc.Close()
	return nil, err
}

func (o ConnectOptions) natsOptions() ([]nats.Option, error) {
	log := o.Logger
	opts := []nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(reconnectBuffer),
		// A refused publish looks like a timeout to its caller; only this handler
		// learns the reason.
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			event := log.Error().Err(err)
			if sub != nil {
				event = event.Str("subject", sub.Subject)
			}
			event.Msg("nats refused an operation")
		}),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if err != nil {
				log.Warn().Err(err).Str("url", nc.ConnectedUrlRedacted()).Msg("lost the nats connection")
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info().Str("url", nc.ConnectedUrlRedacted()).Msg("reconnected to nats")
		}),
	}
	if o.InProcess != nil {
		opts = append(opts, nats.InProcessServer(o.InProcess.server))
	}
	if o.Inbox != "" {
		opts = append(opts, nats.CustomInboxPrefix(o.Inbox))
	}
	if o.Credentials != "" {
		opts = append(opts, nats.UserCredentials(o.Credentials))
	}
	if o.NKeySeed != "" {
		nkey, err := nats.NkeyOptionFromSeed(o.NKeySeed)
		if err != nil {
			return nil, fmt.Errorf("reading nkey seed: %w", err)
		}
		opts = append(opts, nkey)
	}
	if o.TLS != nil {
		opts = append(opts, nats.Secure(o.TLS))
	}
	return opts, nil
}
