package messages

import (
	"bytes"
	"encoding"
	"encoding/json"
	"strconv"
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
	in.value("outputs", &r.Outputs)
	return r, !in.bad && string(in.rest) == "}" && r.State == StateSucceeded
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
	end := 1 + bytes.IndexByte(in.rest[1:], '"')
	for _, c := range in.rest[1:max(1, end)] {
		if c < ' ' || c > '~' || c == '\\' {
			end = 0
			break
		}
	}
	if end == 0 {
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
