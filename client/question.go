package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/messages"
)

// Plan is what a run would do.
type Plan struct {
	Pipelines []string      `json:"pipelines"`
	Nodes     []PlannedNode `json:"nodes"`   // in order
	Skipped   []string      `json:"skipped"` // by only_missing_outputs
	Inputs    []string      `json:"inputs"`  // free ones
	Outputs   []string      `json:"outputs"` // free ones
	Missing   []string      `json:"missing"` // inputs that nobody provides: the run would fail
}

// PlannedNode is a node of a [Plan].
type PlannedNode struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace,omitempty"`
	Inputs    []string `json:"inputs"`
	Outputs   []string `json:"outputs"`
	Tags      []string `json:"tags,omitempty"`
}

// AnswerError is a worker's refusal of a question.
type AnswerError struct {
	// Failure is what the worker said; Failure.Type is Kedro's exception.
	Failure messages.Failure
	// Refused is true when the question is wrong, false when answering it failed.
	Refused bool
}

// Error is the worker's message.
func (e *AnswerError) Error() string { return e.Failure.Message }

// Plan asks a live worker of the queue what a request would do. Nothing runs.
// [*QueueError], [*AnswerError].
func (c *Client) Plan(ctx context.Context, request *messages.RunRequest, opts ...SubmitOption) (*Plan, error) {
	if request.RunID == "" {
		request.RunID = messages.NewRunID(time.Now())
	}
	question, err := json.Marshal(request)
	if err != nil {
		return nil, &RejectedError{Reason: err.Error(), Err: err}
	}
	answer, err := c.ask(ctx, "plan", question, opts)
	if err != nil {
		return nil, err
	}
	plan := new(Plan)
	if err := json.Unmarshal(answer, plan); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return plan, nil
}

// Snapshot asks a live worker of the queue to describe its project under runtime
// parameters: the document that Kedro's GET /snapshot gives. Errors as of Plan.
func (c *Client) Snapshot(ctx context.Context, params map[string]any, opts ...SubmitOption) (json.RawMessage, error) {
	question, err := json.Marshal(map[string]any{"params": params})
	if err != nil {
		return nil, &RejectedError{Field: "params", Reason: err.Error(), Err: err}
	}
	answer, err := c.ask(ctx, "snapshot", question, opts)
	return answer, err
}

// ask puts a question to one live worker of a queue.
func (c *Client) ask(ctx context.Context, name string, question []byte, opts []SubmitOption) ([]byte, error) {
	options, err := c.options(ctx, opts)
	if err != nil {
		return nil, err
	}
	workers, err := c.Workers(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(workers, func(w messages.Worker) bool { return w.Queue == options.queue && !w.Draining })
	if i < 0 {
		return nil, c.unserved(ctx, options.queue)
	}
	answer, err := c.js.Conn().RequestMsgWithContext(ctx, &nats.Msg{Subject: c.subjects.Worker(workers[i].ID, name), Data: question})
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("worker %s does not answer", workers[i].ID)
	case err != nil:
		return nil, c.explain(err)
	}
	if text := answer.Header.Get(micro.ErrorHeader); text != "" {
		refusal := &AnswerError{Refused: answer.Header.Get(micro.ErrorCodeHeader) == "400"}
		if json.Unmarshal(answer.Data, &refusal.Failure) != nil || refusal.Failure.Message == "" {
			refusal.Failure.Message = text
		}
		refusal.Refused = refusal.Refused || refuses(refusal.Failure.Code)
		return nil, refusal
	}
	return answer.Data, nil
}

// unserved tells a queue without a live worker from one that nobody declared: [ErrNoQueue].
func (c *Client) unserved(ctx context.Context, queue string) error {
	probe := &messages.RunRequest{RunID: messages.NewRunID(time.Now())}
	err := c.ledger.Check(ctx, ledger.Submission{Tenant: c.cfg.Tenant, Queue: queue, Request: probe})
	if err != nil {
		return c.explain(err)
	}
	return fmt.Errorf("no live worker serves queue %s", queue)
}

// refuses reports whether a run would end as rejected with this code: the request is wrong, not what it found.
func refuses(code messages.Code) bool {
	switch code {
	case messages.CodeInvalidRequest, messages.CodeTooLarge, messages.CodePipelineNotFound, messages.CodeFilterInvalid,
		messages.CodeNotAllowed, messages.CodeNotTrusted:
		return true
	}
	return false
}
