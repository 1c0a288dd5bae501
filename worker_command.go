package kedge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/worker"
)

// serverFlags say which NATS server to use; worker and worker setup share them.
type serverFlags struct {
	cli.Connection
	tenants []string
	queue   string
}

func (f *serverFlags) add(set *pflag.FlagSet, env *Env) {
	f.Add(set, env)
	set.StringSliceVar(&f.tenants, "tenant", []string{env.Getenv("KEDGE_TENANT", messages.DefaultTenant)}, "`tenants` whose runs are taken, separated by commas (KEDGE_TENANT)")
	set.StringVar(&f.queue, "queue", "", "`name` of the queue (default: the project's name)")
}

func (f *serverFlags) connect(ctx context.Context, name string, server *natsx.Server, log zerolog.Logger) (*nats.Conn, error) {
	options, err := f.Options()
	if err != nil {
		return nil, err
	}
	options.Name, options.Inbox, options.InProcess, options.Logger = name, cli.WorkerInbox, server, log
	nc, err := natsx.Connect(ctx, options)
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, &cli.Error{Code: cli.Refused, Err: fmt.Errorf("%s: %w", f.URL, err), Hint: "say who you are with --creds, --nkey or --tls-cert"}
	}
	if err != nil {
		return nil, &cli.Error{
			Code: cli.Unreachable, Err: fmt.Errorf("%s: %w", f.URL, err),
			Hint: "start a NATS server with JetStream there, name another with --nats, or use --embedded",
		}
	}
	return nc, nil
}

// workerFlags are the flags of the worker itself.
type workerFlags struct {
	serverFlags
	project     string
	embedded    bool
	namesServer bool // --nats is given, not just NATS_URL
	concurrency int
	env         string
	confSource  string
	store       string
	listen      string
	reload      bool
	grace       time.Duration
	sync        string
	logFormat   string
	logLevel    string
	retry       *cli.RetryFlags
	maxData     cli.Bytes
	dispatch    bool
	pipelines   []string
	runners     []string
	trusted     string
	keys        map[string][]string // what the file trusted says
	hosted      hostedFlags
	secrets     *mask.Secrets // those of the project, which the log hides
}

func newCommand(base *project.Project, env *Env) *cobra.Command {
	flags := &workerFlags{secrets: new(mask.Secrets)}
	root := &cobra.Command{
		Use:           "worker",
		Short:         "take runs from a queue and run them",
		Version:       cli.Version(),
		Args:          noArguments,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.concurrency == 0 && cmd.Flags().Changed("concurrency") {
				flags.concurrency = -1 // zero is what stands for the default
			}
			flags.namesServer = cmd.Flags().Changed("nats")
			return runWorker(cmd.Context(), base, env, flags)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err, "worker --help lists the flags") })
	set := root.Flags()
	flags.add(set, env)
	set.StringVar(&flags.project, "project", "", "`folder` of the project (default: the one at or above the working folder)")
	set.BoolVar(&flags.embedded, "embedded", false, "start a NATS server in this process, set up, instead of connecting to one")
	set.IntVar(&flags.concurrency, "concurrency", 0, "`number` of runs at a time (default: 16; of a Python project, the number of processors)")
	set.StringVar(&flags.env, "env", "", "configuration `environment` (KEDRO_ENV, else the project's default)")
	set.StringVar(&flags.confSource, "conf-source", "", "`folder` with the configuration (default: the project's setting)")
	set.StringVar(&flags.store, "store", "", "`folder` of the embedded server (default: .kedge in the project)")
	set.StringVar(&flags.listen, "listen", "127.0.0.1:4222", "`address` of the embedded server, on this machine; port 0 picks a free one")
	set.BoolVar(&flags.reload, "reload", false, "look for changed configuration, and Python code, before every run, for development")
	set.DurationVar(&flags.grace, "grace", 30*time.Second, "`time` that runs get to finish after a stop was asked for")
	set.StringVar(&flags.sync, "sync", "always", "when the embedded server syncs to disk: `always`, or interval (faster, may lose seconds on power loss)")
	set.StringVar(&flags.logFormat, "log-format", "text", "`format` of the log: text or json")
	set.StringVar(&flags.logLevel, "log-level", "", "lowest `level` of the log: debug, info, warn or error (default: as conf/logging.yml says, else info)")
	flags.retry = cli.AddRetryFlags(set, "default: 1; an error that says it is transient: 3; a request may say otherwise")
	set.StringSliceVar(&flags.pipelines, "allow-pipelines", nil, "`names` of the pipelines that requests may ask for, separated by commas (default: all)")
	set.StringSliceVar(&flags.runners, "allow-runners", nil, "`names` of the runners that requests may ask for, of those that the project allows (default: all of them)")
	set.StringVar(&flags.trusted, "require-signatures", "", "`file` with the public NKeys whose signed requests are run, and the tenants each may sign for; others are rejected (default: none needed)")
	set.BoolVar(&flags.dispatch, "dispatch", true, "queue delayed runs when they are due; =false for a worker whose credentials may not submit")
	cli.AddMaxData(set, env, &flags.maxData)
	flags.hosted.add(set)
	root.AddCommand(newSetupCommand(base, env), newAuditCommand(env))
	return root
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cli.ExtraArguments(args), "worker --help lists the flags; the folder of the project goes behind --project")
	}
	return nil
}

