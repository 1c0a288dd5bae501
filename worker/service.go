package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
)

// maxQuestions bounds the plans and snapshots computed at a time: they are answers to people, runs go first.
const maxQuestions = 4

// serve answers on kedge.worker.<id>.*: cancel, pause, resume, drain, plan, snapshot and info. It also makes the worker visible to NATS
// service discovery.
func (w *Worker) serve(ctx context.Context) (micro.Service, error) {
	service, err := micro.AddService(w.cfg.Conn, micro.Config{
		Name: "kedge-worker", Version: "0.0.0", Description: "a worker of project " + w.cfg.Project,
		Metadata: map[string]string{"worker": w.cfg.ID, "queue": w.cfg.Queue, "project": w.cfg.Project, "version": w.cfg.Version},
	})
	if err != nil {
		return nil, err
	}
	turns := make(chan struct{}, maxQuestions)
	for name, answer := range map[string]func(context.Context, []byte) (any, error){
		"cancel": w.answerCancel, "info": w.answerInfo, "pause": w.answerPause, "resume": w.answerResume, "drain": w.answerDrain,
		"plan": w.answerPlan, "snapshot": w.answerSnapshot,
	} {
		handler := micro.HandlerFunc(func(r micro.Request) {
			if name != "plan" && name != "snapshot" {
				respond(ctx, r, answer)
				return
			}
			go func() { // handlers of an endpoint run one at a time, and these may take long
				turns <- struct{}{}
				defer func() { <-turns }()
				respond(ctx, r, answer)
			}()
		})
		err := service.AddEndpoint(name, handler,
			micro.WithEndpointSubject(w.subjects.Worker(w.cfg.ID, name)), micro.WithEndpointQueueGroupDisabled())
		if err != nil {
			return nil, errors.Join(err, service.Stop())
		}
	}
	return service, nil
}

// respond answers one question; an error of the question or of the session becomes a service error, and so does a
// panic of the project's code.
func respond(ctx context.Context, r micro.Request, answer func(context.Context, []byte) (any, error)) {
	defer func() {
		if value := recover(); value != nil {
			_ = r.Error("500", fmt.Sprintf("panic: %v", value), nil)
		}
	}()
	value, err := answer(ctx, r.Data())
	if err == nil {
		_ = r.Respond(marshal(value)) // a caller that is gone needs no answer
		return
	}
	var field *messages.FieldError
	code := "500"
	if errors.As(err, &field) || is[*session.PipelineNotFoundError](err) {
		code = "400"
	}
	_ = r.Error(code, mask.URL(err.Error()), marshal(failure(err)))
}

func failure(err error) messages.Failure {
	return messages.Failure{Code: codeOf(err), Type: session.ErrorType(err), Message: mask.URL(err.Error())}
}

// answerCancel makes the worker look at the status of a run (its id is the question) at once. The right to cancel is
// the right to write that status, so the call itself needs to prove nothing.
func (w *Worker) answerCancel(_ context.Context, data []byte) (any, error) {
	id := messages.RunID(data)
	if err := id.Validate(); err != nil {
		return nil, &messages.FieldError{Field: "run_id", Reason: err.Error()}
	}
	answer := cancelAnswer{}
	for _, r := range w.runs.all() {
		if r.key.RunID != id {
			continue
		}
		answer.Running = true
		r.hurry()
		if r.startBeat(time.Now()) {
			w.beats.Go(func() { w.beat(r) })
		}
	}
	return answer, nil
}

// cancelAnswer tells whether the run is in hand here.
type cancelAnswer struct {
	Running bool `json:"running"`
}

// answerPause lets this worker take nothing until it is resumed or ends. Runs under way go on.
func (w *Worker) answerPause(context.Context, []byte) (any, error) {
	w.pauseSelf(true)
	return w.entry(), nil
}

func (w *Worker) answerResume(context.Context, []byte) (any, error) {
	w.pauseSelf(false)
	return w.entry(), nil
}

// answerDrain lets this worker take nothing more, and end when its runs have ended.
func (w *Worker) answerDrain(context.Context, []byte) (any, error) {
	w.leave()
	entry := w.entry()
	entry.Draining = true
	return entry, nil
}

func (w *Worker) answerInfo(context.Context, []byte) (any, error) {
	_, _, abandoned := w.slots.counts()
	type inHand struct {
		RunID    messages.RunID    `json:"run_id"`
		Tenant   string            `json:"tenant"`
		Attempt  int               `json:"attempt"`
		Progress messages.Progress `json:"progress"`
	}
	list := []inHand{}
	for _, r := range w.runs.all() {
		r.mu.Lock()
		list = append(list, inHand{r.key.RunID, r.key.Tenant, r.attempt, r.progress})
		r.mu.Unlock()
	}
	return struct {
		messages.Worker
		// Abandoned counts the slots taken by nodes that ignored the end of their run.
		Abandoned int      `json:"abandoned"`
		Runs      []inHand `json:"runs"`
	}{w.entry(), abandoned, list}, nil
}

// answerPlan answers what a run request would do here.
func (w *Worker) answerPlan(ctx context.Context, data []byte) (any, error) {
	request, err := messages.DecodeRunRequest(data)
	if err != nil {
		return nil, err
	}
	if err := w.allow(request); err != nil {
		return nil, err
	}
	opts := options(request)
	if len(request.Inputs) > 0 {
		opts.Inputs = make(map[string]any, len(request.Inputs))
	}
	for name := range request.Inputs {
		opts.Inputs[name] = nil // a plan reads no data
	}
	plan, err := w.session.Plan(ctx, opts)
	if err != nil {
		return nil, err
	}
	return planJSON(plan), nil
}

// answerSnapshot describes the project; the question may be {"params": {...}}.
func (w *Worker) answerSnapshot(ctx context.Context, data []byte) (any, error) {
	var question struct {
		Params map[string]any `json:"params"`
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &question); err != nil {
			return nil, &messages.FieldError{Reason: err.Error()}
		}
	}
	return w.session.Snapshot(ctx, question.Params)
}
