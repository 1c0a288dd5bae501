package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/internal/cli"
)

// selection says which of many things a command is about: those named by id, or
// those that filters pick, after a question.
type selection struct {
	queue     string
	olderThan time.Duration
	all, yes  bool
}

func (s *selection) add(set *pflag.FlagSet, what string) {
	set.StringVar(&s.queue, "queue", "", "all "+what+" of this `queue`")
	set.DurationVar(&s.olderThan, "older-than", 0, "all "+what+" that are older than so long, for instance 2h")
	set.BoolVar(&s.all, "all", false, "all "+what)
	set.BoolVar(&s.yes, "yes", false, "don't ask before acting on what filters pick")
}

// check refuses a command line that names nothing, or both ids and filters. filtered
// tells whether a filter was given beyond those of the selection.
func (s *selection) check(args []string, filtered bool) error {
	filtered = filtered || s.queue != "" || s.olderThan != 0 || s.all
	switch {
	case len(args) == 0 && !filtered:
		return usage("nothing is named", "give the ids of runs, a filter, or --all")
	case len(args) > 0 && filtered:
		return usage("runs are named by ids and by filters", "give either")
	case s.olderThan < 0:
		return usage("--older-than must not be negative", "")
	}
	return nil
}

// older reports whether something of this time is meant.
func (s *selection) older(at, now time.Time) bool {
	return s.olderThan == 0 || now.Sub(at) >= s.olderThan
}

// confirm asks before n things are acted on. Where nobody can answer, --yes must stand
// on the command line.
func (a *app) confirm(cmd *cobra.Command, s *selection, question string) error {
	if s.yes {
		return nil
	}
	if !a.env.StdinTerminal {
		return usage(question+" Nobody is there to answer", "add --yes")
	}
	fmt.Fprintf(a.env.Stderr, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // the end of the input is a no
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &cli.Error{Code: cli.Failed, Err: fmt.Errorf("nothing was done")}
}

// each calls act for each of n things. It goes on after a failure and gives the first one; the others are reported as
// they come. An interrupt ends it: what is left would only fail in the same way, hundreds of times.
func (a *app) each(ctx context.Context, what string, n int, act func(i int) error) error {
	var first error
	for i := range n {
		err := act(i)
		switch {
		case ctx.Err() != nil && n > 1 && (err != nil || i < n-1):
			if first != nil {
				cli.Report(a.env, first)
			}
			return stopped(err, what, i, n)
		case err == nil:
		case first == nil:
			first = err
		default:
			cli.Report(a.env, err)
		}
	}
	return first
}

// stopped tells how far an interrupted command came; err is what became of the i-th thing.
func stopped(err error, what string, i, n int) error {
	if err == nil {
		i++
	}
	return &cli.Error{Code: cli.Interrupted, Err: fmt.Errorf("stopped after %d of %d %s; the others were not asked", i, n, what)}
}
