package worker

import (
	"context"
	"errors"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
	"github.com/kedge-run/kedge/session"
)

// settlement is what becomes of the request of a run that returned.
type settlement int

const (
	settleReply   settlement = iota // store the reply, then the request is done with
	settlePutBack                   // back to the queue: the run starts again elsewhere
	settleLost                      // as settlePutBack, counted as a loss: its process ended under it
	settleNothing                   // another worker owns the run: touch nothing
)

// outcome is how a run ended.
type outcome struct {
	settle settlement
	state  messages.State
	code   messages.Code
	field  string // of the request, for a refusal
	final  bool   // the error says of itself that no other attempt can succeed
}

// causes says what the end of a run's context means, whatever the session then returned with an error.
var causes = []struct {
	cause   error
	outcome outcome
}{
	{ErrLost, outcome{settle: settleNothing}},
	{ErrStopping, outcome{settle: settlePutBack}},
	{ErrCancelled, outcome{state: messages.StateCancelled, code: messages.CodeCancelled}},
	{ErrTimeout, outcome{state: messages.StateTimedOut, code: messages.CodeTimeout}},
	{ErrNodeTimeout, outcome{state: messages.StateTimedOut, code: messages.CodeNodeTimeout}},
}

// failures is the one table from errors of a session to replies; the first row that fits decides. Errors of a run that
// began come first: what nodes and datasets return may look like a refusal. What fits no row failed outside of nodes
// and datasets.
var failures = []struct {
	fits    func(err error) bool
	outcome outcome
}{
	{is[*session.LostError], outcome{settle: settleLost, state: messages.StateDead, code: messages.CodePoison}},
	{isPanic, outcome{state: messages.StateFailed, code: messages.CodeInternal}},
	{isTransient, outcome{state: messages.StateFailed, code: messages.CodeTransient}},
	{isDatasetFailure, outcome{state: messages.StateFailed, code: messages.CodeDatasetFailed}},
	{isNodeFailure, outcome{state: messages.StateFailed, code: messages.CodeNodeFailed}},
	{is[*session.RunError], outcome{state: messages.StateFailed, code: messages.CodeRunFailed}},
	{is[*project.BuildError], outcome{state: messages.StateFailed, code: messages.CodeRunFailed}},
	{is[*messages.FieldError], outcome{state: messages.StateRejected, code: messages.CodeInvalidRequest}},
	{is[*session.InvalidRunIDError], outcome{state: messages.StateRejected, code: messages.CodeInvalidRequest, field: "run_id"}},
	{is[*session.PipelineNotFoundError], outcome{state: messages.StateRejected, code: messages.CodePipelineNotFound, field: "pipeline_names"}},
	{is[*session.DatasetNameError], outcome{state: messages.StateRejected, code: messages.CodeInvalidRequest}},
	{is[*session.OptionError], outcome{state: messages.StateRejected, code: messages.CodeInvalidRequest}},
	{is[*session.RunnerNotAllowedError], outcome{state: messages.StateRejected, code: messages.CodeNotAllowed, field: "runner"}},
	{is[*runner.AttributeError], outcome{state: messages.StateRejected, code: messages.CodeNotAllowed, field: "runner"}},
	{isRunnerParams, outcome{state: messages.StateRejected, code: messages.CodeInvalidRequest, field: "runner_params"}},
	{is[*pipeline.Error], outcome{state: messages.StateRejected, code: messages.CodeFilterInvalid}},
}

// isPanic is for panics outside of nodes: that of a node is the node's failure.
func isPanic(err error) bool {
	var panicked *runner.PanicError
	return errors.As(err, &panicked) && panicked.Node == ""
}

// outcomeOf decides how a run ended from its context and the session's error. A run that finished although its
// context had ended has finished: it succeeded, unless it isn't this worker's any more.
func outcomeOf(ctx context.Context, err error) outcome {
	cause := context.Cause(ctx)
	for _, c := range causes {
		if errors.Is(cause, c.cause) && (err != nil || c.outcome.settle == settleNothing) {
			return c.outcome
		}
	}
	if err == nil {
		return outcome{state: messages.StateSucceeded}
	}
	return failureOf(err)
}

