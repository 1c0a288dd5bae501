package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// runFlags are the flags of `submit run` beyond Kedro's.
type runFlags struct {
	kedro *cli.RunFlags
	retry *cli.RetryFlags

	queue, priority, runID, replySubject string
	idempotencyKey, uniqueKey            string
	concurrencyKey                       string
	timeout, nodeTimeout                 time.Duration
	startBy, at                          string
	in                                   time.Duration
	labels                               map[string]string
	outputs                              string
	inputs                               []string
	count                                int
	wait, follow                         bool
	output                               outputFormat
}

func (a *app) runCommand() *cobra.Command {
	flags := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Submit a run; prints its id",
		Long: `Submit a run and print its id. The run flags are those of ` + "`kedro run`" + `.

The queue is --queue, else the project at or above the working folder, else the
only queue that live workers serve.

--count N submits N runs at once. In --params, --run-id and the keys, {n} stands
for the number of the run, from 1.`,
		Example: `  submit run                                              the default pipeline, detached
  submit run --pipelines data_processing,reporting --follow
  submit run --tags nightly --params model.depth=8,seed=42 --wait --output json
  submit run --from-nodes train_model_node --load-versions regressor:2026-11-23T18.36.01.166Z
  submit run --input reviews=@reviews.csv --input 'limits=[1,5]' --wait
  submit run --count 100 --params seed={n} --follow
  submit run --pipelines reporting --at 2026-11-24T06:00:00+01:00`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), flags, args) },
	}
	set := cmd.Flags()
	set.SortFlags = false
	flags.kedro = cli.AddRunFlags(set)
	flags.add(set)
	return cmd
}

func (f *runFlags) add(set *pflag.FlagSet) {
	set.StringVar(&f.queue, "queue", "", "`queue` of the project (default: see above)")
	set.StringVar(&f.priority, "priority", string(messages.DefaultPriority), "`p0` (first) to p3 (last)")
	set.DurationVar(&f.timeout, "timeout", 0, "end the run after so long, for instance 90s or 2h (default: never)")
	set.DurationVar(&f.nodeTimeout, "node-timeout", 0, "end the run when one of its nodes takes so long (default: never)")
	f.retry = cli.AddRetryFlags(set, "default: as the worker says, else 1; an error that says it is transient: 3")
	set.StringVar(&f.startBy, "start-by", "", "give the run up when it has not started by then: a `time` (RFC 3339), or so long from now, for instance 10m")
	set.StringVar(&f.at, "at", "", "queue the run at this `time` (RFC 3339); until then it is scheduled, and cancel works on it")
	set.DurationVar(&f.in, "in", 0, "queue the run so long from now, for instance 90s or 2h")
	set.StringToStringVar(&f.labels, "label", nil, "label `key=value`, for people and submit list; may be repeated")
	set.StringVar(&f.runID, "run-id", "", "`id` of the run (default: a new one)")
	set.StringVar(&f.idempotencyKey, "idempotency-key", "", "a repeated submit with this `key` is the first run, also days later")
	set.StringVar(&f.uniqueKey, "unique-key", "", "while a run with this `key` is queued or running, submit gives that run")
	set.StringVar(&f.concurrencyKey, "concurrency-key", "", "start the run only while fewer runs with this `key` are under way than its limit, see submit limit (default limit: 1)")
	set.StringArrayVar(&f.inputs, "input", nil, "data of a dataset for this run: `name=@file` (.json, .csv, .parquet, .arrow, .feather, .txt) or name=JSON; may be repeated")
	set.StringVar(&f.outputs, "outputs", "", "`datasets` to return beyond the free outputs")
	set.StringVar(&f.replySubject, "reply-subject", "", "NATS `subject` that gets a copy of the reply; the worker must allow it")
	set.IntVar(&f.count, "count", 1, "submit so `many` runs")
	set.BoolVar(&f.wait, "wait", false, "wait for the result and print it")
	set.BoolVar(&f.follow, "follow", false, "show the progress, then print the result")
	set.Lookup("label").DefValue = "" // the help would show an empty list
	addOutputFlag(set, &f.output)
}

