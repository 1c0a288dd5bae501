package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func (a *app) queueCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "queue",
		Short: "Pause, resume and drain queues",
		Long: `A paused queue takes submits and starts nothing, until it is resumed: also after
restarts of workers and servers. Runs under way go on.`,
	}, a.queueListCommand(), a.pauseCommand(), a.resumeCommand(), a.drainCommand())
}

// queueRow is what `queue list` tells of a queue.
type queueRow struct {
	Queue   string          `json:"queue"`
	Paused  *messages.Pause `json:"paused,omitempty"`
	Workers int             `json:"workers"`
	Slots   int             `json:"slots"`
	Waiting int             `json:"waiting"` // runs of the tenant that are queued
	Running int             `json:"running"` // runs of the tenant that are in work
}

func (a *app) queueListCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "list", Short: "The queues with their workers, and the tenant's runs in them", Args: noMore,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			rows, err := queueRows(cmd.Context(), c)
			if err != nil {
				return cli.Explain(err)
			}
			return a.writeQueues(rows, format)
		}),
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

func queueRows(ctx context.Context, c *client.Client) ([]queueRow, error) {
	fleet, err := c.Fleet(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := c.List(ctx, client.ListOptions{States: liveStates()})
	if err != nil {
		return nil, err
	}
	rows := map[string]*queueRow{}
	of := func(queue string) *queueRow {
		if rows[queue] == nil {
			rows[queue] = &queueRow{Queue: queue}
		}
		return rows[queue]
	}
	for queue, pause := range fleet.Pauses {
		of(queue).Paused = &pause
	}
	for _, w := range fleet.Workers {
		of(w.Queue).Workers++
		of(w.Queue).Slots += w.Slots
	}
	for i := range runs {
		if runs[i].Owner == "" {
			of(runs[i].Queue).Waiting++
		} else {
			of(runs[i].Queue).Running++
		}
	}
	var sorted []queueRow
	for _, queue := range slices.Sorted(maps.Keys(rows)) {
		sorted = append(sorted, *rows[queue])
	}
	return sorted, nil
}

func (a *app) writeQueues(rows []queueRow, format outputFormat) error {
	if format == formatJSON {
		for _, row := range rows {
			if err := writeJSON(a.env.Stdout, row); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "QUEUE\tWORKERS\tSLOTS\tWAITING\tRUNNING\tPAUSED")
	for _, r := range rows {
		paused := ""
		if r.Paused != nil {
			paused = fmt.Sprintf("%s ago %s %s", age(time.Since(r.Paused.At)), by(r.Paused.By), parenthesised(r.Paused.Reason))
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%s\n", r.Queue, r.Workers, r.Slots, r.Waiting, r.Running, paused)
	}
	return tw.Flush()
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return "by " + who
}

func (a *app) pauseCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "pause QUEUE", Short: "Start nothing of a queue until it is resumed", Args: oneQueue,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.pause(cmd.Context(), c, args[0], reason)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why: a `text` that submit status and the like show")
	return cmd
}

// checkQueue refuses a queue that nobody declared and no live worker serves: a pause of a mistyped name would let
// somebody believe that nothing starts.
func checkQueue(ctx context.Context, c *client.Client, queue string) error {
	if err := messages.CheckID(queue); err != nil {
		return usage("queue: "+err.Error(), "`submit queue list` shows those that there are")
	}
	known, err := c.Queues(ctx)
	if err != nil {
		return cli.Explain(err)
	}
	if slices.Contains(known, queue) {
		return nil
	}
	return &cli.Error{
		Code: cli.Rejected, Err: fmt.Errorf("no such queue: %s%s", queue, cli.Suggestion(queue, known)),
		Hint: "`worker setup --queue NAME` declares one",
	}
}

// checkPaused lets pass a queue that is paused, whether or not anybody still declares it, and refuses a name of nothing.
func checkPaused(ctx context.Context, c *client.Client, queue string) error {
	pauses, err := c.Pauses(ctx)
	if err != nil {
		return cli.Explain(err)
	}
	if _, paused := pauses[queue]; paused {
		return nil
	}
	return checkQueue(ctx, c, queue)
}

// pause returns when every worker knows, as far as it lives.
func (a *app) pause(ctx context.Context, c *client.Client, queue, reason string) error {
	if err := checkQueue(ctx, c, queue); err != nil {
		return err
	}
	deaf, err := c.PauseQueue(ctx, queue, reason)
	if err != nil {
		return cli.Explain(err)
	}
	for _, w := range deaf {
		fmt.Fprintf(a.env.Stderr, "warning: worker %s has not said that it knows; it may start runs for a few seconds more\n", w.ID)
	}
	_, err = fmt.Fprintf(a.env.Stdout, "queue %s is paused\n", queue)
	return err
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume QUEUE", Short: "End the pause of a queue", Args: oneQueue,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := checkPaused(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			if err := c.ResumeQueue(cmd.Context(), args[0]); err != nil {
				return cli.Explain(err)
			}
			_, err := fmt.Fprintf(a.env.Stdout, "queue %s takes runs\n", args[0])
			return err
		}),
	}
}

func (a *app) drainCommand() *cobra.Command {
	var reason string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "drain QUEUE", Short: "Pause a queue and wait until nothing of it is in work", Args: oneQueue,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.drain(cmd.Context(), c, args[0], reason, timeout)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why: a `text` that submit status and the like show")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "wait no longer than so, for instance 10m (default: as long as it takes)")
	return cmd
}

// drainPoll is how often a drain looks.
const drainPoll = 250 * time.Millisecond

func (a *app) drain(ctx context.Context, c *client.Client, queue, reason string, timeout time.Duration) error {
	if err := a.pause(ctx, c, queue, reason); err != nil {
		return err
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, errDrainTimeout)
		defer cancel()
	}
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for told := -1; ; {
		busy, err := busySlots(ctx, c, queue)
		if err != nil && ctx.Err() == nil {
			return cli.Explain(err)
		}
		if err == nil && busy == 0 {
			_, err := fmt.Fprintf(a.env.Stdout, "nothing of queue %s is in work\n", queue)
			return err
		}
		if err == nil && busy != told {
			fmt.Fprintf(a.env.Stderr, "%d runs are in work\n", busy)
			told = busy
		}
		select {
		case <-ctx.Done():
			if context.Cause(ctx) == errDrainTimeout { //nolint:errorlint // the cause is the value itself
				return &cli.Error{Code: cli.Unfinished, Err: fmt.Errorf("queue %s is paused, but runs are still in work", queue), Hint: "`submit cancel --queue " + queue + " --state running` ends them"}
			}
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

var errDrainTimeout = fmt.Errorf("drain timeout")

// busySlots counts the runs that workers of the queue have in work, of whatever tenant.
func busySlots(ctx context.Context, c *client.Client, queue string) (int, error) {
	workers, err := c.Workers(ctx)
	busy := 0
	for _, w := range workers {
		if w.Queue == queue {
			busy += w.Busy
		}
	}
	return busy, err
}

// oneQueue checks that a command got exactly one queue.
func oneQueue(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &cli.UsageError{Class: "MissingParameter", Message: "Missing argument 'QUEUE': `submit queue list` shows those that there are"}
	}
	return noMore(nil, args[1:])
}
