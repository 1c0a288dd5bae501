package deploy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge"
	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// fleet is a server with nats/fleet.conf, and what its users need to get in.
type fleet struct {
	t        *testing.T
	url, dir string
}

var roles = []string{"ADMIN", "WORKER", "DISPATCHER", "CONSOLE", "TENANT_BLUE", "TENANT_RED"}

// startFleet starts a real server from nats/fleet.conf as it is; only the port is a free one on the loopback.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir()}
	f.certificate()
	t.Setenv("KEDGE_SERVER_NAME", "fleet")
	t.Setenv("KEDGE_STORE", filepath.Join(f.dir, "store"))
	t.Setenv("KEDGE_TLS_CERT", f.path("server.crt"))
	t.Setenv("KEDGE_TLS_KEY", f.path("server.key"))
	for _, role := range roles {
		pair, err := nkeys.CreateUser()
		require.NoError(t, err)
		seed, err := pair.Seed()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(f.path(role), seed, 0o600))
		public, err := pair.PublicKey()
		require.NoError(t, err)
		t.Setenv("KEDGE_"+role, public)
	}
	opts, err := server.ProcessConfigFile("nats/fleet.conf")
	require.NoError(t, err)
	opts.Host, opts.Port, opts.NoLog, opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(opts)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(10*time.Second))
	f.url = "tls://" + s.Addr().String()
	return f
}

func (f *fleet) path(name string) string { return filepath.Join(f.dir, name) }

// certificate writes a key and a certificate for 127.0.0.1, which signs itself.
func (f *fleet) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(f.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fleet"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(f.t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(f.t, err)
	require.NoError(f.t, os.WriteFile(f.path("server.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(f.t, os.WriteFile(f.path("server.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
}

// connect gives a connection in a role.
func (f *fleet) connect(role, inbox string) *nats.Conn {
	f.t.Helper()
	flags := cli.Connection{URL: f.url, NKey: f.path(role), CA: f.path("server.crt")}
	options, err := flags.Options()
	require.NoError(f.t, err)
	options.Inbox = inbox
	nc, err := natsx.Connect(f.t.Context(), options)
	require.NoError(f.t, err)
	f.t.Cleanup(nc.Close)
	return nc
}

// tenant gives a client of a tenant, and its connection.
func (f *fleet) tenant(name string) (*client.Client, *nats.Conn) {
	f.t.Helper()
	nc := f.connect("TENANT_"+strings.ToUpper(name), cli.TenantInbox(name))
	c, err := client.New(nc, client.Config{Tenant: name, Queue: "demo", PublishTimeout: 5 * time.Second})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { c.Close() })
	return c, nc
}

// worker runs the worker's command with the credentials of a role.
func (f *fleet) worker(role string, words ...string) (ready <-chan bool, logs *bytes.Buffer) {
	f.t.Helper()
	stdout, out := io.Pipe()
	logs = &bytes.Buffer{}
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan int, 1)
	env := &kedge.Env{
		Args: append(words, "--nats", f.url, "--nkey", f.path(role), "--tls-ca", f.path("server.crt"), "--tenant", "blue,red", "--queue", "demo"),
		Dir:  f.path("demo"), Lookup: func(string) (string, bool) { return "", false },
		Stdin: strings.NewReader(""), Stdout: out, Stderr: logs,
	}
	go func() { done <- kedge.Run(ctx, nil, env); out.Close() }()
	told := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "takes runs of queue") || strings.HasPrefix(lines.Text(), "consumer ") {
				select {
				case told <- true:
				default:
				}
			}
		}
		close(told)
	}()
	f.t.Cleanup(func() { cancel(); <-done })
	return told, logs
}

