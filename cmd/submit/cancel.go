package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// cancelFlags say which runs are to end, and how that is told.
type cancelFlags struct {
	selection
	listFlags // only its filters
	reason    string
	wait      bool
	format    outputFormat
}

func (a *app) cancelCommand() *cobra.Command {
	flags := &cancelFlags{}
	cmd := &cobra.Command{
		Use:   "cancel [RUN...]",
		Short: "End runs, queued or running",
		Long: `Ask for the end of runs, queued or running: those named, or all live ones that
pass the filters. A run that finishes in the meantime keeps its result. With
--wait the exit code is that of the first one that did not succeed.`,
		Example: `  submit cancel 2026-11-23T18.36.01.166Z-5f0c2a1b --reason "wrong parameters"
  submit cancel --state queued --queue spaceflights --older-than 2h
  submit cancel --label team=red --yes
  submit cancel --all`,
		Args:              cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runCancel(cmd, args, flags) },
		ValidArgsFunction: a.completeRuns,
	}
	set := cmd.Flags()
	flags.selection.add(set, "live runs")
	set.StringVar(&flags.states, "state", "", "all runs in these `states`: scheduled, queued, running")
	set.StringToStringVar(&flags.labels, "label", nil, "all live runs with this `key=value`; may be repeated")
	set.Lookup("label").DefValue = "" // the help would show an empty list
	set.StringVar(&flags.reason, "reason", "", "why, kept with the run; `text`")
	set.BoolVar(&flags.wait, "wait", false, "wait until the runs have ended, and print how")
	addOutputFlag(set, &flags.format)
	return cmd
}

func (a *app) runCancel(cmd *cobra.Command, args []string, flags *cancelFlags) error {
	filtered := flags.states != "" || len(flags.labels) > 0
	if len(args) == 0 && !filtered && flags.selection == (selection{yes: flags.yes}) {
		return oneRun(cmd, args)
	}
	if err := flags.check(args, filtered); err != nil {
		return err
	}
	return a.withClient(cmd, func(c *client.Client) error {
		runs := make([]messages.RunID, len(args))
		for i, id := range args {
			runs[i] = messages.RunID(id)
		}
		if len(args) == 0 {
			var err error
			if runs, err = flags.pick(cmd.Context(), c); err != nil {
				return err
			}
			if len(runs) == 0 {
				fmt.Fprintln(a.env.Stderr, "note: there is no such live run")
				return nil
			}
			if err := a.confirm(cmd, &flags.selection, fmt.Sprintf("Cancel %d runs?", len(runs))); err != nil {
				return err
			}
		}
		// What a filter picked may end before it is its turn.
		if err := a.cancel(cmd.Context(), c, runs, flags, len(args) == 0); err != nil || !flags.wait {
			return err
		}
		return a.await(cmd.Context(), c, runs, false, flags.format)
	})
}

// liveStates are those of runs that can be cancelled and were not.
func liveStates() []messages.State {
	return []messages.State{messages.StateScheduled, messages.StateQueued, messages.StateRunning}
}

// pick gives the live runs that pass the filters.
func (f *cancelFlags) pick(ctx context.Context, c *client.Client) ([]messages.RunID, error) {
	states, err := parseStates(f.states)
	if err != nil {
		return nil, err
	}
	if len(states) == 0 {
		states = liveStates()
	}
	for _, state := range states {
		if !slices.Contains(liveStates(), state) {
			return nil, usage(fmt.Sprintf("--state %s: such a run can't be cancelled", state), "the states are scheduled, queued and running")
		}
	}
	all, err := c.List(ctx, client.ListOptions{States: states, Queue: f.selection.queue})
	if err != nil {
		return nil, cli.Explain(err)
	}
	now := time.Now()
	var runs []messages.RunID
	for i := range all {
		if f.match(&all[i]) && f.older(all[i].SubmittedAt, now) {
			runs = append(runs, all[i].RunID)
		}
	}
	return runs, nil
}

// cancel asks for the end of each run. It goes on after a failure and gives the first
// one. Runs that have ended are no failure where mayHaveEnded.
func (a *app) cancel(ctx context.Context, c *client.Client, runs []messages.RunID, flags *cancelFlags, mayHaveEnded bool) error {
	return a.each(ctx, "runs", len(runs), func(i int) error {
		run := runs[i]
		status, err := c.Cancel(ctx, run, flags.reason)
		switch {
		case errors.Is(err, client.ErrEnded) && mayHaveEnded:
			return nil
		case errors.Is(err, client.ErrEnded):
			return &cli.Error{Code: cli.Failed, Err: fmt.Errorf("run %s has ended", run), Hint: fmt.Sprintf("`submit result %s` shows how", run)}
		case err != nil:
			return cli.Explain(ofRun(run, err))
		case flags.wait:
			return nil
		case flags.format == formatJSON:
			return writeJSON(a.env.Stdout, &status)
		}
		_, err = fmt.Fprintf(a.env.Stdout, "%s %s\n", run, status.State)
		return err
	})
}

// ofRun names the run of an error that doesn't.
func ofRun(run messages.RunID, err error) error {
	if strings.Contains(err.Error(), string(run)) {
		return err
	}
	return fmt.Errorf("run %s: %w", run, err)
}
