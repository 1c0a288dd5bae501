package session

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// Context is the configuration of one run: Kedro's KedroContext. It belongs to the
// run and is safe for concurrent use.
type Context struct {
	engine        *engine
	runtimeParams map[string]any

	mu     sync.Mutex // guards the loader, which isn't safe for concurrent use
	loader *config.Loader
}

var _ hook.Context = (*Context)(nil)

// ProjectPath is the absolute folder of the project.
func (c *Context) ProjectPath() string { return c.engine.path }

// Env is the environment asked for; empty when none was (SES-018).
func (c *Context) Env() string { return c.engine.env }

// Params returns the parameters, runtime parameters applied (SES-044). Types that
// nodes want of them are checked over all pipelines.
func (c *Context) Params() (map[string]any, error) {
	conf, missing, err := c.parameters()
	if err != nil {
		return nil, err
	}
	ctx := c.engine.logger.WithContext(context.Background())
	typed := c.engine.everything()
	report(ctx, missing, typed)
	if err := typed.check(conf); err != nil {
		return nil, err
	}
	return conf.Plain(), nil
}

// Config returns the configuration of a key such as "credentials".
func (c *Context) Config(key string) (map[string]any, error) {
	conf, err := c.get(key)
	if err != nil {
		return nil, err
	}
	return conf.Plain(), nil
}

// SetConfig replaces the configuration of a key for this run. A value that is no
// configuration (a function, a channel) is dropped with a warning.
func (c *Context) SetConfig(key string, value map[string]any) {
	converted, err := pyyaml.FromPlain(value)
	if err == nil {
		conf, _ := converted.(*config.Mapping)
		c.mu.Lock()
		defer c.mu.Unlock()
		err = c.loader.Set(key, conf)
	}
	if err != nil {
		c.engine.logger.Warn().Err(err).Str("key", key).Msg("configuration was not replaced")
	}
}

// Catalog builds the catalog outside of a run, anew at every call (SES-045).
func (c *Context) Catalog(ctx context.Context) (*catalog.DataCatalog, error) {
	return c.catalog(ctx, catalogRequest{typed: c.engine.everything(), hooks: c.engine.hooks})
}

func (c *Context) get(key string) (*config.Mapping, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conf, err := c.loader.Get(key)
	if err == nil && key == "credentials" {
		c.engine.learn(conf)
	}
	return conf, err
}

// parameters is the configuration of parameters; without files, which missing says,
// it is the runtime parameters.
func (c *Context) parameters() (conf *config.Mapping, missing *config.MissingConfigError, err error) {
	conf, err = c.get("parameters")
	if !errors.As(err, &missing) {
		return conf, nil, err
	}
	given, err := pyyaml.FromPlain(maps.Clone(c.runtimeParams))
	if err != nil {
		return nil, nil, err
	}
	conf, _ = given.(*config.Mapping)
	return conf, missing, nil
}

// report writes what Kedro says while it reads parameters.
func report(ctx context.Context, missing *config.MissingConfigError, typed *requirements) {
	log := zerolog.Ctx(ctx)
	if missing != nil {
		log.Warn().Str(loggerField, warningsLogger).Msg("Parameters not found in your Kedro project config.\n" + missing.Error())
	}
	for _, conflict := range typed.conflicts {
		log.Warn().Str(loggerField, validatorLogger).Msg(conflict)
	}
	if len(typed.list) == 0 {
		log.Info().Str(loggerField, validatorLogger).Msg("No typed parameter requirements found, returning original parameters")
	}
}

// credentials is the configuration of credentials, empty without files.
func (c *Context) credentials(ctx context.Context) (*config.Mapping, error) {
	conf, err := c.get("credentials")
	var missing *config.MissingConfigError
	if errors.As(err, &missing) {
		if ev := zerolog.Ctx(ctx).Debug(); ev.Enabled() {
			ev.Msg("Credentials not found in your Kedro project config.\n " + missing.Error())
		}
		return nil, nil
	}
	return conf, err
}
