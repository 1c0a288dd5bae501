package natsx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/messages"
)

// Topology is the streams, buckets and consumers of one installation.
type Topology struct {
	// Subjects gives subjects and names. Defaults to the prefix "kedge".
	Subjects messages.Subjects
	// Queues get a consumer for each tenant and priority. Defaults to none.
	Queues []string
	// Tenants that may submit. Defaults to "default".
	Tenants []string
	// Replicas of each stream, 1 or 3. Defaults to 1.
	Replicas int
	// Retention is how long events are kept. Defaults to 7 days.
	Retention time.Duration
	// DeadRetention is how long dead letters are kept. Defaults to 30 days.
	DeadRetention time.Duration
	// AckWait is how long a fetched message may stay without a sign before it is
	// delivered again. Defaults to 12 s.
	AckWait time.Duration
	// MaxQueueBytes bounds the waiting requests; then submits are refused. Defaults to
	// 1 GiB.
	MaxQueueBytes int64
	// MaxEventBytes bounds the events; then the oldest go. Defaults to 2 GiB.
	MaxEventBytes int64
	// MaxRecordBytes bounds statuses and replies; then claims are refused. Defaults to
	// 2 GiB.
	MaxRecordBytes int64
	// MaxDeadBytes bounds the dead letters; then the oldest go. Defaults to 256 MiB.
	MaxDeadBytes int64
	// MaxDataBytes bounds the object bucket. Defaults to 4 GiB.
	MaxDataBytes int64
}

// DefaultAckWait leaves room for two missed heartbeats of 3 s, and lets a killed
// worker's run start elsewhere within 15 s.
const DefaultAckWait = 12 * time.Second

// leaseMarkerTTL is how long a watcher can learn that a lease or a slot ran out.
const leaseMarkerTTL = 5 * time.Second

func (t Topology) withDefaults() Topology {
	if len(t.Tenants) == 0 {
		t.Tenants = []string{messages.DefaultTenant}
	}
	t.Replicas = cmp.Or(t.Replicas, 1)
	t.Retention = cmp.Or(t.Retention, 7*24*time.Hour)
	t.DeadRetention = cmp.Or(t.DeadRetention, 30*24*time.Hour)
	t.MaxDeadBytes = cmp.Or(t.MaxDeadBytes, 256<<20)
	t.AckWait = cmp.Or(t.AckWait, DefaultAckWait)
	t.MaxQueueBytes = cmp.Or(t.MaxQueueBytes, 1<<30)
	t.MaxEventBytes = cmp.Or(t.MaxEventBytes, 2<<30)
	t.MaxRecordBytes = cmp.Or(t.MaxRecordBytes, 2<<30)
	t.MaxDataBytes = cmp.Or(t.MaxDataBytes, 4<<30)
	return t
}

