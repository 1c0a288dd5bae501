package hooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/kedge-run/kedge/examples/spaceflights/pipelines/dataprocessing"
	"github.com/kedge-run/kedge/hook"
)

// Quality refuses a model input table that no model should learn from: before it is saved, so that nobody reads it.
type Quality struct {
	// LeastRows is how many rows the table needs.
	LeastRows int
}

var _ hook.BeforeDatasetSaved = Quality{}

// Name is what "disabled_hooks" in kedge.yml says to switch it off.
func (Quality) Name() string { return "quality" }

// BeforeDatasetSaved checks the model input table; its error fails the run.
func (q Quality) BeforeDatasetSaved(_ context.Context, info hook.DatasetDataInfo) error {
	table, ok := info.Data.([]dataprocessing.ModelInput)
	if !ok {
		return nil
	}
	var errs []error
	if len(table) < q.LeastRows {
		errs = append(errs, fmt.Errorf("expected at least %d rows, got %d", q.LeastRows, len(table)))
	}
	for i, row := range table {
		if row.Price <= 0 {
			errs = append(errs, fmt.Errorf("row %d: expected a price above zero, got %v", i, row.Price))
		}
		if row.CompanyRating < 0 || row.CompanyRating > 1 {
			errs = append(errs, fmt.Errorf("row %d: expected a company rating from 0 to 1, got %v", i, row.CompanyRating))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("dataset %q has bad data: %w", info.DatasetName, errors.Join(errs...))
	}
	return nil
}
