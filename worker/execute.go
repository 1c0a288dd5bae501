package worker

import (
	"context"
	"errors"
	"maps"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/runner"
	"github.com/kedge-run/kedge/session"
)

// Places where tests break a worker, see [Config.Faults].
const (
	// FaultClaimed is passed when a run was claimed and has not started.
	FaultClaimed = "claimed"
	// FaultBeforeDone is passed when a run has ended and its reply is not stored yet.
	FaultBeforeDone = "before done"
)

// execute works on one fetched request and gives its slot back when nothing of it runs any more.
func (w *Worker) execute(ctx context.Context, msg jetstream.Msg) {
	defer w.slots.give(1)
	if w.slots.pausedBy() != "" { // it was fetched just before
		_ = msg.NakWithDelay(w.cfg.Timing.Putback)
		return
	}
	claim := w.ledger.Claim
	if waiter := w.ledger.Waiter(msg); waiter != nil {
		if w.lines.join(waiter) {
			return
		}
		claim = func(ctx context.Context, _ jetstream.Msg, worker string) (*ledger.Claim, error) {
			return waiter.Claim(ctx, worker, nil)
		}
	}
	if err := w.take(ctx, msg, claim); errors.Is(err, ledger.ErrAlone) {
		w.executeAlone(ctx, msg)
	}
}

// take claims the run of a request and works on it. The error is ledger.ErrAlone or nil.
func (w *Worker) take(ctx context.Context, msg jetstream.Msg, claimBy func(context.Context, jetstream.Msg, string) (*ledger.Claim, error)) error {
	asked := time.Now()
	claim, err := claimBy(ctx, msg, w.cfg.ID)
	var blocked *ledger.BlockedError
	switch {
	case errors.As(err, &blocked):
		w.lines.park(blocked)
	case errors.Is(err, ledger.ErrAlone):
		return err
	case err != nil:
		zerolog.Ctx(ctx).Warn().Err(err).Str(fieldSubject, msg.Subject()).Msg("claim failed, the request is put back")
		_ = msg.NakWithDelay(w.cfg.Timing.Putback) // else it comes back after the ack wait
	case claim != nil: // nil: a duplicate, a refused request, or somebody else's run
		w.work(ctx, claim, asked)
	}
	return nil
}

// work runs a claimed run to its end. Since is when the claim was asked for: the first sign of life.
func (w *Worker) work(ctx context.Context, claim *ledger.Claim, since time.Time) {
	r := w.begin(ctx, claim, since)
	defer r.inputs.remove()
	result, err := w.runSession(r)
	if !r.end() {
		w.slots.abandon(-1)
		w.kept.release(r)
		zerolog.Ctx(r.ctx).Warn().Msg("abandoned run returned, its slot is free again")
		return
	}
	w.conclude(r, result, err)
}

// begin makes the run known to the heartbeat, the services and the drain. When its context ends early, the grace
// timer starts.
func (w *Worker) begin(ctx context.Context, claim *ledger.Claim, since time.Time) *run {
	status := claim.Status()
	unnamed := zerolog.Ctx(ctx).With().Str(fieldTenant, status.Tenant).Int(fieldAttempt, status.Attempt).Logger()
	logger := unnamed.With().Str(fieldRunID, string(status.RunID)).Logger()
	r := &run{
		claim: claim, key: claim.Key(), attempt: status.Attempt, unnamed: unnamed,
		due: since.Add(w.cfg.Timing.Heartbeat), expires: since.Add(w.cfg.Timing.Lease),
		inputs: inputs{worker: w, tenant: status.Tenant},
	}
	r.ctx, r.stop = context.WithCancelCause(logger.WithContext(context.WithoutCancel(ctx)))
	r.calm = context.AfterFunc(r.ctx, func() {
		if !r.ended.Load() {
			time.AfterFunc(w.cfg.Timing.CancelGrace, func() { w.abandon(r) })
		}
	})
	claim.OnLeave(w.lines.inherit)
	w.runs.add(r)
	if w.stopping.Load() { // the drain may have missed it
		r.stop(ErrStopping)
	}
	return r
}

// runSession calls the session. A panic of the engine or of a hook is an error of the run, never the end of the worker.
func (w *Worker) runSession(r *run) (result *session.Result, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &runner.PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	if err := w.cfg.Faults.At(r.ctx, FaultClaimed); err != nil {
		return nil, err
	}
	request := r.claim.Request()
	if err := w.allow(request); err != nil {
		return nil, err
	}
	opts := options(request)
	if err := r.inputs.bind(r.ctx, request, &opts); err != nil {
		return nil, err
	}
	opts.SaveVersion = r.claim.SaveVersion()
	opts.Observe = func(e session.Event) { w.observe(r, e) }
	r.clocks.on = request.Timeout > 0 || request.NodeTimeout > 0
	r.clocks.limit, r.clocks.late = time.Duration(request.NodeTimeout), func(cause *timeoutError) { r.stop(cause) }
	defer r.clocks.close()
	if limit := time.Duration(request.Timeout); limit > 0 {
		timer := time.AfterFunc(limit, func() { r.stop(&timeoutError{limit: limit, nodes: r.clocks.nodes(), kind: ErrTimeout}) })
		defer timer.Stop()
	}
	return w.session.Run(r.unnamed.WithContext(r.ctx), opts)
}

