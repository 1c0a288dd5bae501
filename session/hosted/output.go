package hosted

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/session"
)

// output is a dataset that a run has left.
type output struct {
	session *Session
	name    string
	told    encoded
	reload  request  // how to read it again, for a stored dataset
	file    *os.File // already without a name, so nothing is left of it when nobody holds it; nil when there is none
}

var (
	_ session.FileOutput    = (*output)(nil)
	_ session.EncodedOutput = (*output)(nil)
)

func (s *Session) output(name string, told encoded, r *request, version string) *output {
	if pinned := r.LoadVersions[name]; pinned != "" {
		version = pinned // what a node of the run would read
	}
	o := &output{session: s, name: name, told: told}
	o.reload = request{Op: "load", Name: name, Version: version, RuntimeParams: r.RuntimeParams, Inline: s.cfg.MaxInline}
	o.open()
	return o
}

// open takes the file that the child wrote and removes its name.
func (o *output) open() {
	if o.told.File == "" {
		return
	}
	file, err := os.Open(o.told.File)
	if err != nil {
		o.told.Problem = err.Error()
		return
	}
	_ = os.Remove(o.told.File)
	o.file = file
}

// Describe names the dataset's class and arguments, credentials masked.
func (o *output) Describe() catalog.Description {
	d := catalog.Description{Type: o.told.Type}
	for _, pair := range o.told.Args {
		if len(pair) != 2 {
			continue
		}
		var arg catalog.DescribedArg
		if json.Unmarshal(pair[0], &arg.Name) != nil {
			continue
		}
		arg.Value, _ = decodeValue(pair[1])
		if text, ok := arg.Value.(string); ok {
			arg.Value = o.session.secrets.Text(text)
		}
		d.Args = append(d.Args, arg)
	}
	return d
}

// Encoded gives the value as JSON when the child sent it, and what it is.
func (o *output) Encoded() (value json.RawMessage, valueType, shape string) {
	return o.told.Value, o.told.ValueType, o.told.Shape
}

// File gives the value as a file. It may be read by several at once.
func (o *output) File() (content *io.SectionReader, format string) {
	if o.file == nil {
		return nil, ""
	}
	return io.NewSectionReader(o.file, 0, o.told.Size), o.told.Form
}

// Load gives a value that is JSON, and the bytes of a file in another format. A stored dataset is read by a child now.
// Values that are neither JSON nor tables stay in Python: their error says what they are.
func (o *output) Load(ctx context.Context) (any, error) {
	switch {
	case o.told.Value != nil:
		return decodeValue(o.told.Value)
	case o.file != nil:
		return o.fromFile()
	case o.told.Problem != "":
		return nil, fmt.Errorf("dataset %s: %s", o.name, o.session.secrets.Text(o.told.Problem))
	case o.told.ValueType != "":
		return nil, fmt.Errorf("dataset %s: a value of type %s can't leave its Python process: it is neither JSON nor a table", o.name, o.told.ValueType)
	case o.told.Memory:
		return nil, fmt.Errorf("dataset %s holds nothing", o.name)
	}
	return o.again(ctx)
}

func (o *output) fromFile() (any, error) {
	if o.told.Size > math.MaxInt32 {
		return nil, fmt.Errorf("dataset %s: %d bytes are too many to load at once", o.name, o.told.Size)
	}
	text := make([]byte, o.told.Size)
	if _, err := o.file.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("dataset %s: %w", o.name, err)
	}
	if o.told.Form == "json" {
		return decodeValue(text)
	}
	return text, nil
}

// again has a child read the stored dataset, with the parameters and the version of its run.
func (o *output) again(ctx context.Context) (any, error) {
	folder, err := os.MkdirTemp(o.session.folder, "load-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	r := o.reload
	r.Folder = folder
	answer, err := o.session.question(ctx, &r)
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", o.name, err)
	}
	loaded := &output{session: o.session, name: o.name, told: *answer.Output}
	loaded.open()
	if loaded.told.ValueType == "" && loaded.told.Problem == "" {
		loaded.told.Problem = "nothing was loaded"
	}
	return loaded.Load(ctx)
}
