package catalog

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/stretchr/testify/require"
)

// resolverInput is a question of kinds resolver and resolver_typed.
type resolverInput struct {
	Catalog      [][2]oracle.Value `json:"catalog"`
	Credentials  oracle.Value      `json:"credentials"`
	Names        []string          `json:"names"`
	LoadVersions map[string]string `json:"load_versions"`
}

// TestConformanceCatalog asks what Kedro was asked about factories, credentials, parameters and paths
// (CAT-010, CAT-021, CAT-022, CAT-024, CAT-030 to CAT-032, CAT-040 to CAT-050, CAT-053, CAT-090).
func TestConformanceCatalog(t *testing.T) {
	oracle.Suite{Family: "catalog", Answer: answer}.Run(t)
}

func answer(t *testing.T, v oracle.Vector) any {
	switch v.Kind {
	case "resolver", "resolver_typed":
		return answerResolver(t, v)
	case "parameters":
		return answerParameters(t, v)
	case "paths":
		return answerPaths(t, v)
	}
	t.Fatalf("%s: unknown kind %q", v.ID, v.Kind)
	return nil
}

func answerResolver(t *testing.T, v oracle.Vector) any {
	var in resolverInput
	v.Decode(t, &in)
	var entries []Entry
	for _, pair := range in.Catalog {
		entries = append(entries, Entry{Name: pair[0].Any.(string), Config: oracle.Plain(pair[1].Any)})
	}
	credentials, _ := oracle.Plain(in.Credentials.Any).(map[string]any)
	c, err := FromConfig(t.Context(), entries, Options{Credentials: credentials, LoadVersions: in.LoadVersions, SaveVersion: "2024-06-01T00.00.00.000Z"})
	if err != nil {
		return map[string]any{"error": oracle.Error(err)}
	}
	out := map[string]any{"patterns": c.Patterns(), "catch_all": []string{}, "keys": c.Keys(), "queries": []any{}}
	if c.blueprint.catchAll != nil {
		out["catch_all"] = []string{c.blueprint.catchAll.name}
	}
	queries := []any{}
	for _, name := range in.Names {
		queries = append(queries, answerName(c, name))
	}
	out["queries"] = queries
	return out
}

func answerName(c *DataCatalog, name string) map[string]any {
	item := map[string]any{"name": name}
	b := c.blueprint
	ask := func(key string, value any, err error) bool {
		item[key] = value
		if err != nil {
			item[key], item["error"], item["error_in"] = nil, oracle.Error(err), key
		}
		return err == nil
	}
	patternName := func(p *pattern) any {
		if p == nil {
			return nil
		}
		return p.name
	}
	p, _, errPattern := b.matchPattern(name)
	catchAll, _, errCatchAll := b.matchCatchAll(name)
	_, explicit := b.entries[name]
	var errHas error
	if !explicit && errPattern != nil {
		errHas = errPattern
	}
	if ask("in_catalog", explicit || p != nil || catchAll != nil, errHas) && ask("pattern", patternName(p), errPattern) &&
		ask("catch_all", patternName(catchAll), errCatchAll) {
		e, err := b.resolve(name)
		var config any
		if err == nil {
			config = e.config
		}
		if ask("resolved", config, err) && c.Has(name) != item["in_catalog"] {
			item["in_catalog"] = "Has disagrees"
		}
	}
	return item
}

// level is a mapping of parameters with the order of its keys.
type level struct {
	keys  []string
	items map[string]any
	plain any
}

// inOrder gives mappings the order that the answer shows: the vectors' files write keys sorted, not as they were asked.
func inOrder(value any, prefix string, rank map[string]int) any {
	m, ok := value.(map[string]any)
	if !ok {
		return value
	}
	l := level{keys: slices.Collect(maps.Keys(m)), items: map[string]any{}, plain: value}
	slices.SortFunc(l.keys, func(a, b string) int { return rank[prefix+a] - rank[prefix+b] })
	for key, item := range m {
		l.items[key] = inOrder(item, prefix+key+".", rank)
	}
	return l
}

func answerParameters(t *testing.T, v oracle.Vector) any {
	var in struct {
		Parameters oracle.Value `json:"parameters"`
	}
	v.Decode(t, &in)
	var expect struct {
		Datasets [][2]any `json:"datasets"`
	}
	require.NoError(t, json.Unmarshal(v.Expect, &expect))
	v.Normalise(oracle.ParameterOrder)
	rank := map[string]int{}
	for i, pair := range expect.Datasets {
		rank[pair[0].(string)] = i
	}
	list := FlattenParameters(inOrder(oracle.Plain(in.Parameters.Any), "params:", rank), func(value any) (iter.Seq2[string, any], bool) {
		l, ok := value.(level)
		return func(yield func(string, any) bool) {
			for _, key := range l.keys {
				if !yield(key, l.items[key]) {
					return
				}
			}
		}, ok
	})
	datasets := []any{}
	for _, p := range NewParameters(list).list {
		if l, ok := p.Value.(level); ok {
			p.Value = l.plain
		}
		datasets = append(datasets, []any{p.Name, p.Value})
	}
	return map[string]any{"datasets": datasets}
}

func answerPaths(t *testing.T, v oracle.Vector) any {
	var in struct {
		ProjectPath string       `json:"project_path"`
		Conf        oracle.Value `json:"conf"`
	}
	v.Decode(t, &in)
	conf, err := AbsolutePaths(in.ProjectPath, oracle.Plain(in.Conf.Any).(map[string]any))
	if err != nil {
		return map[string]any{"error": oracle.Error(err)}
	}
	return map[string]any{"conf": conf}
}
