package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

// commandCall is one call of a command. Its temporary files live until close, outputs that were handed over until
// they are saved or ctx ends.
type commandCall struct {
	*command
	paths  map[string]string // by environment variable
	params map[string]any    // by name
	dirs   []string          // removed by close
	staged []stagedOutput
	// discards remove the copies of inputs that lie elsewhere.
	discards []func()
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
	for _, discard := range c.discards {
		discard()
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
		if file.Discard != nil {
			c.discards = append(c.discards, file.Discard)
		}
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

// outputFiles gives for each output the file that its dataset keeps, only its name when that isn't on the local disk, and "" when it
// keeps none.
func (c *commandCall) outputFiles(ctx context.Context) []string {
	files := make([]string, len(c.out))
	task := runner.TaskFrom(ctx)
	if task == nil {
		return files
	}
	for i, name := range task.Node.Outputs() {
		ds, err := task.Request.Catalog.Get(ctx, name, catalog.GetOptions{Fallback: true})
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
		name = filepath.Base(file)
	}
	if filepath.IsAbs(file) {
		parent = filepath.Dir(file)
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return "", err
		}
	}
	dir, err := c.tempDir(parent)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	c.staged = append(c.staged, stagedOutput{slot: one, dir: dir, path: path})
	return path, nil
}

// dataset reads and writes the file of data that has no file of its own.
func (c *commandCall) dataset(one slot, path string) (catalog.Dataset, error) {
	return c.types.New(one.name, map[string]any{"type": one.format.typ, "filepath": path}, catalog.Version{})
}

func fileName(one slot) string {
	return notInVariable.ReplaceAllString(one.name, "_") + one.format.suffix
}

// checkOutputs makes sure that the command wrote every output.
func (c *commandCall) checkOutputs() error {
	for _, out := range c.staged {
		info, err := os.Stat(out.path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("the command ended well but wrote no output %q; it has to write the file named by %s or $%s",
				out.slot.name, &reference{kind: "outputs", name: out.slot.name}, variable("outputs", out.slot.name))
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("the command wrote the output %q as something else than a file (%s)", out.slot.name, info.Mode().Type())
		}
	}
	return nil
}

// results hands the output files over in the shape of the node's outputs.
func (c *commandCall) results(ctx context.Context) (any, error) {
	if err := c.checkOutputs(); err != nil {
		return nil, err
	}
	files := make([]any, len(c.staged))
	for i, out := range c.staged {
		files[i] = c.handOver(ctx, out)
	}
	switch shape := c.outputs.(type) {
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
	c.dirs = slices.DeleteFunc(c.dirs, func(dir string) bool { return dir == out.dir })
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
