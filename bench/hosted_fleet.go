package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
	"github.com/kedge-run/kedge/worker"
)

// hostedRole is the role of a worker that hosts a Python project: what Kedro logs goes to the null device, as on the
// other sides.
func hostedRole(ctx context.Context, url, python, project string, children int) error {
	nc, err := natsx.Connect(ctx, natsx.ConnectOptions{URL: url, Name: "bench worker"})
	if err != nil {
		return err
	}
	defer nc.Close()
	w, err := worker.New(worker.Config{
		Conn: nc, Project: queue, Concurrency: children, Grace: -1, Logger: zerolog.Nop(),
		Open: func(ctx context.Context, _ session.ServiceConfig) (session.Session, error) {
			return hosted.Open(ctx, hosted.Config{Project: project, Python: python, Children: children})
		},
	})
	if err != nil {
		return err
	}
	go func() {
		<-w.Ready()
		fmt.Println(w.ID())
	}()
	return w.Run(ctx)
}

// startHosted sets a server up and starts a worker of two children on it.
func startHosted(ctx context.Context, nc *nats.Conn, server *process, python, project string) (*process, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	if err := (natsx.Topology{Queues: []string{queue}}).Setup(ctx, js); err != nil {
		return nil, err
	}
	return start(ctx, "hosted", "-url", server.Ready, "-python", python, "-project", project, "-slots", "2")
}

// fleetRuns are the runs a second of some callers who submit and wait for the result.
func fleetRuns(ctx context.Context, nc *nats.Conn, callers int) (float64, error) {
	c, err := client.New(nc, client.Config{Queue: queue})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_, rate, err := calls(callers, func(i int) error {
		receipt, err := c.Submit(ctx, &messages.RunRequest{RuntimeParams: map[string]any{"rid": fmt.Sprintf("fleet%d", i)}})
		if err != nil {
			return err
		}
		reply, err := c.Wait(ctx, receipt.RunID)
		if err == nil && reply.Error != nil {
			err = errors.New(reply.Error.Message)
		}
		return err
	})
	return rate, err
}
