package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func (a *app) cancelCommand() *cobra.Command {
	var reason string
	var wait bool
	var format outputFormat
	cmd := &cobra.Command{
		Use:   "cancel RUN...",
		Short: "End runs, queued or running",
		Long: `Ask for the end of runs, queued or running. A run that finishes in the meantime
keeps its result. With --wait the exit code is that of the first run.`,
		Example: `  submit cancel 2026-11-23T18.36.01.166Z-5f0c2a1b --reason "wrong parameters"
  submit cancel $(submit list --state queued --output json | jq -r .run_id)`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil
			}
			return oneRun(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			runs := make([]messages.RunID, len(args))
			for i, id := range args {
				runs[i] = messages.RunID(id)
			}
			c, closeClient, err := a.server.Dial(cmd.Context(), "submit")
			if err != nil {
				return err
			}
			defer closeClient()
			if err := a.cancel(cmd.Context(), c, runs, reason, format, wait); err != nil || !wait {
				return err
			}
			return a.await(cmd.Context(), c, runs, false, format)
		},
		ValidArgsFunction: a.completeRuns,
	}
	set := cmd.Flags()
	set.StringVar(&reason, "reason", "", "why, kept with the run; `text`")
	set.BoolVar(&wait, "wait", false, "wait until the runs have ended, and print how")
	addOutputFlag(set, &format)
	return cmd
}

// cancel asks for the end of each run. It goes on after a failure and gives the first one.
func (a *app) cancel(ctx context.Context, c *client.Client, runs []messages.RunID, reason string, format outputFormat, quiet bool) error {
	var first error
	for _, run := range runs {
		status, err := c.Cancel(ctx, run, reason)
		switch {
		case errors.Is(err, client.ErrEnded):
			err = &cli.Error{Code: cli.Failed, Err: fmt.Errorf("run %s: %w", run, err), Hint: fmt.Sprintf("`submit result %s` shows how", run)}
		case err != nil:
			err = cli.Explain(fmt.Errorf("run %s: %w", run, err))
		case quiet:
		case format == formatJSON:
			err = writeJSON(a.env.Stdout, &status)
		default:
			fmt.Fprintf(a.env.Stdout, "%s %s\n", run, status.State)
		}
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		} else {
			cli.Report(a.env, err)
		}
	}
	return first
}
