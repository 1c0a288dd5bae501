package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// resultFlags are the flags of `submit result`.
type resultFlags struct {
	wait, follow bool
	dataset, to  string
	format       outputFormat
}

func (a *app) resultCommand() *cobra.Command {
	flags := &resultFlags{}
	cmd := &cobra.Command{
		Use:   "result RUN",
		Short: "How a run ended, also hours later",
		Long: `How a run ended and what it gave, also hours later. The exit code is that of
the run.

A run that is still going gives exit code 9; --wait and --follow wait for it.

The value of an output is JSON. That of a table which is too large for the result
is an Arrow file; the result tells which it is.`,
		Example: `  submit result 2026-11-23T18.36.01.166Z-5f0c2a1b
  submit result RUN --follow
  submit result RUN --dataset metrics | jq .r2
  submit result RUN --dataset metrics --to metrics.json
  submit result RUN --dataset model_input_table --to table.arrow    of a large table`,
		Args:              oneRun,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.result(cmd.Context(), flags, args[0]) },
		ValidArgsFunction: a.completeRuns,
	}
	set := cmd.Flags()
	set.BoolVar(&flags.wait, "wait", false, "wait until the run has ended")
	set.BoolVar(&flags.follow, "follow", false, "show the progress until the run has ended")
	set.StringVar(&flags.dataset, "dataset", "", "print only the value of this output, as JSON unless it is a large table; `name` of the dataset")
	set.StringVar(&flags.to, "to", "", "write the value into this `file` instead; with --dataset")
	addOutputFlag(set, &flags.format)
	return cmd
}

func (a *app) result(ctx context.Context, flags *resultFlags, id string) error {
	if flags.to != "" && flags.dataset == "" {
		return usage("--to needs --dataset", "name the output whose value is to be written, for instance --dataset metrics --to metrics.json")
	}
	c, closeClient, err := a.server.Dial(ctx, "submit")
	if err != nil {
		return err
	}
	defer closeClient()
	run := messages.RunID(id)
	if (flags.wait || flags.follow) && flags.dataset == "" {
		return a.await(ctx, c, []messages.RunID{run}, flags.follow, flags.format)
	}
	reply, err := a.reply(ctx, c, run, flags)
	if err != nil {
		return err
	}
	if flags.dataset != "" && reply.Result != nil {
		return a.writeValue(ctx, c, reply.Result, flags)
	}
	return a.writeOutcomes([]outcome{{reply: reply}}, flags.format)
}

// reply reads the reply, and waits for it when told to.
func (a *app) reply(ctx context.Context, c *client.Client, run messages.RunID, flags *resultFlags) (*messages.Reply, error) {
	if flags.wait || flags.follow {
		reply, err := c.Wait(ctx, run)
		if ctx.Err() != nil {
			return nil, a.left([]messages.RunID{run})
		}
		return reply, cli.Explain(err)
	}
	reply, err := c.Result(ctx, run)
	if !errors.Is(err, client.ErrNotFound) {
		return reply, cli.Explain(err)
	}
	status, statusErr := c.Status(ctx, run) // tells a run without a reply from one that isn't known
	if statusErr != nil {
		return nil, cli.Explain(statusErr)
	}
	return nil, &cli.Error{
		Code: cli.Unfinished, Err: fmt.Errorf("run %s has no result yet: it is %s", run, status.State),
		Hint: fmt.Sprintf("wait for it with `submit result %s --follow`", run),
	}
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