// TestFleetRights starts the server of nats/fleet.conf, sets it up as its admin, and shows what each role can do, and what
// it can't.
func TestFleetRights(t *testing.T) {
	f := startFleet(t)
	require.NoError(t, os.CopyFS(f.path("demo"), os.DirFS("../cmd/submit/testdata/demo")))
	ready, logs := f.worker("ADMIN", "setup")
	require.True(t, <-ready, logs)
	ready, logs = f.worker("WORKER", "--dispatch=false")
	require.True(t, <-ready, logs)
	ready, logs = f.worker("DISPATCHER")
	require.True(t, <-ready, logs)

	blue, blueConn := f.tenant("blue")
	red, redConn := f.tenant("red")
	run := f.useAll(blue)
	require.NoError(t, blueConn.LastError(), "a tenant needs no more rights than it has")
	f.useAll(red)
	require.NoError(t, redConn.LastError())

	t.Run("a tenant can't reach another's runs", func(t *testing.T) { f.in(t).foreign(run) })
	t.Run("a tenant can't forge what workers say", func(t *testing.T) { f.in(t).forge(run) })
	t.Run("dead letters are the admin's to redrive", func(t *testing.T) { f.in(t).redrive(red) })
	t.Run("a worker can't submit", func(t *testing.T) { f.in(t).workerSubmits() })
	t.Run("a console writes nothing", func(t *testing.T) { f.in(t).consoleWrites(run) })
	t.Run("the admin audits", func(t *testing.T) { f.in(t).audit() })
	t.Run("nobody gets in without a key", func(t *testing.T) { f.in(t).strangers() })
}

func (f *fleet) in(t *testing.T) *fleet {
	sub := *f
	sub.t = t
	return &sub
}

// useAll does all that a submitter does, and gives a run that has ended.
func (f *fleet) useAll(c *client.Client) messages.RunID {
	t := f.t
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	large := []byte(`"` + strings.Repeat("a", 600_000) + `"`)
	receipt, err := c.Submit(ctx, &messages.RunRequest{PipelineNames: []string{"echo"}, IdempotencyKey: "k", UniqueKey: "u"},
		client.WithInput("words", client.Input{Content: bytes.NewReader(large), Size: int64(len(large))}))
	require.NoError(t, err)
	var reply *messages.Reply
	for update, err := range c.Watch(ctx, receipt.RunID) {
		require.NoError(t, err)
		reply = update.Reply
	}
	require.NotNil(t, reply.Result, "%+v", reply.Error)
	content, err := c.Open(ctx, *reply.Result.Outputs["said"].Ref)
	require.NoError(t, err)
	text, err := io.ReadAll(content)
	require.NoError(t, err)
	require.Equal(t, string(large), string(text))
	require.NoError(t, content.Close())

	delayed, err := c.Submit(ctx, &messages.RunRequest{PipelineNames: []string{"model"}}, client.NotBefore(time.Now().Add(time.Second)))
	require.NoError(t, err)
	reply, err = c.Wait(ctx, delayed.RunID)
	require.NoError(t, err)
	require.Equal(t, messages.StateSucceeded, reply.State(), "the dispatcher queued it: %+v", reply.Error)

	later, err := c.Submit(ctx, &messages.RunRequest{}, client.NotBefore(time.Now().Add(time.Hour)))
	require.NoError(t, err)
	_, err = c.Cancel(ctx, later.RunID, "not needed")
	require.NoError(t, err)
	_, err = c.AddSchedule(ctx, messages.Schedule{Name: "hourly", Every: messages.Duration(time.Hour), Request: messages.RunRequest{PipelineNames: []string{"model"}}}, false)
	require.NoError(t, err)
	now, err := c.RunSchedule(ctx, "hourly")
	require.NoError(t, err)
	_, err = c.Wait(ctx, now.RunID)
	require.NoError(t, err)
	schedules, err := c.Schedules(ctx)
	require.NoError(t, err)
	require.Len(t, schedules, 1, "its own")
	require.NoError(t, c.RemoveSchedule(ctx, "hourly"))
	require.NoError(t, c.SetLimit(ctx, "gpu*", messages.Limit{Concurrency: 1, Rate: &messages.Rate{Starts: 100, Per: messages.Duration(time.Second)}}))
	limited, err := c.Submit(ctx, &messages.RunRequest{PipelineNames: []string{"model"}, ConcurrencyKey: "gpu-1"})
	require.NoError(t, err)
	_, err = c.Keys(ctx)
	require.NoError(t, err)
	_, err = c.Wait(ctx, limited.RunID)
	require.NoError(t, err)
	require.NoError(t, c.RemoveLimit(ctx, "gpu*"))
	_, err = c.Status(ctx, receipt.RunID)
	require.NoError(t, err)
	_, err = c.Result(ctx, receipt.RunID)
	require.NoError(t, err)
	list, err := c.List(ctx, client.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list, 5, "its own")
	workers, err := c.Workers(ctx)
	require.NoError(t, err)
	require.Len(t, workers, 2)
	_, err = c.Plan(ctx, &messages.RunRequest{})
	require.NoError(t, err)
	again, err := c.Retry(ctx, now.RunID)
	require.NoError(t, err)
	_, err = c.Wait(ctx, again.RunID)
	require.NoError(t, err)
	letters, err := c.DeadLetters(ctx)
	require.NoError(t, err)
	require.Empty(t, letters)
	return receipt.RunID
}

