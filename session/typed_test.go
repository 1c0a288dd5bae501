package session

import (
	"bytes"
	"context"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/hook"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

type model struct {
	TestSize float64 `json:"test_size"`
	Seed     int     `json:"seed"`
}

func size(m model) float64 { return m.TestSize }

func optional(m *model) bool { return m == nil }

// SES-100 to SES-105, SES-108: parameters are checked against what nodes want before the
// run starts, all mistakes at once.
func TestTypedParameters(t *testing.T) {
	for _, test := range []struct{ name, params, err string }{
		{"fits", "model: {test_size: 0.5, seed: 3}\nother: null\n", ""},
		{"SES-102 nested and optional", "model: {test_size: 1, seed: 3}\nother: {seed: 1, test_size: 2}\n", ""},
		{"SES-103", "model: null\nother: null\n", "Parameter validation failed:\n- Parameter 'model': value is None but type is not Optional"},
		{"SES-104 no mapping", "model: text\nother: [1]\n", "Parameter validation failed:\n- Parameter 'other': Expected dict for dataclass model, got list\n" +
			"- Parameter 'model': Expected dict for dataclass model, got str"},
		{"SES-104 missing key", "model: {seed: 3}\nother: {}\n", "Parameter validation failed:\n- Parameter 'other': Failed to instantiate model for parameter 'other': " +
			"model.__init__() missing 2 required positional arguments: 'test_size' and 'seed'\n- Parameter 'model': Failed to instantiate model for parameter 'model': " +
			"model.__init__() missing 1 required positional argument: 'test_size'"},
		{"SES-104 unknown key", "model: {test_sise: 0.5}\nother: null\n", "Failed to instantiate model for parameter 'model': "},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := layOut(t, map[string]string{"conf/base/parameters.yml": test.params})
			catalogs := 0
			s := service(t, dir, of("main",
				pipeline.Define(size, "params:model", "a", pipeline.Name("size")),
				pipeline.Define(optional, "params:other", "b", pipeline.Name("optional"))),
				project.WithHooks(hook.AfterCatalogCreatedFunc(func(context.Context, hook.CatalogInfo) error { catalogs++; return nil })))
			_, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.err)
			require.Equal(t, "ParameterValidationError", ErrorType(err))
			require.Zero(t, catalogs, "the run must not have got this far")
		})
	}
}

// SES-106: two types for one key.
func TestConflictingTypes(t *testing.T) {
	type other struct{ Seed int }
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "model: {seed: 3, test_size: 0.5}\n"})
	s := service(t, dir,
		of("one", pipeline.Define(size, "params:model", "a", pipeline.Name("size"))),
		of("two", pipeline.Define(func(o other) int { return o.Seed }, "params:model", "b", pipeline.Name("seed"))))
	var log bytes.Buffer
	logger := zerolog.New(&log)
	_, err := s.Run(logger.WithContext(t.Context()), RunOptions{PipelineNames: []string{"one"}})
	require.NoError(t, err)
	require.NotContains(t, log.String(), "Conflicting type")
	_, err = s.Run(logger.WithContext(t.Context()), RunOptions{PipelineNames: []string{"one", "two"}})
	require.Error(t, err)
	require.Contains(t, log.String(), "Conflicting type requirements for parameter 'model': model (existing) vs other (from pipeline 'two'). Using other.")
}

// SES-109: a type declared by key.
func TestDeclaredTypes(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/parameters.yml": "a: {model: {seed: x, test_size: 1}}\n"})
	s := service(t, dir, of("main", chain(1)...), project.WithParamsType("a.model", model{}))
	_, err := s.Run(t.Context(), RunOptions{PipelineNames: []string{"main"}})
	require.ErrorContains(t, err, "Failed to instantiate model for parameter 'a.model'")
}
