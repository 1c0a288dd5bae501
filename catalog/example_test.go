package catalog_test

import (
	"context"
	"fmt"
	"reflect"

	"github.com/kedge-run/kedge/catalog"
)

func ExampleFromConfig() {
	ctx := context.Background()
	c, err := catalog.FromConfig(ctx, []catalog.Entry{
		{Name: "cars", Config: map[string]any{"type": "MemoryDataset"}},
		{Name: "{layer}.{name}", Config: map[string]any{"type": "CachedDataset", "dataset": map[string]any{"type": "MemoryDataset"}}},
	}, catalog.Options{
		Parameters: catalog.NewParameters([]catalog.Parameter{{Name: "params:model", Value: map[string]any{"test_size": 0.2}}}),
	})
	if err != nil {
		panic(err)
	}
	if err := c.Save(ctx, "raw.cars", []any{1, 2}); err != nil {
		panic(err)
	}
	fmt.Println(c.Load(ctx, "raw.cars"))
	type options struct{ TestSize float64 }
	fmt.Println(c.LoadAs(ctx, "params:model", reflect.TypeFor[options]()))
	fmt.Println(c.Load(ctx, "boats"))
	fmt.Println(c.Keys())
	// Output:
	// [1 2] <nil>
	// {0.2} <nil>
	// <nil> Dataset 'boats' not found in the catalog
	// [cars params:model raw.cars]
}
