// Natsserver runs one JetStream server for tests until its standard input ends:
// natsserver PORT STORE SYNC_ALWAYS. It prints its URL when it is ready.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "natsserver:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	port, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	cfg := natsx.ServerConfig{Port: port, StoreDir: args[1]}
	if args[2] != "true" {
		cfg.SyncInterval = 2 * time.Minute
	}
	server, err := natsx.StartServer(context.Background(), cfg)
	if err != nil {
		return err
	}
	defer server.Shutdown()
	fmt.Fprintln(os.Stdout, server.URL())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
