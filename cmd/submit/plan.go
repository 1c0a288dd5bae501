package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// answerTimeout is how long a worker may take to answer a question.
const answerTimeout = time.Minute

func (a *app) planCommand() *cobra.Command {
	flags := &runFlags{count: 1, priority: string(messages.DefaultPriority), retry: &cli.RetryFlags{}}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would do",
		Long: `Show what a run would do, without doing it: its nodes in order with what they read
and write, nodes that would be skipped, and inputs that nobody provides. The run
flags are those of ` + "`kedro run`" + `. A live worker of the queue answers.`,
		Example: `  submit plan --from-nodes train_model_node
  submit plan --only-missing-outputs --output json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.plan(cmd.Context(), flags, args) },
	}
	set := cmd.Flags()
	set.SortFlags = false
	flags.kedro = cli.AddRunFlags(set)
	set.StringVar(&flags.queue, "queue", "", "`queue` of the project (default: as for submit run)")
	addOutputFlag(set, &flags.output)
	return cmd
}

func (a *app) plan(ctx context.Context, flags *runFlags, leftover []string) error {
	requests, err := a.requests(flags, leftover)
	if err != nil {
		return err
	}
	var plan *client.Plan
	err = a.question(ctx, flags.queue, func(ctx context.Context, c *client.Client, queue client.SubmitOption) error {
		plan, err = c.Plan(ctx, &requests[0], queue)
		return err
	})
	if err != nil {
		return err
	}
	if flags.output == formatJSON {
		return writeJSON(a.env.Stdout, plan)
	}
	fmt.Fprint(a.env.Stdout, planText(plan))
	return nil
}

// question asks a worker of the queue that flags and folder say.
func (a *app) question(ctx context.Context, queue string, ask func(context.Context, *client.Client, client.SubmitOption) error) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	queue, err := a.queue(&runFlags{queue: queue})
	if err != nil {
		return err
	}
	c, closeClient, err := a.server.Dial(ctx, "submit")
	if err != nil {
		return err
	}
	defer closeClient()
	err = ask(ctx, c, client.ToQueue(queue))
	var refusal *client.AnswerError
	if errors.As(err, &refusal) {
		code := cli.Failed
		if refusal.Refused {
			code = cli.Rejected
		}
		return &cli.Error{Code: code, Err: err}
	}
	return cli.Explain(err)
}

// planText is a plan for people.
func planText(p *client.Plan) string {
	var b strings.Builder
	for i, n := range p.Nodes {
		fmt.Fprintf(&b, "%3d  %s: %s -> %s\n", i+1, n.Name, listOf(n.Inputs), listOf(n.Outputs))
	}
	for _, part := range []struct {
		name  string
		names []string
	}{{"skipped", p.Skipped}, {"reads", p.Inputs}, {"leaves", p.Outputs}, {"missing", p.Missing}} {
		if len(part.names) > 0 {
			fmt.Fprintf(&b, "%-8s %s\n", part.name, strings.Join(part.names, ", "))
		}
	}
	return b.String()
}

func listOf(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

func (a *app) snapshotCommand() *cobra.Command {
	flags := &runFlags{count: 1}
	var params string
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Describe the project: pipelines, datasets, parameters",
		Long: `Describe the project as Kedro's GET /snapshot does, in JSON: pipelines with their
nodes, datasets, and the names of the parameters. A live worker of the queue answers.`,
		Example: `  submit snapshot --params year=2026 | jq .datasets`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.snapshot(cmd.Context(), flags.queue, params) },
	}
	set := cmd.Flags()
	set.StringVar(&flags.queue, "queue", "", "`queue` of the project (default: as for submit run)")
	set.StringVar(&params, "params", "", "runtime parameters, as of submit run; `key=value,...`")
	return cmd
}

func (a *app) snapshot(ctx context.Context, queue, params string) error {
	values, err := cli.ParseParams(params)
	if err != nil {
		return asUsage(err)
	}
	if err := checkJSON("params", values); err != nil {
		return err
	}
	var answer json.RawMessage
	err = a.question(ctx, queue, func(ctx context.Context, c *client.Client, to client.SubmitOption) error {
		answer, err = c.Snapshot(ctx, values, to)
		return err
	})
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, answer, "", "  "); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	_, err = fmt.Fprintln(a.env.Stdout, text.String())
	return err
}
