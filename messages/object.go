package messages

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// ChunkBytes is the size of every stored piece of an object but the last one.
const ChunkBytes = 256 << 10

// DefaultMaxDataBytes is how large parameters, an input or an output may be, unless
// submitter and worker are told otherwise.
const DefaultMaxDataBytes = 2 << 30

// MaxParamsBytes is how large runtime parameters may be: they are held in memory, several
// times over.
const MaxParamsBytes = 64 << 20

// Ref points to bytes in the object bucket. They lie there in pieces of [ChunkBytes],
// see [Subjects.ObjectChunk].
type Ref struct {
	Bucket string `json:"bucket"`
	Name   string `json:"name"`   // as [ObjectName] writes it
	Digest string `json:"digest"` // SHA-256=<base64url>, as NATS object stores write it
	Size   int64  `json:"size"`   // bytes
	// Format is what the bytes are: json, arrow (IPC file), parquet, csv or text.
	// Defaults to json.
	Format string `json:"format,omitempty"`
}

// ObjectName names the bytes that belong to a run. The tenant is a token of their
// subjects, so rights can be cut by it; the run is, so they are removed with its record.
type ObjectName struct {
	Tenant string
	RunID  RunID
	ID     string // [A-Za-z0-9_-], unique within the run
}

// String writes the name as references do: <tenant>/<run>/<id>.
func (n ObjectName) String() string { return n.Tenant + "/" + string(n.RunID) + "/" + n.ID }

var (
	objectIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	digestForm   = regexp.MustCompile(`^SHA-256=[A-Za-z0-9_-]{43}=?$`)
	formatForm   = regexp.MustCompile(`^[a-z0-9]{0,16}$`)
)

// ParseObjectName reads what String writes, and checks it.
func ParseObjectName(text string) (ObjectName, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return ObjectName{}, fmt.Errorf("object name %q is not of the form <tenant>/<run>/<id>", clip(text))
	}
	name := ObjectName{Tenant: parts[0], RunID: RunID(parts[1]), ID: parts[2]}
	for _, id := range parts[:2] {
		if err := CheckID(id); err != nil {
			return ObjectName{}, fmt.Errorf("object name %q: %w", clip(text), err)
		}
	}
	if !objectIDForm.MatchString(name.ID) {
		return ObjectName{}, fmt.Errorf("object name %q: the part behind the run must be 1 to 128 letters, digits, '_', '-'", clip(text))
	}
	return name, nil
}

// ObjectChunk is where piece n of an object is stored, from 0. Each piece has a subject
// of its own: storing it again changes nothing, and reading it needs no consumer.
func (s Subjects) ObjectChunk(name ObjectName, n int) string {
	return s.objects("C", name.Tenant, name.RunID, name.ID) + "." + strconv.Itoa(n)
}

// ObjectMark is where an object is announced before its first piece is stored, and
// described after its last one. "*" as tenant, run and id makes it a filter.
func (s Subjects) ObjectMark(name ObjectName) string {
	return s.objects("M", name.Tenant, name.RunID, name.ID)
}

// ObjectsOf are the filters of all that is stored for a run, in the order in which it
// is to be removed: the marks, by which it is found, last.
func (s Subjects) ObjectsOf(tenant string, run RunID) []string {
	return []string{s.objects("C", tenant, run, ">"), s.objects("M", tenant, run, ">")}
}

func (s Subjects) objects(kind, tenant string, run RunID, id string) string {
	return strings.Join([]string{"$O", s.Bucket("data"), kind, EncodeToken(tenant), EncodeToken(string(run)), id}, ".")
}

// ParseObjectMark reads a subject made by ObjectMark.
func (s Subjects) ParseObjectMark(subject string) (ObjectName, error) {
	rest, ok := strings.CutPrefix(subject, "$O."+s.Bucket("data")+".M.")
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 3 {
		return ObjectName{}, fmt.Errorf("subject %q announces no object", clip(subject))
	}
	return ParseObjectName(strings.ReplaceAll(strings.Join(tokens, "/"), "=", "."))
}

// check refuses a reference that can't be followed. Whether it may be followed is the
// worker's to say.
func (r *Ref) check(field string) *FieldError {
	_, err := ParseObjectName(r.Name)
	switch {
	case r.Bucket == "" || len(r.Bucket) > maxNameLength:
		return invalid(field+".bucket", "names no bucket")
	case err != nil:
		return invalid(field+".name", err.Error())
	case !digestForm.MatchString(r.Digest):
		return invalid(field+".digest", "must be SHA-256= and the sum in base64url")
	case r.Size < 0:
		return invalid(field+".size", "must not be negative")
	case !formatForm.MatchString(r.Format):
		return invalid(field+".format", "must be json, arrow, parquet, csv or text")
	}
	return nil
}

// unnameObjects takes the names out of references, which hold the run id; digest and size
// say what the content is. The maps of the request are replaced, not changed.
func (r *RunRequest) unnameObjects() {
	unnamed := func(ref *Ref) *Ref {
		if ref == nil {
			return nil
		}
		copied := *ref
		copied.Name = ""
		return &copied
	}
	r.RuntimeParamsRef = unnamed(r.RuntimeParamsRef)
	r.Inputs = maps.Clone(r.Inputs)
	for dataset, data := range r.Inputs {
		data.Ref = unnamed(data.Ref)
		r.Inputs[dataset] = data
	}
}
