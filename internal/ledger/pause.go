package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

func (l *Ledger) settingsBucket() string { return l.cfg.Subjects.Bucket("settings") }

// PauseSubject is where a change of a queue's pause is published: whoever hears it
// reads the pause again.
func (l *Ledger) PauseSubject(queue string) string {
	return natsx.KeySubject(l.settingsBucket(), messages.PauseKey(queue))
}

// PauseQueue lets the workers of a queue start nothing until ResumeQueue, also those
// that are started meanwhile. Runs under way go on, submits are taken. A worker knows of
// this pause when it has read its revision, or a later one.
func (l *Ledger) PauseQueue(ctx context.Context, queue string, pause messages.Pause) (revision uint64, err error) {
	if pause.At.IsZero() {
		pause.At = l.now()
	}
	value, err := json.Marshal(pause)
	if err != nil {
		return 0, fmt.Errorf("pausing queue %s: %w", queue, err)
	}
	revision, err = l.settings.Store(ctx, natsx.Put(l.settingsBucket(), messages.PauseKey(queue), value, 0))
	if err != nil {
		return 0, fmt.Errorf("pausing queue %s: %w", queue, err)
	}
	return revision, nil
}

// ResumeQueue ends a pause, if there is one.
func (l *Ledger) ResumeQueue(ctx context.Context, queue string) error {
	if _, err := l.settings.Store(ctx, natsx.Remove(l.settingsBucket(), messages.PauseKey(queue), minTTL)); err != nil {
		return fmt.Errorf("resuming queue %s: %w", queue, err)
	}
	return nil
}

// Pause reads the pause of a queue and its revision; nil when it is not paused.
func (l *Ledger) Pause(ctx context.Context, queue string) (*messages.Pause, uint64, error) {
	stored, err := l.newest()(ctx, l.js, natsx.KeyStream(l.settingsBucket()), l.PauseSubject(queue))
	if errors.Is(err, natsx.ErrNoRecord) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("pause of queue %s: %w", queue, err)
	}
	pause := &messages.Pause{}
	if err := json.Unmarshal(stored.Data, pause); err != nil {
		return nil, 0, fmt.Errorf("pause of queue %s: %w", queue, err)
	}
	return pause, stored.Sequence, nil
}

// Pauses reads the pauses of all queues, by queue.
func (l *Ledger) Pauses(ctx context.Context) (map[string]messages.Pause, error) {
	all := map[string]messages.Pause{}
	err := l.each(ctx, l.settingsBucket(), messages.PauseKey("*"), func(key string, value []byte) error {
		var pause messages.Pause
		if err := json.Unmarshal(value, &pause); err != nil {
			return err
		}
		queue, err := messages.DecodeToken(strings.TrimPrefix(key, messages.PauseKey("")))
		if err == nil {
			all[queue] = pause
		}
		return err
	})
	return all, err
}
