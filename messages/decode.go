package messages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// Limits of what is read and written.
const (
	// MaxMessageBytes is the largest message, headers and body.
	MaxMessageBytes = 1 << 20
	// MaxInlineBytes is the largest value that travels inside a message; larger ones
	// go to the object store.
	MaxInlineBytes = 256 << 10
	// MaxDepth is how deep objects and arrays of a message may nest.
	MaxDepth = 64
)

// FieldError says which field of a message is wrong, and why.
type FieldError struct {
	Field  string // path with dots and indexes, for example backoff.factor or tags[2]; empty: the whole message
	Reason string
	Code   Code // CodeInvalidRequest unless it says more
}

// Error names the field first.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return fmt.Sprintf("%s: %s", e.Field, e.Reason)
}

// DecodeReply reads a stored reply; unknown fields are skipped.
func DecodeReply(data []byte) (*Reply, error) {
	if result, ok := readUsual(data); ok {
		return &Reply{Result: result}, nil
	}
	// Most runs succeed, so this is all there is to decode; of another reply it reads
	// the state.
	result := &RunResult{}
	err := json.Unmarshal(data, result)
	switch {
	case result.State != StateSucceeded && result.State.Terminal():
		failed := &RunError{}
		if err = json.Unmarshal(data, failed); err == nil {
			return &Reply{Error: failed}, nil
		}
	case err == nil && result.State == StateSucceeded:
		return &Reply{Result: result}, nil
	case err == nil:
		return nil, fmt.Errorf("reading reply: state %q does not end a run", result.State)
	}
	return nil, fmt.Errorf("reading reply: %w", err)
}

// DecodeRunRequest reads a request strictly. The error is a *FieldError.
func DecodeRunRequest(data []byte) (*RunRequest, error) {
	if request, ok := readUsualRequest(data); ok {
		return request, nil
	}
	return decodeStrictly(data)
}

// decodeStrictly reads a request of any form.
func decodeStrictly(data []byte) (*RunRequest, error) {
	if err := checkShape(data, reflect.TypeFor[RunRequest]()); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	request := &RunRequest{}
	if err := decoder.Decode(request); err != nil {
		return nil, decodeError(err)
	}
	return request, nil
}

// decodeError names the field that has the wrong type.
func decodeError(err error) *FieldError {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return &FieldError{Field: kind.Field, Reason: fmt.Sprintf("must be %s, not %s", jsonName(kind.Type), kind.Value), Code: CodeInvalidRequest}
	}
	return &FieldError{Reason: "is not a valid request: " + err.Error(), Code: CodeInvalidRequest}
}

// jsonName is how JSON calls what a Go type is decoded from.
func jsonName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "an object"
	}
	return "a number"
}
