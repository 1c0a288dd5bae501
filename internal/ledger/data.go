package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Objects is the bucket for data that is too large for a message. What is stored for a
// run goes with the run's record, see Collect.
func (l *Ledger) Objects() *natsx.Objects { return natsx.NewObjects(l.js, l.cfg.Subjects) }

// Check reports what Submit would refuse, without storing anything.
func (l *Ledger) Check(ctx context.Context, s Submission) error {
	_, _, err := l.prepare(ctx, s)
	return err
}

// forsaken tells whether the objects of a run may go: nobody knows the run, and its
// newest object is so old that its submit can't be under way.
func forsaken(known bool, newest, now time.Time, grace time.Duration) bool {
	return !known && now.Sub(newest) >= grace
}

// Collect removes the objects of runs whose record has expired, and those of submits that
// never came to an end. It returns of how many runs. Concurrent calls do no harm.
func (l *Ledger) Collect(ctx context.Context) (int, error) {
	marks, err := l.Objects().Marks(ctx)
	if err != nil {
		return 0, err
	}
	byRun := map[Key][]messages.ObjectName{}
	for _, name := range marks {
		key := Key{name.Tenant, name.RunID}
		byRun[key] = append(byRun[key], name)
	}
	removed := 0
	var errs []error
	for key, names := range byRun {
		did, err := l.collectRun(ctx, key, names)
		if err != nil {
			errs = append(errs, fmt.Errorf("collecting objects of run %s: %w", key.RunID, err))
		}
		if did {
			removed++
		}
	}
	return removed, errors.Join(errs...)
}

func (l *Ledger) collectRun(ctx context.Context, key Key, names []messages.ObjectName) (bool, error) {
	known, err := l.read(ctx, key, l.newest())
	if err != nil || known.found {
		return false, err
	}
	var newest time.Time
	for _, name := range names {
		at, err := l.Objects().Marked(ctx, name)
		if err != nil && !errors.Is(err, natsx.ErrObjectGone) {
			return false, err
		}
		if at.After(newest) {
			newest = at
		}
	}
	if !forsaken(false, newest, l.cfg.Now(), l.cfg.DataGrace) {
		return false, nil
	}
	zerolog.Ctx(ctx).Info().Str(fieldRunID, string(key.RunID)).Int("objects", len(names)).Msg("removing objects of a run that nobody knows")
	return true, l.Objects().Remove(ctx, key.Tenant, key.RunID)
}
