package kedge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// newAuditCommand makes "worker audit", which an admin runs when something looks wrong, or regularly.
func newAuditCommand(env *Env) *cobra.Command {
	flags := &serverFlags{}
	expect := audit.Expect{Objects: 24 * time.Hour}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "look for runs without an end or with two, and for what ended runs left behind",
		Long: "Reads the streams and buckets, for all queues and tenants, and prints what must not be: lost runs, second replies,\n" +
			"statuses that nobody moves on, and requests, signs of life, keys and objects without a run. It changes nothing. What is\n" +
			"found is looked at twice. The exit code is 1 when there are findings.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runAudit(cmd.Context(), env, flags, expect) },
	}
	flags.Add(cmd.Flags(), env)
	cmd.Flags().DurationVar(&expect.Grace, "grace", 2*time.Minute, "`time` for which a change may be under way; what is younger is no finding")
	cmd.Flags().BoolVar(&expect.Ended, "ended", false, "all runs should have ended: what is still queued or running is a finding too")
	return cmd
}

func runAudit(ctx context.Context, env *Env, flags *serverFlags, expect audit.Expect) error {
	nc, err := flags.connect(ctx, "kedge worker audit", nil, zerolog.Nop())
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	var found []audit.Finding
	runs := 0
	for look := range 2 {
		snapshot, err := audit.Read(ctx, js, messages.Subjects{})
		if err != nil {
			return &cli.Error{Code: cli.Unreachable, Err: err, Hint: "is the server set up (worker setup), and may these credentials read its streams?"}
		}
		runs = len(snapshot.Statuses)
		now := snapshot.Findings(expect)
		if look > 0 { // what has changed meanwhile was under way
			now = slices.DeleteFunc(now, func(f audit.Finding) bool { return !slices.Contains(found, f) })
		}
		if found = now; len(found) == 0 {
			break
		}
	}
	for _, f := range found {
		fmt.Fprintln(env.Stdout, f)
	}
	fmt.Fprintf(env.Stdout, "audited %d runs: %d findings\n", runs, len(found))
	if len(found) > 0 {
		return &cli.Error{Code: cli.Failed, Err: errors.New("the audit has findings"), Hint: "docs/operations.md tells what to do about each"}
	}
	return nil
}
