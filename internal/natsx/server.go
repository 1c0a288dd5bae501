package natsx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// ErrStoreLocked says that another process uses the store folder.
var ErrStoreLocked = errors.New("store folder is in use by another process")

// ErrPort says that the server can't listen on its port: usually another one does.
var ErrPort = errors.New("cannot listen")

// ServerConfig configures the embedded server.
type ServerConfig struct {
	// StoreDir keeps the streams. Required.
	StoreDir string
	// Port to listen on at 127.0.0.1; -1 picks a free one. Defaults to 4222.
	Port int
	// SyncInterval is how long a stored message may wait for the disk's sync. Power
	// loss, not the death of the process, loses what waits. Defaults to 0: every
	// write is synced before it is acknowledged.
	SyncInterval time.Duration
	// MaxPayload bounds a message, in bytes. Defaults to 1 MiB.
	MaxPayload int32
	// MaxMemory bounds streams kept in memory, in bytes. Defaults to 256 MiB.
	MaxMemory int64
	// MaxStore bounds the streams on disk, in bytes. Defaults to 16 GiB.
	MaxStore int64
}

func (c ServerConfig) withDefaults() ServerConfig {
	if c.Port == 0 {
		c.Port = 4222
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = server.MAX_PAYLOAD_SIZE
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = 256 << 20
	}
	if c.MaxStore == 0 {
		c.MaxStore = 16 << 30
	}
	return c
}

// host is where the server listens. Its own default is every interface.
const host = "127.0.0.1"

func (c ServerConfig) options() *server.Options {
	opts := &server.Options{
		ServerName:         "kedge-embedded",
		Host:               host,
		Port:               c.Port,
		JetStream:          true,
		StoreDir:           c.StoreDir,
		JetStreamMaxMemory: c.MaxMemory,
		JetStreamMaxStore:  c.MaxStore,
		MaxPayload:         c.MaxPayload,
		SyncAlways:         c.SyncInterval == 0,
		SyncInterval:       c.SyncInterval,
		NoSigs:             true,
		NoLog:              true,
		// A worker's heartbeats must not wait behind a stalled client's write.
		WriteDeadline: 10 * time.Second,
	}
	return opts
}

// Server is a nats-server with JetStream in this process, reachable from this
// machine only.
type Server struct {
	server *server.Server
	lock   *os.File
	stop   sync.Once
}

// StartServer locks the store folder, which the server itself does not, and starts a
// server on 127.0.0.1. [ErrStoreLocked] when another process has the folder, [ErrPort]
// when it can't listen.
func StartServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	cfg = cfg.withDefaults()
	if cfg.StoreDir == "" {
		return nil, errors.New("starting embedded server: store folder is not set")
	}
	lock, err := lockFolder(cfg.StoreDir)
	if err != nil {
		return nil, fmt.Errorf("starting embedded server: %w", err)
	}
	var ns *server.Server
	if err = tryPort(ctx, cfg.Port); err == nil {
		ns, err = server.NewServer(cfg.options())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting embedded server: %w", err), lock.Close())
	}
	s := &Server{server: ns, lock: lock}
	ns.Start()
	if err := s.waitReady(ctx); err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("starting embedded server: %w", err)
	}
	return s, nil
}

// tryPort listens for a moment: the server tells only its log why it can't.
func tryPort(ctx context.Context, port int) error {
	if port < 0 {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPort, err)
	}
	return listener.Close()
}

// startTimeout leaves room for recovering a large store.
const startTimeout = 30 * time.Second

func (s *Server) waitReady(ctx context.Context) error {
	timeout := startTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	if !s.server.ReadyForConnections(timeout) {
		return fmt.Errorf("not ready within %s", timeout)
	}
	if !s.server.JetStreamEnabled() {
		return errors.New("JetStream is not available, see the store folder's rights and size")
	}
	return nil
}

// URL is where clients of this machine connect.
func (s *Server) URL() string { return s.server.ClientURL() }

// Shutdown stops the server and unlocks the folder; repeating it is harmless.
func (s *Server) Shutdown() {
	s.stop.Do(func() {
		s.server.Shutdown()
		s.server.WaitForShutdown()
		// Closing gives the lock back.
		_ = s.lock.Close()
	})
}

// lockFolder takes the folder's lock file for as long as the file stays open. The
// kernel gives it back when the process dies, however it dies.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	locked, err := lock(file)
	if err == nil && !locked {
		err = fmt.Errorf("%s: %w", dir, ErrStoreLocked)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