// run submits what the flags say, and waits when it is told to.
func (a *app) run(ctx context.Context, flags *runFlags, leftover []string) error {
	requests, err := a.requests(flags, leftover)
	if err != nil {
		return err
	}
	at, err := flags.notBefore(time.Now())
	if err != nil {
		return err
	}
	if by := requests[0].StartBy; !at.IsZero() && !by.IsZero() && !by.After(at) {
		return usage("--start-by: the run is queued later than that, at "+at.Format(time.RFC3339), "give a later time, or so long from now that it lies behind --at or --in")
	}
	queue, err := a.queue(flags)
	if err != nil {
		return err
	}
	inputs, closeInputs, err := openInputs(a.env, flags.inputs)
	if err != nil {
		return err
	}
	defer closeInputs()
	c, closeClient, err := a.server.Dial(ctx, "submit")
	if err != nil {
		return err
	}
	defer closeClient()
	options, endOptions := a.submitOptions(inputs, flags.count)
	options = append(options, client.ToQueue(queue), client.NotBefore(at))
	receipts, err := a.submitAll(ctx, c, flags, requests, options...)
	endOptions()
	if err != nil {
		return err
	}
	if !flags.wait && !flags.follow {
		return nil
	}
	runs := make([]messages.RunID, len(receipts))
	for i, receipt := range receipts {
		runs[i] = receipt.RunID
	}
	return a.await(ctx, c, runs, flags.follow, flags.output)
}

// queue is where the run goes; "" leaves the choice to the roster of workers.
func (a *app) queue(flags *runFlags) (string, error) {
	if flags.queue != "" {
		if err := messages.CheckID(flags.queue); err != nil {
			return "", usage("--queue: "+err.Error(), "")
		}
		return flags.queue, nil
	}
	return cli.ProjectQueue(a.env.Dir)
}

// submitsAtOnce is how many submits are under way at a time: each is one wait for the server.
const submitsAtOnce = 32

// submitting is a submit under way.
type submitting struct {
	done    chan struct{} // closed when the fields below are set
	receipt client.Receipt
	err     error
}

// submitAll submits several requests at a time. The ids are printed in the order of the requests as they are stored, on
// standard output unless that is kept for the results. After an error no more are begun, but those under way are told.
func (a *app) submitAll(ctx context.Context, c *client.Client, flags *runFlags, requests []messages.RunRequest, opts ...client.SubmitOption) ([]client.Receipt, error) {
	underWay, stop := make(chan *submitting, submitsAtOnce-1), make(chan struct{})
	go func() {
		defer close(underWay)
		for i := range requests {
			select {
			case <-stop:
				return
			default:
			}
			s := &submitting{done: make(chan struct{})}
			underWay <- s
			go func() {
				defer close(s.done)
				s.receipt, s.err = c.Submit(ctx, &requests[i], opts...)
			}()
		}
	}()
	receipts := make([]client.Receipt, 0, len(requests))
	var failed error
	for s := range underWay {
		<-s.done
		err := s.err
		if err == nil {
			receipts = append(receipts, s.receipt)
			err = a.announce(flags, s.receipt)
		}
		if err != nil && failed == nil {
			failed = cli.Explain(err)
			close(stop)
		}
	}
	if failed != nil && len(receipts) > 0 {
		fmt.Fprintf(a.env.Stderr, "note: %d of %d runs were submitted all the same\n", len(receipts), len(requests))
	}
	return receipts, failed
}

func (a *app) announce(flags *runFlags, receipt client.Receipt) error {
	if receipt.Existing && flags.output != formatJSON {
		fmt.Fprintf(a.env.Stderr, "note: run %s was submitted before\n", receipt.RunID)
	}
	if flags.wait || flags.follow {
		if flags.count == 1 {
			fmt.Fprintf(a.env.Stderr, "run %s is in queue %s\n", receipt.RunID, receipt.Queue)
		}
		return nil
	}
	if flags.output == formatJSON {
		return json.NewEncoder(a.env.Stdout).Encode(map[string]any{
			"run_id": receipt.RunID, "queue": receipt.Queue, "existing": receipt.Existing,
		})
	}
	_, err := fmt.Fprintln(a.env.Stdout, receipt.RunID)
	return err
}

// requests are the run requests of the command line, all checked before the
// first is sent.
func (a *app) requests(flags *runFlags, leftover []string) ([]messages.RunRequest, error) {
	if flags.count < 1 {
		return nil, usage("--count must be 1 or more", "")
	}
	now := time.Now()
	requests := make([]messages.RunRequest, flags.count)
	for i := range requests {
		if flags.count > 1 {
			flags.kedro.Number = strconv.Itoa(i + 1)
		}
		args, err := flags.kedro.Args(a.env.Dir, leftover)
		if err != nil {
			return nil, asUsage(err)
		}
		if i == 0 {
			a.warn(args.Deprecations)
		}
		if requests[i], err = flags.request(args, now); err != nil {
			return nil, err
		}
		if err := checkRequest(requests[i]); err != nil {
			return nil, err
		}
	}
	return requests, nil
}

// checkRequest finds what is wrong with a request by itself. Sizes are judged when it is sent: what is too large for a
// request may travel beside it.
func checkRequest(request messages.RunRequest) error {
	if request.RunID == "" {
		request.RunID = "new" // the client names the run
	}
	return wrongWords(request.Validate())
}

