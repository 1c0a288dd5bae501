package main

import (
	"errors"
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

func (a *app) deadCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "dead",
		Short: "Runs that were given up, and are kept with their requests",
		Long: `A run that was lost with its worker again and again, at last while nothing else
ran there, is given up: its request is kept as a dead letter, for 30 days.`,
		Example: `  submit dead list
  submit dead redrive 2026-11-23T18.36.01.166Z-5f0c2a1b
  submit dead purge --older-than 168h --yes`,
	}, a.deadListCommand(), a.deadShowCommand(), a.redriveCommand(), a.purgeCommand())
}

func (a *app) deadListCommand() *cobra.Command {
	var queue string
	var format outputFormat
	cmd := &cobra.Command{
		Use: "list", Short: "The dead letters, newest first", Args: noMore,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			letters, err := c.DeadLetters(cmd.Context())
			if err != nil {
				return cli.Explain(err)
			}
			letters = slices.DeleteFunc(letters, func(l messages.DeadLetter) bool { return queue != "" && l.Queue != queue })
			return a.writeLetters(letters, format, time.Now())
		}),
	}
	cmd.Flags().StringVar(&queue, "queue", "", "only letters of this `queue`")
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

func (a *app) writeLetters(letters []messages.DeadLetter, format outputFormat, now time.Time) error {
	if format == formatJSON {
		for i := range letters {
			if err := writeJSON(a.env.Stdout, &letters[i]); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "RUN ID\tQUEUE\tDIED\tATTEMPTS\tLOSSES\tREASON")
	for i := range letters {
		l := &letters[i]
		line, _, _ := strings.Cut(l.Message, "\n")
		fmt.Fprintf(tw, "%s\t%s\t%s ago\t%d\t%d\t%s: %s\n", l.RunID, l.Queue, age(now.Sub(l.DiedAt)), l.Attempts, l.Losses, l.Code, line)
	}
	return tw.Flush()
}

func (a *app) deadShowCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "show RUN", Short: "One dead letter, with its request", Args: oneRun, ValidArgsFunction: a.completeLetters,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			letters, err := a.lettersOf(cmd, c, args)
			if err != nil {
				return err
			}
			if format == formatJSON {
				return writeJSON(a.env.Stdout, &letters[0])
			}
			return a.writeLetter(&letters[0], time.Now())
		}),
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

func (a *app) writeLetter(l *messages.DeadLetter, now time.Time) error {
	var f fields
	f.add("run", "%s", l.RunID)
	f.add("queue", "%s", l.Queue)
	f.add("reason", "%s: %s", l.Code, l.Message)
	f.add("attempts", "%d, of them %d lost and %d after an error", l.Attempts, l.Losses, l.Retries)
	f.add("last worker", "%s", l.Worker)
	f.addTime("submitted", l.SubmittedAt, now)
	f.addTime("died", l.DiedAt, now)
	f.add("request", "%s", l.Request)
	return f.write(a.env.Stdout)
}

func (a *app) redriveCommand() *cobra.Command {
	cmd, chosen, format := a.letterCommand("redrive [RUN...]", "Start dead runs again, each as a new run")
	cmd.Long = `Start the run of dead letters again, each as a new run whose retry_of names the
dead one, and remove the letters. Prints the ids of the new runs.`
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onLetters(cmd, args, chosen, "Redrive", func(c *client.Client, l *messages.DeadLetter) error {
			receipt, err := c.Redrive(cmd.Context(), l)
			if err != nil {
				return cli.Explain(fmt.Errorf("run %s: %w", l.RunID, err))
			}
			return a.writeAgain(*format, l.RunID, receipt)
		})
	}
	return cmd
}

func (a *app) purgeCommand() *cobra.Command {
	cmd, chosen, format := a.letterCommand("purge [RUN...]", "Remove dead letters for ever")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.onLetters(cmd, args, chosen, "Purge", func(c *client.Client, l *messages.DeadLetter) error {
			if err := c.PurgeDead(cmd.Context(), l); err != nil {
				return cli.Explain(fmt.Errorf("run %s: %w", l.RunID, err))
			}
			if *format == formatJSON {
				return writeJSON(a.env.Stdout, map[string]any{"run_id": l.RunID, "purged": true})
			}
			_, err := fmt.Fprintf(a.env.Stdout, "%s purged\n", l.RunID)
			return err
		})
	}
	return cmd
}

