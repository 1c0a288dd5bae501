package kedge

import (
	"context"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/internal/pyproject"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/project"
)

// newSetupCommand makes "worker setup", which an admin runs once: workers then need no right to make streams.
func newSetupCommand(base *project.Project, env *Env) *cobra.Command {
	flags := &serverFlags{}
	var replicas int
	var folder string
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "make the streams and consumers that workers and submitters need",
		Long: "Makes the streams, buckets and consumers that are missing and prints all of them. It changes nothing that\n" +
			"exists, and may be repeated, for example to add a queue or a tenant.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.needQueue(base, env, folder); err != nil {
				return err
			}
			return runSetup(cmd.Context(), env, flags, replicas, cmd.Flags().Changed("replicas"))
		},
	}
	flags.add(cmd.Flags(), env)
	cmd.Flags().StringVar(&folder, "project", "", "`folder` of the project whose name is the queue's (default: the one at or above the working folder)")
	cmd.Flags().IntVar(&replicas, "replicas", 1, "`copies` of each stream: 1, 3 or 5; as many servers are needed")
	return cmd
}

// needQueue finds the queue in the project when no flag names it.
func (f *serverFlags) needQueue(base *project.Project, env *Env, folder string) error {
	if f.queue != "" {
		return nil
	}
	dir, err := projectFolder(env, folder)
	if err != nil {
		return err
	}
	if base == nil && isHosted(dir, folder == "") {
		if f.queue = pyproject.PackageName(pyproject.Find(dir)); f.queue != "" {
			return nil
		}
	}
	proj, _, err := loadProject(base, env, folder)
	if err != nil {
		return usage(fmt.Errorf("no queue is named: %w", err), "name it with --queue, or work in the project's folder")
	}
	f.queue = proj.Name()
	return nil
}

// checkNames refuses names that can't be a part of a subject, before a server is asked. A queue that isn't named yet
// is the project's.
func (f *serverFlags) checkNames() error {
	if err := messages.CheckID(f.queue); f.queue != "" && err != nil {
		return usage(fmt.Errorf("--queue: %w", err), "")
	}
	for _, tenant := range f.tenants {
		if err := messages.CheckID(tenant); err != nil {
			return usage(fmt.Errorf("--tenant: %w", err), "")
		}
	}
	return nil
}

func runSetup(ctx context.Context, env *Env, flags *serverFlags, replicas int, wished bool) error {
	if replicas != 1 && replicas != 3 && replicas != 5 {
		return usage(fmt.Errorf("--replicas %d: want 1, 3 or 5", replicas), "")
	}
	if err := flags.checkNames(); err != nil {
		return err
	}
	nc, err := flags.connect(ctx, "kedge worker setup", nil, zerolog.Nop())
	if err != nil {
		return err
	}
	defer nc.Close()
	topology := natsx.Topology{Queues: []string{flags.queue}, Tenants: flags.tenants, Replicas: replicas}
	if err := setup(ctx, nc, topology); err != nil {
		return err
	}
	others, err := printTopology(ctx, env, nc, topology)
	if err == nil && wished && len(others) > 0 {
		return &cli.Error{
			Code: cli.Failed, Err: fmt.Errorf("all is set up, but without %d copies of what was there before: %s", replicas, strings.Join(others, ", ")),
			Hint: fmt.Sprintf("setup changes nothing that exists; `nats stream edit NAME --replicas %d` does, for each", replicas),
		}
	}
	return err
}

// setup makes what is missing.
func setup(ctx context.Context, nc *nats.Conn, topology natsx.Topology) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if err := topology.Setup(ctx, js); err != nil {
		return &cli.Error{
			Code: cli.Unreachable, Err: fmt.Errorf("setting up the NATS server: %w", err),
			Hint: "the server needs JetStream, and the credentials the right to make streams",
		}
	}
	return nil
}

// printTopology prints the streams and buckets of the installation, and the consumers of the queue. It gives the names
// of the streams that have other copies than topology wishes.
func printTopology(ctx context.Context, env *Env, nc *nats.Conn, topology natsx.Topology) (others []string, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		if name := info.Config.Name; strings.HasPrefix(name, topology.Subjects.Stream("")) || strings.Contains(name, "_"+topology.Subjects.Bucket("")) {
			fmt.Fprintf(env.Stdout, "stream %s (%s), %d replicas\n", name, strings.Join(info.Config.Subjects, ", "), info.Config.Replicas)
			if info.Config.Replicas != topology.Replicas {
				others = append(others, name)
			}
		}
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("listing the streams: %w", err)
	}
	consumers, err := topology.Consumers(ctx, js, topology.Queues[0])
	if err != nil {
		return nil, err
	}
	for _, c := range consumers {
		fmt.Fprintf(env.Stdout, "consumer %s (%s)\n", c.CachedInfo().Name, c.CachedInfo().Config.FilterSubject)
	}
	return others, nil
}
