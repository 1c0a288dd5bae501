package ledger

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// census is what the sweeps of a ledger know of the runs that have not ended. A week's statuses are many, and hardly any
// is of such a run: so a sweep reads only what was written since the one before.
type census struct {
	mu      sync.Mutex                 // guards the fields below
	created time.Time                  // of the stream
	upTo    uint64                     // the sequence in it that was read last
	live    map[string]messages.Status // by subject
}

// liveRuns gives the statuses of live runs, without what only a claim needs.
func (l *Ledger) liveRuns(ctx context.Context) ([]messages.Status, error) {
	c := &l.census
	c.mu.Lock()
	defer c.mu.Unlock()
	bucket := l.runsBucket()
	stream, err := l.js.Stream(ctx, natsx.KeyStream(bucket))
	if err != nil {
		return nil, err
	}
	if now := stream.CachedInfo(); !now.Created.Equal(c.created) || now.State.LastSeq < c.upTo {
		c.created, c.upTo, c.live = now.Created, 0, map[string]messages.Status{}
	}
	filter := natsx.KeySubject(bucket, tenantKeys("*"))
	err = natsx.EachFrom(ctx, l.js, natsx.KeyStream(bucket), filter, c.upTo+1, func(msg jetstream.Msg) {
		if err := c.read(msg); err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("subject", msg.Subject()).Msg("skipping a status that cannot be read")
		}
	})
	return slices.Collect(maps.Values(c.live)), err
}

func (c *census) read(msg jetstream.Msg) error {
	meta, err := msg.Metadata()
	if err != nil {
		return err
	}
	c.upTo = max(c.upTo, meta.Sequence.Stream)
	delete(c.live, msg.Subject())
	if msg.Headers().Get(jetstream.MsgTTLHeader) != "" {
		return nil // only a final status has a time to live; there are too many of them to read
	}
	var s messages.Status
	if err := json.Unmarshal(msg.Data(), &s); err != nil || s.State.Terminal() {
		return err
	}
	s.Request, s.Signature, s.Labels, s.Pipelines, s.Progress, s.LastError = nil, nil, nil, nil, nil, nil
	c.live[msg.Subject()] = s
	return nil
}

// forget drops a run that is unknown by now.
func (c *census) forget(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.live, subject)
}
