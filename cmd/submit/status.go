package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func (a *app) statusCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use:     "status RUN",
		Short:   "Where a run stands",
		Example: "  submit status 2026-11-23T18.36.01.166Z-5f0c2a1b",
		Args:    oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, closeClient, err := a.server.Dial(cmd.Context(), "submit")
			if err != nil {
				return err
			}
			defer closeClient()
			status, err := c.Status(cmd.Context(), messages.RunID(args[0]))
			if err != nil {
				return cli.Explain(err)
			}
			now := time.Now()
			explainWaits(cmd.Context(), c, []*messages.Status{&status}, now)
			return writeStatus(a.env.Stdout, &status, format, now)
		},
		ValidArgsFunction: a.completeRuns,
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

// explainWaits says in the statuses of queued runs what they wait for, as far as that
// lies with the fleet. Who may not see the fleet gets the statuses as they are.
func explainWaits(ctx context.Context, c *client.Client, all []*messages.Status, now time.Time) {
	if !slices.ContainsFunc(all, func(s *messages.Status) bool { return s.State == messages.StateQueued }) {
		return
	}
	fleet, err := c.Fleet(ctx)
	if err != nil {
		return
	}
	if slices.ContainsFunc(all, func(s *messages.Status) bool { return s.State == messages.StateQueued && s.ConcurrencyKey != "" }) {
		if keys, err := c.Keys(ctx); err == nil { // else the statuses tell what they know
			fleet.Keys = keys
		}
	}
	for _, s := range all {
		if why := fleet.Why(s, now); why != "" {
			s.Waiting = why
		}
	}
}

func writeStatus(w io.Writer, s *messages.Status, format outputFormat, now time.Time) error {
	if format == formatJSON {
		return writeJSON(w, s)
	}
	var f fields
	f.add("run", "%s", s.RunID)
	f.add("state", "%s", s.State)
	f.add("pipelines", "%s", strings.Join(s.Pipelines, ", "))
	f.add("queue", "%s, priority %s", s.Queue, s.Priority)
	f.add("node", "%s", nodeOf(s))
	if s.Attempt > 0 {
		f.add("attempt", "%d", s.Attempt)
	}
	f.add("worker", "%s", workerOf(s.State, s.Attempt, s.Owner))
	f.add("waits for", "%s", waitsFor(s, now))
	f.addTime("submitted", s.SubmittedAt, now)
	f.addTime("scheduled for", s.ScheduledFor, now)
	if s.Attempt > 0 { // else it was only taken to be ended
		f.addTime("started", s.StartedAt, now)
	}
	f.addTime("finished", s.FinishedAt, now)
	f.add("last error", "%s", oneLine(s.LastError))
	if s.Cancel != nil {
		f.add("cancelled by", "%s", strings.TrimSpace(s.Cancel.By+" "+parenthesised(s.Cancel.Reason)))
	}
	f.addMap("labels", s.Labels)
	f.add("retry of", "%s", s.RetryOf)
	f.add("idempotency key", "%s", s.IdempotencyKey)
	f.add("unique key", "%s", s.UniqueKey)
	f.add("concurrency key", "%s", s.ConcurrencyKey)
	return f.write(w)
}

// workerOf is the worker that a run is or was on. One that never started was ended by whichever worker met it, of any
// queue, and that says something only when that worker refused it.
func workerOf(state messages.State, attempt int, owner string) string {
	if attempt == 0 && state != messages.StateRejected {
		return ""
	}
	return owner
}

// nodeOf tells how far a run is: nodes finished of all, and the one in work.
func nodeOf(s *messages.Status) string {
	if s.Progress == nil || s.Progress.Total == 0 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d/%d %s", s.Progress.Done, s.Progress.Total, s.Progress.Node))
}

// waitsFor says why a run is not running yet.
func waitsFor(s *messages.Status, now time.Time) string {
	switch {
	case s.State.Terminal() || s.State == messages.StateRunning:
		return ""
	case s.Waiting != "" && s.NotBefore.After(now):
		return s.Waiting + " in " + age(s.NotBefore.Sub(now))
	case s.Waiting != "":
		return s.Waiting
	case s.NotBefore.After(now):
		return "its time, in " + age(s.NotBefore.Sub(now))
	case s.State == messages.StateCancelling:
		return "the worker to stop it"
	}
	return "a free worker"
}