// requireRefused wants a refusal that names the violation, and soon: it must not look like a server that is down.
func requireRefused(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, client.ErrRefused)
	require.ErrorIs(t, err, nats.ErrPermissionViolation)
	require.NotErrorIs(t, err, client.ErrNotReachable)
}

// foreign tries, as red, to reach what is blue's.
func (f *fleet) foreign(run messages.RunID) {
	for name, try := range map[string]func(ctx context.Context, c *client.Client) error{
		"submit": func(ctx context.Context, c *client.Client) error {
			_, err := c.Submit(ctx, &messages.RunRequest{})
			return err
		},
		"status": func(ctx context.Context, c *client.Client) error { _, err := c.Status(ctx, run); return err },
		"result": func(ctx context.Context, c *client.Client) error { _, err := c.Result(ctx, run); return err },
		"cancel": func(ctx context.Context, c *client.Client) error { _, err := c.Cancel(ctx, run, ""); return err },
		"list": func(ctx context.Context, c *client.Client) error {
			_, err := c.List(ctx, client.ListOptions{})
			return err
		},
		"events": func(ctx context.Context, c *client.Client) error {
			for _, err := range c.Watch(ctx, run) {
				return err
			}
			return nil
		},
		"queues": func(ctx context.Context, c *client.Client) error { _, err := c.Queues(ctx); return err },
		"limits": func(ctx context.Context, c *client.Client) error { _, err := c.Limits(ctx); return err },
		"limit": func(ctx context.Context, c *client.Client) error {
			return c.SetLimit(ctx, "gpu", messages.Limit{Concurrency: 9})
		},
		"data": func(ctx context.Context, c *client.Client) error {
			_, err := c.Submit(ctx, &messages.RunRequest{RuntimeParams: map[string]any{"a": strings.Repeat("x", 300_000)}})
			return err
		},
	} {
		f.t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := f.in(t).connect("TENANT_RED", cli.TenantInbox("red"))
			c, err := client.New(nc, client.Config{Tenant: "blue", Queue: "demo"})
			require.NoError(t, err)
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			requireRefused(t, try(ctx, c))
		})
	}
}

// refusedPublish publishes and waits for the server's word on it.
func refusedPublish(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	require.NoError(t, nc.PublishRequest(subject, nc.NewInbox(), []byte(`{}`)), subject)
	require.NoError(t, nc.Flush())
	require.ErrorIs(t, nc.LastError(), nats.ErrPermissionViolation, subject)
	require.ErrorContains(t, nc.LastError(), `"`+subject+`"`)
}

// refusedSubscribe subscribes and waits for the server's word on it.
func refusedSubscribe(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	_, err := nc.SubscribeSync(subject)
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	require.ErrorContains(t, nc.LastError(), `Subscription to "`+subject+`"`)
}

