package main

import (
	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
)

// group makes a command of which only the commands below it do something.
func group(cmd *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	cmd.Args = groupArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(commands...)
	return cmd
}

// groupArgs names the commands of a group that come close to a wrong one.
func groupArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknownCommand(cmd, args[0])
}

// asClient makes what a command does of what it does with a client.
func (a *app) asClient(act func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return a.withClient(cmd, func(c *client.Client) error { return act(cmd, c, args) })
	}
}

// withClient calls act with a client that is closed afterwards.
func (a *app) withClient(cmd *cobra.Command, act func(*client.Client) error) error {
	c, closeClient, err := a.server.Dial(cmd.Context(), "submit")
	if err != nil {
		return err
	}
	defer closeClient()
	return act(c)
}

// noMore refuses words after a command that takes none.
func noMore(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return cli.ExtraArguments(args)
	}
	return nil
}
