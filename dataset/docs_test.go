package dataset_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
	"github.com/stretchr/testify/require"
)

// TestEveryTypeHasALineInTheDocs: docs/datasets.md and the registry name the same types, and what is refused says what to use.
func TestEveryTypeHasALineInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/datasets.md")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Za-z.]+Dataset)` \\|").FindAllStringSubmatch(string(page), -1) {
		documented[match[1]] = true
	}
	types := dataset.Types()
	for _, name := range types.Names() {
		if strings.Count(name, ".") > 1 || strings.HasPrefix(name, "kedro") || strings.Contains(name, "_dataset.") {
			continue // another name of the same type
		}
		_, err := types.New("x", map[string]any{"type": name, "filepath": "x"}, catalog.Version{})
		if err != nil && strings.Contains(err.Error(), "hosted engine") {
			require.Regexp(t, "^\nkedro_datasets.*: use .*, or run the project on the hosted engine", err.Error())
			require.False(t, documented[name], name)
			continue
		}
		require.True(t, documented[name], "%s has no line in docs/datasets.md", name)
		delete(documented, name)
	}
	require.Empty(t, documented, "docs/datasets.md names types that aren't there")
}
