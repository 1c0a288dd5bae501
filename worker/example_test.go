package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/worker"
)

// A worker in one's own program, which usually is kedge.Main. It takes runs until its context ends, and then lets those
// under way finish.
func Example() {
	if err := serveOneRun(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// succeeded on attempt 1: 160
}

func serveOneRun(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "kedge-example")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	nc, stop, err := natsServer(ctx, filepath.Join(dir, "nats"))
	if err != nil {
		return err
	}
	defer stop()
	shop, err := newShop(dir)
	if err != nil {
		return err
	}

	w, err := worker.New(worker.Config{
		Conn: nc, Project: "shop", Session: session.ServiceConfig{ProjectPath: dir, Project: shop, ServingMode: true},
		Open: func(ctx context.Context, cfg session.ServiceConfig) (session.Session, error) {
			return session.CreateService(ctx, cfg)
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-ended)
	}()

	c, err := client.New(nc, client.Config{Queue: "shop"})
	if err != nil {
		return err
	}
	defer c.Close()
	receipt, err := c.Submit(ctx, &messages.RunRequest{RuntimeParams: map[string]any{"price": 200}})
	if err != nil {
		return err
	}
	reply, err := c.Wait(ctx, receipt.RunID)
	if err == nil && reply.Error != nil {
		err = errors.New(reply.Error.Message)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s on attempt %d: %s\n", reply.State(), reply.Ended().Attempt, reply.Result.Outputs["reduced"].Value)
	return nil
}

// newShop is a project of one node, in a folder with its configuration.
func newShop(dir string) (*project.Project, error) {
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "conf/base"), 0o755), os.MkdirAll(filepath.Join(dir, "conf/local"), 0o755),
		os.WriteFile(filepath.Join(dir, "conf/base/catalog.yml"), []byte("{}\n"), 0o644),
		os.WriteFile(filepath.Join(dir, "conf/base/parameters.yml"), []byte("price: 100\n"), 0o644))
	return project.New("shop", project.WithPipeline("__default__", func() (*pipeline.Pipeline, error) {
		return pipeline.New(pipeline.Define(func(price int) int { return price * 8 / 10 }, "params:price", "reduced"))
	})), err
}

// natsServer starts what "worker --embedded" starts, and connects to it.
func natsServer(ctx context.Context, dir string) (nc *nats.Conn, stop func(), err error) {
	server, err := natsx.StartServer(ctx, natsx.ServerConfig{StoreDir: dir, Port: -1})
	if err != nil {
		return nil, nil, err
	}
	if nc, err = nats.Connect(server.URL()); err != nil {
		server.Shutdown()
		return nil, nil, err
	}
	stop = func() { nc.Close(); server.Shutdown() }
	js, err := jetstream.New(nc)
	if err == nil {
		err = natsx.Topology{Queues: []string{"shop"}}.Setup(ctx, js)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return nc, stop, nil
}
