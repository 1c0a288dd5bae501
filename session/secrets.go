package session

import (
	"errors"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/project"
)

// learn takes down the credentials of a run; those that didn't change since the last
// run cost nothing.
func (e *engine) learn(credentials *config.Mapping) {
	if e.learnt.Load() == credentials {
		return
	}
	e.secrets.Learn(credentials)
	e.learnt.Store(credentials)
}

// masked gives an error whose text shows no credentials: err itself when it doesn't.
func (e *engine) masked(err error) error {
	if err == nil || e.secrets.Empty() {
		return err
	}
	text := err.Error()
	if hidden := e.secrets.Text(text); hidden != text {
		return &maskedError{err: err, text: hidden}
	}
	return err
}

// maskedError stands for an error that shows credentials.
type maskedError struct {
	err  error
	text string
}

// Error is the text without the credentials.
func (e *maskedError) Error() string { return e.text }

// Unwrap returns the original error, so that its kind is known.
func (e *maskedError) Unwrap() error { return e.err }

// describe is the description of a dataset without credentials.
func (e *engine) describe(d catalog.Description) catalog.Description {
	if e.secrets.Empty() {
		return d
	}
	args := make([]catalog.DescribedArg, len(d.Args))
	for i, arg := range d.Args {
		args[i] = catalog.DescribedArg{Name: arg.Name, Value: e.maskedValue(arg.Value)}
	}
	return catalog.Description{Type: d.Type, Args: args}
}

func (e *engine) maskedValue(value any) any {
	switch value := value.(type) {
	case string:
		return e.secrets.Text(value)
	case catalog.PathValue:
		return catalog.PathValue(e.secrets.Text(string(value)))
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, item := range value {
			out[key] = e.maskedValue(item)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = e.maskedValue(item)
		}
		return out
	}
	return value
}

// evidence is the stack of a panic, or what a program wrote to standard error; "" for
// other errors.
func evidence(err error) string {
	var stacked interface{ StackTrace() []byte }
	var program *project.CommandError
	switch {
	case errors.As(err, &stacked):
		return string(stacked.StackTrace())
	case errors.As(err, &program):
		return program.Stderr
	}
	return ""
}
