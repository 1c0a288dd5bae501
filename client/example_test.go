package client_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

func Example() {
	ctx := context.Background()
	url, stop := serve(ctx)
	defer stop()

	c, err := client.Dial(ctx, url, client.Config{Queue: "spaceflights", By: "example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	receipt, err := c.Submit(ctx, &messages.RunRequest{
		RunID: "nightly-2026-11-23", PipelineNames: []string{"reporting"},
	})
	fmt.Println(receipt.RunID, receipt.Queue, receipt.Existing, err)

	status, err := c.Status(ctx, receipt.RunID)
	fmt.Println(status.State, err)

	// No worker runs here, so the run stays as it is until one meets it.
	status, err = c.Cancel(ctx, receipt.RunID, "not needed")
	fmt.Println(status.State, err)
	// Output:
	// nightly-2026-11-23 spaceflights false <nil>
	// queued <nil>
	// cancelling <nil>
}

func ExampleClient_AddSchedule() {
	ctx := context.Background()
	url, stop := serve(ctx)
	defer stop()

	c, err := client.Dial(ctx, url, client.Config{Queue: "spaceflights"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	nightly := messages.Schedule{
		Name: "nightly", Cron: "30 2 * * *", TimeZone: "Europe/Berlin", Overlap: messages.OverlapSkip,
		Request: messages.RunRequest{PipelineNames: []string{"reporting"}},
	}
	stored, err := c.AddSchedule(ctx, nightly, false)
	fmt.Println(stored.Queue, stored.Next.After(time.Now()), err)

	// The clocks go forward in the night to 29 March 2026: 02:30 is skipped.
	times, err := client.NextTimes(nightly, time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC), 3)
	for _, t := range times {
		fmt.Println(t.Format(time.RFC3339))
	}
	fmt.Println(err)

	stored, err = c.PauseSchedule(ctx, "nightly")
	fmt.Println(stored.Paused, err)
	// Output:
	// spaceflights true <nil>
	// 2026-03-28T01:30:00Z
	// 2026-03-29T01:00:00Z
	// 2026-03-30T00:30:00Z
	// <nil>
	// true <nil>
}

// serve starts what "worker --embedded" starts.
func serve(ctx context.Context) (url string, stop func()) {
	dir, err := os.MkdirTemp("", "kedge-example")
	if err != nil {
		panic(err)
	}
	server, err := natsx.StartServer(ctx, natsx.ServerConfig{StoreDir: dir, Port: -1})
	if err != nil {
		panic(err)
	}
	nc, err := nats.Connect(server.URL())
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		panic(err)
	}
	if err := (natsx.Topology{Queues: []string{"spaceflights"}}).Setup(ctx, js); err != nil {
		panic(err)
	}
	return server.URL(), func() { server.Shutdown(); _ = os.RemoveAll(dir) }
}