func (f *fleet) forge(run messages.RunID) {
	s := messages.Subjects{}
	nc := f.connect("TENANT_RED", cli.TenantInbox("red"))
	for _, tenant := range []string{"red", "blue"} {
		refusedPublish(f.t, nc, s.Done(tenant, run))
		refusedPublish(f.t, nc, s.DoneStored(tenant, run))
		refusedPublish(f.t, nc, s.Events(tenant, run))
		refusedPublish(f.t, nc, s.Dead("demo", tenant, run))
	}
	refusedPublish(f.t, nc, natsx.KeySubject("kedge_runs", messages.StatusKey("blue", run)))
	refusedPublish(f.t, nc, natsx.KeySubject("kedge_schedules", messages.ScheduleKey("blue", "hourly")))
	refusedPublish(f.t, nc, natsx.KeySubject("kedge_leases", messages.StatusKey("red", run)+".1"))
	refusedPublish(f.t, nc, natsx.KeySubject("kedge_keys", "idem.blue.k"))
	for _, key := range []string{"slot.red.gpu.0", "slot.blue.gpu.0", "rate.red.gpu.used", "rate.blue.gpu.used"} {
		refusedPublish(f.t, nc, natsx.KeySubject("kedge_keys", key))
	}
	refusedPublish(f.t, nc, natsx.KeySubject("kedge_settings", messages.LimitsKey("blue")))
	refusedPublish(f.t, nc, "$JS.API.DIRECT.GET.KV_kedge_settings."+natsx.KeySubject("kedge_settings", messages.LimitsKey("blue")))
	refusedPublish(f.t, nc, "$JS.API.CONSUMER.CREATE.KV_kedge_settings.x."+natsx.KeySubject("kedge_settings", messages.LimitsKey("blue")))
	refusedPublish(f.t, nc, "$JS.API.CONSUMER.CREATE.KV_kedge_keys.x."+natsx.KeySubject("kedge_keys", "slot.blue.>"))
	refusedPublish(f.t, nc, s.ObjectChunk(messages.ObjectName{Tenant: "blue", RunID: run, ID: "1-1"}, 0))
	refusedPublish(f.t, nc, natsx.KeySubject("kedge_settings", messages.PauseKey("demo")))
	refusedPublish(f.t, nc, s.Worker("w1", "drain"))
	refusedPublish(f.t, nc, "$JS.API.STREAM.MSG.GET.KV_kedge_runs")
	refusedPublish(f.t, nc, "$JS.API.STREAM.PURGE.KEDGE_RUNS")
	refusedPublish(f.t, nc, "$JS.API.STREAM.DELETE.KEDGE_RUNS")
	refusedPublish(f.t, nc, "$JS.API.CONSUMER.MSG.NEXT.KEDGE_RUNS."+natsx.ConsumerName("demo", "red", messages.P1))
	refusedPublish(f.t, nc, "$JS.API.CONSUMER.CREATE.KEDGE_EVENTS.x.kedge.reply.blue.*.events")
	refusedPublish(f.t, nc, "$JS.API.DIRECT.GET.OBJ_kedge_data")
	for _, subject := range []string{
		"kedge.done.blue.*", "kedge.done.>", "kedge.reply.blue.>", "kedge.run.>", "kedge.hint.>", "_INBOX.>", "_INBOX.tenant.blue.>", "_INBOX.worker.>", ">",
	} {
		refusedSubscribe(f.t, nc, subject)
	}
}

