package messages

// Code says why a run did not succeed, for programs. The list is append-only:
// a code keeps its meaning for ever.
type Code string

// The codes of a [RunError].
const (
	// CodeInvalidRequest: the request is not JSON, or a field is missing, unknown or
	// malformed; RunError.Field names it.
	CodeInvalidRequest Code = "invalid_request"
	// CodeTooLarge: the request exceeds a size limit that the message names.
	CodeTooLarge Code = "too_large"
	// CodePipelineNotFound: the project has no pipeline of this name; the message
	// lists close matches.
	CodePipelineNotFound Code = "pipeline_not_found"
	// CodeFilterInvalid: a filter names nodes, tags or datasets that do not exist, or
	// leaves no node to run.
	CodeFilterInvalid Code = "filter_invalid"
	// CodeNotAllowed: the worker's allow-lists refuse the runner or reply subject.
	CodeNotAllowed Code = "not_allowed"
	// CodeNodeFailed: a node returned an error.
	CodeNodeFailed Code = "node_failed"
	// CodeDatasetFailed: a dataset could not be loaded or saved.
	CodeDatasetFailed Code = "dataset_failed"
	// CodeRunFailed: the run failed outside nodes and datasets: configuration, hooks,
	// or the runner.
	CodeRunFailed Code = "run_failed"
	// CodeTransient: the failure says of itself that another attempt may succeed.
	CodeTransient Code = "transient"
	// CodeTimeout: the run was stopped because its timeout passed.
	CodeTimeout Code = "timeout"
	// CodeNodeTimeout: the run was stopped because a node ran longer than its
	// node_timeout.
	CodeNodeTimeout Code = "node_timeout"
	// CodeStartByPassed: nobody started the run before its start_by.
	CodeStartByPassed Code = "start_by_passed"
	// CodeCancelled: somebody cancelled the run.
	CodeCancelled Code = "cancelled"
	// CodeWorkerLost: the worker died or lost its connection while it ran.
	CodeWorkerLost Code = "worker_lost"
	// CodePoison: the run was lost while it ran alone on its worker.
	CodePoison Code = "poison"
	// CodeDuplicate: another live run has the request's unique key.
	CodeDuplicate Code = "duplicate"
	// CodeNotTrusted: the worker runs signed requests only, and this one is not signed, or
	// not by a key that it trusts for the tenant; the message says which.
	CodeNotTrusted Code = "not_trusted"
	// CodeInternal: a fault of Kedge itself.
	CodeInternal Code = "internal"
)

// RetryClass says what a failure means for the next attempt.
type RetryClass int

// The classes, from final to free.
const (
	// RetryNever ends the run: another attempt would fail in the same way.
	RetryNever RetryClass = iota
	// RetryByPolicy gives another attempt when the request's policy allows it.
	RetryByPolicy
	// RetryAlways is an infrastructure loss: tried again, counted as a loss, without
	// spending an attempt of the policy.
	RetryAlways
)

// retryClasses is the one table of classes; codes that are not in it are final.
var retryClasses = map[Code]RetryClass{
	CodeNodeFailed:    RetryByPolicy,
	CodeDatasetFailed: RetryByPolicy,
	CodeRunFailed:     RetryByPolicy,
	CodeTransient:     RetryByPolicy,
	CodeTimeout:       RetryByPolicy,
	CodeNodeTimeout:   RetryByPolicy,
	CodeInternal:      RetryByPolicy,
	CodeWorkerLost:    RetryAlways,
}

// Retry is the class of a code; a code this version does not know is final.
func (c Code) Retry() RetryClass { return retryClasses[c] }
