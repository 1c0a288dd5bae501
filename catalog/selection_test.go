package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
)

// A selection finds what the catalog finds by name, whoever put it there.
func TestSelection(t *testing.T) {
	ctx := t.Context()
	blueprint, err := catalog.Compile([]catalog.Entry{
		{Name: "entry", Config: map[string]any{"type": "MemoryDataset", "data": "of the entry"}},
		{Name: "{name}_made", Config: map[string]any{"type": "MemoryDataset", "data": "of {name}"}},
	}, catalog.Options{})
	require.NoError(t, err)
	layout := catalog.NewLayout([]string{"plain", "entry", "params:p", "x_made", "given", "other"})
	for range 2 { // the blueprint remembers the layout
		c, err := blueprint.Catalog(ctx, catalog.Options{Parameters: catalog.NewParameters([]catalog.Parameter{{Name: "params:p", Value: 3}})})
		require.NoError(t, err)
		require.NoError(t, c.Set(ctx, "given", "by hand"))
		require.NoError(t, c.Set(ctx, "outside", 1))
		s := c.Select(layout)
		require.NoError(t, s.WarmUp(ctx))
		require.Equal(t, []string{"params:p", "given", "outside", "plain", "entry", "x_made", "other"}, c.Keys())
		for i, want := range map[int]any{1: "of the entry", 2: 3, 3: "of x", 4: "by hand"} {
			got, err := s.LoadAs(ctx, i, nil)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		_, err = s.LoadAs(ctx, 0, nil)
		require.EqualError(t, err, "plain: Data for MemoryDataset has not been saved yet.")
		require.NoError(t, s.Save(ctx, 0, "saved"))
		got, err := c.Load(ctx, "plain")
		require.NoError(t, err)
		require.Equal(t, "saved", got)
		require.NoError(t, s.Release(ctx, 0))
		_, err = c.Load(ctx, "plain")
		require.Error(t, err)
	}
}

// What is replaced in the catalog is replaced in all selections, of one layout or several.
func TestSelectionFollowsReplacements(t *testing.T) {
	ctx := t.Context()
	c := catalog.New()
	require.NoError(t, c.Set(ctx, "a", 1))
	one, two := c.Select(catalog.NewLayout([]string{"a", "b"})), c.Select(catalog.NewLayout([]string{"b", "c", "a"}))
	require.NoError(t, one.WarmUp(ctx))
	require.NoError(t, two.WarmUp(ctx))
	require.NoError(t, two.Save(ctx, 0, "b"))
	load := func(s *catalog.Selection, i int) any {
		value, err := s.LoadAs(ctx, i, nil)
		require.NoError(t, err)
		return value
	}
	require.Equal(t, []any{1, "b", "b", 1}, []any{load(one, 0), load(one, 1), load(two, 0), load(two, 2)})
	require.NoError(t, c.Set(ctx, "a", 2))
	require.NoError(t, c.Set(ctx, "b", "new"))
	require.Equal(t, []any{2, "new", "new", 2}, []any{load(one, 0), load(one, 1), load(two, 0), load(two, 2)})
	require.Equal(t, []string{"c", "a", "b"}, c.Keys())
	require.NoError(t, one.WarmUp(ctx))
	require.Equal(t, []any{2, "new"}, []any{load(one, 0), load(one, 1)})

	cold := c.Select(catalog.NewLayout([]string{"b", "unknown"}))
	require.Equal(t, "new", load(cold, 0))
	_, err := cold.LoadAs(ctx, 1, nil)
	require.ErrorIs(t, err, catalog.ErrDatasetNotFound)
}
