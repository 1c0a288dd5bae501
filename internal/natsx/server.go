package natsx

import (
	"context"
	"errors"
	"time"
)

// ErrNotReachable says that no server answered.
var ErrNotReachable = errors.New("no NATS server answered")

// ErrStoreLocked says that another process uses the store folder.
var ErrStoreLocked = errors.New("store folder is in use by another process")

// ServerConfig configures the embedded server.
type ServerConfig struct {
	// StoreDir keeps the streams. Required.
	StoreDir string
	// Port to listen on at 127.0.0.1; -1 picks a free one. Defaults to 4222.
	Port int
	// SyncInterval relaxes durability against power loss: 0, the default, syncs every
	// write.
	SyncInterval time.Duration
	// MaxMemory and MaxStore bound JetStream, in bytes. Default to 256 MiB and 10 GiB.
	MaxMemory, MaxStore int64
}

// Server is a nats-server with JetStream in this process.
type Server struct{}

// StartServer locks the store folder and starts a server on 127.0.0.1.
// ErrStoreLocked when another process has it.
func StartServer(ctx context.Context, cfg ServerConfig) (*Server, error) { return nil, nil }

// URL is where clients of this machine connect.
func (s *Server) URL() string { return "" }

// Shutdown stops the server and unlocks the folder; repeating it is harmless.
func (s *Server) Shutdown() {}
