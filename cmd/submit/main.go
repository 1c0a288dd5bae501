package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kedge-run/kedge/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(int(submit(ctx, cli.OSEnv())))
}
