package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// scheduleFlags are the flags of `submit schedule add`: when, and what to run.
type scheduleFlags struct {
	run *runFlags

	cron, zone, at   string
	every            time.Duration
	overlap, catchUp string
	limit            int
	replace          bool
}

// ofEachRun are the flags of `submit run`, beyond Kedro's, that the runs of a schedule
// can have too; the others are about one run.
func ofEachRun() []string {
	return []string{"queue", "priority", "timeout", "node-timeout", "max-attempts", "backoff", "retry-on", "concurrency-key", "label", "outputs", "reply-subject", "output"}
}

func (a *app) scheduleAddCommand() *cobra.Command {
	flags := &scheduleFlags{run: &runFlags{}}
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a schedule; prints its next time",
		Long: `Add a schedule: when, by --cron, --every or --at, and what, by the flags of
` + "`submit run`" + `. Adding it again as it is changes nothing.

Where clocks change, a time of day that is skipped fires when the clock has
changed, and one that comes twice fires the first time.`,
		Example: `  submit schedule add nightly --cron '30 2 * * *' --time-zone Europe/Berlin --pipelines reporting
  submit schedule add often --every 15m --overlap queue --catch-up all --params depth=8
  submit schedule add once --at 2026-12-31T23:59:00+01:00`,
		Args: func(cmd *cobra.Command, args []string) error { return oneSchedule(cmd, args[:min(len(args), 1)]) },
		RunE: func(cmd *cobra.Command, args []string) error { return a.addSchedule(cmd, flags, args) },
	}
	set := cmd.Flags()
	set.SortFlags = false
	set.StringVar(&flags.cron, "cron", "", "`expression` of five fields (minute hour day month weekday), six (second first), or @hourly, @daily and the like")
	set.StringVar(&flags.zone, "time-zone", "", "zone of --cron, for instance `Europe/Berlin` (default: UTC)")
	set.DurationVar(&flags.every, "every", 0, "interval, for instance 15m; at least 1s")
	set.StringVar(&flags.at, "at", "", "once, at this `time` (RFC 3339)")
	set.StringVar(&flags.overlap, "overlap", string(messages.OverlapSkip), "while an earlier run is live, `skip` the new one, queue it behind, or replace the live one")
	set.StringVar(&flags.catchUp, "catch-up", string(messages.CatchUpOne), "for times that an outage missed, `one` run, none, or all")
	set.IntVar(&flags.limit, "catch-up-limit", 0, fmt.Sprintf("at most so `many` runs for all (default: %d)", messages.DefaultCatchUpLimit))
	set.BoolVar(&flags.replace, "replace", false, "put it in the place of a schedule of this name")
	flags.run.kedro = cli.AddRunFlags(set)
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.run.add(all)
	for _, name := range ofEachRun() {
		set.AddFlag(all.Lookup(name))
	}
	return cmd
}

func (a *app) addSchedule(cmd *cobra.Command, flags *scheduleFlags, args []string) error {
	s, err := a.schedule(flags, args)
	if err != nil {
		return err
	}
	return a.withClient(cmd, func(c *client.Client) error {
		stored, err := c.AddSchedule(cmd.Context(), s, flags.replace)
		if err == nil && flags.run.output == formatJSON {
			return writeJSON(a.env.Stdout, &stored)
		}
		return a.saySchedule(&stored, err)
	})
}

// schedule is what the flags say.
func (a *app) schedule(flags *scheduleFlags, args []string) (messages.Schedule, error) {
	requests, err := a.requests(flags.run, args[1:])
	if err != nil {
		return messages.Schedule{}, err
	}
	s := messages.Schedule{
		Name: args[0], Cron: flags.cron, TimeZone: flags.zone, Every: messages.Duration(flags.every),
		Overlap: messages.Overlap(flags.overlap), CatchUp: messages.CatchUp(flags.catchUp), CatchUpLimit: flags.limit,
		Request: requests[0],
	}
	if flags.at != "" {
		if s.At, err = time.Parse(time.RFC3339, flags.at); err != nil {
			return s, usage(fmt.Sprintf("--at %q is not a time", flags.at), "write it as 2026-11-23T18:00:00Z or 2026-11-23T19:00:00+01:00")
		}
	}
	if s.Queue, err = a.queue(flags.run); err != nil {
		return s, err
	}
	return s, checkSchedule(s)
}

// checkSchedule finds what is wrong with a schedule by itself, before a server is asked. What it doesn't say is filled in
// from there.
func checkSchedule(s messages.Schedule) error {
	s.Tenant, s.Queue = messages.DefaultTenant, cmp.Or(s.Queue, "any")
	if err := wrongWords(s.Validate()); err != nil || s.Cron == "" {
		return err
	}
	_, err := client.NextTimes(s, time.Now(), 1)
	return cli.Explain(err)
}

// oneLineJSON writes a request without what is empty.
func oneLineJSON(request messages.RunRequest) (string, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	var said map[string]any
	if err := json.Unmarshal(text, &said); err != nil {
		return "", err
	}
	delete(said, "run_id") // each run has its own
	text, err = json.Marshal(said)
	return string(text), err
}