// redrive lets a worker's credentials store a letter, its tenant look at it and the admin start its run again.
func (f *fleet) redrive(red *client.Client) {
	t := f.t
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	letter := messages.DeadLetter{
		RunID: "lost", Tenant: "red", Queue: "demo", DiedAt: time.Now().UTC(), Code: messages.CodePoison, Epoch: 3, Losses: 3,
		Request: []byte(`{"run_id":"lost","pipeline_names":["model"]}`),
	}
	text, err := json.Marshal(letter)
	require.NoError(t, err)
	js, err := jetstream.New(f.connect("WORKER", cli.WorkerInbox))
	require.NoError(t, err)
	_, err = js.Publish(ctx, messages.Subjects{}.Dead("demo", "red", "lost"), text)
	require.NoError(t, err)

	letters, err := red.DeadLetters(ctx)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	nc := f.connect("TENANT_BLUE", cli.TenantInbox("blue"))
	blue, err := client.New(nc, client.Config{Tenant: "red", Queue: "demo"})
	require.NoError(t, err)
	defer blue.Close()
	short, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	_, err = blue.DeadLetters(short)
	requireRefused(t, err)

	admin, err := client.New(f.connect("ADMIN", cli.TenantInbox("red")), client.Config{Tenant: "red", Queue: "demo"})
	require.NoError(t, err)
	defer admin.Close()
	receipt, err := admin.Redrive(ctx, &letters[0])
	require.NoError(t, err)
	reply, err := admin.Wait(ctx, receipt.RunID)
	require.NoError(t, err)
	require.Equal(t, messages.StateSucceeded, reply.State())
	letters, err = admin.DeadLetters(ctx)
	require.NoError(t, err)
	require.Empty(t, letters)
}

func (f *fleet) audit() {
	var told bytes.Buffer
	code := kedge.Run(f.t.Context(), nil, &kedge.Env{
		Args: []string{"audit", "--nats", f.url, "--nkey", f.path("ADMIN"), "--tls-ca", f.path("server.crt")},
		Dir:  f.dir, Lookup: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(""), Stdout: &told, Stderr: &told,
	})
	require.Zero(f.t, code, told.String())
	require.Regexp(f.t, `audited \d+ runs: 0 findings`, told.String())
}

func (f *fleet) workerSubmits() {
	nc := f.connect("WORKER", cli.WorkerInbox)
	c, err := client.New(nc, client.Config{Tenant: "blue", Queue: "demo"})
	require.NoError(f.t, err)
	defer c.Close()
	_, err = c.Submit(f.t.Context(), &messages.RunRequest{})
	requireRefused(f.t, err)
	js, err := jetstream.New(nc)
	require.NoError(f.t, err)
	ctx, cancel := context.WithTimeout(f.t.Context(), 2*time.Second)
	defer cancel()
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "MINE", Subjects: []string{"mine"}})
	requireRefused(f.t, natsx.ExplainSilence(nc, err))
	refusedPublish(f.t, nc, messages.Subjects{}.DoneStored("blue", "r"))
	refusedPublish(f.t, nc, natsx.KeySubject("kedge_settings", messages.LimitsKey("blue")))
}

func (f *fleet) consoleWrites(run messages.RunID) {
	nc := f.connect("CONSOLE", "_INBOX.console")
	c, err := client.New(nc, client.Config{Tenant: "blue", Queue: "demo"})
	require.NoError(f.t, err)
	defer c.Close()
	list, err := c.List(f.t.Context(), client.ListOptions{})
	require.NoError(f.t, err)
	require.NotEmpty(f.t, list)
	reply, err := c.Wait(f.t.Context(), run)
	require.NoError(f.t, err)
	require.NotNil(f.t, reply.Result)
	_, err = c.Submit(f.t.Context(), &messages.RunRequest{})
	requireRefused(f.t, err)
}

func (f *fleet) strangers() {
	flags := cli.Connection{URL: f.url, CA: f.path("server.crt")}
	options, err := flags.Options()
	require.NoError(f.t, err)
	_, err = natsx.Connect(f.t.Context(), options)
	require.ErrorIs(f.t, err, nats.ErrAuthorization)
	flags.CA = ""
	options, err = flags.Options()
	require.NoError(f.t, err)
	_, err = natsx.Connect(f.t.Context(), options)
	require.Error(f.t, err, "nobody vouches for the server")
}
