package kedge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/internal/pyproject"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
	"github.com/kedge-run/kedge/session/hosted"
)

// nativeConcurrency is how many runs of a native project are under way at a time unless a flag says otherwise. Runs of
// a Python project are processes: there it is the number of processors.
const nativeConcurrency = 16

// engine is what runs a worker's project: this process, or Python children.
type engine struct {
	name        string // of the project, and of its queue
	pipelines   []string
	concurrency int
	log         zerolog.Logger
	config      session.ServiceConfig
	open        func(context.Context, session.ServiceConfig) (session.Session, error)
	close       func() error
}

// hostedFlags are the flags that only matter for a Python project.
type hostedFlags struct {
	python       string
	startTimeout time.Duration
	maxRuns      int
	maxMemory    int
}

func (f *hostedFlags) add(set *pflag.FlagSet) {
	set.StringVar(&f.python, "python", "", "`interpreter` of a Python project (default: its .venv, else python3)")
	set.DurationVar(&f.startTimeout, "start-timeout", 2*time.Minute, "`time` that a Python project may take to be imported")
	set.IntVar(&f.maxRuns, "recycle-runs", 1000, "`number` of runs after which a Python process is replaced, 0 for never")
	set.IntVar(&f.maxMemory, "recycle-memory", 0, "`MiB` of memory above which a Python process is replaced after a run, 0 for never")
}

// openEngine finds the project and chooses the engine by what marks its folder: kedge.yml, or pyproject.toml with Kedro's
// section. A compiled project is always native.
func (f *workerFlags) openEngine(ctx context.Context, base *project.Project, env *Env, log zerolog.Logger) (*engine, error) {
	dir, err := projectFolder(env, f.project)
	if err != nil {
		return nil, err
	}
	if base == nil && isHosted(dir, f.project == "") {
		return f.openHosted(ctx, pyproject.Find(dir), log)
	}
	return f.openNative(base, env, log)
}

// projectFolder is the folder that a flag names, else the working folder.
func projectFolder(env *Env, folder string) (string, error) {
	dir := env.Dir
	if folder != "" {
		if dir = folder; !filepath.IsAbs(dir) {
			dir = filepath.Join(env.Dir, dir)
		}
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", usage(fmt.Errorf("project folder %s does not exist", dir), whichFolder)
	}
	return dir, nil
}

const whichFolder = "name the folder that holds kedge.yml, or pyproject.toml with [tool.kedro], with --project"

// isHosted reports whether dir, or the nearest project above it when that is allowed, is a Python project.
func isHosted(dir string, above bool) bool {
	if !above {
		_, err := os.Stat(filepath.Join(dir, "kedge.yml"))
		return err != nil && pyproject.Is(dir)
	}
	python := pyproject.Find(dir)
	native, err := project.Find(dir)
	return python != "" && (err != nil || len(python) > len(native)) // of two folders on one path the longer is nearer
}

func (f *workerFlags) openNative(base *project.Project, env *Env, log zerolog.Logger) (*engine, error) {
	proj, dir, err := loadProject(base, env, f.project)
	if err != nil {
		return nil, err
	}
	if err := f.checkConfiguration(proj, dir, env); err != nil {
		return nil, err
	}
	if f.logLevel == "" {
		if log, err = f.projectLogger(env, proj, dir); err != nil {
			return nil, err
		}
	}
	e := &engine{name: proj.Name(), pipelines: proj.Pipelines().Names(), concurrency: f.concurrency, log: log}
	if e.concurrency == 0 {
		e.concurrency = nativeConcurrency
	}
	e.config = session.ServiceConfig{
		ProjectPath: dir, Project: proj, Env: f.env, ConfSource: f.confSource, ServingMode: true, Reload: f.reload,
	}
	e.open = func(ctx context.Context, cfg session.ServiceConfig) (session.Session, error) {
		return session.CreateService(f.secrets.NewContext(ctx), cfg)
	}
	e.close = func() error { return nil }
	return e, nil
}

