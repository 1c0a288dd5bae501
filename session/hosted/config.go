package hosted

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Config describes a [Session]. The zero value of an optional field is its default.
type Config struct {
	// Project is the folder with pyproject.toml. Required.
	Project string
	// Python is the interpreter to use. Defaults to the project's .venv, else python3.
	Python string
	// Env is the configuration environment. Defaults to the variable KEDRO_ENV, else the project's default.
	Env string
	// ConfSource is the configuration folder. Defaults to the project's setting.
	ConfSource string
	// Children is how many runs are under way at a time, each in a process of its own. Defaults to 1. One process more
	// is kept: it answers plans and snapshots, and takes the place of one that dies.
	Children int
	// StartTimeout is how long a child may take to import the project. Defaults to 2 min.
	StartTimeout time.Duration
	// Grace is what a run gets to end after SIGINT, before SIGKILL. Defaults to 5 s; negative is none.
	Grace time.Duration
	// MaxRuns is after how many runs a child is replaced. Defaults to 1000; negative is never.
	MaxRuns int
	// MaxMemory is above how many MiB of memory after a run a child is replaced. Defaults to 0: never.
	MaxMemory int
	// Reload replaces children when a source file of the project has changed, for development.
	Reload bool
	// foundPython tells that Python was not asked for.
	foundPython bool

	// MaxInline is up to how many bytes of JSON the outputs of one run are given by value; larger ones come as files.
	// Defaults to 256 KiB.
	MaxInline int
}

func (c Config) withDefaults() Config {
	c.Children = cmp.Or(c.Children, 1)
	c.StartTimeout = cmp.Or(c.StartTimeout, 2*time.Minute)
	c.Grace = max(0, cmp.Or(c.Grace, 5*time.Second))
	c.MaxRuns = cmp.Or(c.MaxRuns, 1000)
	c.MaxInline = cmp.Or(c.MaxInline, 256<<10)
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Project == "" {
		errs = append(errs, errors.New("no project folder"))
	}
	if c.Children < 1 {
		errs = append(errs, fmt.Errorf("%d children: want at least 1", c.Children))
	}
	if c.StartTimeout < 0 {
		errs = append(errs, fmt.Errorf("start timeout %v: want 0 or more", c.StartTimeout))
	}
	return errors.Join(errs...)
}

// resolve makes the paths absolute and finds the interpreter.
func (c Config) resolve() (Config, error) {
	dir, err := filepath.Abs(c.Project)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return c, fmt.Errorf("project folder: %w", err)
	}
	c.Project, c.foundPython = dir, c.Python == ""
	c.Python, err = interpreter(dir, c.Python)
	return c, err
}
