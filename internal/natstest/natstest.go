package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/natsx"
)

// Server is a JetStream server in the test's process. It and the connections that it
// gives end with the test.
type Server struct {
	*natsx.Server
	t testing.TB
}

// Start runs a server on a free port, with its store in the test's temporary folder.
// The zero config syncs every hour, which is fast; a test about durability sets its
// own interval.
func Start(t testing.TB, cfg ...natsx.ServerConfig) *Server {
	t.Helper()
	config := natsx.ServerConfig{SyncInterval: time.Hour}
	if len(cfg) > 0 {
		config = cfg[0]
	}
	config.Port = -1
	if config.StoreDir == "" {
		config.StoreDir = t.TempDir()
	}
	server, err := natsx.StartServer(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	return &Server{Server: server, t: t}
}

// Connect opens a connection of its own for the test.
func (s *Server) Connect() *nats.Conn { return connect(s.t, s.URL()) }

// JetStream opens a connection and sets the topology up.
func (s *Server) JetStream(topology natsx.Topology) jetstream.JetStream {
	s.t.Helper()
	return setup(s.t, s.Connect(), topology)
}

func connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := natsx.Connect(t.Context(), natsx.ConnectOptions{URL: url, Name: t.Name()})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func setup(t testing.TB, nc *nats.Conn, topology natsx.Topology) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.NoError(t, topology.Setup(t.Context(), js))
	return js
}
