package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Read reads a snapshot. It takes a moment, in which things may change: a finding counts when a second look has it too.
func Read(ctx context.Context, js jetstream.JetStream, subjects messages.Subjects) (Snapshot, error) {
	r := reader{js: js, subjects: subjects, snapshot: &Snapshot{
		At: time.Now(), Statuses: map[Run]Status{}, Replies: map[Run][]Reply{},
	}}
	steps := []struct {
		what string
		read func(context.Context) error
	}{
		// What a run leaves behind is read before its status, which is the last to change.
		{"leases", r.leases}, {"keys", r.keys}, {"objects", r.objects}, {"requests", r.requests}, {"records", r.records},
	}
	for _, step := range steps {
		if err := step.read(ctx); err != nil {
			return Snapshot{}, fmt.Errorf("auditing %s: %w", step.what, err)
		}
	}
	return *r.snapshot, nil
}

type reader struct {
	js       jetstream.JetStream
	subjects messages.Subjects
	snapshot *Snapshot
}

func (r reader) unreadable(where string, err error) {
	r.snapshot.Unreadable = append(r.snapshot.Unreadable, Finding{Kind: KindUnreadable, Detail: where + ": " + err.Error()})
}

// silence is after how long without a message it is asked whether there are more.
const silence = time.Second

// stream gives the values of a bucket as they are now, without the markers of removed ones.
func (r reader) stream(ctx context.Context, name string, read func(jetstream.Msg, uint64)) error {
	stream, err := r.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // made by a version that knows it
	}
	if err != nil {
		return err
	}
	if stream.CachedInfo().State.Msgs == 0 {
		return nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy})
	if err != nil {
		return err
	}
	it, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Stop)() // while it tries to reach a server it looks at no context
	for {
		msg, err := it.Next(jetstream.NextMaxWait(silence))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, nats.ErrTimeout) {
			// What was there may have run out before it came.
			info, err := consumer.Info(ctx)
			if err != nil || info.NumPending == 0 {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		if msg.Headers().Get("KV-Operation") == "" && msg.Headers().Get(jetstream.MarkerReasonHeader) == "" {
			read(msg, meta.Sequence.Stream)
		}
		if meta.NumPending == 0 {
			return nil
		}
	}
}

// records reads statuses and replies.
func (r reader) records(ctx context.Context) error {
	bucket := r.subjects.Bucket("runs")
	return r.stream(ctx, natsx.KeyStream(bucket), func(msg jetstream.Msg, sequence uint64) {
		if strings.HasPrefix(msg.Subject(), natsx.KeySubject(bucket, "")) {
			var status messages.Status
			if err := json.Unmarshal(msg.Data(), &status); err != nil {
				r.unreadable(msg.Subject(), err)
				return
			}
			r.snapshot.Statuses[Run{status.Tenant, status.RunID}] = Status{Status: status, Sequence: sequence}
			return
		}
		reply, err := messages.DecodeReply(msg.Data())
		if err != nil {
			r.unreadable(msg.Subject(), err)
			return
		}
		e := reply.Ended()
		run := Run{e.Tenant, e.RunID}
		r.snapshot.Replies[run] = append(r.snapshot.Replies[run], Reply{Ended: *e, Sequence: sequence})
	})
}

func (r reader) leases(ctx context.Context) error {
	bucket := r.subjects.Bucket("leases")
	roster := natsx.KeySubject(bucket, strings.TrimSuffix(messages.RosterKeys, "*"))
	return r.stream(ctx, natsx.KeyStream(bucket), func(msg jetstream.Msg, _ uint64) {
		if strings.HasPrefix(msg.Subject(), roster) && strings.Count(msg.Subject(), ".") == strings.Count(roster, ".") {
			return // a worker's
		}
		tokens := strings.Split(strings.TrimPrefix(msg.Subject(), natsx.KeySubject(bucket, "")), ".")
		run, err := runOf(tokens)
		if err == nil && len(tokens) == 3 {
			epoch, err := strconv.ParseUint(tokens[2], 10, 64)
			if err == nil {
				r.snapshot.Leases = append(r.snapshot.Leases, Lease{Run: run, Epoch: epoch})
			}
		}
	})
}

// runOf reads the first two tokens of a key: tenant and run.
func runOf(tokens []string) (Run, error) {
	if len(tokens) < 2 {
		return Run{}, errors.New("no tenant and run")
	}
	tenant, err := messages.DecodeToken(tokens[0])
	if err != nil {
		return Run{}, err
	}
	id, err := messages.DecodeToken(tokens[1])
	return Run{Tenant: tenant, ID: messages.RunID(id)}, err
}

// keys reads the keys that live as long as their run: <kind>.<tenant>.<key>, with the run's id in the value. An
// idempotency key outlives it.
func (r reader) keys(ctx context.Context) error {
	bucket := r.subjects.Bucket("keys")
	return r.stream(ctx, natsx.KeyStream(bucket), func(msg jetstream.Msg, _ uint64) {
		name := strings.TrimPrefix(msg.Subject(), natsx.KeySubject(bucket, ""))
		tokens := strings.Split(name, ".")
		if len(tokens) < 3 || !slices.Contains([]string{"unique", "slot"}, tokens[0]) {
			return
		}
		tenant, err := messages.DecodeToken(tokens[1])
		var owner struct {
			RunID messages.RunID `json:"run_id"`
		}
		if err == nil {
			err = json.Unmarshal(msg.Data(), &owner)
		}
		if err != nil {
			r.unreadable(msg.Subject(), err)
			return
		}
		r.snapshot.Keys = append(r.snapshot.Keys, Owned{Run: Run{tenant, owner.RunID}, Name: name, StoredAt: stored(msg)})
	})
}

func stored(msg jetstream.Msg) time.Time {
	meta, err := msg.Metadata()
	if err != nil {
		return time.Time{}
	}
	return meta.Timestamp
}

// objects reads the marks of objects.
func (r reader) objects(ctx context.Context) error {
	objects := natsx.NewObjects(r.js, r.subjects)
	marks, err := objects.Marks(ctx)
	if err != nil {
		return err
	}
	for _, name := range marks {
		at, err := objects.Marked(ctx, name)
		if errors.Is(err, natsx.ErrObjectGone) {
			continue
		}
		if err != nil {
			return err
		}
		r.snapshot.Objects = append(r.snapshot.Objects, Owned{Run: Run{name.Tenant, name.RunID}, Name: name.String(), StoredAt: at})
	}
	return nil
}

// requests reads what waits in the queues. A work queue can't be read by a consumer beside its own.
func (r reader) requests(ctx context.Context) error {
	stream, err := r.js.Stream(ctx, r.subjects.Stream("RUNS"))
	if err != nil {
		return err
	}
	for sequence := uint64(1); ; sequence++ {
		msg, err := stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(r.subjects.Requests()))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		sequence = msg.Sequence
		address, err := r.subjects.ParseRequest(msg.Subject)
		if err != nil {
			r.unreadable(msg.Subject, err)
			continue
		}
		r.snapshot.Requests = append(r.snapshot.Requests, Request{
			Run: Run{address.Tenant, address.RunID}, Subject: msg.Subject, Sequence: sequence, StoredAt: msg.Time,
		})
	}
}
