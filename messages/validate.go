package messages

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a request's parts.
const (
	maxNameLength = 512  // of a node, dataset, tag, pipeline, key or label, in bytes
	maxNames      = 1000 // of one list or mapping
	maxAttempts   = 100
)

// Validate checks what can be checked without the project. It returns the first
// *FieldError in the order of the fields, or nil.
func (r *RunRequest) Validate() error {
	for _, check := range []func() *FieldError{
		r.checkIDs, r.checkNames, r.checkLoadVersions, r.checkQueueing, r.checkReplySubject, r.checkInputs,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *RunRequest) checkIDs() *FieldError {
	if err := r.RunID.Validate(); err != nil {
		return invalid("run_id", err.Error())
	}
	if r.RetryOf != "" {
		if err := r.RetryOf.Validate(); err != nil {
			return invalid("retry_of", err.Error())
		}
	}
	return nil
}

func (r *RunRequest) checkNames() *FieldError {
	lists := []struct {
		field string
		names []string
	}{
		{"pipeline_names", r.PipelineNames}, {"tags", r.Tags}, {"node_names", r.NodeNames},
		{"from_nodes", r.FromNodes}, {"to_nodes", r.ToNodes}, {"from_inputs", r.FromInputs},
		{"to_outputs", r.ToOutputs}, {"namespaces", r.Namespaces}, {"outputs", r.Outputs},
		{"labels", sortedKeys(r.Labels)}, {"inputs", sortedKeys(r.Inputs)},
		{"load_versions", sortedKeys(r.LoadVersions)},
	}
	for _, list := range lists {
		if len(list.names) > maxNames {
			return invalid(list.field, fmt.Sprintf("has %d entries, at most %d are allowed", len(list.names), maxNames))
		}
		for i, name := range list.names {
			if reason := badName(name); reason != "" {
				return invalid(fmt.Sprintf("%s[%d]", list.field, i), reason)
			}
		}
	}
	if r.Runner != "" {
		if reason := badName(r.Runner); reason != "" {
			return invalid("runner", reason)
		}
	}
	return nil
}

// sortedKeys costs nothing for an empty mapping, as most are.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// badName says why a text can't name a node, dataset, tag or pipeline. Names reach
// file paths through catalog entries such as data/{name}.csv.
func badName(name string) string {
	switch {
	case name == "":
		return "must not be empty"
	case len(name) > maxNameLength:
		return fmt.Sprintf("is %d bytes long, at most %d are allowed", len(name), maxNameLength)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "holds a control character"
	case strings.HasPrefix(name, "/") || strings.Contains(name, `\`) || slices.Contains(strings.Split(name, "/"), ".."):
		return fmt.Sprintf("%q would leave its folder when used as a path", name)
	}
	return ""
}

func (r *RunRequest) checkLoadVersions() *FieldError {
	for _, dataset := range sortedKeys(r.LoadVersions) {
		version := r.LoadVersions[dataset]
		reason := badName(version)
		if reason == "" && (strings.Contains(version, "/") || strings.Contains(version, "..")) {
			reason = fmt.Sprintf("%q would leave its folder when used as a path", version)
		}
		if reason != "" {
			return invalid("load_versions."+clip(dataset), reason)
		}
	}
	return nil
}

func (r *RunRequest) checkQueueing() *FieldError {
	if r.Priority != "" {
		if err := r.Priority.check(); err != nil {
			return err
		}
	}
	keys := []struct{ field, key string }{
		{"idempotency_key", r.IdempotencyKey}, {"unique_key", r.UniqueKey}, {"concurrency_key", r.ConcurrencyKey},
	}
	for _, k := range keys {
		if k.key == "" {
			continue
		}
		if reason := badKey(k.key); reason != "" {
			return invalid(k.field, reason)
		}
	}
	if r.Timeout < 0 {
		return invalid("timeout", "must not be negative")
	}
	if r.NodeTimeout < 0 {
		return invalid("node_timeout", "must not be negative")
	}
	return r.checkRetries()
}

// checkReplySubject refuses what can't be a plain subject to publish to; whether the
// subject is allowed is the worker's to say.
func (r *RunRequest) checkReplySubject() *FieldError {
	subject := r.ReplySubject
	if subject == "" {
		return nil
	}
	switch {
	case len(subject) > maxNameLength:
		return invalid("reply_subject", fmt.Sprintf("is %d bytes long, at most %d are allowed", len(subject), maxNameLength))
	case strings.ContainsFunc(subject, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }):
		return invalid("reply_subject", "holds a space or control character")
	case strings.ContainsAny(subject, "*>"):
		return invalid("reply_subject", fmt.Sprintf("%q holds a wildcard", subject))
	case slices.Contains(strings.Split(subject, "."), ""):
		return invalid("reply_subject", fmt.Sprintf("%q has an empty token", subject))
	}
	return nil
}

// CheckReplyPrefix refuses a reply subject that lies below none of prefixes, or below
// one that the system itself uses: a copy there would forge its messages.
func (r *RunRequest) CheckReplyPrefix(subjects Subjects, prefixes []string) error {
	subject := r.ReplySubject
	allowed := slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(subject, prefix) })
	reserved := strings.HasPrefix(subject, "$") || strings.HasPrefix(subject, subjects.prefix()+".")
	if subject == "" || allowed && !reserved {
		return nil
	}
	return &FieldError{Field: "reply_subject", Code: CodeNotAllowed,
		Reason: fmt.Sprintf("%q is not below an allowed prefix (%s)", subject, strings.Join(prefixes, ", "))}
}

func (r *RunRequest) checkInputs() *FieldError {
	for _, dataset := range sortedKeys(r.Inputs) {
		data := r.Inputs[dataset]
		field := "inputs." + clip(dataset)
		if (data.Value == nil) == (data.Ref == nil) {
			return invalid(field, "needs either value or ref")
		}
		if data.Ref == nil {
			continue
		}
		if err := data.Ref.check(field + ".ref"); err != nil {
			return err
		}
	}
	if r.RuntimeParamsRef != nil {
		if len(r.RuntimeParams) > 0 {
			return invalid("runtime_params_ref", "stands beside runtime_params: give one of them")
		}
		if err := r.RuntimeParamsRef.check("runtime_params_ref"); err != nil {
			return err
		}
		if size := r.RuntimeParamsRef.Size; size > MaxParamsBytes {
			return &FieldError{Field: "runtime_params_ref.size", Code: CodeTooLarge, Reason: fmt.Sprintf(
				"%d bytes, at most %d are allowed for parameters", size, MaxParamsBytes)}
		}
	}
	return r.checkSizes()
}

// checkSizes bounds what travels inside the message.
func (r *RunRequest) checkSizes() *FieldError {
	for _, part := range []struct {
		field string
		value map[string]any
	}{{"runtime_params", r.RuntimeParams}, {"runner_params", r.RunnerParams}} {
		if len(part.value) == 0 {
			continue
		}
		if err := checkSize(part.field, part.value); err != nil {
			return err
		}
	}
	for _, dataset := range sortedKeys(r.Inputs) {
		if err := checkSize("inputs."+clip(dataset)+".value", r.Inputs[dataset].Value); err != nil {
			return err
		}
	}
	return nil
}

func checkSize(field string, value any) *FieldError {
	encoded, err := json.Marshal(value)
	if err != nil {
		return invalid(field, "cannot be written as JSON: "+err.Error())
	}
	if len(encoded) > MaxInlineBytes {
		return &FieldError{Field: field, Code: CodeTooLarge, Reason: fmt.Sprintf(
			"%d bytes, at most %d travel inside a request", len(encoded), MaxInlineBytes)}
	}
	return nil
}
