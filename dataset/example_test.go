package dataset_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
)

// The type that a node wants drives decoding: here a CSV file row by row into a struct.
func ExampleTypes() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	ctx := context.Background()
	c, err := catalog.FromConfig(ctx, []catalog.Entry{
		{Name: "{name}_csv", Config: map[string]any{"type": "pandas.CSVDataset", "filepath": filepath.Join(folder, "{name}.csv")}},
	}, catalog.Options{Types: dataset.Types()})
	if err != nil {
		panic(err)
	}
	type company struct {
		ID     int      `kedge:"id"`
		Rating *float64 `kedge:"rating"`
	}
	rating := 0.9
	if err := c.Save(ctx, "companies_csv", []company{{ID: 1, Rating: &rating}, {ID: 2}}); err != nil {
		panic(err)
	}
	rows, err := c.LoadAs(ctx, "companies_csv", reflect.TypeFor[iter.Seq2[company, error]]())
	if err != nil {
		panic(err)
	}
	for row, err := range rows.(iter.Seq2[company, error]) {
		fmt.Println(row.ID, row.Rating != nil, err)
	}
	table, err := c.Load(ctx, "companies_csv")
	fmt.Println(table.(*dataset.Table).Columns, table.(*dataset.Table).Rows, err)
	// Output:
	// 1 true <nil>
	// 2 false <nil>
	// [id rating] [[1 0.9] [2 <nil>]] <nil>
}