func (t Topology) validate() error {
	errs := []error{t.Subjects.Validate()}
	for _, queue := range t.Queues {
		errs = append(errs, wrap("queue", messages.CheckID(queue)))
	}
	for _, tenant := range t.Tenants {
		errs = append(errs, wrap("tenant", messages.CheckID(tenant)))
	}
	return errors.Join(errs...)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// streams lists the streams and buckets; a bucket is a stream with a known shape, made
// as one because the bucket of statuses also stores the replies.
func (t Topology) streams() []jetstream.StreamConfig {
	s := t.Subjects
	requests := jetstream.StreamConfig{
		Name: s.Stream("RUNS"), Subjects: []string{s.Requests()},
		Description: "run requests, one per run while it is queued or in work",
		Retention:   jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		MaxMsgsPerSubject: 1, MaxBytes: t.MaxQueueBytes, AllowDirect: true, AllowAtomicPublish: true,
		RePublish:  &jetstream.RePublish{Source: s.Requests(), Destination: s.HintsRoot(), HeadersOnly: true},
		Duplicates: 2 * time.Minute, Replicas: t.Replicas,
	}
	events := jetstream.StreamConfig{
		Name: s.Stream("EVENTS"), Subjects: []string{s.Events("*", "*")},
		Description: "events of runs", Discard: jetstream.DiscardOld, MaxAge: t.Retention,
		MaxBytes: t.MaxEventBytes, AllowDirect: true, AllowAtomicPublish: true,
		Duplicates: 2 * time.Minute, Replicas: t.Replicas,
	}
	records := t.bucket("runs", "statuses of runs, and their replies", t.MaxRecordBytes)
	records.Subjects = append(records.Subjects, s.Done("*", "*"))
	records.AllowAtomicPublish = true
	records.RePublish = &jetstream.RePublish{
		Source: s.Done("*", "*"), Destination: s.DoneStored("{{wildcard(1)}}", "{{wildcard(2)}}"),
	}
	settings := t.bucket("settings", "pauses of queues, limits of concurrency keys", 16<<20)
	leases := t.bucket("leases", "signs of life of runs, and the roster of workers", 256<<20)
	leases.SubjectDeleteMarkerTTL = leaseMarkerTTL
	keys := t.bucket("keys", "idempotency and unique keys, limits and their slots", 256<<20)
	keys.SubjectDeleteMarkerTTL = leaseMarkerTTL
	schedules := t.bucket("schedules", "schedules, and what came of them", 256<<20)
	return []jetstream.StreamConfig{requests, events, records, t.dead(), settings, leases, keys, schedules, t.timers()}
}

// dead keeps one letter for each run; an empty message with a time to live removes it.
func (t Topology) dead() jetstream.StreamConfig {
	s := t.Subjects
	return jetstream.StreamConfig{
		Name: s.Stream("DEAD"), Subjects: []string{s.Dead("*", "*", "*")},
		Description: "dead letters: runs that were given up, with their requests", Discard: jetstream.DiscardOld,
		MaxMsgsPerSubject: 1, MaxAge: t.DeadRetention, MaxBytes: t.MaxDeadBytes,
		AllowRollup: true, AllowDirect: true, AllowMsgTTL: true, AllowAtomicPublish: true,
		Duplicates: 2 * time.Minute, Replicas: t.Replicas,
	}
}

// timers can't be part of the stream of requests: the server has no schedules where
// it refuses new messages.
func (t Topology) timers() jetstream.StreamConfig {
	s := t.Subjects
	return jetstream.StreamConfig{
		Name: s.Stream("SCHEDULES"), Subjects: []string{s.Timers(), s.Dues()},
		Description: "timers of delayed runs and schedules, and what is due",
		Retention:   jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1, MaxBytes: 256 << 20,
		AllowMsgSchedules: true, AllowDirect: true, AllowAtomicPublish: true,
		Duplicates: 2 * time.Minute, Replicas: t.Replicas,
	}
}

// bucket is the shape that NATS gives the stream of a key-value bucket, with one
// revision per key and a time to live per entry.
func (t Topology) bucket(name, description string, maxBytes int64) jetstream.StreamConfig {
	bucket := t.Subjects.Bucket(name)
	return jetstream.StreamConfig{
		Name: "KV_" + bucket, Subjects: []string{"$KV." + bucket + ".>"}, Description: description,
		MaxMsgsPerSubject: 1, MaxBytes: maxBytes, Discard: jetstream.DiscardNew,
		AllowRollup: true, DenyDelete: true, AllowDirect: true, AllowMsgTTL: true,
		Duplicates: 2 * time.Minute, Replicas: t.Replicas,
	}
}

// data is the object bucket of values that are too large for a message.
func (t Topology) data() jetstream.ObjectStoreConfig {
	return jetstream.ObjectStoreConfig{
		Bucket: t.Subjects.Bucket("data"), Description: "parameters, inputs and outputs too large for a message",
		MaxBytes: t.MaxDataBytes, Replicas: t.Replicas,
	}
}

func (t Topology) consumers() []jetstream.ConsumerConfig {
	var all []jetstream.ConsumerConfig
	for _, queue := range t.Queues {
		for _, priority := range messages.Priorities() {
			for _, tenant := range t.Tenants {
				all = append(all, t.consumer(queue, tenant, priority))
			}
		}
	}
	return all
}

// consumer never gives up on a message and bounds nothing: the delivery count decides
// nothing, and a limit would count the runs in work of the whole fleet.
func (t Topology) consumer(queue, tenant string, priority messages.Priority) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       ConsumerName(queue, tenant, priority),
		FilterSubject: t.Subjects.Request(priority, queue, tenant, "*"),
		AckPolicy:     jetstream.AckExplicitPolicy, AckWait: t.AckWait,
		MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 512,
	}
}

// dispatcher is the consumer of what is due, which all workers share.
func (t Topology) dispatcher() jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: "dispatch", FilterSubject: t.Subjects.Dues(), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: t.AckWait, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 4096,
	}
}

// ConsumerName is the durable name of the consumer of (queue, tenant, priority). '+'
// is in no id, so no two triples share a name.
func ConsumerName(queue, tenant string, priority messages.Priority) string {
	return messages.EncodeToken(queue) + "+" + messages.EncodeToken(tenant) + "+" + string(priority)
}

