package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func (a *app) eventsCommand() *cobra.Command {
	var kinds string
	var format outputFormat
	cmd := &cobra.Command{
		Use:     "events RUN",
		Aliases: []string{"watch"},
		Short:   "What happened in a run so far, and on to its end",
		Long: `Every event of a run from its first one on, then live, until the run has ended.
It does not matter when you start to look.`,
		Example: `  submit events 2026-11-23T18.36.01.166Z-5f0c2a1b
  submit events RUN --kind node_failed,log
  submit events RUN --output json | jq -r 'select(.kind == "node_finished") | .node'`,
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.events(cmd.Context(), messages.RunID(args[0]), cli.SplitNames(kinds), format)
		},
		ValidArgsFunction: a.completeRuns,
	}
	cmd.Flags().StringVar(&kinds, "kind", "", "only events of these `kinds`, for instance node_failed,log")
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

// checkKinds refuses a kind that there is none of: nothing would be shown, as of a run in which it didn't happen.
func checkKinds(kinds []string) error {
	for _, kind := range kinds {
		if !slices.Contains(kindNames(), kind) {
			return usage(fmt.Sprintf("--kind %q is not a kind of event", kind), "the kinds are "+strings.Join(kindNames(), ", "))
		}
	}
	return nil
}

func kindNames() []string {
	var names []string
	for _, kind := range messages.EventKinds() {
		names = append(names, string(kind))
	}
	return names
}

func (a *app) events(ctx context.Context, run messages.RunID, kinds []string, format outputFormat) error {
	if err := checkKinds(kinds); err != nil {
		return err
	}
	c, closeClient, err := a.server.Dial(ctx, "submit")
	if err != nil {
		return err
	}
	defer closeClient()
	for update, err := range c.Watch(ctx, run) {
		switch {
		case ctx.Err() != nil:
			return a.left([]messages.RunID{run})
		case err != nil:
			return cli.Explain(err)
		case update.Event != nil && (len(kinds) == 0 || slices.Contains(kinds, string(update.Event.Kind))):
			if err := writeEvent(a.env.Stdout, update.Event, format); err != nil {
				return err
			}
		case update.Reply != nil && len(kinds) == 0:
			return writeEnd(a.env.Stdout, update.Reply, format)
		}
	}
	return nil
}

func writeEvent(w io.Writer, e *messages.Event, format outputFormat) error {
	if format == formatJSON {
		return writeJSON(w, e)
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s  %-15s %s", clock(e.Time), e.Kind, about(e)), " "))
	return err
}

// writeEnd writes the reply as the last event.
func writeEnd(w io.Writer, reply *messages.Reply, format outputFormat) error {
	if format == formatJSON {
		return writeJSON(w, replyJSON(reply))
	}
	text := ""
	if reply.Error != nil {
		text = oneLine(reply.Error.Failure())
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%s  %-15s %s", clock(reply.Ended().FinishedAt), reply.State(), text), " "))
	return err
}

func clock(t time.Time) string { return t.Local().Format("15:04:05.000") }

// about tells what an event is about: the parts it has, in a fixed order.
func about(e *messages.Event) string {
	var parts []string
	add := func(text string) {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if e.Kind == messages.EventClaimed {
		add(fmt.Sprintf("by %s, attempt %d", e.Worker, e.Attempt))
	}
	if e.Index > 0 {
		add(fmt.Sprintf("%d/%d", e.Index, e.Total))
	}
	add(e.Node)
	add(e.Dataset)
	add(e.Version)
	add(e.Level)
	add(e.Message)
	if len(e.Nodes) > 0 {
		add(fmt.Sprintf("%d nodes", len(e.Nodes)))
	}
	if e.Took > 0 {
		add("in " + age(time.Duration(e.Took)))
	}
	add(oneLine(e.Error))
	return strings.Join(parts, " ")
}
