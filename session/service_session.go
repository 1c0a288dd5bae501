package session

import (
	"context"
	"errors"
)

// ServiceSession owns the life cycle of many runs, also at the same time.
type ServiceSession struct {
	id string
}

var _ Session = (*ServiceSession)(nil)

// CreateService opens a session on a project: KedroServiceSession.create.
func CreateService(ctx context.Context, cfg ServiceConfig) (*ServiceSession, error) {
	return nil, errors.New("session: being written")
}

// ID is the session id, given or random.
func (s *ServiceSession) ID() string { return s.id }

// Run executes pipelines. Runs may overlap.
func (s *ServiceSession) Run(ctx context.Context, opts RunOptions) (*Result, error) {
	return nil, errors.New("session: being written")
}

// Plan answers what Run would do.
func (s *ServiceSession) Plan(ctx context.Context, opts RunOptions) (*Plan, error) {
	return nil, errors.New("session: being written")
}

// Snapshot describes the project.
func (s *ServiceSession) Snapshot(ctx context.Context, params map[string]any) (*Snapshot, error) {
	return nil, errors.New("session: being written")
}

// Close logs the end of the session; it has no other effect (SES-035).
func (s *ServiceSession) Close() error { return nil }
