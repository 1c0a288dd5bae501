package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func (a *app) scheduleCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "schedule",
		Short: "Submit runs at certain times",
		Long: `A schedule submits a run at certain times. The server keeps it and fires it, and
any live worker submits what is due: also after an outage of all of them.`,
	}, a.scheduleAddCommand(), a.scheduleListCommand(), a.scheduleShowCommand(), a.schedulePauseCommand(),
		a.scheduleResumeCommand(), a.scheduleRemoveCommand(), a.scheduleRunCommand())
}

// oneSchedule checks that a command got exactly one name.
func oneSchedule(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return &cli.UsageError{Class: "MissingParameter", Message: "Missing argument 'NAME': `submit schedule list` shows the schedules"}
	case 1:
		return nil
	}
	return cli.ExtraArguments(slices.Clone(args[1:]))
}

func (a *app) scheduleListCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "list", Short: "The schedules of a tenant, with their next time and last run", Args: noMore,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			all, err := c.Schedules(cmd.Context())
			if err != nil {
				return cli.Explain(err)
			}
			return a.writeSchedules(cmd, c, all, format)
		}),
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

func (a *app) writeSchedules(cmd *cobra.Command, c *client.Client, all []messages.Schedule, format outputFormat) error {
	if format == formatJSON {
		for i := range all {
			if err := writeJSON(a.env.Stdout, &all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "NAME\tWHEN\tQUEUE\tPIPELINE\tNEXT\tLAST RUN\tITS STATE")
	for i := range all {
		s := &all[i]
		run, state := lastRun(cmd, c, s)
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, when(s), s.Queue,
			strings.Join(pipelinesOf(&messages.Status{Pipelines: s.Request.PipelineNames}), ","), nextOf(s), run, state)
	}
	return tw.Flush()
}

// lastRun is the newest run of a schedule, and where it stands.
func lastRun(cmd *cobra.Command, c *client.Client, s *messages.Schedule) (messages.RunID, string) {
	for _, tick := range s.History {
		if tick.RunID == "" {
			continue
		}
		status, err := c.Status(cmd.Context(), tick.RunID)
		if err != nil { // its record has expired
			return tick.RunID, "unknown"
		}
		return tick.RunID, string(status.State)
	}
	return "", ""
}

// when says when a schedule is due.
func when(s *messages.Schedule) string {
	switch {
	case s.Cron != "" && s.TimeZone != "":
		return s.Cron + " " + s.TimeZone
	case s.Cron != "":
		return s.Cron + " UTC"
	case s.Every > 0:
		return "every " + s.Every.String()
	}
	return "at " + s.At.UTC().Format(time.RFC3339)
}

func nextOf(s *messages.Schedule) string {
	switch {
	case s.Paused:
		return "paused"
	case s.Next.IsZero():
		return "over"
	}
	return s.Next.UTC().Format(time.RFC3339)
}

func (a *app) scheduleShowCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "show NAME", Short: "One schedule: what it submits, when, and what came of it", Args: oneSchedule,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			s, err := c.Schedule(cmd.Context(), args[0])
			if err != nil {
				return cli.Explain(err)
			}
			return a.writeSchedule(&s, format, time.Now())
		}),
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

// shownTimes is how many of the next times `schedule show` lists.
const shownTimes = 3

func (a *app) writeSchedule(s *messages.Schedule, format outputFormat, now time.Time) error {
	if format == formatJSON {
		return writeJSON(a.env.Stdout, s)
	}
	request, err := oneLineJSON(s.Request)
	if err != nil {
		return err
	}
	var f fields
	f.add("schedule", "%s", s.Name)
	f.add("when", "%s", when(s))
	f.add("queue", "%s", s.Queue)
	f.add("request", "%s", request)
	f.add("overlap", "%s", orDefault(s.Overlap, messages.OverlapSkip))
	f.add("catch-up", "%s", orDefault(s.CatchUp, messages.CatchUpOne))
	f.add("next", "%s", nextOf(s))
	if !s.Next.IsZero() {
		times, err := client.NextTimes(*s, s.Next, shownTimes-1)
		if err != nil {
			return err
		}
		for _, t := range times {
			f.add("", "%s", t.Format(time.RFC3339))
		}
	}
	for _, tick := range s.Pending {
		f.add("waits", "the run for %s, until an earlier one has ended", tick.At.UTC().Format(time.RFC3339))
	}
	name := "history"
	for _, tick := range s.History {
		f.add(name, "%s", outcomeOf(&tick))
		name = ""
	}
	f.addTime("created", s.CreatedAt, now)
	return f.write(a.env.Stdout)
}

func orDefault[T ~string](value, fallback T) T {
	if value == "" {
		return fallback
	}
	return value
}

// outcomeOf says what came of a time.
func outcomeOf(tick *messages.Tick) string {
	at := tick.At.UTC().Format(time.RFC3339)
	switch tick.Action {
	case messages.TickSubmitted:
		return fmt.Sprintf("%s submitted as %s", at, tick.RunID)
	case messages.TickByHand:
		return fmt.Sprintf("%s submitted by hand as %s", at, tick.RunID)
	}
	return fmt.Sprintf("%s %s: %s", at, tick.Action, tick.Reason)
}

func (a *app) schedulePauseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "pause NAME", Short: "Submit nothing until the schedule is resumed", Args: oneSchedule,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			s, err := c.PauseSchedule(cmd.Context(), args[0])
			return a.saySchedule(&s, err)
		}),
	}
}

func (a *app) scheduleResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume NAME", Short: "Go on with the next time; those of the pause are not made up for", Args: oneSchedule,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			s, err := c.ResumeSchedule(cmd.Context(), args[0])
			return a.saySchedule(&s, err)
		}),
	}
}

// saySchedule prints a schedule's name and its next time.
func (a *app) saySchedule(s *messages.Schedule, err error) error {
	if err != nil {
		return cli.Explain(err)
	}
	_, err = fmt.Fprintf(a.env.Stdout, "%s %s\n", s.Name, nextOf(s))
	return err
}

func (a *app) scheduleRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME", Short: "Remove a schedule; its runs go on", Args: oneSchedule,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.RemoveSchedule(cmd.Context(), args[0]); err != nil {
				return cli.Explain(err)
			}
			_, err := fmt.Fprintf(a.env.Stdout, "%s removed\n", args[0])
			return err
		}),
	}
}

func (a *app) scheduleRunCommand() *cobra.Command {
	return &cobra.Command{
		Use: "run-now NAME", Short: "Submit a run of the schedule now; prints its id", Args: oneSchedule,
		Long: `Submit a run of the schedule now, whatever its overlap policy says, also while it is
paused. The next times count it as a live run.`,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			receipt, err := c.RunSchedule(cmd.Context(), args[0])
			if err != nil {
				return cli.Explain(err)
			}
			_, err = fmt.Fprintln(a.env.Stdout, receipt.RunID)
			return err
		}),
	}
}
