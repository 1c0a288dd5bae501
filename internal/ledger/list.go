package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// List reads the statuses of a tenant, newest first; tenant "*" reads all.
func (l *Ledger) List(ctx context.Context, tenant string) ([]messages.Status, error) {
	l.payAll(ctx)
	var all []messages.Status
	err := l.each(ctx, l.runsBucket(), tenantKeys(tenant), func(_ string, value []byte) error {
		var status messages.Status
		if err := json.Unmarshal(value, &status); err != nil {
			return err
		}
		all = append(all, status)
		return nil
	})
	slices.SortFunc(all, func(a, b messages.Status) int {
		return cmp.Or(b.SubmittedAt.Compare(a.SubmittedAt), cmp.Compare(b.RunID, a.RunID))
	})
	return all, err
}

func tenantKeys(tenant string) string { return messages.EncodeToken(tenant) + ".*" }

// each reads the values below a filter as they are now, many at a time: single gets cost a
// round trip each. A value that can't be read is logged and left out.
func (l *Ledger) each(ctx context.Context, bucket, filter string, read func(key string, value []byte) error) error {
	return natsx.Each(ctx, l.js, natsx.KeyStream(bucket), natsx.KeySubject(bucket, filter), func(msg jetstream.Msg) {
		if err := read(strings.TrimPrefix(msg.Subject(), natsx.KeySubject(bucket, "")), msg.Data()); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("subject", msg.Subject()).Msg("skipping a value that cannot be read")
		}
	})
}

// Announce writes a worker's entry in the roster with the lease's time to live; a
// worker calls it with its heartbeat.
func (l *Ledger) Announce(ctx context.Context, worker messages.Worker) error {
	value, err := json.Marshal(worker)
	if err != nil {
		return fmt.Errorf("writing roster entry: %w", err)
	}
	entry := natsx.Put(l.leasesBucket(), messages.RosterKey(worker.ID), value, l.cfg.LeaseTTL)
	if _, err := l.leases.Store(ctx, entry); err != nil {
		return fmt.Errorf("writing roster entry: %w", err)
	}
	return nil
}

// Retire removes a worker's entry from the roster.
func (l *Ledger) Retire(ctx context.Context, worker string) error {
	if _, err := l.leases.Store(ctx, natsx.Remove(l.leasesBucket(), messages.RosterKey(worker), minTTL)); err != nil {
		return fmt.Errorf("removing roster entry: %w", err)
	}
	return nil
}

// Roster lists the live workers, by id.
func (l *Ledger) Roster(ctx context.Context) ([]messages.Worker, error) {
	var all []messages.Worker
	err := l.each(ctx, l.leasesBucket(), messages.RosterKeys, func(_ string, value []byte) error {
		var worker messages.Worker
		if err := json.Unmarshal(value, &worker); err != nil {
			return err
		}
		all = append(all, worker)
		return nil
	})
	slices.SortFunc(all, func(a, b messages.Worker) int { return cmp.Compare(a.ID, b.ID) })
	return all, err
}
