package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// record is a status as stored, and the revision that a compare-and-set names.
type record struct {
	status   messages.Status
	revision uint64 // of a deleted status: its marker's; 0: never stored
	found    bool
}

// known is the status for decide: nil when there is none.
func (r record) known() *messages.Status {
	if !r.found {
		return nil
	}
	return &r.status
}

// Status reads the newest status; ErrNotFound.
func (l *Ledger) Status(ctx context.Context, key Key) (messages.Status, error) {
	stored, err := l.read(ctx, key, natsx.LastDirect)
	if err == nil && !stored.found {
		stored, err = l.read(ctx, key, l.late(ctx, key))
		if owed, open := l.debts.open(key); open && err == nil && !stored.found {
			return owed, nil // it can't be stored now, which doesn't make the run unknown
		}
	}
	if err == nil && !stored.found {
		err = fmt.Errorf("status of %s: %w", key.RunID, ErrNotFound)
	}
	return stored.status, err
}

// late gives the reader for a run of which no status was found: it must not be denied if it was just submitted. A replica
// may lag, and its submitter may owe the status.
func (l *Ledger) late(ctx context.Context, key Key) reader {
	if l.payFor(ctx, key) {
		return l.newest()
	}
	return func(ctx context.Context, js jetstream.JetStream, stream, subject string) (natsx.Record, error) {
		if !natsx.Pause(ctx, max(0, 2*l.debts.wait)) {
			return natsx.Record{}, context.Cause(ctx)
		}
		return l.newest()(ctx, js, stream, subject)
	}
}

// Reply reads the stored reply from the stream's leader; ErrNotFound while there is
// none.
func (l *Ledger) Reply(ctx context.Context, key Key) (*messages.Reply, error) {
	stored, err := l.newest()(ctx, l.js, natsx.KeyStream(l.runsBucket()), l.cfg.Subjects.Done(key.Tenant, key.RunID))
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil, fmt.Errorf("reply of %s: %w", key.RunID, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("reply of %s: %w", key.RunID, err)
	}
	return messages.DecodeReply(stored.Data)
}

// reader is natsx.LastDirect, natsx.LastFromLeader or natsx.LastSettled.
type reader = func(context.Context, jetstream.JetStream, string, string) (natsx.Record, error)

// read gives a record; one that is not found is no error.
func (l *Ledger) read(ctx context.Context, key Key, last reader) (record, error) {
	subject := l.statusSubject(key)
	stored, err := last(ctx, l.js, natsx.KeyStream(l.runsBucket()), subject)
	if errors.Is(err, natsx.ErrNoRecord) {
		return record{revision: stored.Sequence}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("status of %s: %w", key.RunID, err)
	}
	r := record{revision: stored.Sequence, found: true}
	if err := json.Unmarshal(stored.Data, &r.status); err != nil {
		return record{}, fmt.Errorf("status of %s: %w", key.RunID, err)
	}
	return r, nil
}

func (l *Ledger) statusSubject(key Key) string {
	return natsx.KeySubject(l.runsBucket(), messages.StatusKey(key.Tenant, key.RunID))
}

// statusMsg sets a status on condition that revision is still the newest. A live
// status is kept for ever, a terminal one for the retention.
func (l *Ledger) statusMsg(status messages.Status, revision uint64) (*nats.Msg, error) {
	value, err := status.Append(make([]byte, 0, 768))
	if err != nil {
		return nil, fmt.Errorf("writing status of %s: %w", status.RunID, err)
	}
	var ttl time.Duration
	if status.State.Terminal() {
		ttl = l.cfg.Retention
	}
	msg := natsx.Put(l.runsBucket(), messages.StatusKey(status.Tenant, status.RunID), value, ttl)
	natsx.Expect(msg, msg.Subject, revision)
	return msg, nil
}

// doneMsg stores a reply on condition that revision is still the newest of the
// status: the fence. The message id makes a repeated store one.
func (l *Ledger) doneMsg(reply *messages.Reply, revision uint64) (*nats.Msg, error) {
	body, err := reply.Encode()
	if err != nil {
		return nil, err
	}
	e := reply.Ended()
	key := Key{Tenant: e.Tenant, RunID: e.RunID}
	msg := &nats.Msg{
		Subject: l.cfg.Subjects.Done(e.Tenant, e.RunID), Data: body, Header: reply.CloudEvent().Header(),
	}
	msg.Header.Set(nats.MsgIdHdr, fmt.Sprintf("%s/%s/%d/done", e.Tenant, e.RunID, e.Epoch))
	natsx.Expect(msg, l.statusSubject(key), revision)
	natsx.SetTTL(msg, l.cfg.Retention)
	return msg, nil
}

// swap stores status over the record and gives the new one. When the answer was lost
// or somebody else was faster, it tells what is stored now: stored is false then,
// unless that is the very status.
func (l *Ledger) swap(ctx context.Context, old record, status messages.Status) (now record, stored bool, err error) {
	msg, err := l.statusMsg(status, old.revision)
	if err != nil {
		return old, false, err
	}
	sequence, err := l.records.Store(ctx, msg)
	if err == nil {
		return record{status: status, revision: sequence, found: true}, true, nil
	}
	if !natsx.WrongSequence(err) {
		return old, false, fmt.Errorf("storing status of %s: %w", status.RunID, err)
	}
	now, err = l.read(ctx, Key{Tenant: status.Tenant, RunID: status.RunID}, l.newest())
	return now, err == nil && now.found && sameWrite(now.status, status), err
}

// sameWrite tells whether a stored status is the one that this writer sent. Writers
// differ in epoch and owner, and one writer's states of an epoch differ by content.
func sameWrite(a, b messages.Status) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

func (l *Ledger) leaseKey(status messages.Status) string {
	return fmt.Sprintf("%s.%d", messages.StatusKey(status.Tenant, status.RunID), status.Epoch)
}

// leaseAlive reports whether the newest claim of a run shows a sign of life. The
// leader is asked: a lagging replica may not have the lease yet.
func (l *Ledger) leaseAlive(ctx context.Context, status messages.Status) (bool, error) {
	bucket := l.leasesBucket()
	lease, err := l.newest()(ctx, l.js, natsx.KeyStream(bucket), natsx.KeySubject(bucket, l.leaseKey(status)))
	if errors.Is(err, natsx.ErrNoRecord) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	over, err := l.overdue(ctx, lease, l.cfg.LeaseTTL)
	return !over && err == nil, err
}

// overdue reports whether what was stored for a time has been there for twice that: a server
// that was killed may be late in removing what has run out. That it is old, only a server's
// clock tells, which is asked if by this machine's it may be.
func (l *Ledger) overdue(ctx context.Context, stored natsx.Record, ttl time.Duration) (bool, error) {
	if l.now().Sub(stored.Time).Abs() < 2*ttl {
		return false, nil
	}
	now, err := l.serverTime(ctx)
	return err == nil && now.Sub(stored.Time) >= 2*ttl, err
}

// newest reads what no former write is missing from, as far as this ledger may ask.
func (l *Ledger) newest() reader {
	if l.cfg.ByTenant {
		return natsx.LastSettled
	}
	return natsx.LastFromLeader
}
