// Package client submits runs to Kedge and follows them: the Go library under the
// submit command.
//
// A [Client] is made by [Dial], or by [New] on a connection of the caller.
// [Client.Submit] stores a request and returns at once; [Client.Wait] gives the reply,
// also hours later and from another process; [Client.Watch] tells everything that
// happens in between.
//
//	c, err := client.Dial(ctx, "nats://127.0.0.1:4222", client.Config{})
//	receipt, err := c.Submit(ctx, &messages.RunRequest{PipelineNames: []string{"reporting"}})
//	reply, err := c.Wait(ctx, receipt.RunID)
//
// Submitting may be repeated with the same run id: it is one run.
package client
