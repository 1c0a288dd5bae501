package catalog_test

import (
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/catalog/catalogtest"
	"github.com/stretchr/testify/require"
)

// TestBuiltInTypes runs the suite of all dataset types (CAT-100, CAT-110, CAT-120).
func TestBuiltInTypes(t *testing.T) {
	value := map[string]any{"list": []any{1, "two", map[string]any{"three": 3.0}}}
	features := catalogtest.Features{Value: value, Second: "other",
		Mutate: func(loaded any) {
			m := loaded.(map[string]any)
			m["list"].([]any)[0] = "changed"
			m["more"] = true
		}}
	for name, config := range map[string]map[string]any{
		"MemoryDataset":       {"type": "MemoryDataset"},
		"SharedMemoryDataset": {"type": "SharedMemoryDataset"},
		"CachedDataset":       {"type": "CachedDataset", "dataset": map[string]any{"type": "MemoryDataset"}},
	} {
		t.Run(name, func(t *testing.T) { catalogtest.Exercise(t, catalog.NewTypes(), config, features) })
	}
}

func TestMemoryDatasetCopies(t *testing.T) { // CAT-101, CAT-102
	type record struct {
		Name string
		Tags []string
		Next *record
	}
	loop := &record{Name: "a", Tags: []string{"x"}}
	loop.Next = loop
	m, err := catalog.NewMemory(loop, "")
	require.NoError(t, err)
	loaded, err := m.Load(t.Context())
	require.NoError(t, err)
	got := loaded.(*record)
	require.NotSame(t, loop, got)
	require.Same(t, got, got.Next, "what refers to itself does so in the copy")
	got.Tags[0] = "changed"
	require.Equal(t, "x", loop.Tags[0])

	shared := []int{1}
	m, err = catalog.NewMemory(shared, "assign")
	require.NoError(t, err)
	loaded, err = m.Load(t.Context())
	require.NoError(t, err)
	shared[0] = 2
	require.Equal(t, []int{2}, loaded)

	_, err = catalog.NewMemory(1, "shallow")
	require.EqualError(t, err, "Invalid copy mode: shallow. Possible values are: deepcopy, copy, assign.")
	_, err = catalog.NewMemory("text", "copy")
	require.EqualError(t, err, "'str' object has no attribute 'copy'")
}

func TestMemoryDatasetDescribes(t *testing.T) { // CAT-103
	for want, value := range map[string]any{"list": []any{1}, "dict": map[string]any{}, "str": "x", "int": 3, "float": 0.5, "bool": true, "NoneType": nil} {
		m, err := catalog.NewMemory(value, "")
		require.NoError(t, err)
		require.Equal(t, "kedro.io.memory_dataset.MemoryDataset(data='<"+want+">')", m.Describe().String())
	}
	require.Equal(t, "kedro.io.memory_dataset.MemoryDataset()", new(catalog.MemoryDataset).Describe().String())
}

func TestSharedMemoryRefusesWhatCannotTravel(t *testing.T) { // CAT-110
	var s catalog.SharedMemoryDataset
	require.EqualError(t, s.Save(t.Context(), func() {}),
		"<class 'function'> cannot be serialised. ParallelRunner implicit memory datasets can only be used with serialisable data")
}
