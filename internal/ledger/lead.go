package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/kedge-run/kedge/internal/natsx"
)

// kindLead is the kind of the keys in the bucket kedge_keys that say who does a task for the fleet.
const kindLead = "lead"

// Lead makes a worker the one that does a task for the fleet, for the next ttl; false: another one does it. Now and then
// two may take themselves for that one, so the task must bear it.
func (l *Ledger) Lead(ctx context.Context, task, worker string, ttl time.Duration) (bool, error) {
	ttl = wholeSeconds(ttl)
	bucket, name := l.keysBucket(), kindLead+"."+task
	subject := natsx.KeySubject(bucket, name)
	held, err := l.newest()(ctx, l.js, natsx.KeyStream(bucket), subject)
	if err != nil && !errors.Is(err, natsx.ErrNoRecord) {
		return false, err
	}
	// A server may be late in removing what has run out.
	if lives := err == nil && l.now().Sub(held.Time).Abs() < 2*ttl; lives && string(held.Data) != worker {
		return false, nil
	}
	claim := natsx.Put(bucket, name, []byte(worker), ttl)
	natsx.Expect(claim, subject, held.Sequence)
	if _, err = l.keys.Store(ctx, claim); natsx.WrongSequence(err) {
		return false, nil
	}
	return err == nil, err
}
