package session

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/pipeline"
)

// sourced is a node function that knows where it was written.
type sourced interface {
	Source() (file string, first, last int)
}

// snapshot describes the project (SRV-040). A project without catalog or parameter
// files has none of them (SRV-046).
func (e *engine) snapshot(ctx context.Context, params map[string]any) (*Snapshot, error) {
	loader, err := e.newLoader(ctx, params)
	if err != nil {
		return nil, err
	}
	c := &Context{engine: e, loader: loader, runtimeParams: params}
	s := &Snapshot{
		Metadata:   Metadata{ProjectName: e.project.Name(), PackageName: e.project.Name(), KedroVersion: KedroVersion},
		Parameters: []string{},
	}
	_, _ = c.get("credentials") // so that they are known and hidden; a snapshot does without them
	if s.Pipelines, err = e.pipelineInfos(); err != nil {
		return nil, err
	}
	if s.Datasets, err = c.datasetInfos(ctx, s.Pipelines); err != nil {
		return nil, err
	}
	conf, err := c.optional("parameters")
	if err != nil {
		return nil, err
	}
	for key := range conf.All() {
		s.Parameters = append(s.Parameters, pyyaml.Str(key))
	}
	slices.Sort(s.Parameters)
	return s, nil
}

// optional is the configuration of a key, nil when there are no files.
func (c *Context) optional(key string) (*config.Mapping, error) {
	conf, err := c.get(key)
	var missing *config.MissingConfigError
	if errors.As(err, &missing) {
		return nil, nil
	}
	return conf, err
}

func (e *engine) pipelineInfos() ([]PipelineInfo, error) {
	registry := e.project.Pipelines()
	infos := make([]PipelineInfo, 0, len(registry.Names()))
	for _, name := range registry.Names() {
		p, err := registry.Get(name)
		if err != nil {
			return nil, err
		}
		info := PipelineInfo{Name: name, Inputs: listed(p.Inputs()), Outputs: listed(p.Outputs()), Nodes: make([]NodeInfo, len(p.Nodes()))}
		for i, n := range p.Nodes() {
			info.Nodes[i] = e.nodeInfo(n)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (e *engine) nodeInfo(n *pipeline.Node) NodeInfo {
	info := NodeInfo{
		Name: n.Name(), FuncName: n.FuncName(), Tags: listed(n.Tags()), Inputs: listed(n.Inputs()), Outputs: listed(n.Outputs()),
		Source: e.source(n.Func()),
	}
	if ns := n.Namespace(); ns != "" {
		info.Namespace = &ns
	}
	return info
}

// source is the place of a function below the project; nil elsewhere (SRV-043).
func (e *engine) source(fn pipeline.Func) *Source {
	s, ok := fn.(sourced)
	if !ok {
		return nil
	}
	file, first, last := s.Source()
	relative, err := filepath.Rel(e.path, file)
	if file == "" || err != nil || !filepath.IsLocal(relative) {
		return nil
	}
	return &Source{Filepath: filepath.ToSlash(relative), LineStart: first, LineEnd: last}
}

// listed is never nil, so that JSON shows an empty list.
func listed(names []string) []string { return append([]string{}, names...) }

// datasetInfos describes the catalog entries as they are written, and those that
// patterns give for the names which pipelines use (SRV-044, SRV-045).
func (c *Context) datasetInfos(ctx context.Context, pipelines []PipelineInfo) (map[string]DatasetInfo, error) {
	infos := make(map[string]DatasetInfo)
	conf, err := c.optional("catalog")
	if err != nil {
		return nil, err
	}
	var patterns []catalog.Entry
	for key, value := range conf.All() {
		name := pyyaml.Str(key)
		plain, ok := pyyaml.PlainValue(value).(map[string]any)
		switch {
		case !ok || strings.HasPrefix(name, "_"):
		case strings.Contains(name, "{"):
			delete(plain, "credentials") // not needed for the description, and never to be shown
			patterns = append(patterns, catalog.Entry{Name: name, Config: plain})
		default:
			infos[name] = c.engine.datasetInfo(name, plain)
		}
	}
	factories, err := catalog.FromConfig(ctx, patterns, catalog.Options{Types: c.engine.project.Types()})
	if err != nil {
		return nil, err
	}
	for _, p := range pipelines {
		for _, n := range p.Nodes {
			for _, name := range slices.Concat(n.Inputs, n.Outputs) {
				if _, known := infos[name]; known || !factories.Has(name) {
					continue
				}
				made, err := factories.ResolvePatterns([]string{name})
				if err != nil {
					return nil, err
				}
				infos[name] = c.engine.datasetInfo(name, made[name])
			}
		}
	}
	return infos, nil
}

func (e *engine) datasetInfo(name string, conf map[string]any) DatasetInfo {
	info := DatasetInfo{Name: name}
	info.Type, _ = conf["type"].(string)
	if path, ok := conf["filepath"].(string); ok {
		path = e.secrets.Text(mask.URL(path))
		info.Filepath = &path
	}
	return info
}