// abandon ends a run whose nodes ignore that its context ended. The slot stays taken until they return.
func (w *Worker) abandon(r *run) {
	if !r.end() {
		return
	}
	r.abandoned = true
	w.kept.add(r)
	zerolog.Ctx(r.ctx).Warn().AnErr("cause", context.Cause(r.ctx)).Dur("grace", w.cfg.Timing.CancelGrace).
		Msg("run does not return after its context ended, it is abandoned")
	w.conclude(r, nil, context.Cause(r.ctx))
	w.slots.abandon(1) // last: a drain goes on when no run is left that has not ended
}

// conclude stores how the run ended, or puts it back. The heartbeat goes on until that is done.
func (w *Worker) conclude(r *run, result *session.Result, err error) {
	defer w.runs.remove(r)
	defer r.stop(nil)
	r.calm()
	ctx := context.WithoutCancel(r.ctx)
	log := zerolog.Ctx(ctx)
	if fault := w.cfg.Faults.At(ctx, FaultBeforeDone); fault != nil {
		log.Error().Err(fault).Msg("fault point")
		return
	}
	out := outcomeOf(r.ctx, err)
	switch out.settle {
	case settleNothing:
		log.Warn().Err(err).Msg("run lost, nothing is published")
		if !r.abandoned { // nothing of it works any more
			r.claim.KeepSlot().Release()
		}
		return
	case settlePutBack:
		w.putBack(ctx, r, ledger.Outcome{Delay: w.cfg.Timing.Putback, Reason: "its worker stopped"})
		return
	case settleLost:
		if !r.claim.Status().Alone {
			log.Warn().Err(err).Msg("the process of the run was lost, it starts again")
			w.putBack(ctx, r, ledger.Outcome{Delay: w.cfg.Timing.Putback, Reason: "its process was lost: " + mask.URL(err.Error()), Lost: true})
			return
		}
	}
	if err == nil {
		w.finish(ctx, r, &messages.Reply{Result: w.result(r, result)})
		return
	}
	reply := out.reply(r.claim.Request(), err)
	var late *timeoutError
	if out.state == messages.StateTimedOut && errors.As(context.Cause(r.ctx), &late) {
		// What the nodes made of the end of their context says less.
		reply.Error.Message = late.Error()
		if len(late.nodes) > 0 {
			reply.Error.Node = late.nodes[0]
		}
	}
	// The nodes of an abandoned run still work: another attempt would run beside them.
	if !out.final && !r.abandoned {
		if again, ok := r.claim.Retry(w.cfg.Retry, reply.Error.Failure()); ok {
			log.Warn().Err(err).Dur("pause", again.Delay).Msg("run failed, another attempt follows")
			w.putBack(ctx, r, again)
			return
		}
	}
	w.finish(ctx, r, reply)
}

// finish stores the reply, again and again until it is stored or the claim is over: a run that worked for hours must
// not be lost to a server that restarts.
func (w *Worker) finish(ctx context.Context, r *run, reply *messages.Reply) {
	log := zerolog.Ctx(ctx)
	if !r.abandoned {
		w.slots.store(1)
		defer w.slots.store(-1)
	}
	for {
		err := r.claim.Finish(ctx, reply)
		switch {
		case err == nil:
			log.Info().Str("state", string(reply.State())).Msg("run ended")
			return
		case errors.Is(err, ledger.ErrLost):
			log.Warn().Msg("run was taken over, its result is dropped")
			return
		case errors.Is(err, ledger.ErrTooLarge):
			reply = shorten(reply)
			continue
		case r.expired(time.Now()):
			log.Error().Err(err).Msg("reply could not be stored before the claim ended")
			return
		}
		log.Warn().Err(err).Msg("storing the reply failed, trying again")
		w.pause(ctx, w.cfg.Timing.Retry)
	}
}

// shorten leaves out of a reply what makes it too large for a message: the values of outputs, then all lists.
func shorten(reply *messages.Reply) *messages.Reply {
	if reply.Error != nil {
		short := *reply.Error
		short.Message, short.Traceback, short.Resume = cut(short.Message, maxText), "", ""
		return &messages.Reply{Error: &short}
	}
	short := *reply.Result
	short.Outputs, short.Versions = nil, nil
	for name, output := range reply.Result.Outputs {
		if output.Value == nil {
			continue
		}
		if short.Outputs == nil { // there are values to leave out
			short.Outputs, short.Versions = maps.Clone(reply.Result.Outputs), reply.Result.Versions
		}
		output.Value = nil
		short.Outputs[name] = output
	}
	return &messages.Reply{Result: &short}
}

// putBack gives the run back, again and again until that is stored or the claim is over.
func (w *Worker) putBack(ctx context.Context, r *run, outcome ledger.Outcome) {
	log := zerolog.Ctx(ctx)
	for {
		err := r.claim.PutBack(ctx, outcome)
		switch {
		case err == nil:
			log.Info().Msg("run put back")
			return
		case errors.Is(err, ledger.ErrLost):
			log.Warn().Msg("run was taken over before it was put back")
			return
		case r.expired(time.Now()):
			log.Error().Err(err).Msg("run could not be put back, it starts elsewhere when its lease ends")
			return
		}
		log.Warn().Err(err).Msg("putting the run back failed, trying again")
		w.pause(ctx, w.cfg.Timing.Retry)
	}
}

// pause waits for d or until ctx ends.
func (w *Worker) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