// letterCommand is a command on some dead letters.
func (a *app) letterCommand(use, short string) (*cobra.Command, *selection, *outputFormat) {
	cmd := &cobra.Command{Use: use, Short: short, ValidArgsFunction: a.completeLetters, Args: cobra.ArbitraryArgs}
	chosen, format := &selection{}, new(outputFormat)
	chosen.add(cmd.Flags(), "dead letters")
	addOutputFlag(cmd.Flags(), format)
	return cmd, chosen, format
}

// onLetters acts on the chosen letters.
func (a *app) onLetters(cmd *cobra.Command, args []string, chosen *selection, verb string, act func(*client.Client, *messages.DeadLetter) error) error {
	if err := chosen.check(args, false); err != nil {
		return err
	}
	return a.withClient(cmd, func(c *client.Client) error {
		letters, err := a.lettersOf(cmd, c, args)
		if err != nil {
			return err
		}
		if len(args) == 0 {
			now := time.Now()
			letters = slices.DeleteFunc(letters, func(l messages.DeadLetter) bool {
				return chosen.queue != "" && l.Queue != chosen.queue || !chosen.older(l.DiedAt, now)
			})
			if len(letters) == 0 {
				fmt.Fprintln(a.env.Stderr, "note: there is no such dead letter")
				return nil
			}
			if err := a.confirm(cmd, chosen, fmt.Sprintf("%s %d dead letters?", verb, len(letters))); err != nil {
				return err
			}
		}
		return a.each(cmd.Context(), "dead letters", len(letters), func(i int) error { return act(c, &letters[i]) })
	})
}

// lettersOf gives the letters of some runs, or all.
func (a *app) lettersOf(cmd *cobra.Command, c *client.Client, runs []string) ([]messages.DeadLetter, error) {
	all, err := c.DeadLetters(cmd.Context())
	if err != nil || len(runs) == 0 {
		return all, cli.Explain(err)
	}
	named := make([]messages.DeadLetter, len(runs))
	for i, run := range runs {
		at := slices.IndexFunc(all, func(l messages.DeadLetter) bool { return string(l.RunID) == run })
		if at < 0 {
			return nil, &cli.Error{Code: cli.NotFound, Err: fmt.Errorf("run %s: there is no dead letter", run), Hint: "`submit dead list` shows those that there are"}
		}
		named[i] = all[at]
	}
	return named, nil
}

// writeAgain tells the id of a run that was started again.
func (a *app) writeAgain(format outputFormat, of messages.RunID, receipt client.Receipt) error {
	if format == formatJSON {
		return writeJSON(a.env.Stdout, map[string]any{"run_id": receipt.RunID, "queue": receipt.Queue, "retry_of": of})
	}
	_, err := fmt.Fprintln(a.env.Stdout, receipt.RunID)
	return err
}

func (a *app) retryCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use:   "retry RUN...",
		Short: "Start ended runs again, each as a new run",
		Long: `Start runs that have ended again, whatever their end, each as a new run whose
retry_of names the old one. Prints the ids of the new runs.`,
		Example: `  submit retry 2026-11-23T18.36.01.166Z-5f0c2a1b
  submit retry $(submit list --state failed --output json | jq -r .run_id)`,
		Args:              someRuns,
		ValidArgsFunction: a.completeRuns,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return a.each(cmd.Context(), "runs", len(args), func(i int) error {
				receipt, err := c.Retry(cmd.Context(), messages.RunID(args[i]))
				switch {
				case errors.Is(err, client.ErrNotEnded):
					return &cli.Error{Code: cli.Unfinished, Err: err, Hint: "`submit cancel` ends it"}
				case err != nil:
					return cli.Explain(fmt.Errorf("run %s: %w", args[i], err))
				}
				return a.writeAgain(format, messages.RunID(args[i]), receipt)
			})
		}),
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

// someRuns checks that a command got at least one run id.
func someRuns(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return oneRun(cmd, args)
}
