package catalog_test

import (
	"fmt"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/stretchr/testify/require"
)

// BenchmarkRunCatalog measures what a run pays for its catalog: one catalog over a blueprint, and in it n memory datasets that
// nothing describes, each made, saved, loaded and released once.
func BenchmarkRunCatalog(b *testing.B) {
	entries := []catalog.Entry{{Name: "{name}_csv", Config: map[string]any{"type": "MemoryDataset"}}}
	for i := range 50 {
		entries = append(entries, catalog.Entry{Name: fmt.Sprint("entry", i), Config: map[string]any{"type": "MemoryDataset"}})
	}
	blueprint, err := catalog.Compile(entries, catalog.Options{})
	require.NoError(b, err)
	parameters := make([]catalog.Parameter, 30)
	for i := range parameters {
		parameters[i] = catalog.Parameter{Name: fmt.Sprint("params:p", i), Value: i}
	}
	opts := catalog.Options{Parameters: catalog.NewParameters(parameters), SaveVersion: "v"}
	for _, n := range []int{0, 1, 10, 100} {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint("memory", i)
		}
		b.Run(fmt.Sprintf("make/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := blueprint.Catalog(b.Context(), opts)
				if err != nil {
					b.Fatal(err)
				}
				for _, name := range names {
					if _, err := c.Get(b.Context(), name, catalog.GetOptions{Fallback: true}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("use/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			ctx := b.Context()
			for b.Loop() {
				c, _ := blueprint.Catalog(ctx, opts)
				for _, name := range names {
					_, err1 := c.Get(ctx, name, catalog.GetOptions{Fallback: true})
					err2 := c.Save(ctx, name, "value")
					_, err3 := c.Load(ctx, name)
					err4 := c.Release(ctx, name)
					if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
						b.Fatal(err1, err2, err3, err4)
					}
				}
			}
		})
	}
}