func usage(err error, hint string) error {
	return &cli.Error{Code: cli.Usage, Err: err, Hint: hint}
}

// runWorker opens what a worker needs, in order, and runs it until ctx ends.
func runWorker(ctx context.Context, base *project.Project, env *Env, flags *workerFlags) error {
	log, err := flags.logger(env)
	if err != nil {
		return err
	}
	if err := flags.validate(); err != nil {
		return err
	}
	eng, err := flags.openEngine(ctx, base, env, log)
	if err != nil {
		return err
	}
	defer eng.close() //nolint:errcheck // the worker closes the session and tells its error; this is for the ways out before
	if err := flags.checkAllowed(eng.pipelines); err != nil {
		return err
	}
	if flags.queue == "" {
		flags.queue = eng.name
	}
	if err := flags.checkNames(); err != nil {
		return err
	}
	var server *natsx.Server
	if flags.embedded {
		if server, err = flags.startServer(ctx, eng.config.ProjectPath); err != nil {
			return err
		}
		defer server.Shutdown()
		flags.URL = server.URL()
	}
	nc, err := flags.connect(ctx, "kedge worker "+eng.name, server, eng.log)
	if err != nil {
		return err
	}
	defer nc.Close()
	if flags.embedded {
		if err := setup(ctx, nc, natsx.Topology{Queues: []string{flags.queue}, Tenants: flags.tenants}); err != nil {
			return err
		}
	}
	flags.concurrency = eng.concurrency
	cfg, err := flags.config(nc, eng)
	if err != nil {
		return err
	}
	w, err := worker.New(cfg)
	if err != nil {
		return usage(err, "")
	}
	return explain(flags.serve(ctx, w, env), flags)
}

// serve runs the worker and says on standard output, once, that it takes runs.
func (f *workerFlags) serve(ctx context.Context, w *worker.Worker, env *Env) error {
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-w.Ready():
	}
	fmt.Fprintf(env.Stdout, "worker %s takes runs of queue %s at %s, %d at a time\n", w.ID(), f.queue, env.Mask(f.URL), f.concurrency)
	if f.embedded {
		fmt.Fprintf(env.Stdout, "submit them with: submit run --nats %s --queue %s\n", f.URL, f.queue)
	}
	return <-done
}

