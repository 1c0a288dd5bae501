package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func (a *app) workerCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "worker",
		Short: "List, pause, resume and drain workers",
	}, a.workerListCommand(),
		a.orderCommand(client.PauseWorker, "Let workers take nothing until they are resumed or end", "is paused"),
		a.orderCommand(client.ResumeWorker, "Let paused workers take runs again", "takes runs"),
		a.orderCommand(client.DrainWorker, "Let workers take nothing more, and end when their runs have ended", "ends when its runs have ended"),
	)
}

func (a *app) workerListCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "list", Short: "The live workers", Args: noMore,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			workers, err := c.Workers(cmd.Context())
			if err != nil {
				return cli.Explain(err)
			}
			return a.writeWorkers(workers, format)
		}),
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

func (a *app) writeWorkers(workers []messages.Worker, format outputFormat) error {
	if format == formatJSON {
		for i := range workers {
			if err := writeJSON(a.env.Stdout, &workers[i]); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "WORKER ID\tQUEUE\tHOST\tBUSY\tSTATE\tUP\tVERSION")
	for i := range workers {
		w := &workers[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d/%d\t%s\t%s\t%s\n", w.ID, w.Queue, w.Host, w.Busy, w.Slots, workerState(w), age(time.Since(w.StartedAt)), w.Version)
	}
	return tw.Flush()
}

func workerState(w *messages.Worker) string {
	switch {
	case w.Draining:
		return "draining"
	case w.Paused == "queue":
		return "queue paused"
	case w.Paused != "":
		return "paused"
	}
	return "taking runs"
}

func (a *app) orderCommand(order client.WorkerOrder, short, done string) *cobra.Command {
	return &cobra.Command{
		Use: string(order) + " WORKER...", Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &cli.UsageError{Class: "MissingParameter", Message: "Missing argument 'WORKER': `submit worker list` shows the ids"}
			}
			return nil
		},
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.each(cmd.Context(), "workers", len(args), func(i int) error {
				_, err := c.Order(cmd.Context(), args[i], order)
				switch {
				case errors.Is(err, client.ErrNoWorker):
					return &cli.Error{Code: cli.NotFound, Err: err, Hint: "`submit worker list` shows the live ones"}
				case err != nil:
					return cli.Explain(err)
				}
				_, err = fmt.Fprintf(a.env.Stdout, "worker %s %s\n", args[i], done)
				return err
			})
		}),
	}
}
