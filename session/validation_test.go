package session

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/stretchr/testify/require"
)

// A project's validators check what its nodes load and save, unless its settings switch them off (CAT-141, CAT-144).
func TestValidators(t *testing.T) {
	dir := layOut(t, map[string]string{"conf/base/catalog.yml": `
x: {type: json.JSONDataset, filepath: data/x.json, validator: checks.positive}
y: {type: json.JSONDataset, filepath: data/y.json, validator: {class: checks.positive, on: save}}
`})
	positive := project.WithValidator("checks.positive", func(n int) error {
		if n <= 0 {
			return errors.New("it isn't positive")
		}
		return nil
	})
	input := filepath.Join(dir, "data", "x.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(input), 0o777))
	run := func(x string, opts ...project.Option) error {
		require.NoError(t, os.WriteFile(input, []byte(x), 0o600))
		decrement := pipeline.Define(func(n int) int { return n - 1 }, "x", "y", pipeline.Name("decrement"))
		_, err := service(t, dir, append(opts, of("main", decrement), positive)...).Run(t.Context(), RunOptions{})
		return err
	}
	require.NoError(t, run("2"))
	require.EqualError(t, run("0"), "Validation failed for dataset 'x' on load\n(validator: checks.positive)\nit isn't positive")
	require.EqualError(t, run("1"), "Validation failed for dataset 'y' on save\n(validator: checks.positive)\nit isn't positive")
	off := false
	require.NoError(t, run("1", project.WithSettings(project.Settings{DatasetValidation: &off})))
}
