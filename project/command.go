package project

import (
	"context"
	"reflect"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
)

// command is the function of a command node. The package comment says what a command gets and gives.
type command struct {
	line     *commandLine
	in, out  []slot
	outputs  any // as declared: nil, string, []string or pipeline.Args
	env      []string
	dir      string
	settings Settings
	types    *catalog.Types
}

var _ pipeline.Func = (*command)(nil)

// Name is the name of the program.
func (c *command) Name() string { return c.line.program() }

// Module sets commands apart from Go functions of the same name.
func (c *command) Module() string { return "command" }

// Params are the names that the command uses for its inputs.
func (c *command) Params() []string {
	names := make([]string, len(c.in))
	for i, one := range c.in {
		names[i] = one.name
	}
	return names
}

// InputType asks for files where datasets keep them, and for parameters as they are.
func (c *command) InputType(i int, name string) reflect.Type {
	for at, one := range c.in {
		if name == "" && at == i || name != "" && one.name == name {
			if one.kind == "params" {
				return nil
			}
			return reflect.TypeFor[catalog.Undecoded]()
		}
	}
	return nil
}

// Call runs the command and hands its output files over to the catalog.
func (c *command) Call(ctx context.Context, in pipeline.Inputs) (any, error) {
	call := &commandCall{command: c, paths: map[string]string{}, params: map[string]any{}}
	defer call.close()
	if err := call.stage(ctx, c.ordered(in)); err != nil {
		return nil, err
	}
	proc, err := call.process(ctx)
	if err != nil {
		return nil, err
	}
	if err := proc.run(ctx); err != nil {
		return nil, err
	}
	return call.results(ctx)
}

// ordered gives the values in the order of the slots.
func (c *command) ordered(in pipeline.Inputs) []any {
	if in.Names == nil {
		return in.Values
	}
	values := make([]any, len(c.in))
	for i, one := range c.in {
		for at, name := range in.Names {
			if name == one.name {
				values[i] = in.Values[at]
			}
		}
	}
	return values
}
