package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// outcome is how the watch of one run ended: with its reply, or with an error.
type outcome struct {
	reply *messages.Reply
	err   error
}

// await waits for all runs, shows their progress when follow is set, and
// writes how they ended. Its error carries the exit code of the first run that
// didn't succeed. An interrupt leaves the runs going.
func (a *app) await(ctx context.Context, c *client.Client, runs []messages.RunID, follow bool, format outputFormat) error {
	var show display = quiet{}
	if follow {
		show = newDisplay(a.env, len(runs))
	}
	outcomes := make([]outcome, len(runs))
	var watches sync.WaitGroup
	for i, run := range runs {
		watches.Go(func() { outcomes[i] = watch(ctx, c, run, follow, show) })
	}
	watches.Wait()
	show.close()
	if ctx.Err() != nil {
		return a.left(runs)
	}
	return a.writeOutcomes(runs, outcomes, format)
}

// watch follows one run to its reply.
func watch(ctx context.Context, c *client.Client, run messages.RunID, follow bool, show display) outcome {
	if !follow {
		reply, err := c.Wait(ctx, run)
		return outcome{reply, cli.Explain(err)}
	}
	for update, err := range c.Watch(ctx, run) {
		switch {
		case err != nil:
			return outcome{err: cli.Explain(err)}
		case update.Reply != nil:
			show.ended(run, update.Reply)
			return outcome{reply: update.Reply}
		case update.Event != nil:
			show.event(run, update.Event)
		}
	}
	return outcome{err: fmt.Errorf("the events of run %s ended before its reply", run)}
}

// left tells an interrupted user that the runs go on, and how to get back.
func (a *app) left(runs []messages.RunID) error {
	hint := fmt.Sprintf("come back with `submit result %s --follow`, end it with `submit cancel %s`", runs[0], runs[0])
	text := fmt.Sprintf("stopped waiting; run %s goes on", runs[0])
	if len(runs) > 1 {
		text = fmt.Sprintf("stopped waiting; %d runs go on, the first is %s", len(runs), runs[0])
		hint = "see them with `submit list`, come back to one with `submit result RUN --follow`"
	}
	return &cli.Error{Code: cli.Interrupted, Err: fmt.Errorf("%s", text), Hint: hint}
}

// writeOutcomes writes one run in full, several as a table or as one document a line.
func (a *app) writeOutcomes(runs []messages.RunID, outcomes []outcome, format outputFormat) error {
	if err := firstError(outcomes); err != nil {
		return err
	}
	if format == formatText && len(runs) > 1 {
		if err := a.writeEnds(outcomes); err != nil {
			return err
		}
	} else {
		for _, o := range outcomes {
			if err := writeReply(a.env.Stdout, o.reply, format); err != nil {
				return err
			}
		}
	}
	for _, o := range outcomes {
		if code := exitOf(o.reply.State()); code != cli.OK {
			return ended(code)
		}
	}
	return nil
}

func firstError(outcomes []outcome) error {
	i := slices.IndexFunc(outcomes, func(o outcome) bool { return o.err != nil })
	if i < 0 {
		return nil
	}
	return outcomes[i].err
}

// writeEnds is the table of several runs, one line each.
func (a *app) writeEnds(outcomes []outcome) error {
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "RUN ID\tSTATE\tNODES\tTOOK\tERROR")
	for _, o := range outcomes {
		end, nodes, problem := o.reply.Ended(), "", ""
		if o.reply.Result != nil {
			nodes = fmt.Sprint(o.reply.Result.NodesRun)
		}
		if o.reply.Error != nil {
			problem = oneLine(o.reply.Error.Failure())
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", end.RunID, end.State, nodes, age(time.Duration(end.Took)), problem)
	}
	return tw.Flush()
}

// oneLine is a failure short enough for a column.
func oneLine(f *messages.Failure) string {
	if f == nil {
		return ""
	}
	text, _, _ := strings.Cut(strings.TrimSpace(f.Message), "\n")
	if f.Node != "" {
		text = f.Node + ": " + text
	}
	const limit = 80
	if short := []rune(text); len(short) > limit {
		text = string(short[:limit-3]) + "..."
	}
	return text
}
