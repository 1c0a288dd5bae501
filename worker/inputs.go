package worker

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
)

// inputs brings the data of one request to the session: what travelled with the request as values, what came by
// reference as files, which are gone after remove.
type inputs struct {
	worker *Worker
	tenant string
	folder string // made for the first file
}

// bind fills in the data of a request.
func (i *inputs) bind(ctx context.Context, request *messages.RunRequest, opts *session.RunOptions) error {
	if ref := request.RuntimeParamsRef; ref != nil {
		params, err := i.params(ctx, ref)
		if err != nil {
			return badData("runtime_params_ref", err)
		}
		opts.RuntimeParams = params
	}
	if len(request.Inputs) == 0 {
		return nil
	}
	opts.Inputs = make(map[string]any, len(request.Inputs))
	for _, name := range sortedKeys(request.Inputs) {
		value, err := i.input(ctx, request.Inputs[name])
		if err != nil {
			return badData("inputs."+name, err)
		}
		opts.Inputs[name] = value
	}
	return nil
}

func (i *inputs) params(ctx context.Context, ref *messages.Ref) (map[string]any, error) {
	content, err := i.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	text, err := io.ReadAll(content)
	if err != nil {
		return nil, err
	}
	value, err := decodeValue(text)
	if err != nil {
		return nil, err
	}
	params, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is no mapping but %T", value)
	}
	return params, nil
}

func (i *inputs) input(ctx context.Context, data messages.Data) (any, error) {
	if data.Ref == nil {
		return decodeValue(data.Value)
	}
	content, err := i.open(ctx, data.Ref)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return i.save(content, data.Ref.Format)
}

// open checks that a reference may be followed. Rights are cut by tenant at the server, and the worker may read all.
func (i *inputs) open(ctx context.Context, ref *messages.Ref) (io.ReadCloser, error) {
	name, err := messages.ParseObjectName(ref.Name)
	if err != nil {
		return nil, err
	}
	if name.Tenant != i.tenant {
		return nil, fmt.Errorf("names data of tenant %s; the run is of tenant %s", name.Tenant, i.tenant)
	}
	if limit := i.worker.cfg.MaxDataBytes; ref.Size > limit {
		return nil, &sizeError{size: ref.Size, limit: limit}
	}
	return i.worker.ledger.Objects().Open(ctx, *ref)
}

// sizeError says that data is larger than this worker takes.
type sizeError struct{ size, limit int64 }

// Error names the limit.
func (e *sizeError) Error() string {
	return fmt.Sprintf("%d bytes, at most %d are allowed; worker --max-data allows more", e.size, e.limit)
}

// badData refuses a request for its data, unless the server just did not answer.
func badData(field string, err error) error {
	switch {
	case natsx.Unanswered(err):
		return &unreachableData{field, err}
	case is[*sizeError](err):
		return &messages.FieldError{Field: field, Reason: err.Error(), Code: messages.CodeTooLarge}
	}
	return &messages.FieldError{Field: field, Reason: err.Error(), Code: messages.CodeInvalidRequest}
}

// unreachableData says that data could not be fetched; another attempt may succeed.
type unreachableData struct {
	field string
	err   error
}

// Error names the field.
func (e *unreachableData) Error() string { return e.field + ": " + e.err.Error() }

// Unwrap gives the cause.
func (e *unreachableData) Unwrap() error { return e.err }

// Retryable is true.
func (e *unreachableData) Retryable() bool { return true }

// save writes content into a file; reading it checks size and digest.
func (i *inputs) save(content io.Reader, format string) (session.File, error) {
	if i.folder == "" {
		var err error
		if i.folder, err = os.MkdirTemp("", "kedge-inputs-"); err != nil {
			return session.File{}, err
		}
	}
	if format == "" {
		format = "json"
	}
	file, err := os.CreateTemp(i.folder, "*."+filepath.Base(format))
	if err != nil {
		return session.File{}, err
	}
	_, err = io.Copy(file, content)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return session.File{Path: file.Name(), Format: format}, err
}

// remove removes the files.
func (i *inputs) remove() {
	if i.folder != "" {
		_ = os.RemoveAll(i.folder) // a file that stays costs room only
	}
}