// checkConfiguration refuses a configuration folder or an environment that isn't there: a worker without it would take
// runs and fail each. What an archive or an object store holds is the loader's to say.
func (f *workerFlags) checkConfiguration(proj *project.Project, dir string, env *Env) error {
	source := cmp.Or(f.confSource, proj.Settings().ConfSource)
	if strings.Contains(source, "://") {
		return nil
	}
	if f.confSource == "" && !filepath.IsAbs(source) {
		source = filepath.Join(dir, source)
	}
	info, err := os.Stat(source)
	if err != nil && f.confSource != "" {
		return usage(fmt.Errorf("--conf-source: %w", err), "name the folder that holds the folders of the environments")
	}
	environment := cmp.Or(f.env, env.Getenv("KEDRO_ENV", ""))
	switch {
	case environment == "", err == nil && !info.IsDir():
		return nil
	case err != nil && f.env == "": // a compiled project may have no configuration at all
		return nil
	}
	if info, err := os.Stat(filepath.Join(source, environment)); err == nil && info.IsDir() {
		return nil
	}
	known := foldersOf(source)
	return usage(fmt.Errorf("environment %s (--env, KEDRO_ENV): %s has no such folder%s", environment, source, cli.Suggestion(environment, known)),
		"the folders there: "+strings.Join(known, ", "))
}

// foldersOf lists the folders in a folder; one that can't be read has none.
func foldersOf(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() {
			folders = append(folders, entry.Name())
		}
	}
	return folders
}

// checkAllowed refuses names that no pipeline has. With --reload there may be one later.
func (f *workerFlags) checkAllowed(pipelines []string) error {
	for _, name := range f.pipelines {
		if !f.reload && !slices.Contains(pipelines, name) {
			return usage(fmt.Errorf("--allow-pipelines: the project has no pipeline %s%s", name, cli.Suggestion(name, pipelines)),
				"it has "+strings.Join(pipelines, ", "))
		}
	}
	return nil
}

// openHosted starts the Python processes at once, so that a project which can't be imported is told before anything else
// is started.
func (f *workerFlags) openHosted(ctx context.Context, dir string, log zerolog.Logger) (*engine, error) {
	e := &engine{concurrency: f.concurrency, log: log, config: session.ServiceConfig{ProjectPath: dir}}
	if e.concurrency == 0 {
		e.concurrency = runtime.NumCPU()
	}
	maxRuns := f.hosted.maxRuns
	if maxRuns == 0 {
		maxRuns = -1
	}
	s, err := hosted.Open(f.secrets.NewContext(log.WithContext(ctx)), hosted.Config{
		Project: dir, Python: f.hosted.python, Env: f.env, ConfSource: f.confSource, Children: e.concurrency,
		StartTimeout: f.hosted.startTimeout, MaxRuns: maxRuns, MaxMemory: f.hosted.maxMemory, Reload: f.reload,
	})
	var start *hosted.StartError
	if errors.As(err, &start) {
		return nil, &cli.Error{Code: cli.Failed, Err: err, Hint: start.Hint}
	}
	if err != nil {
		return nil, err
	}
	e.name, e.pipelines, e.close = s.Package(), s.Pipelines(), s.Close
	e.open = func(context.Context, session.ServiceConfig) (session.Session, error) { return s, nil }
	log.Info().Str("kedro", s.KedroVersion()).Str("package", s.Package()).Int("processes", e.concurrency+1).Msg("Python project is open")
	return e, nil
}

// loadProject finds and reads a native project; a compiled one may do without a folder of its own.
func loadProject(base *project.Project, env *Env, folder string) (*project.Project, string, error) {
	dir, err := projectFolder(env, folder)
	if err != nil {
		return nil, "", err
	}
	if found, err := project.Find(dir); err == nil && folder == "" {
		dir = found
	}
	proj, err := project.Load(dir, base)
	if errors.Is(err, project.ErrNoProject) {
		return nil, "", usage(err, whichFolder)
	}
	if err != nil {
		return nil, "", fmt.Errorf("loading the project: %w", err)
	}
	return proj, dir, nil
}
