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

// listFlags filter `submit list`.
type listFlags struct {
	states, queue, pipeline string
	labels                  map[string]string
	limit                   int
	format                  outputFormat
}

func (a *app) listCommand() *cobra.Command {
	flags := &listFlags{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The runs of a tenant, newest first",
		Example: `  submit list                                   the 50 newest
  submit list --state running,queued --queue spaceflights
  submit list --label team=red --limit 0 --output json | jq -r .run_id`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.ExtraArguments(args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.list(cmd, flags) },
	}
	set := cmd.Flags()
	set.StringVar(&flags.states, "state", "", "only runs in these `states`: "+strings.Join(stateNames(), ", "))
	set.StringVar(&flags.queue, "queue", "", "only runs of this `queue`")
	set.StringVar(&flags.pipeline, "pipeline", "", "only runs of this `pipeline`")
	set.StringToStringVar(&flags.labels, "label", nil, "only runs with this `key=value`; may be repeated")
	set.IntVar(&flags.limit, "limit", 50, "at most so `many`; 0: all")
	set.Lookup("label").DefValue = "" // the help would show an empty list
	addOutputFlag(set, &flags.format)
	return cmd
}

func (a *app) list(cmd *cobra.Command, flags *listFlags) error {
	states, err := parseStates(flags.states)
	if err != nil {
		return err
	}
	c, closeClient, err := a.server.Dial(cmd.Context(), "submit")
	if err != nil {
		return err
	}
	defer closeClient()
	all, err := c.List(cmd.Context(), client.ListOptions{States: states, Queue: flags.queue})
	if err != nil {
		return cli.Explain(err)
	}
	all = slices.DeleteFunc(all, func(s messages.Status) bool { return !flags.match(&s) })
	hidden, now := 0, time.Now()
	if flags.limit > 0 && len(all) > flags.limit {
		hidden = len(all) - flags.limit
		all = all[:flags.limit]
	}
	shown := make([]*messages.Status, len(all))
	for i := range all {
		shown[i] = &all[i]
	}
	explainWaits(cmd.Context(), c, shown, now)
	if flags.format == formatJSON {
		for i := range all {
			if err := writeJSON(a.env.Stdout, &all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if hidden > 0 {
		defer fmt.Fprintf(a.env.Stderr, "note: %d older runs are not shown; --limit 0 shows all\n", hidden)
	}
	return a.writeList(all, now)
}

func (f *listFlags) match(s *messages.Status) bool {
	if f.pipeline != "" && !slices.Contains(pipelinesOf(s), f.pipeline) {
		return false
	}
	for key, value := range f.labels {
		if s.Labels[key] != value {
			return false
		}
	}
	return true
}

func (a *app) writeList(all []messages.Status, now time.Time) error {
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "RUN ID\tPIPELINE\tSTATE\tNODE\tATTEMPT\tWORKER\tAGE\tWAITS FOR\tLAST ERROR")
	for i := range all {
		s := &all[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", s.RunID, strings.Join(pipelinesOf(s), ","), s.State,
			nodeOf(s), s.Attempt, workerOf(s.State, s.Attempt, s.Owner), age(now.Sub(s.SubmittedAt)), waitsFor(s, now), oneLine(s.LastError))
	}
	return tw.Flush()
}

// pipelinesOf names the pipelines of a run, the default one too.
func pipelinesOf(s *messages.Status) []string {
	if len(s.Pipelines) == 0 {
		return []string{"__default__"}
	}
	return s.Pipelines
}

func stateNames() []string {
	return []string{"scheduled", "queued", "running", "cancelling", "succeeded", "failed", "timed_out", "cancelled", "rejected", "dead"}
}

func parseStates(text string) ([]messages.State, error) {
	var states []messages.State
	for _, name := range cli.SplitNames(text) {
		if !slices.Contains(stateNames(), name) {
			return nil, usage(fmt.Sprintf("--state %q is not a state", name), "the states are "+strings.Join(stateNames(), ", "))
		}
		states = append(states, messages.State(name))
	}
	return states, nil
}
