package deploy_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// issued is what an operator of a server with JWTs has handed out.
type issued struct {
	operator *jwt.OperatorClaims
	account  nkeys.KeyPair
	system   string // an account
	accounts *server.MemAccResolver
}

func keyOf(t *testing.T, create func() (nkeys.KeyPair, error)) (key nkeys.KeyPair, public string) {
	t.Helper()
	key, err := create()
	require.NoError(t, err)
	public, err = key.PublicKey()
	require.NoError(t, err)
	return key, public
}

func newOperator(t *testing.T) issued {
	t.Helper()
	operatorKey, operator := keyOf(t, nkeys.CreateOperator)
	accountKey, account := keyOf(t, nkeys.CreateAccount)
	_, system := keyOf(t, nkeys.CreateAccount)
	i := issued{operator: jwt.NewOperatorClaims(operator), account: accountKey, system: system, accounts: &server.MemAccResolver{}}
	for _, name := range []string{account, system} {
		claims := jwt.NewAccountClaims(name)
		if name == account {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		text, err := claims.Encode(operatorKey)
		require.NoError(t, err)
		require.NoError(t, i.accounts.Store(name, text))
	}
	return i
}

// user writes the credentials of a user, who may publish below the subjects only.
func (i issued) user(t *testing.T, path string, subjects ...string) {
	t.Helper()
	key, public := keyOf(t, nkeys.CreateUser)
	claims := jwt.NewUserClaims(public)
	claims.Permissions.Pub.Allow.Add(subjects...)
	text, err := claims.Encode(i.account)
	require.NoError(t, err)
	seed, err := key.Seed()
	require.NoError(t, err)
	creds, err := jwt.FormatUserConfig(text, seed)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, creds, 0o600))
}

// startOperated starts a server that knows users by JWTs of its operator, and wants a certificate of each client too.
func (f *fleet) startOperated(i issued) {
	t := f.t
	pair, err := tls.LoadX509KeyPair(f.path("server.crt"), f.path("server.key"))
	require.NoError(t, err)
	pem, err := os.ReadFile(f.path("server.crt"))
	require.NoError(t, err)
	clients := x509.NewCertPool()
	require.True(t, clients.AppendCertsFromPEM(pem))
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: f.path("store"),
		TrustedOperators: []*jwt.OperatorClaims{i.operator}, AccountResolver: i.accounts, SystemAccount: i.system,
		TLS: true, TLSVerify: true, TLSTimeout: 10,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert},
	})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(10*time.Second))
	f.url = "tls://" + s.Addr().String()
}

// TestCredentialsAndClientCertificates connects as --creds, --tls-ca, --tls-cert and --tls-key say.
func TestCredentialsAndClientCertificates(t *testing.T) {
	f, i := &fleet{t: t, dir: t.TempDir()}, newOperator(t)
	f.certificate()
	f.startOperated(i)
	i.user(t, f.path("admin.creds"), "$JS.API.>")
	newOperator(t).user(t, f.path("other.creds"), ">")
	connect := func(change func(*cli.Connection)) (*nats.Conn, error) {
		flags := cli.Connection{
			URL: f.url, Creds: f.path("admin.creds"), CA: f.path("server.crt"), Cert: f.path("server.crt"), Key: f.path("server.key"),
		}
		change(&flags)
		options, err := flags.Options()
		require.NoError(t, err)
		options.Wait = 2 * time.Second
		return natsx.Connect(t.Context(), options)
	}
	nc, err := connect(func(*cli.Connection) {})
	require.NoError(t, err)
	defer nc.Close()
	topology := natsx.Topology{Queues: []string{"demo"}}
	setUp(t, nc, topology)
	refusedPublish(t, nc, messages.Subjects{}.Request(messages.P1, "demo", messages.DefaultTenant, "r"))

	for name, change := range map[string]func(*cli.Connection){
		"another operator's user": func(c *cli.Connection) { c.Creds = f.path("other.creds") },
		"no user":                 func(c *cli.Connection) { c.Creds = "" },
	} {
		_, err := connect(change)
		require.ErrorIs(t, err, nats.ErrAuthorization, name)
	}
	_, err = connect(func(c *cli.Connection) { c.Cert, c.Key = "", "" })
	require.Error(t, err, "the server wants a certificate")
}

func setUp(t *testing.T, nc *nats.Conn, topology natsx.Topology) {
	t.Helper()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.NoError(t, topology.Setup(t.Context(), js))
	require.NoError(t, topology.Check(t.Context(), js))
}
