package project

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FileName is the name of the file that makes a folder a project.
const FileName = "kedge.yml"

// ErrNoProject says that a folder, or none at or above it, holds a project.
var ErrNoProject = errors.New("no project found")

// Find gives the nearest folder at or above dir that holds kedge.yml (Kedro's search, PRJ-003). The error is
// [ErrNoProject]. A file that can't be read counts as none.
func Find(dir string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if info, err := os.Stat(filepath.Join(at, FileName)); err == nil && info.Mode().IsRegular() {
			return at, nil
		}
		parent := filepath.Dir(at)
		if parent == at {
			return "", fmt.Errorf("%w: no %s in %s or a folder above it", ErrNoProject, FileName, dir)
		}
		at = parent
	}
}

// Load reads the project in the folder dir: kedge.yml and pipelines/*.yml. Base is the compiled project that the
// folder completes, nil for the stock worker: pipelines of both are registered (a name in both is an error), and keys
// of kedge.yml override base's settings. With a base, kedge.yml may be absent; without one its absence is
// [ErrNoProject]. Without a name in kedge.yml or base the project is called like its folder.
//
// Mistakes are [*FileError] values, joined, so that one attempt shows them all. Base itself is not changed.
func Load(dir string, base *Project) (*Project, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if base == nil {
		base = New("")
	}
	p := base.clone()
	p.dir = abs
	return p, errors.Join(p.load(base.name != ""))
}

func (p *Project) clone() *Project {
	c := *p
	c.entries = slices.Clone(p.entries)
	c.hooks = slices.Clone(p.hooks)
	c.errs = slices.Clone(p.errs)
	c.funcs, c.runners, c.params = maps.Clone(p.funcs), maps.Clone(p.runners), maps.Clone(p.params)
	return &c
}

// load reads the files below the project's folder.
func (p *Project) load(compiled bool) error {
	settings, err := os.ReadFile(filepath.Join(p.dir, FileName))
	switch {
	case errors.Is(err, os.ErrNotExist) && compiled:
		settings = nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: there is no %s in %s", ErrNoProject, FileName, p.dir)
	case err != nil:
		return err
	}
	src := &source{file: FileName}
	p.applySettings(src, settings)
	declared, err := p.readPipelines()
	if err = errors.Join(errors.Join(src.mistakes()...), err); err != nil {
		return err
	}
	if err := p.declare(declared); err != nil {
		return err
	}
	p.registry = newRegistry(p.entries, !p.bare)
	return p.Validate()
}

func (p *Project) applySettings(src *source, data []byte) {
	name, settings := src.readSettings(src.parse(data), p.settings)
	p.settings = settings
	switch {
	case p.name == "" && name == "":
		p.name = filepath.Base(p.dir)
	case p.name == "":
		p.name = name
	case name != "" && name != p.name:
		src.fail(nil, "name", "the folder is the project %q, this program was compiled for %q", name, p.name)
	}
}

// readPipelines reads pipelines/*.yml and *.yaml in the order of their names.
func (p *Project) readPipelines() ([]declared, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, "pipelines"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []declared
	var errs []error
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		name := strings.TrimSuffix(entry.Name(), ext)
		if entry.IsDir() || strings.HasPrefix(name, ".") || ext != ".yml" && ext != ".yaml" {
			continue
		}
		file := "pipelines/" + entry.Name()
		data, err := os.ReadFile(filepath.Join(p.dir, file))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		src := &source{file: file}
		if err := checkIdentity(name); err != nil {
			src.fail(nil, "", "the file's name is the pipeline's: %w", err)
		}
		all = append(all, src.readPipeline(src.parse(data), name))
		errs = append(errs, src.mistakes()...)
	}
	return all, errors.Join(errs...)
}
