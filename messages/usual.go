package messages

import (
	"bytes"
	"encoding"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// usual reads a message of ours in the form in which the writers of this package write it:
// these fields in this order, plain texts, no blanks. Anything else makes it bad; then the
// standard decoder reads the whole message, which takes three times as long.
type usual struct {
	rest   []byte
	inside bool // the first field was read
	bad    bool
}

// readUsual reads a usual reply of a run that succeeded.
func readUsual(data []byte) (*RunResult, bool) {
	r := &RunResult{}
	in := usual{rest: data}
	in.ended(&r.Ended)
	in.int("nodes_run", &r.NodesRun)
	in.int("nodes_skipped", &r.NodesSkipped)
	in.value("versions", &r.Versions)
	in.outputs("outputs", &r.Outputs)
	return r, !in.bad && string(in.rest) == "}" && r.State == StateSucceeded
}

// readUsualRequest reads a request that names what to run, and nothing that has a form of its own.
func readUsualRequest(data []byte) (*RunRequest, bool) {
	r := &RunRequest{}
	in := usual{rest: data}
	textAs(&in, "run_id", &r.RunID)
	in.texts("pipeline_names", &r.PipelineNames)
	in.texts("tags", &r.Tags)
	in.texts("node_names", &r.NodeNames)
	in.texts("from_nodes", &r.FromNodes)
	in.texts("to_nodes", &r.ToNodes)
	in.texts("from_inputs", &r.FromInputs)
	in.texts("to_outputs", &r.ToOutputs)
	in.texts("namespaces", &r.Namespaces)
	textAs(&in, "runner", &r.Runner)
	textAs(&in, "priority", &r.Priority)
	textAs(&in, "idempotency_key", &r.IdempotencyKey)
	textAs(&in, "unique_key", &r.UniqueKey)
	textAs(&in, "concurrency_key", &r.ConcurrencyKey)
	textAs(&in, "reply_subject", &r.ReplySubject)
	in.texts("outputs", &r.Outputs)
	textAs(&in, "retry_of", &r.RetryOf)
	return r, !in.bad && string(in.rest) == "}" && in.inside && len(data) <= MaxMessageBytes
}

func (in *usual) ended(e *Ended) {
	textAs(in, "run_id", &e.RunID)
	textAs(in, "session_id", &e.SessionID)
	textAs(in, "tenant", &e.Tenant)
	textAs(in, "queue", &e.Queue)
	textAs(in, "state", &e.State)
	in.int("attempt", &e.Attempt)
	in.uint("epoch", &e.Epoch)
	textAs(in, "worker", &e.Worker)
	in.texts("pipelines", &e.Pipelines)
	in.unmarshal("finished_at", &e.FinishedAt)
	in.int("events", &e.Events)
	in.unmarshal("queued_for", &e.QueuedFor)
	in.unmarshal("took", &e.Took)
}

// name reports whether the next field has this name, and steps to its value.
func (in *usual) name(name string) bool {
	opening, n := byte('{'), len(name)
	if in.inside {
		opening = ','
	}
	if rest := in.rest; len(rest) > n+4 && rest[0] == opening && rest[1] == '"' &&
		string(rest[2:2+n]) == name && rest[2+n] == '"' && rest[3+n] == ':' {
		in.rest, in.inside = rest[4+n:], true
		return true
	}
	return false
}

// text reads a string without escapes.
func (in *usual) text() string {
	if len(in.rest) == 0 || in.rest[0] != '"' {
		in.bad = true
		return ""
	}
	end, ascii := 1+bytes.IndexByte(in.rest[1:], '"'), true
	for _, c := range in.rest[1:max(1, end)] {
		if c < ' ' || c == '\\' {
			end = 0
			break
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if end == 0 || !ascii && !utf8.Valid(in.rest[1:end]) {
		in.bad = true
		return ""
	}
	text := string(in.rest[1:end])
	in.rest = in.rest[end+1:]
	return text
}

func textAs[T ~string](in *usual, name string, into *T) {
	if in.name(name) {
		*into = T(in.text())
	}
}

func (in *usual) texts(name string, into *[]string) {
	if !in.name(name) {
		return
	}
	for opening := byte('['); len(in.rest) > 0 && in.rest[0] == opening && !in.bad; opening = ',' {
		in.rest = in.rest[1:]
		*into = append(*into, in.text())
	}
	in.bad = in.bad || len(in.rest) == 0 || in.rest[0] != ']' || *into == nil
	if !in.bad {
		in.rest = in.rest[1:]
	}
}

func (in *usual) uint(name string, into *uint64) {
	if !in.name(name) {
		return
	}
	n := 0
	for n < len(in.rest) && in.rest[n] >= '0' && in.rest[n] <= '9' {
		n++
	}
	number, err := strconv.ParseUint(string(in.rest[:n]), 10, 63)
	*into, in.bad = number, in.bad || err != nil || in.rest[0] == '0' && n > 1
	in.rest = in.rest[n:]
}

func (in *usual) int(name string, into *int) {
	var number uint64
	in.uint(name, &number)
	*into = int(number)
}

func (in *usual) unmarshal(name string, into encoding.TextUnmarshaler) {
	if in.name(name) && into.UnmarshalText([]byte(in.text())) != nil {
		in.bad = true
	}
}

// next steps over a byte, if it is the next one.
func (in *usual) next(c byte) bool {
	if len(in.rest) == 0 || in.rest[0] != c {
		return false
	}
	in.rest = in.rest[1:]
	return true
}

// outputs reads the outputs that travel by value, or not at all.
func (in *usual) outputs(name string, into *map[string]Output) {
	if !in.name(name) {
		return
	}
	*into = map[string]Output{}
	if !in.next('{') {
		in.bad = true
	}
	for !in.bad && !in.next('}') {
		if len(*into) > 0 && !in.next(',') {
			in.bad = true
		}
		dataset := in.text()
		if !in.next(':') {
			in.bad = true
		}
		out := in.output()
		if _, again := (*into)[dataset]; again {
			in.bad = true
		}
		(*into)[dataset] = out
	}
	in.inside = true
}

func (in *usual) output() (out Output) {
	in.inside = false
	if in.name("value") {
		out.Value = in.raw()
	}
	textAs(in, "type", &out.Type)
	textAs(in, "shape", &out.Shape)
	textAs(in, "path", &out.Path)
	textAs(in, "problem", &out.Problem)
	if !in.inside && !in.next('{') || !in.next('}') {
		in.bad = true
	}
	return out
}

// raw reads a value whatever its form.
func (in *usual) raw() json.RawMessage {
	depth, quoted, end := 0, false, 0
	for ; end < len(in.rest); end++ {
		c := in.rest[end]
		switch {
		case quoted && c == '\\':
			end++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}'):
			in.bad = in.bad || !json.Valid(in.rest[:end])
			value := bytes.Clone(in.rest[:end])
			in.rest = in.rest[end:]
			return value
		case c == '}' || c == ']':
			depth--
		}
	}
	in.bad = true
	return nil
}

// value reads the last field that is there, whatever its form.
func (in *usual) value(name string, into any) {
	if !in.name(name) {
		return
	}
	last := len(in.rest) - 1
	if in.rest[last] != '}' || json.Unmarshal(in.rest[:last], into) != nil {
		in.bad = true
		return
	}
	in.rest = in.rest[last:]
}