// wrongWords is what of an error the command line alone shows.
func wrongWords(err error) error {
	var field *messages.FieldError
	if errors.As(err, &field) && field.Code != messages.CodeTooLarge {
		return usage(field.Error(), "")
	}
	return nil
}

func (a *app) warn(warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintf(a.env.Stderr, "warning: %s\n", warning)
	}
}

// request is one run request.
func (f *runFlags) request(args *cli.RunArgs, now time.Time) (messages.RunRequest, error) {
	if err := f.refuse(args); err != nil {
		return messages.RunRequest{}, err
	}
	runnerParams, err := args.ResolveRunner()
	if err != nil {
		return messages.RunRequest{}, asUsage(err)
	}
	if err := checkJSON("runner_params", runnerParams.Plain()); err != nil {
		return messages.RunRequest{}, err
	}
	startBy, err := parseStartBy(f.startBy, now)
	if err != nil {
		return messages.RunRequest{}, err
	}
	retry, err := f.retry.Policy()
	if err != nil {
		return messages.RunRequest{}, err
	}
	return messages.RunRequest{
		RunID:         messages.RunID(f.kedro.Numbered(f.runID)),
		PipelineNames: args.PipelineNames, Tags: args.Tags, NodeNames: args.NodeNames,
		FromNodes: args.FromNodes, ToNodes: args.ToNodes, FromInputs: args.FromInputs, ToOutputs: args.ToOutputs,
		Namespaces: args.Namespaces, LoadVersions: args.LoadVersions, OnlyMissingOutputs: args.OnlyMissing,
		RuntimeParams: args.Params.Plain(), Runner: args.Runner, RunnerParams: runnerParams.Plain(),
		Priority: messages.Priority(f.priority), Timeout: messages.Duration(f.timeout), NodeTimeout: messages.Duration(f.nodeTimeout), StartBy: startBy,
		MaxAttempts: retry.MaxAttempts, Backoff: retry.Backoff, RetryOn: retry.RetryOn,
		ReplySubject: f.replySubject, Labels: f.labels, Outputs: cli.SplitNames(f.outputs),
		IdempotencyKey: f.kedro.Numbered(f.idempotencyKey), UniqueKey: f.kedro.Numbered(f.uniqueKey), ConcurrencyKey: f.kedro.Numbered(f.concurrencyKey),
	}, nil
}

// refuse names the flags of `kedro run` that have no place in a request, and
// values that don't fit.
func (f *runFlags) refuse(args *cli.RunArgs) error {
	const hint = "the environment and the configuration belong to the worker: start one with `worker --project DIR %s`"
	switch {
	case args.Env != nil:
		return usage("--env is not an option of submit", fmt.Sprintf(hint, "--env "+*args.Env))
	case args.ConfSource != "":
		return usage("--conf-source is not an option of submit", fmt.Sprintf(hint, "--conf-source "+args.ConfSource))
	case f.namesOne(f.runID):
		return usage("--run-id names one run, but --count asks for several", "put {n} into the id, for instance --run-id nightly-{n}")
	case f.namesOne(f.idempotencyKey):
		return usage("--idempotency-key names one run, but --count asks for several", "put {n} into the key, for instance --idempotency-key nightly-{n}")
	case f.namesOne(f.uniqueKey):
		return usage("--unique-key names one run, but --count asks for several", "put {n} into the key, for instance --unique-key nightly-{n}")
	case f.timeout < 0 || f.nodeTimeout < 0:
		return usage("--timeout and --node-timeout must not be negative", "")
	}
	return checkJSON("params", args.Params.Plain())
}

// notBefore is when the run enters its queue; zero: now.
func (f *runFlags) notBefore(now time.Time) (time.Time, error) {
	switch {
	case f.at != "" && f.in != 0:
		return time.Time{}, usage("--at and --in both say when the run is queued", "give one of them")
	case f.in < 0:
		return time.Time{}, usage("--in must not be negative", "")
	case f.in > 0:
		return now.Add(f.in).UTC(), nil
	case f.at == "":
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return time.Time{}, usage(fmt.Sprintf("--at %q is not a time", f.at), "write it as 2026-11-23T18:00:00Z or 2026-11-23T19:00:00+01:00; --in takes a duration")
	}
	return at.UTC(), nil
}

// namesOne reports whether several runs would share a name that is one run's.
func (f *runFlags) namesOne(name string) bool {
	return f.count > 1 && name != "" && f.kedro.Numbered(name) == name
}

// parseStartBy reads a time, or a duration from now.
func parseStartBy(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if after, err := time.ParseDuration(text); err == nil && after > 0 {
		return now.Add(after).UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usage(fmt.Sprintf("--start-by %q is neither a time nor a duration", text), "write it as 2026-11-23T18:00:00Z, or as 10m")
	}
	return at.UTC(), nil
}
