package session

import (
	"context"
	"errors"
)

// Session owns the life cycle of runs of one project: Kedro's AbstractSession.
type Session interface {
	// Run executes pipelines and returns their free outputs. A failure of the
	// runner is a [*RunError]. When ctx ends, the error wraps [context.Cause].
	Run(ctx context.Context, opts RunOptions) (*Result, error)
	// Plan answers what Run would do, without doing it.
	Plan(ctx context.Context, opts RunOptions) (*Plan, error)
	// Snapshot describes the project: pipelines, datasets and parameters.
	Snapshot(ctx context.Context, params map[string]any) (*Snapshot, error)
	// Close ends the session.
	Close() error
}

// recorder is a session that keeps the error that left its block (SES-033).
type recorder interface {
	recordError(err error)
}

// With opens a session, calls use, and closes the session: Kedro's with block. An
// error of use is recorded in the session's store, if it has one, and returned.
func With(ctx context.Context, open func(context.Context) (Session, error), use func(Session) error) (err error) {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = use(s)
	if r, ok := s.(recorder); ok && err != nil {
		r.recordError(err)
	}
	return err
}
