package client

import (
	"context"
	"time"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

var (
	// ErrNoSchedule says that there is no such schedule.
	ErrNoSchedule = ledger.ErrNoSchedule
	// ErrScheduleExists says that the name belongs to a schedule that says something else.
	ErrScheduleExists = ledger.ErrScheduleExists
)

// AddSchedule stores a schedule of the client's tenant and gives it with its next time.
// Name, one of Cron, Every and At, and the request are the caller's to set; the queue is
// found as for [Client.Submit] when it is empty. The same definition again is the schedule
// that is there; another one under its name is [ErrScheduleExists], unless replace is set:
// then runs of the former one go on and its history is kept. Other errors as of Submit.
func (c *Client) AddSchedule(ctx context.Context, schedule messages.Schedule, replace bool) (messages.Schedule, error) {
	if schedule.Queue == "" {
		options, err := c.options(ctx, nil)
		if err != nil {
			return schedule, err
		}
		schedule.Queue = options.queue
	}
	schedule.Tenant = c.cfg.Tenant
	stored, err := c.ledger.AddSchedule(ctx, schedule, replace)
	return stored, c.explain(err)
}

// Schedule reads a schedule; [ErrNoSchedule].
func (c *Client) Schedule(ctx context.Context, name string) (messages.Schedule, error) {
	return c.onSchedule(ctx, name, c.ledger.Schedule)
}

// Schedules reads the tenant's schedules by name.
func (c *Client) Schedules(ctx context.Context) ([]messages.Schedule, error) {
	all, err := c.ledger.Schedules(ctx, c.cfg.Tenant)
	return all, c.explain(err)
}

// PauseSchedule lets a schedule submit nothing until it is resumed; its runs go on.
// [ErrNoSchedule].
func (c *Client) PauseSchedule(ctx context.Context, name string) (messages.Schedule, error) {
	return c.onSchedule(ctx, name, c.ledger.PauseSchedule)
}

// ResumeSchedule lets a paused schedule go on with its next time from now; the times of
// the pause are not made up for. [ErrNoSchedule].
func (c *Client) ResumeSchedule(ctx context.Context, name string) (messages.Schedule, error) {
	return c.onSchedule(ctx, name, c.ledger.ResumeSchedule)
}

// RemoveSchedule removes a schedule; its runs go on. [ErrNoSchedule].
func (c *Client) RemoveSchedule(ctx context.Context, name string) error {
	_, err := c.onSchedule(ctx, name, func(ctx context.Context, key ledger.ScheduleKey) (messages.Schedule, error) {
		return messages.Schedule{}, c.ledger.RemoveSchedule(ctx, key)
	})
	return err
}

// RunSchedule submits a run of a schedule now, whatever its policies say, also while it is
// paused. The schedule then counts it as a live run. [ErrNoSchedule], and the errors of
// Submit.
func (c *Client) RunSchedule(ctx context.Context, name string) (Receipt, error) {
	var receipt ledger.Receipt
	_, err := c.onSchedule(ctx, name, func(ctx context.Context, key ledger.ScheduleKey) (messages.Schedule, error) {
		var err error
		receipt, err = c.ledger.RunSchedule(ctx, key)
		return messages.Schedule{}, err
	})
	return Receipt{RunID: receipt.RunID, Queue: receipt.Queue, Existing: receipt.Existing}, err
}

// NextTimes lists the next n times at which a schedule is due after a time, for people who
// wish to see what an expression means. The schedule need not be stored.
func NextTimes(schedule messages.Schedule, after time.Time, n int) ([]time.Time, error) {
	times, err := ledger.NextTimes(schedule, after, n)
	return times, explain(err)
}

// onSchedule checks a name before it becomes a part of a key.
func (c *Client) onSchedule(ctx context.Context, name string, act func(context.Context, ledger.ScheduleKey) (messages.Schedule, error)) (messages.Schedule, error) {
	if err := messages.CheckID(name); err != nil {
		return messages.Schedule{}, &RejectedError{Field: "name", Reason: err.Error(), Err: err}
	}
	s, err := act(ctx, ledger.ScheduleKey{Tenant: c.cfg.Tenant, Name: name})
	return s, c.explain(err)
}
