package natsx

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/messages"
)

// Topology is the streams, buckets and consumers of one installation.
type Topology struct {
	// Subjects gives subjects and names. Defaults to the prefix "kedge".
	Subjects messages.Subjects
	// Queues and Tenants get a consumer for each pair and priority. Tenants defaults
	// to "default".
	Queues, Tenants []string
	// Replicas of each stream, 1 or 3. Defaults to 1.
	Replicas int
	// Retention is how long events and records of ended runs are kept. Defaults to 7
	// days.
	Retention time.Duration
	// AckWait is how long a fetched message may stay without a sign before it is
	// delivered again. Defaults to 12 s.
	AckWait time.Duration
}

// Setup makes what is missing. It changes nothing that exists: a difference is an
// error that names it. It may be repeated, also by several processes at once.
func (t Topology) Setup(ctx context.Context, js jetstream.JetStream) error { return nil }

// Check reports what is missing or different without changing it.
func (t Topology) Check(ctx context.Context, js jetstream.JetStream) error { return nil }

// QueueConsumer is the consumer of one (tenant, priority) of a queue.
type QueueConsumer struct {
	jetstream.Consumer
	Tenant   string
	Priority messages.Priority
}

// Consumers finds the consumers of a queue, by priority and then tenant.
func (t Topology) Consumers(ctx context.Context, js jetstream.JetStream, queue string) ([]QueueConsumer, error) {
	return nil, nil
}
