package project

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
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

// commandCall is one call of a command. Its temporary files live until close, outputs that were handed over until
// they are saved or ctx ends.
type commandCall struct {
	*command
	paths   map[string]string // by environment variable
	params  map[string]any    // by name
	dirs    []string          // removed by close
	outputs []stagedOutput
}

// stagedOutput is where the command writes one output.
type stagedOutput struct {
	slot slot
	dir  string // holds nothing else
	path string
}

func (c *commandCall) close() {
	for _, dir := range c.dirs {
		_ = os.RemoveAll(dir)
	}
}

func (c *commandCall) tempDir(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, ".kedge-command-*")
	if err == nil {
		c.dirs = append(c.dirs, dir)
	}
	return dir, err
}

// stage writes the inputs that have no file of their own, and makes places for the outputs.
func (c *commandCall) stage(ctx context.Context, values []any) error {
	for i, one := range c.in {
		if one.kind == "params" {
			c.params[one.name] = values[i]
			continue
		}
		path, err := c.stageInput(ctx, one, values[i])
		if err != nil {
			return fmt.Errorf("input %q: %w", one.name, err)
		}
		c.paths[variable(one.kind, one.name)] = path
	}
	names := c.outputFiles(ctx)
	for i, one := range c.out {
		path, err := c.stageOutput(one, names[i])
		if err != nil {
			return fmt.Errorf("output %q: %w", one.name, err)
		}
		c.paths[variable(one.kind, one.name)] = path
	}
	return nil
}

func (c *commandCall) stageInput(ctx context.Context, one slot, value any) (string, error) {
	if file, ok := value.(catalog.File); ok {
		return file.Path, nil
	}
	dir, err := c.tempDir("")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fileName(one))
	ds, err := c.dataset(one, path)
	if err != nil {
		return "", err
	}
	if err := ds.Save(ctx, value); err != nil {
		return "", fmt.Errorf("can't be written as %s for the command: %w", one.format.name, err)
	}
	return path, nil
}

// outputFiles gives for each output the file that its dataset keeps, "" when it keeps none.
func (c *commandCall) outputFiles(ctx context.Context) []string {
	files := make([]string, len(c.out))
	task := runner.TaskFrom(ctx)
	if task == nil {
		return files
	}
	for i, name := range task.Node.Outputs() {
		ds, err := task.Catalog.Get(ctx, name, catalog.GetOptions{Fallback: true})
		if f, ok := ds.(catalog.FileDataset); ok && err == nil {
			files[i] = f.FilePath()
		}
	}
	return files
}

// stageOutput makes a folder for one output: beside the dataset's file, so that moving it into place is a rename.
func (c *commandCall) stageOutput(one slot, file string) (string, error) {
	parent, name := "", fileName(one)
	if file != "" {
		parent, name = filepath.Dir(file), filepath.Base(file)
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return "", err
		}
	}
	dir, err := c.tempDir(parent)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	c.outputs = append(c.outputs, stagedOutput{slot: one, dir: dir, path: path})
	return path, nil
}

// dataset reads and writes the file of data that has no file of its own.
func (c *commandCall) dataset(one slot, path string) (catalog.Dataset, error) {
	return c.types.New(one.name, map[string]any{"type": one.format.typ, "filepath": path}, catalog.Version{})
}

func fileName(one slot) string {
	return notInVariable.ReplaceAllString(one.name, "_") + one.format.suffix
}

// process prepares the program with its words, environment and standard input.
func (c *commandCall) process(ctx context.Context) (*process, error) {
	stdin, err := json.Marshal(c.params)
	if err != nil {
		return nil, fmt.Errorf("parameters can't be written as JSON: %w", err)
	}
	argv, err := c.argv()
	if err != nil {
		return nil, err
	}
	env, err := c.environment(ctx)
	if err != nil {
		return nil, err
	}
	return &process{argv: argv, env: env, dir: c.dir, stdin: append(stdin, '\n'), grace: c.settings.CommandGrace}, nil
}

func (c *commandCall) argv() ([]string, error) {
	if c.line.script != nil {
		for _, ref := range c.line.all() {
			if _, err := c.value(ref); err != nil {
				return nil, err
			}
		}
		return []string{"/bin/sh", "-e", "-c", c.line.script.shell()}, nil
	}
	argv := make([]string, len(c.line.words))
	for i, word := range c.line.words {
		var b strings.Builder
		for _, seg := range word {
			text := seg.text
			if seg.ref != nil {
				var err error
				if text, err = c.value(seg.ref); err != nil {
					return nil, err
				}
			}
			b.WriteString(text)
		}
		argv[i] = b.String()
	}
	return argv, nil
}

