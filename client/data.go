package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Input is the data of one dataset for one run, instead of the catalog's.
type Input struct {
	// Content is read twice: for its digest, and on its way. A file and a bytes.Reader are
	// one; several submits may share it.
	Content io.ReaderAt
	// Size of the content in bytes.
	Size int64
	// Format of the content: json, csv, parquet, arrow or text. Defaults to json.
	Format string
}

func (i Input) reader() io.Reader { return io.NewSectionReader(i.Content, 0, i.Size) }

// WithInput gives a dataset of the run its data. Small JSON travels inside the request, other
// content is streamed into the object bucket, through a few pieces of memory.
func WithInput(dataset string, input Input) SubmitOption {
	return func(o *submitOptions) {
		if o.inputs == nil {
			o.inputs = map[string]Input{}
		}
		o.inputs[dataset] = input
	}
}

// WithProgress tells how much of what goes into the object bucket is on its way: field is
// inputs.<dataset> or runtime_params.
func WithProgress(tell func(field string, done, total int64)) SubmitOption {
	return func(o *submitOptions) { o.progress = tell }
}

// Open reads an output that a reply gives by reference. The reader holds a few pieces in
// memory, whatever the size; it ends in [ErrDataChanged] instead of io.EOF when the content
// is not what the reference says, and in [ErrDataGone] when it has expired with its run.
// It must be closed.
func (c *Client) Open(ctx context.Context, ref messages.Ref) (io.ReadCloser, error) {
	return natsx.NewObjects(c.js, c.subjects).Open(ctx, ref)
}

// uploads brings data of one request into the object bucket.
type uploads struct {
	client  *Client
	request messages.RunRequest // a copy, to be changed
	options submitOptions
}

// attach takes up the inputs that were given as options.
func (u *uploads) attach(ctx context.Context) error {
	if len(u.options.inputs) == 0 {
		return nil
	}
	u.request.Inputs = maps.Clone(u.request.Inputs)
	if u.request.Inputs == nil {
		u.request.Inputs = map[string]messages.Data{}
	}
	for _, dataset := range slices.Sorted(maps.Keys(u.options.inputs)) {
		data, err := u.input(ctx, "inputs."+dataset, u.options.inputs[dataset])
		if err != nil {
			return err
		}
		u.request.Inputs[dataset] = data
	}
	return nil
}

func (u *uploads) input(ctx context.Context, field string, input Input) (messages.Data, error) {
	if cmp.Or(input.Format, formatJSON) != formatJSON || input.Size > messages.MaxInlineBytes {
		ref, err := u.put(ctx, field, input)
		return messages.Data{Ref: ref}, err
	}
	value, err := io.ReadAll(input.reader())
	if err != nil {
		return messages.Data{}, fmt.Errorf("%s: %w", field, err)
	}
	if !json.Valid(value) {
		return messages.Data{}, &RejectedError{Field: field, Reason: "is not JSON"}
	}
	return messages.Data{Value: value}, nil
}

const formatJSON = "json"

// maxInRequest is how much data stays inside a request; its other fields need room too.
const maxInRequest = messages.MaxMessageBytes / 2

// part is a value of a request that may travel by reference.
type part struct {
	field string
	text  []byte
	move  func(ref *messages.Ref)
}

// shrink moves values out of a request that is too large for a message: all that are too
// large by themselves, then the largest until the rest fits.
func (u *uploads) shrink(ctx context.Context) error {
	parts, err := u.parts()
	if err != nil {
		return err
	}
	rest := 0
	for _, p := range parts {
		rest += len(p.text)
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(len(b.text), len(a.text)) })
	for _, p := range parts {
		if len(p.text) <= messages.MaxInlineBytes && rest <= maxInRequest {
			return nil
		}
		ref, err := u.put(ctx, p.field, Input{Content: bytes.NewReader(p.text), Size: int64(len(p.text))})
		if err != nil {
			return err
		}
		p.move(ref)
		rest -= len(p.text)
	}
	return nil
}

func (u *uploads) parts() ([]part, error) {
	var parts []part
	if len(u.request.RuntimeParams) > 0 {
		text, err := json.Marshal(u.request.RuntimeParams)
		if err != nil {
			return nil, &RejectedError{Field: "runtime_params", Reason: err.Error(), Err: err}
		}
		parts = append(parts, part{"runtime_params", text, func(ref *messages.Ref) {
			u.request.RuntimeParams, u.request.RuntimeParamsRef = nil, ref
		}})
	}
	u.request.Inputs = maps.Clone(u.request.Inputs)
	for _, dataset := range slices.Sorted(maps.Keys(u.request.Inputs)) {
		if data := u.request.Inputs[dataset]; data.Ref == nil {
			parts = append(parts, part{"inputs." + dataset, data.Value, func(ref *messages.Ref) {
				u.request.Inputs[dataset] = messages.Data{Ref: ref}
			}})
		}
	}
	return parts, nil
}

// put stores content under its digest: a submit that is repeated names the same object.
func (u *uploads) put(ctx context.Context, field string, input Input) (*messages.Ref, error) {
	limit, size := u.client.cfg.MaxDataBytes, input.Size
	if field == "runtime_params" {
		limit = min(limit, messages.MaxParamsBytes)
	}
	if size > limit {
		return nil, &RejectedError{Field: field, Reason: fmt.Sprintf("%d bytes, at most %d are allowed", size, limit), Err: ErrTooLarge}
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, input.reader()); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	id := base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
	name := messages.ObjectName{Tenant: u.client.cfg.Tenant, RunID: u.request.RunID, ID: id}
	opts := natsx.PutOptions{Format: cmp.Or(input.Format, formatJSON), Limit: size}
	if tell := u.options.progress; tell != nil {
		opts.Progress = func(done int64) { tell(field, done, size) }
	}
	ref, err := natsx.NewObjects(u.client.js, u.client.subjects).Put(ctx, name, input.reader(), opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return &ref, nil
}

// tooLarge tells whether a request was refused for its size.
func tooLarge(err error) bool {
	var field *messages.FieldError
	return errors.As(err, &field) && field.Code == messages.CodeTooLarge
}
