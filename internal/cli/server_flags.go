package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// ServerFlags say which server to talk to, and as whom.
type ServerFlags struct {
	Connection
	Tenant string // --tenant, KEDGE_TENANT
	// MaxData bounds what goes through the object bucket: --max-data, KEDGE_MAX_DATA.
	MaxData Bytes
	// SignWith is a file with the seed that requests are signed with: --sign-with, KEDGE_SIGN_WITH.
	SignWith string

	by string // who asks, see whoami
}

// AddServerFlags defines the flags of the server on set. What is not given
// comes from the environment.
func AddServerFlags(set *pflag.FlagSet, env *Env) *ServerFlags {
	flags := &ServerFlags{by: whoami(env)}
	flags.Add(set, env)
	set.StringVar(&flags.Tenant, "tenant", env.Getenv("KEDGE_TENANT", messages.DefaultTenant), "tenant `name` that the runs belong to (KEDGE_TENANT)")
	AddMaxData(set, env, &flags.MaxData)
	set.StringVar(&flags.SignWith, "sign-with", env.Getenv("KEDGE_SIGN_WITH", ""), "`file` with the seed of an NKey that signs what is submitted, for workers that require it (KEDGE_SIGN_WITH)")
	return flags
}

// whoami is the user and the machine, for people who look who paused a queue; empty where the environment names no user.
// It is no proof of anything.
func whoami(env *Env) string {
	user := env.Getenv("USER", env.Getenv("LOGNAME", env.Getenv("USERNAME", "")))
	host, err := os.Hostname()
	if user == "" || err != nil {
		return user
	}
	return user + "@" + host
}

// Dial connects to the server and gives a client on it, and the func that ends
// both. The error is an [Error] with what to do about it.
func (f *ServerFlags) Dial(ctx context.Context, program string) (*client.Client, func(), error) {
	if err := messages.CheckID(f.Tenant); err != nil {
		return nil, nil, &Error{Code: Usage, Err: fmt.Errorf("--tenant: %w", err)}
	}
	options, err := f.Options()
	if err != nil {
		return nil, nil, err
	}
	cfg := client.Config{Tenant: f.Tenant, By: cmp.Or(f.by, program), MaxDataBytes: int64(f.MaxData)}
	if f.SignWith != "" {
		if cfg.Signer, err = ReadSigner(f.SignWith); err != nil {
			return nil, nil, err
		}
	}
	options.Name, options.Inbox = program, TenantInbox(f.Tenant)
	nc, err := natsx.Connect(ctx, options)
	if err != nil {
		return nil, nil, Explain(err)
	}
	c, err := client.New(nc, cfg)
	if err != nil {
		nc.Close()
		return nil, nil, Explain(err)
	}
	return c, func() { _ = c.Close(); nc.Close() }, nil
}

// Explain gives an error of the client its exit code and what to do about it.
// Errors that have a code already pass unchanged.
func Explain(err error) error {
	var coded *Error
	var queue *client.QueueError
	var rejected *client.RejectedError
	var keyed *client.KeyConflictError
	switch {
	case err == nil || errors.As(err, &coded):
		return err
	case errors.Is(err, client.ErrRefused), errors.Is(err, nats.ErrAuthorization):
		return &Error{Code: Refused, Err: err, Hint: "--creds, --nkey and --tls-cert say who you are, --tenant for whom; deploy/nats says what each role may do"}
	case errors.Is(err, client.ErrNotReachable), errors.Is(err, natsx.ErrNotReachable):
		return &Error{Code: Unreachable, Err: err, Hint: "start a worker with its own server: worker --project DIR --embedded; or name a server: --nats URL, or NATS_URL"}
	case errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, jetstream.ErrStreamNotFound),
		errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return &Error{Code: Unreachable, Err: fmt.Errorf("the server is not set up for Kedge: %w", err), Hint: "make its streams: worker setup --nats URL --queue NAME"}
	case errors.Is(err, client.ErrNotFound):
		return &Error{Code: NotFound, Err: err, Hint: "`submit list` shows the runs that are known; records of ended runs are kept for 7 days"}
	case errors.Is(err, client.ErrNoSchedule):
		return &Error{Code: NotFound, Err: err, Hint: "`submit schedule list` shows the schedules"}
	case errors.Is(err, client.ErrScheduleExists):
		return &Error{Code: Rejected, Err: err, Hint: "--replace puts the new one in its place; `submit schedule show NAME` shows the one that exists"}
	case errors.As(err, &queue):
		return &Error{Code: Usage, Err: err, Hint: "name the queue with --queue, or work in the project's folder; the queue is the project's name"}
	case errors.Is(err, client.ErrTooLarge):
		return &Error{Code: Rejected, Err: err, Hint: "--max-data allows larger data, if the worker allows it too; very large data belongs into the catalog"}
	case errors.As(err, &rejected): // nothing was sent: the words alone show it
		return &Error{Code: Usage, Err: err}
	case errors.As(err, &keyed):
		return &Error{Code: Rejected, Err: err, Hint: fmt.Sprintf("`submit status %s` shows it; a new request needs a new --idempotency-key", keyed.RunID)}
	case errors.Is(err, client.ErrConflict):
		return &Error{Code: Rejected, Err: err, Hint: "take another --run-id, or none"}
	case errors.Is(err, client.ErrNoQueue):
		return &Error{Code: Rejected, Err: err, Hint: "declare it with `worker setup --queue NAME --tenant NAME`, then start a worker for it; `worker --embedded` does both"}
	case errors.Is(err, client.ErrFull):
		return &Error{Code: Rejected, Err: err, Hint: "try again when workers have made room; `submit list --state queued` shows what waits"}
	}
	return err
}
