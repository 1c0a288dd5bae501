package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// ServerFlags say which server to talk to, and as whom.
type ServerFlags struct {
	URL    string // --nats, NATS_URL
	Creds  string // --creds, NATS_CREDS
	Tenant string // --tenant, KEDGE_TENANT
	// MaxData bounds what goes through the object bucket: --max-data, KEDGE_MAX_DATA.
	MaxData Bytes
}

// AddServerFlags defines the flags of the server on set. What is not given
// comes from the environment.
func AddServerFlags(set *pflag.FlagSet, env *Env) *ServerFlags {
	flags := &ServerFlags{}
	set.StringVar(&flags.URL, "nats", env.Getenv("NATS_URL", "nats://127.0.0.1:4222"), "`URL` of the NATS server, several separated by commas (NATS_URL)")
	set.StringVar(&flags.Creds, "creds", env.Getenv("NATS_CREDS", ""), "credentials `file` for the NATS server (NATS_CREDS)")
	set.StringVar(&flags.Tenant, "tenant", env.Getenv("KEDGE_TENANT", messages.DefaultTenant), "tenant `name` that the runs belong to (KEDGE_TENANT)")
	AddMaxData(set, env, &flags.MaxData)
	for _, name := range []string{"nats", "creds"} { // the help shows defaults, and a URL may hold a password
		set.Lookup(name).DefValue = env.Mask(set.Lookup(name).DefValue)
	}
	return flags
}

// Dial connects to the server and gives a client on it, and the func that ends
// both. The error is an [Error] with what to do about it.
func (f *ServerFlags) Dial(ctx context.Context, program string) (*client.Client, func(), error) {
	if f.Creds != "" {
		if _, err := os.Stat(f.Creds); err != nil {
			return nil, nil, &Error{Code: Usage, Err: fmt.Errorf("credentials: %w", err), Hint: "name the file with --creds or NATS_CREDS"}
		}
	}
	nc, err := natsx.Connect(ctx, natsx.ConnectOptions{URL: f.URL, Name: program, Credentials: f.Creds})
	if err != nil {
		return nil, nil, Explain(err)
	}
	c, err := client.New(nc, client.Config{Tenant: f.Tenant, By: program, MaxDataBytes: int64(f.MaxData)})
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
	case errors.As(err, &rejected):
		return &Error{Code: Rejected, Err: err}
	case errors.As(err, &keyed):
		return &Error{Code: Rejected, Err: err, Hint: fmt.Sprintf("`submit status %s` shows it; a new request needs a new --idempotency-key", keyed.RunID)}
	case errors.Is(err, client.ErrConflict):
		return &Error{Code: Rejected, Err: err, Hint: "take another --run-id, or none"}
	case errors.Is(err, client.ErrNoQueue):
		return &Error{Code: Rejected, Err: err, Hint: "start a worker for it, or declare it: worker setup --queue NAME --tenant NAME"}
	case errors.Is(err, client.ErrFull):
		return &Error{Code: Rejected, Err: err, Hint: "try again when workers have made room; `submit list --state queued` shows what waits"}
	}
	return err
}