func failureOf(err error) outcome {
	out := outcome{state: messages.StateFailed, code: messages.CodeRunFailed}
	for _, f := range failures {
		if f.fits(err) {
			out = f.outcome
			break
		}
	}
	out.final = isPermanent(err)
	return out
}

// codeOf is the code of a failure inside a run.
func codeOf(err error) messages.Code { return failureOf(err).code }

// reply is the terminal reply of an outcome. The session has masked the project's credentials in every text; URLs of
// other origin are masked here.
func (o outcome) reply(request *messages.RunRequest, err error) *messages.Reply {
	reply := &messages.RunError{
		Ended:   messages.Ended{State: o.state},
		Code:    o.code,
		Message: cut(mask.URL(err.Error()), maxText),
		Field:   o.field,
	}
	if o.state == messages.StateFailed || o.state == messages.StateRejected {
		reply.Type = session.ErrorType(err)
	}
	o.refine(reply, request, err)
	var failed *session.RunError
	if errors.As(err, &failed) {
		reply.Node, reply.Resume = failed.Node, cut(mask.URL(failed.Resume), maxText)
	}
	var lost *session.LostError
	if errors.As(err, &lost) {
		reply.Node = lost.Node
	}
	reply.Traceback = cutHead(mask.URL(traceback(err)), maxText)
	return &messages.Reply{Error: reply}
}

// refine names the field of a refused request where only the error knows it.
func (o outcome) refine(reply *messages.RunError, request *messages.RunRequest, err error) {
	var field *messages.FieldError
	var dataset *session.DatasetNameError
	var option *session.OptionError
	switch {
	case o.state != messages.StateRejected:
	case errors.As(err, &field):
		reply.Field = field.Field
		if field.Code != "" {
			reply.Code = field.Code
		}
	case errors.As(err, &dataset):
		reply.Field = dataset.Field + "." + dataset.Name
	case errors.As(err, &option):
		reply.Field = option.Field
	case o.code == messages.CodeFilterInvalid:
		reply.Field = filterField(request, err.Error())
	}
}

// traceback is the stack of a panic or exception, or the last lines of a process that died; "" for other errors.
func traceback(err error) string {
	var failed *session.RunError
	var elsewhere *runner.PanicError
	var lost *session.LostError
	var stacked interface{ StackTrace() []byte }
	switch {
	case errors.As(err, &failed):
		return failed.Traceback
	case errors.As(err, &elsewhere):
		return string(elsewhere.Stack)
	case errors.As(err, &lost):
		return lost.Output
	case errors.As(err, &stacked):
		return string(stacked.StackTrace())
	}
	return ""
}

// filterField names the filter that a message of Kedro's is about: the first one with a value that it quotes, else the
// only one given.
func filterField(request *messages.RunRequest, message string) string {
	given := ""
	count := 0
	for _, f := range []struct {
		name   string
		values []string
	}{
		{"node_names", request.NodeNames}, {"from_nodes", request.FromNodes}, {"to_nodes", request.ToNodes},
		{"from_inputs", request.FromInputs}, {"to_outputs", request.ToOutputs},
		{"namespaces", request.Namespaces}, {"tags", request.Tags},
	} {
		if len(f.values) == 0 {
			continue
		}
		given, count = f.name, count+1
		for _, value := range f.values {
			if strings.Contains(message, value) {
				return f.name
			}
		}
	}
	if count == 1 {
		return given
	}
	return "pipeline_names"
}

func is[E error](err error) bool {
	var target E
	return errors.As(err, &target)
}

// isTransient: the error says of itself that another attempt may succeed.
func isTransient(err error) bool {
	var r interface{ Retryable() bool }
	return errors.As(err, &r) && r.Retryable()
}

// isPermanent: the error says of itself that every attempt would fail.
func isPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

func isDatasetFailure(err error) bool { return is[*catalog.DatasetError](err) }

// isRunnerParams: the named runner refuses its arguments.
func isRunnerParams(err error) bool {
	return is[*runner.TypeError](err) || is[*runner.ValueError](err) ||
		is[*catalog.ConvertError](err) && strings.HasPrefix(err.Error(), "runner parameter")
}

func isNodeFailure(err error) bool {
	var failed *session.RunError
	return errors.As(err, &failed) && failed.Node != ""
}