func (f *workerFlags) config(nc *nats.Conn, eng *engine) (worker.Config, error) {
	retry, err := f.retry.Policy()
	return worker.Config{
		Conn:           nc,
		Concurrency:    eng.concurrency,
		Grace:          graceOf(f.grace),
		Logger:         eng.log,
		Open:           eng.open,
		Project:        eng.name,
		Queue:          f.queue,
		Pipelines:      eng.pipelines,
		Retry:          retry,
		Session:        eng.config,
		Tenants:        f.tenants,
		MaxDataBytes:   int64(f.maxData),
		AllowPipelines: f.pipelines, AllowRunners: f.runners,
		NoDispatch: !f.dispatch,
		Trusted:    f.keys,
		Version:    cli.Version(),
	}, err
}

// graceOf turns the flag's zero, "at once", into what worker.Config calls so.
func graceOf(flag time.Duration) time.Duration {
	if flag == 0 {
		return -1
	}
	return flag
}

// validate checks the flags, and reads the file of keys: before anything is started.
func (f *workerFlags) validate() error {
	if f.trusted != "" {
		var err error
		if f.keys, err = cli.ReadTrusted(f.trusted); err != nil {
			return err
		}
	}
	if err := f.checkNames(); err != nil {
		return err
	}
	if f.embedded && f.namesServer {
		return usage(errors.New("--embedded and --nats are both given"), "--embedded starts a server of its own; without it the worker connects to that of --nats")
	}
	if f.concurrency < 0 {
		return usage(errors.New("--concurrency: want at least 1"), "")
	}
	if f.hosted.maxRuns < 0 || f.hosted.maxMemory < 0 || f.hosted.startTimeout <= 0 {
		return usage(errors.New("--recycle-runs and --recycle-memory: want 0 or more, --start-timeout: more than 0"), "")
	}
	if f.grace < 0 {
		return usage(fmt.Errorf("--grace %v: want 0 or more", f.grace), "")
	}
	if f.sync != "always" && f.sync != "interval" {
		return usage(fmt.Errorf("--sync %s: want always or interval", f.sync), "")
	}
	_, policy := f.retry.Policy()
	_, port := f.port()
	return errors.Join(policy, port)
}

// port reads --listen. The embedded server has no users and no encryption, so it never leaves the machine.
func (f *workerFlags) port() (int, error) {
	host, text, err := net.SplitHostPort(f.listen)
	if err != nil && !strings.Contains(f.listen, ":") {
		host, text, err = "127.0.0.1", f.listen, nil
	}
	port, parseErr := strconv.Atoi(text)
	if err != nil || parseErr != nil || port < 0 || port > 65535 {
		return 0, usage(fmt.Errorf("--listen %s: want 127.0.0.1:PORT", f.listen), "")
	}
	if host != "127.0.0.1" && host != "localhost" && host != "" {
		return 0, usage(fmt.Errorf("--listen %s: the embedded server listens on 127.0.0.1 only", f.listen),
			"for other machines run a nats-server with users, see deploy/, and start workers with --nats")
	}
	if port == 0 {
		return -1, nil
	}
	return port, nil
}

// syncInterval is how long the embedded server may keep what it acknowledged from the disk with --sync interval.
const syncInterval = 2 * time.Second

func (f *workerFlags) startServer(ctx context.Context, dir string) (*natsx.Server, error) {
	port, err := f.port()
	if err != nil {
		return nil, err
	}
	store := f.store
	if store == "" {
		own := filepath.Join(dir, ".kedge")
		store = filepath.Join(own, "nats")
		hideFromGit(own)
	}
	cfg := natsx.ServerConfig{StoreDir: store, Port: port}
	if f.sync == "interval" {
		cfg.SyncInterval = syncInterval
	}
	server, err := natsx.StartServer(ctx, cfg)
	switch {
	case errors.Is(err, natsx.ErrStoreLocked):
		return nil, &cli.Error{Code: cli.Failed, Err: err, Hint: "another worker runs its server there: connect to it with --nats, or name another folder with --store"}
	case err != nil:
		return nil, &cli.Error{Code: cli.Failed, Err: fmt.Errorf("starting the embedded server: %w", err), Hint: startHint(err)}
	}
	return server, nil
}

