package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kedge-run/kedge/messages"
)

// maxShownValue is how much of an output's value a text answer shows; json shows all.
const maxShownValue = 200

// writeReply writes how one run ended.
func writeReply(w io.Writer, reply *messages.Reply, format outputFormat) error {
	if format == formatJSON {
		return writeJSON(w, replyJSON(reply))
	}
	var f fields
	end := reply.Ended()
	f.add("run", "%s", end.RunID)
	f.add("state", "%s", end.State)
	f.add("pipelines", "%s", strings.Join(end.Pipelines, ", "))
	if reply.Error != nil {
		addError(&f, reply.Error)
	} else {
		addResult(&f, reply.Result)
	}
	if end.Took > 0 && end.Attempt > 0 {
		f.add("took", "%s (waited %s, attempt %d)", age(time.Duration(end.Took)), age(time.Duration(end.QueuedFor)), end.Attempt)
	}
	f.add("worker", "%s", workerOf(end.State, end.Attempt, end.Worker))
	return f.write(w)
}

func addError(f *fields, e *messages.RunError) {
	message := e.Message
	if e.Type != "" {
		message = e.Type + ": " + message
	}
	f.add("error", "%s", message)
	f.add("code", "%s", e.Code)
	f.add("field", "%s", e.Field)
	f.add("node", "%s", e.Node)
	f.add("details", "%s", strings.TrimSpace(e.Traceback))
	f.add("to go on", "%s", e.Resume)
}

func addResult(f *fields, r *messages.RunResult) {
	nodes := fmt.Sprintf("%d run", r.NodesRun)
	if r.NodesSkipped > 0 {
		nodes += fmt.Sprintf(", %d skipped", r.NodesSkipped)
	}
	f.add("nodes", "%s", nodes)
	name := "outputs"
	for _, dataset := range slices.Sorted(maps.Keys(r.Outputs)) {
		f.add(name, "%s: %s", dataset, describe(r.Outputs[dataset]))
		name = ""
	}
	f.addMap("versions", r.Versions)
}

// describe tells an output in one line: where it is, else its value, else what it is.
func describe(o messages.Output) string {
	about := strings.TrimSpace(o.Type + " " + o.Shape)
	if o.Problem != "" {
		return strings.TrimSpace("not given: " + o.Problem + " " + parenthesised(about))
	}
	switch {
	case o.Path != "":
		return strings.TrimSpace(o.Path + " " + parenthesised(about))
	case o.Ref != nil:
		return strings.TrimSpace(fmt.Sprintf("%d bytes of %s, --dataset gets them %s", o.Ref.Size, cmp.Or(o.Ref.Format, "json"), parenthesised(about)))
	case len(o.Value) > maxShownValue:
		return strings.ToValidUTF8(string(o.Value[:maxShownValue]), "") + "... (--output json shows all)"
	case len(o.Value) > 0:
		return string(o.Value)
	case about != "":
		return about
	}
	return "no value"
}

func parenthesised(text string) string {
	if text == "" {
		return ""
	}
	return "(" + text + ")"
}
