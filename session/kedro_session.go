package session

import (
	"context"
	"errors"
)

// KedroSession owns the life cycle of one run.
type KedroSession struct {
	id string
}

var _ Session = (*KedroSession)(nil)

// Create opens a session on a project: KedroSession.create.
func Create(ctx context.Context, cfg Config) (*KedroSession, error) {
	return nil, errors.New("session: being written")
}

// ID is the timestamp of the session's creation, also its run id (SES-002).
func (s *KedroSession) ID() string { return s.id }

// Run executes pipelines, once successfully (SES-052).
func (s *KedroSession) Run(ctx context.Context, opts RunOptions) (*Result, error) {
	return nil, errors.New("session: being written")
}

// Plan answers what Run would do.
func (s *KedroSession) Plan(ctx context.Context, opts RunOptions) (*Plan, error) {
	return nil, errors.New("session: being written")
}

// Snapshot describes the project.
func (s *KedroSession) Snapshot(ctx context.Context, params map[string]any) (*Snapshot, error) {
	return nil, errors.New("session: being written")
}

// Close saves the store unless the session was created to discard it (SES-030).
func (s *KedroSession) Close() error { return nil }