// startHint tells what to change when the embedded server doesn't start.
func startHint(err error) string {
	if errors.Is(err, natsx.ErrPort) {
		return "if another server runs there, connect to it with --nats instead of --embedded, or name another port with --listen"
	}
	return "name a folder that can be written to with --store"
}

// hideFromGit makes a folder within a project that git doesn't show, so that the project stays as it was. Whether the
// folder can be made is told by who uses it.
func hideFromGit(folder string) {
	if os.MkdirAll(folder, 0o755) != nil {
		return
	}
	if list, err := os.OpenFile(filepath.Join(folder, ".gitignore"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644); err == nil {
		_, _ = list.WriteString("*\n")
		_ = list.Close()
	}
}

func (f *workerFlags) logger(env *Env) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(cmp.Or(f.logLevel, "info"))
	if err != nil {
		return zerolog.Nop(), usage(fmt.Errorf("--log-level %s: want debug, info, warn or error", f.logLevel), "")
	}
	out, err := f.logWriter(env)
	return zerolog.New(out).Level(level).With().Timestamp().Logger(), err
}

func (f *workerFlags) logWriter(env *Env) (io.Writer, error) {
	stderr := f.secrets.Writer(env.Stderr)
	switch f.logFormat {
	case "json":
		return stderr, nil
	case "text":
		return zerolog.ConsoleWriter{Out: stderr, NoColor: !env.StderrTerminal, TimeFormat: time.TimeOnly}, nil
	}
	return io.Discard, usage(fmt.Errorf("--log-format %s: want text or json", f.logFormat), "")
}

// projectLogger writes what the levels in the project's logging configuration say (CFG-080).
func (f *workerFlags) projectLogger(env *Env, proj *project.Project, dir string) (zerolog.Logger, error) {
	levels, err := config.ReadLogging(config.LoggingOptions{Dir: dir, LookupEnv: env.Lookup, Package: proj.Name()})
	if err != nil {
		return zerolog.Nop(), err
	}
	out, err := f.logWriter(env)
	if err != nil || levels.Path == "" {
		return zerolog.New(out).Level(zerolog.InfoLevel).With().Timestamp().Logger(), err
	}
	log := zerolog.New(levels.Writer(out)).Level(levels.Lowest()).With().Timestamp().Logger()
	log.Info().Str("logger", "kedro.framework.project").Msg(levels.Message)
	return log, nil
}

// explain adds what to do about an error of the worker.
func explain(err error, flags *workerFlags) error {
	var missing *worker.SetupError
	if errors.As(err, &missing) {
		command := fmt.Sprintf("worker setup --nats %s --queue %s", flags.URL, flags.queue)
		if tenants := strings.Join(flags.tenants, ","); tenants != messages.DefaultTenant {
			command += " --tenant " + tenants
		}
		text := fmt.Errorf("the NATS server is not set up for queue %s: %s", missing.Queue, strings.Join(missingParts(missing.Err), "; "))
		return &cli.Error{Code: cli.Unreachable, Err: text, Hint: "type: " + command}
	}
	return err
}

// missingParts says in a few words what a server lacks. A queue has a consumer for each priority and tenant, and a new
// server lacks them all, with every stream: each of these is told once. What differs is told in full.
func missingParts(err error) []string {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var parts []string
		for _, part := range several.Unwrap() {
			for _, text := range missingParts(part) {
				if !slices.Contains(parts, text) {
					parts = append(parts, text)
				}
			}
		}
		return parts
	}
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		return []string{"it has no consumers of this queue for these tenants"}
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrBucketNotFound):
		return []string{"streams of Kedge are missing"}
	}
	return []string{strings.ReplaceAll(err.Error(), "\n", "; ")}
}