// QueueOf is the queue of a consumer by its [ConsumerName]; false for a consumer of something else.
func QueueOf(consumer string) (string, bool) {
	parts := strings.Split(consumer, "+")
	queue, err := messages.DecodeToken(parts[0])
	return queue, len(parts) == 3 && err == nil
}

// Setup makes what is missing. It changes nothing that exists: a difference is an
// error that names it. It may be repeated, also by several processes at once.
func (t Topology) Setup(ctx context.Context, js jetstream.JetStream) error {
	return t.each(ctx, js, true)
}

// Check reports what is missing or different without changing it.
func (t Topology) Check(ctx context.Context, js jetstream.JetStream) error {
	return t.each(ctx, js, false)
}

func (t Topology) each(ctx context.Context, js jetstream.JetStream, create bool) error {
	t = t.withDefaults()
	if err := t.validate(); err != nil {
		return err
	}
	var errs []error
	for _, want := range t.streams() {
		errs = append(errs, wrap("stream "+want.Name, ensureStream(ctx, js, want, create)))
	}
	errs = append(errs, wrap("object bucket "+t.data().Bucket, t.ensureData(ctx, js, create)))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, want := range t.consumers() {
		errs = append(errs, wrap("consumer "+want.Durable, ensureConsumer(ctx, js, t.Subjects.Stream("RUNS"), want, create)))
	}
	dispatcher := t.dispatcher()
	errs = append(errs, wrap("consumer "+dispatcher.Durable, ensureConsumer(ctx, js, t.Subjects.Stream("SCHEDULES"), dispatcher, create)))
	return errors.Join(errs...)
}

func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig, create bool) error {
	stream, err := js.Stream(ctx, want.Name)
	if create && errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, want)
	}
	if err != nil {
		return err
	}
	return differences(want, stream.CachedInfo().Config)
}

func (t Topology) ensureData(ctx context.Context, js jetstream.JetStream, create bool) error {
	_, err := js.ObjectStore(ctx, t.data().Bucket)
	if create && errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = js.CreateObjectStore(ctx, t.data())
	}
	return err
}

func ensureConsumer(ctx context.Context, js jetstream.JetStream, stream string, want jetstream.ConsumerConfig, create bool) error {
	consumer, err := js.Consumer(ctx, stream, want.Durable)
	if create && errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = js.CreateConsumer(ctx, stream, want)
	}
	if err != nil {
		return err
	}
	return differences(want, consumer.CachedInfo().Config)
}

// differences compares the fields that want sets; what it leaves zero is the
// server's or the operator's choice.
func differences[T any](want, have T) error {
	var errs []error
	w, h := reflect.ValueOf(want), reflect.ValueOf(have)
	for i := range w.NumField() {
		name := w.Type().Field(i).Name
		// An operator may word the description and choose replicas and sizes.
		if w.Field(i).IsZero() || slices.Contains([]string{"Description", "Replicas", "MaxBytes", "MaxWaiting"}, name) {
			continue
		}
		if !reflect.DeepEqual(w.Field(i).Interface(), h.Field(i).Interface()) {
			errs = append(errs, fmt.Errorf("%s is %v, want %v", name, show(h.Field(i)), show(w.Field(i))))
		}
	}
	return errors.Join(errs...)
}

func show(v reflect.Value) any {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return v.Interface()
}

// QueueConsumer is the consumer of one tenant and priority of a queue.
type QueueConsumer struct {
	jetstream.Consumer
	Tenant   string
	Priority messages.Priority
}

// Consumers gives the consumers of a queue for the tenants of t, by priority and then
// tenant; a missing one is an error.
func (t Topology) Consumers(ctx context.Context, js jetstream.JetStream, queue string) ([]QueueConsumer, error) {
	t = t.withDefaults()
	var found []QueueConsumer
	for _, priority := range messages.Priorities() {
		for _, tenant := range t.Tenants {
			consumer, err := js.Consumer(ctx, t.Subjects.Stream("RUNS"), ConsumerName(queue, tenant, priority))
			if err != nil {
				return nil, fmt.Errorf("consumer of queue %s, tenant %s, %s: %w", queue, tenant, priority, err)
			}
			found = append(found, QueueConsumer{Consumer: consumer, Tenant: tenant, Priority: priority})
		}
	}
	return found, nil
}

// Dispatcher gives the consumer of what is due; a missing one is an error.
func (t Topology) Dispatcher(ctx context.Context, js jetstream.JetStream) (jetstream.Consumer, error) {
	consumer, err := js.Consumer(ctx, t.Subjects.Stream("SCHEDULES"), t.dispatcher().Durable)
	if err != nil {
		return nil, fmt.Errorf("consumer %s: %w", t.dispatcher().Durable, err)
	}
	return consumer, nil
}
