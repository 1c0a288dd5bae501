package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/internal/cli"
)

// app is what the commands share.
type app struct {
	env    *cli.Env
	server *cli.ServerFlags
}

// submit runs one command line and gives the exit code.
func submit(ctx context.Context, env *cli.Env) cli.ExitCode {
	root := newRoot(env)
	root.SetArgs(kedroWords(root, env.Args))
	checkTopic(root)
	var unknown error
	checkHelp(root, &unknown)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = unknown
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &cli.Error{Code: cli.Interrupted, Err: errors.New("interrupted"), Hint: "`submit list` shows what was submitted"}
	}
	return cli.Report(env, err)
}

// checkTopic makes `submit help` refuse commands that don't exist.
func checkTopic(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Args = func(_ *cobra.Command, words []string) error {
				if found, rest, err := root.Find(words); err == nil && len(rest) > 0 {
					return unknownCommand(found, rest[0])
				}
				return nil
			}
		}
	}
}

// checkHelp makes --help behind a command that doesn't exist say so, where cobra helps with the command above it and is
// content. A help function can't fail, so the error is left in unknown.
func checkHelp(root *cobra.Command, unknown *error) {
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			*unknown = unknownCommand(cmd, words[0])
			return
		}
		help(cmd, args)
	})
}

// newRoot builds the whole tree of commands.
func newRoot(env *cli.Env) *cobra.Command {
	a := &app{env: env}
	root := &cobra.Command{
		Use:   "submit",
		Short: "Submit runs to Kedge and follow them",
		Long:  rootHelp(),
		Example: `  submit run --pipelines reporting --params year=2026     prints the run id
  submit run --follow                                      the whole project, with progress
  submit result 2026-11-23T18.36.01.166Z-5f0c2a1b          its result, hours later
  submit list --state running,queued`,
		Version:       cli.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return cli.FlagError(cmd.Flags(), err) })
	a.server = cli.AddServerFlags(root.PersistentFlags(), env)
	root.AddCommand(a.runCommand(), a.planCommand(), a.snapshotCommand(), a.statusCommand(), a.resultCommand(), a.listCommand(), a.eventsCommand(), a.cancelCommand(), a.scheduleCommand(),
		a.retryCommand(), a.deadCommand(), a.queueCommand(), a.workerCommand(), a.limitCommand())
	if err := completeFlags(root); err != nil {
		panic(err) // a flag was given two completions: a mistake in this program
	}
	return root
}

// rootHelp ends in the table of exit codes.
func rootHelp() string {
	return "Submit runs to Kedge and follow them. A run goes on when submit ends.\n\nExit codes:\n" + cli.ExitCodeTable("  ")
}

func unknownCommand(root *cobra.Command, name string) error {
	known := []string{}
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			known = append(known, cmd.Name())
		}
	}
	return cli.NoSuchCommand(name, known)
}

// kedroWords rewrites the two-letter shorthands of Kedro when the command is run.
func kedroWords(root *cobra.Command, argv []string) []string {
	cmd, _, err := root.Find(argv)
	if err != nil || cmd.Name() != "run" && cmd.Name() != "plan" && cmd.CommandPath() != "submit schedule add" {
		return argv
	}
	cmd.InheritedFlags() // merges the flags of the root into those of the command
	return cli.Words(cmd.Flags(), argv)
}

// oneRun checks that a command got exactly one run id.
func oneRun(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return &cli.UsageError{Class: "MissingParameter", Message: "Missing argument 'RUN': the id that `submit run` printed; `submit list` shows the newest"}
	case 1:
		return nil
	}
	return cli.ExtraArguments(slices.Clone(args[1:]))
}
