package main

import (
	"context"
	"fmt"
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
	outcomes := watchAll(runs, func(run messages.RunID) outcome { return watch(ctx, c, run, follow, show) })
	show.close()
	if ctx.Err() != nil {
		return a.left(runs)
	}
	return a.writeOutcomes(outcomes, format)
}

// maxWatches is how many runs are watched at once. The others lose nothing by
// waiting: a watch that starts late sees all.
const maxWatches = 64

// watchAll watches every run and gives the outcomes in the order of the runs.
func watchAll(runs []messages.RunID, watch func(messages.RunID) outcome) []outcome {
	outcomes := make([]outcome, len(runs))
	slots := make(chan struct{}, maxWatches)
	var watches sync.WaitGroup
	for i, run := range runs {
		slots <- struct{}{}
		watches.Go(func() {
			defer func() { <-slots }()
			outcomes[i] = watch(run)
		})
	}
	watches.Wait()
	return outcomes
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

// writeOutcomes writes one run in full, several as a table or as one document a
// line. A run whose outcome isn't known makes the error, after the others are written.
func (a *app) writeOutcomes(outcomes []outcome, format outputFormat) error {
	var unknown error
	var replies []*messages.Reply
	for _, o := range outcomes {
		if o.err == nil {
			replies = append(replies, o.reply)
		} else if unknown == nil {
			unknown = o.err
		}
	}
	if err := a.writeReplies(replies, format, len(outcomes) > 1); err != nil {
		return err
	}
	if unknown != nil {
		return unknown
	}
	for _, reply := range replies {
		if code := exitOf(reply.State()); code != cli.OK {
			return ended(code)
		}
	}
	return nil
}

func (a *app) writeReplies(replies []*messages.Reply, format outputFormat, several bool) error {
	if format == formatText && several {
		return a.writeEnds(replies)
	}
	for _, reply := range replies {
		if err := writeReply(a.env.Stdout, reply, format); err != nil {
			return err
		}
	}
	return nil
}

// writeEnds is the table of several runs, one line each.
func (a *app) writeEnds(replies []*messages.Reply) error {
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "RUN ID\tSTATE\tNODES\tTOOK\tERROR")
	for _, reply := range replies {
		end, nodes, problem := reply.Ended(), "", ""
		if reply.Result != nil {
			nodes = fmt.Sprint(reply.Result.NodesRun)
		}
		if reply.Error != nil {
			problem = oneLine(reply.Error.Failure())
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
