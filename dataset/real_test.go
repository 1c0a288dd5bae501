package dataset_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/dataset"
	"github.com/stretchr/testify/require"
)

// shuttle is a row of shuttles.xlsx as a project declares it.
type shuttle struct {
	ID                    int      `kedge:"id"`
	Location              string   `kedge:"shuttle_location"`
	Engines               *int     `kedge:"engines"`
	Capacity              int      `kedge:"passenger_capacity"`
	Crew                  *float64 `kedge:"crew"`
	DCheckComplete        string   `kedge:"d_check_complete"`
	MoonClearanceComplete string   `kedge:"moon_clearance_complete"`
	Price                 string   `kedge:"price"`
	CompanyID             int      `kedge:"company_id"`
}

// realData returns the folder of the raw spaceflights files; CI names it, and there a missing file fails.
func realData(tb testing.TB) string {
	folder, ok := os.LookupEnv("KEDGE_REAL_DATA")
	if !ok {
		require.Empty(tb, os.Getenv("CI"), "CI has to run this test: set KEDGE_REAL_DATA to the folder that holds spaceflights/companies.csv")
		tb.Skip("NOT RUN ON REAL DATA: set KEDGE_REAL_DATA to the folder that holds spaceflights/companies.csv")
	}
	return filepath.Join(folder, "spaceflights")
}

func TestRealFilesLoad(t *testing.T) {
	folder := realData(t)
	c := newCatalog(t, map[string]map[string]any{
		"companies": {"type": "pandas.CSVDataset", "filepath": filepath.Join(folder, "companies.csv")},
		"reviews":   {"type": "pandas.CSVDataset", "filepath": filepath.Join(folder, "reviews.csv")},
		"shuttles":  {"type": "pandas.ExcelDataset", "filepath": filepath.Join(folder, "shuttles.xlsx"), "load_args": map[string]any{"engine": "openpyxl"}},
	})
	ctx := t.Context()
	companies := load[*dataset.Table](ctx, t, c, "companies")
	require.Equal(t, []string{"id", "company_rating", "company_location", "total_fleet_count", "iata_approved"}, companies.Columns)
	require.Equal(t, []any{int64(3888), "100%", "Isle of Man", 1.0, "f"}, companies.Rows[0])
	require.Nil(t, companies.Rows[1][2])
	reviews := load[*dataset.Table](ctx, t, c, "reviews")
	require.Len(t, reviews.Columns, 10)
	shuttles := load[[]shuttle](ctx, t, c, "shuttles")
	table := load[*dataset.Table](ctx, t, c, "shuttles")
	require.Len(t, shuttles, len(table.Rows))
	n := 0
	for row, err := range load[iter.Seq2[shuttle, error]](ctx, t, c, "shuttles") {
		require.NoError(t, err)
		require.Equal(t, shuttles[n].Price, row.Price)
		n++
	}
	require.Equal(t, len(shuttles), n)
	t.Logf("companies %d, reviews %d, shuttles %d rows", len(companies.Rows), len(reviews.Rows), n)
}

func BenchmarkRealFiles(b *testing.B) {
	folder := realData(b)
	for name, config := range map[string]map[string]any{
		"companies.csv": {"type": "pandas.CSVDataset"},
		"reviews.csv":   {"type": "pandas.CSVDataset"},
		"shuttles.xlsx": {"type": "pandas.ExcelDataset"},
	} {
		config["filepath"] = filepath.Join(folder, name)
		ds, err := dataset.Types().New(name, config, catalog.Version{})
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := ds.Load(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
