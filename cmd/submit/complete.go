package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
)

// completionPatience is how long a press of Tab may wait for the server.
const completionPatience = 2 * time.Second

// completeRuns offers the newest run ids of the server, with their state. A
// server that doesn't answer offers nothing.
func (a *app) completeRuns(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	c, closeClient, err := a.server.Dial(ctx, "submit completion")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer closeClient()
	runs, err := c.List(ctx, client.ListOptions{Limit: 50})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []cobra.Completion
	for i := range runs {
		if id := string(runs[i].RunID); strings.HasPrefix(id, begun) {
			offers = append(offers, cobra.CompletionWithDesc(id, string(runs[i].State)))
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeLetters offers the runs that have dead letters.
func (a *app) completeLetters(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	c, closeClient, err := a.server.Dial(ctx, "submit completion")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer closeClient()
	letters, err := c.DeadLetters(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offers []cobra.Completion
	for i := range letters {
		if id := string(letters[i].RunID); strings.HasPrefix(id, begun) {
			offers = append(offers, cobra.CompletionWithDesc(id, letters[i].Queue))
		}
	}
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeWords offers fixed words for the value of a flag.
func completeWords(words ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlags registers completions for the flags of the whole tree that have a fixed set of values.
func completeFlags(root *cobra.Command) error {
	words := map[string][]string{
		"output":   {string(formatText), string(formatJSON)},
		"priority": {"p0", "p1", "p2", "p3"},
		"runner":   {"SequentialRunner", "ThreadRunner", "ParallelRunner"},
		"state":    stateNames(),
		"kind":     kindNames(),
		"overlap":  {"skip", "queue", "replace"},
		"catch-up": {"one", "none", "all"},
	}
	for _, cmd := range root.Commands() {
		if err := completeFlagsOf(cmd, words); err != nil {
			return err
		}
	}
	return nil
}

func completeFlagsOf(cmd *cobra.Command, words map[string][]string) error {
	for name, values := range words {
		if cmd.Flags().Lookup(name) == nil {
			continue
		}
		if err := cmd.RegisterFlagCompletionFunc(name, completeWords(values...)); err != nil {
			return err
		}
	}
	for _, child := range cmd.Commands() {
		if err := completeFlagsOf(child, words); err != nil {
			return err
		}
	}
	return nil
}
