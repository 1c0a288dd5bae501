package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/internal/storage"
	"github.com/kedge-run/kedge/project"
)

// KedroVersion is the release of Kedro whose behaviour sessions keep.
const KedroVersion = "1.7.0"

// engine is what both kinds of sessions are made of: a project opened in one
// environment. It doesn't change after it was made, but for its caches, and serves
// concurrent runs.
type engine struct {
	project    *project.Project
	path       string // absolute, links resolved
	env        string // as asked for, may be empty
	confSource string
	hooks      *hook.Set
	// restrictTypes refuses runtime parameters that choose the type of a dataset (SES-082).
	restrictTypes bool
	config        config.Cache
	slices        sliceCache
	blueprints    latest[blueprintKey, *blueprint]
	parameters    latest[*config.Mapping, *parameters]
	// everything is what the nodes of all pipelines want of parameters, collected once.
	everything func() *requirements
	newRunID   func() string
	logger     zerolog.Logger // for what happens outside of a run
	// secrets are the credentials that runs have read; nothing that leaves the session shows them.
	secrets *mask.Secrets
	learnt  atomic.Pointer[config.Mapping] // what secrets learnt last
}

// opening is what the configurations of both kinds of sessions have in common.
type opening struct {
	path       string
	project    *project.Project
	env        string
	confSource string
	reload     bool
	newRunID   func() string
}

// open resolves paths, loads the project where none is compiled in, and sorts its
// hooks (SES-012 to SES-017).
func open(ctx context.Context, o opening) (*engine, error) {
	path, err := projectPath(o)
	if err != nil {
		return nil, err
	}
	e := &engine{project: o.project, path: path, env: o.env, confSource: o.confSource, newRunID: o.newRunID, logger: *zerolog.Ctx(ctx), secrets: mask.SecretsFrom(ctx)}
	if e.project == nil {
		if e.project, err = project.Load(path, nil); err != nil {
			return nil, fmt.Errorf("load project: %w", err)
		}
	}
	if err := e.project.Validate(); err != nil {
		return nil, fmt.Errorf("project %s: %w", e.project.Name(), err)
	}
	if e.hooks, err = hook.NewSet(e.project.Hooks()...); err != nil {
		return nil, err
	}
	if e.env == "" {
		e.env = os.Getenv("KEDRO_ENV")
	}
	if e.confSource == "" {
		e.confSource = e.project.Settings().ConfSource
		if !filepath.IsAbs(e.confSource) && !strings.Contains(e.confSource, "://") {
			e.confSource = filepath.Join(path, e.confSource)
		}
	}
	e.config.Reload, e.config.Fetch = o.reload, fetchConfig
	e.everything = sync.OnceValue(e.allRequirements)
	if e.newRunID == nil {
		e.newRunID = freshRunID
	}
	return e, nil
}

// projectPath is the folder given, else the folder the project was loaded from, else
// the nearest project at or above the working folder, else the working folder.
func projectPath(o opening) (string, error) {
	path := o.path
	if path == "" && o.project != nil {
		path = o.project.Dir()
	}
	if path == "" {
		wd, err := os.Getwd()
		if err != nil {
			return "", fmt.Errorf("find project: %w", err)
		}
		path, err = project.Find(wd)
		if errors.Is(err, project.ErrNoProject) {
			path = wd
		} else if err != nil {
			return "", fmt.Errorf("find project: %w", err)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find project: %w", err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("find project: %w", err)
	}
	return path, nil
}

// fetchTime bounds the reading of a remote conf source.
const fetchTime = time.Minute

// fetchConfig reads a remote conf source with what the environment knows of credentials, as Kedro does (CFG-071). It serves all
// runs that start meanwhile, so it ends with none of them.
func fetchConfig(url string, wanted func(name string) bool) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	stores := storage.NewSet()
	defer stores.Close()
	return stores.Fetch(ctx, url, wanted)
}

// newLoader makes the configuration loader of one run (SES-040).
func (e *engine) newLoader(ctx context.Context, params map[string]any) (*config.Loader, error) {
	s := e.project.Settings()
	return config.NewLoader(config.Options{
		BaseEnv: s.BaseEnv, Cache: &e.config, ConfSource: e.confSource, DefaultRunEnv: s.DefaultRunEnv, Env: e.env,
		Logger: *zerolog.Ctx(ctx), MergeStrategy: s.MergeStrategy, Patterns: s.ConfigPatterns, Resolvers: s.Resolvers,
		RestrictTypeSelection: e.restrictTypes, RuntimeParams: params,
	})
}

// loadContext makes the context of one run and tells the hooks (SES-041).
func (e *engine) loadContext(ctx context.Context, params map[string]any) (*Context, error) {
	loader, err := e.newLoader(ctx, params)
	if err != nil {
		return nil, err
	}
	c := &Context{engine: e, loader: loader, runtimeParams: params}
	if err := e.hooks.AfterContextCreated(ctx, hook.ContextInfo{Context: c}); err != nil {
		return nil, err
	}
	return c, nil
}
