package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

const queue = "bench"

// work is the role of the Kedge worker: the native session, events on, one node that returns {"ok": true}, default
// timing. The pipeline "long" waits for a parameter's time, for the recovery figures.
func work(ctx context.Context, url string, slots int) error {
	nc, err := natsx.Connect(ctx, natsx.ConnectOptions{URL: url, Name: "bench worker"})
	if err != nil {
		return err
	}
	defer nc.Close()
	dir, err := os.MkdirTemp("", "kedge-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeCommandPipelines(dir); err != nil {
		return err
	}
	w, err := worker.New(worker.Config{
		Conn: nc, Project: queue, Concurrency: slots, Grace: -1, Logger: zerolog.New(os.Stderr).Level(zerolog.WarnLevel),
		Open: func(ctx context.Context, _ session.ServiceConfig) (session.Session, error) {
			return openSession(ctx, dir,
				project.WithPipeline("__default__", onePipeline), project.WithPipeline("long", longPipeline))
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

// openSession opens a project whose folder holds an empty configuration.
func openSession(ctx context.Context, dir string, options ...project.Option) (*session.ServiceSession, error) {
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "conf/base"), 0o755), os.MkdirAll(filepath.Join(dir, "conf/local"), 0o755),
		os.WriteFile(filepath.Join(dir, "conf/base/catalog.yml"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "conf/base/parameters.yml"), nil, 0o644)); err != nil {
		return nil, err
	}
	proj, err := project.Load(dir, project.New(queue, options...))
	if err != nil {
		return nil, err
	}
	return session.CreateService(ctx, session.ServiceConfig{ProjectPath: dir, Project: proj, ServingMode: true})
}

func onePipeline() (*pipeline.Pipeline, error) {
	return pipeline.New(pipeline.Define(func() map[string]any { return map[string]any{"ok": true} }, nil, "answer", pipeline.Name("answer")))
}

func longPipeline() (*pipeline.Pipeline, error) {
	return pipeline.New(pipeline.Define(func(ctx context.Context, seconds float64) (bool, error) {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(time.Duration(seconds * float64(time.Second))):
			return true, nil
		}
	}, "params:seconds", "done", pipeline.Name("wait")))
}

// kedgeSubmitter submits with the client library, as any program would.
func kedgeSubmitter(ctx context.Context, nc *nats.Conn) (submitFunc, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	if err := (natsx.Topology{Queues: []string{queue}}).Setup(ctx, js); err != nil {
		return nil, err
	}
	c, err := client.New(nc, client.Config{Queue: queue})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (func(context.Context) error, error) {
		receipt, err := c.Submit(ctx, &messages.RunRequest{})
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			reply, err := c.Wait(ctx, receipt.RunID)
			if err == nil && reply.Error != nil {
				err = fmt.Errorf("run %s ended as %s: %s", receipt.RunID, reply.Error.State, reply.Error.Message)
			}
			return err
		}, nil
	}, nil
}
