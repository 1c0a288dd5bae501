package session

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/pipeline"
)

// catalogRequest says what one catalog is for.
type catalogRequest struct {
	saveVersion  string
	loadVersions map[string]string
	shared       bool           // for the parallel runner
	inputs       map[string]any // datasets replaced by values
	typed        *requirements  // what nodes want of parameters
	hooks        *hook.Set
}

// blueprintKey identifies configuration: a loader gives equal pointers as long as
// nothing changed.
type blueprintKey struct {
	catalog, credentials *config.Mapping
	shared               bool
}

// blueprint is the compiled catalog configuration, shared by runs.
type blueprint struct {
	*catalog.Blueprint
	conf  map[string]any // paths made absolute; not to be changed
	creds map[string]any // not to be changed
	// badName is what is wrong with the name of an entry (PIP-110). Kedro looks at
	// the names last, so it is kept until then.
	badName error
}

// parameters is the parameters as datasets, shared by runs.
type parameters struct {
	*catalog.Parameters
	list    []catalog.Parameter
	badName error
}

// catalog builds the catalog of a run in Kedro's order (SES-046), so that of several
// mistakes the same one is reported.
func (c *Context) catalog(ctx context.Context, req catalogRequest) (*catalog.DataCatalog, error) {
	conf, err := c.get("catalog")
	if err != nil {
		return nil, err
	}
	creds, err := c.credentials(ctx)
	if err != nil {
		return nil, err
	}
	key := blueprintKey{catalog: conf, credentials: creds, shared: req.shared}
	bp, err := c.engine.blueprints.get(key, func() (*blueprint, error) { return c.engine.compile(key) })
	if err != nil {
		return nil, err
	}
	opts := catalog.Options{LoadVersions: req.loadVersions, SaveVersion: req.saveVersion}
	params, missing, paramsErr := c.parameterDatasets(req.typed)
	if paramsErr == nil {
		opts.Parameters = params.Parameters
	}
	cat, err := bp.Catalog(ctx, opts)
	if err != nil {
		return nil, err
	}
	report(ctx, missing, req.typed)
	if paramsErr != nil {
		return nil, paramsErr
	}
	if err := cmp.Or(bp.badName, params.badName); err != nil {
		return nil, err
	}
	for name, value := range req.inputs {
		value, err := c.engine.given(name, value)
		if err != nil {
			return nil, err
		}
		if err := cat.Set(ctx, name, value); err != nil {
			return nil, err
		}
	}
	return cat, c.announce(ctx, cat, bp, params, req)
}

// announce tells the hooks of a new catalog; each call gets mappings of its own.
func (c *Context) announce(ctx context.Context, cat *catalog.DataCatalog, bp *blueprint, params *parameters, req catalogRequest) error {
	if !req.hooks.WantsCatalog() {
		return nil
	}
	flat := make(map[string]any, len(params.list))
	for _, p := range params.list {
		flat[p.Name] = copied(p.Value)
	}
	conf, _ := copied(bp.conf).(map[string]any)
	creds, _ := copied(bp.creds).(map[string]any)
	return req.hooks.AfterCatalogCreated(ctx, hook.CatalogInfo{
		Catalog: cat, ConfCatalog: conf, ConfCreds: creds, Parameters: flat,
		SaveVersion: req.saveVersion, LoadVersions: req.loadVersions,
	})
}

// compile prepares the catalog configuration of a project.
func (e *engine) compile(key blueprintKey) (*blueprint, error) {
	bp := &blueprint{creds: key.credentials.Plain()}
	var err error
	if bp.conf, err = catalog.AbsolutePaths(e.path, key.catalog.Plain()); err != nil {
		return nil, err
	}
	entries := make([]catalog.Entry, 0, key.catalog.Len())
	for name := range key.catalog.All() {
		text := pyyaml.Str(name)
		entries = append(entries, catalog.Entry{Name: text, Config: bp.conf[text]})
		if !strings.Contains(text, "{") { // Kedro goes through the datasets, and a pattern is none
			bp.badName = cmp.Or(bp.badName, checkName(text))
		}
	}
	bp.Blueprint, err = catalog.Compile(entries, catalog.Options{
		Credentials: bp.creds, SharedMemory: key.shared, Types: e.project.Types(),
		Validators: e.project.Validators(), Unvalidated: !*e.project.Settings().DatasetValidation,
	})
	return bp, err
}

// parameterDatasets gives the parameters as datasets after checking what nodes want of them.
func (c *Context) parameterDatasets(typed *requirements) (*parameters, *config.MissingConfigError, error) {
	conf, missing, err := c.parameters()
	if err == nil {
		err = typed.check(conf)
	}
	if err != nil {
		return nil, missing, err
	}
	params, err := c.engine.parameters.get(conf, func() (*parameters, error) {
		p := &parameters{list: catalog.FlattenParameters(conf, mappingFields)}
		for i := range p.list {
			p.list[i].Value = pyyaml.PlainValue(p.list[i].Value)
			p.badName = cmp.Or(p.badName, checkName(p.list[i].Name))
		}
		p.Parameters = catalog.NewParameters(p.list)
		return p, nil
	})
	return params, missing, err
}

// mappingFields gives the entries of a mapping of the configuration (CAT-090).
func mappingFields(value any) (iter.Seq2[string, any], bool) {
	m, ok := value.(*config.Mapping)
	if !ok {
		return nil, false
	}
	return func(yield func(string, any) bool) {
		for key, item := range m.All() {
			if !yield(pyyaml.Str(key), item) {
				return
			}
		}
	}, true
}

func checkName(dataset string) error {
	_, _, err := pipeline.SplitTranscoding(dataset)
	return err
}

// copied is a deep copy of plain configuration.
func copied(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, item := range value {
			out[key] = copied(item)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = copied(item)
		}
		return out
	}
	return value
}