// environment is what the package comment promises, and nothing else of the worker's own.
func (c *commandCall) environment(ctx context.Context) ([]string, error) {
	env := append(inherited(c.settings.CommandEnv), c.env...)
	if task := runner.TaskFrom(ctx); task != nil {
		env = append(env, "KEDGE_RUN_ID="+task.RunID, "KEDGE_NODE="+task.Node.Name())
	}
	for name, path := range c.paths {
		env = append(env, name+"="+path)
	}
	for _, ref := range c.line.all() {
		if ref.kind == "params" {
			text, err := c.value(ref)
			if err != nil {
				return nil, err
			}
			env = append(env, ref.variable()+"="+text)
		}
	}
	return env, nil
}

// value is the text that a placeholder stands for: a path, or a parameter (text as it is, anything else as JSON).
func (c *commandCall) value(ref *reference) (string, error) {
	if ref.kind != "params" {
		return c.paths[ref.variable()], nil
	}
	value := c.params[c.in[ref.slot].name]
	for i, key := range ref.path {
		var ok bool
		if value, ok = lookup(value, key); !ok {
			return "", fmt.Errorf("%s: the parameter %q has no key %q", ref, strings.Join(append([]string{c.in[ref.slot].name}, ref.path[:i]...), "."), key)
		}
	}
	text, isText := value.(string)
	if !isText {
		data, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("%s can't be written as JSON: %w", ref, err)
		}
		return string(data), nil
	}
	if ref.starts && strings.HasPrefix(text, "-") {
		return "", fmt.Errorf(`%s is %q, which the program would read as an option; write --name=%s, or put the word "--" before it`, ref, text, ref)
	}
	if strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("%s holds a NUL character, which no argument can", ref)
	}
	return text, nil
}

// lookup finds a key of a mapping or an index of a list in a value of configuration.
func lookup(value any, key string) (any, bool) {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return nil, false
		}
		item := v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key()))
		if !item.IsValid() {
			return nil, false
		}
		return item.Interface(), true
	case reflect.Slice:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= v.Len() {
			return nil, false
		}
		return v.Index(i).Interface(), true
	}
	return nil, false
}

// results checks that every output was written and hands the files over in the shape of the node's outputs.
func (c *commandCall) results(ctx context.Context) (any, error) {
	files := make([]any, len(c.outputs))
	for i, out := range c.outputs {
		info, err := os.Stat(out.path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("the command ended well but wrote no output %q; it has to write the file named by %s or $%s",
				out.slot.name, &reference{kind: "outputs", name: out.slot.name}, variable("outputs", out.slot.name))
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, fmt.Errorf("the command wrote the output %q as something else than a file (%s)", out.slot.name, info.Mode().Type())
		}
	}
	for i, out := range c.outputs {
		files[i] = c.handOver(ctx, out)
	}
	switch shape := c.command.outputs.(type) {
	case nil:
		return nil, nil
	case string:
		return files[0], nil
	case pipeline.Args:
		values := make(map[string]any, len(shape))
		for i, arg := range shape {
			values[arg.Name] = files[i]
		}
		return values, nil
	}
	return files, nil
}

// handOver makes an output the catalog's, to be discarded when it is saved, at the latest when the run's ctx ends.
func (c *commandCall) handOver(ctx context.Context, out stagedOutput) catalog.File {
	discard := func() { _ = os.RemoveAll(out.dir) }
	stop := context.AfterFunc(ctx, discard)
	for i, dir := range c.dirs {
		if dir == out.dir {
			c.dirs = append(c.dirs[:i], c.dirs[i+1:]...)
			break
		}
	}
	return catalog.File{
		Path: out.path,
		Decode: func() (any, error) {
			ds, err := c.dataset(out.slot, out.path)
			if err != nil {
				return nil, err
			}
			data, err := ds.Load(ctx)
			if err != nil {
				return nil, fmt.Errorf("the command's output %q can't be read as %s: %w", out.slot.name, out.slot.format.name, err)
			}
			return data, nil
		},
		Discard: func() { stop(); discard() },
	}
}
