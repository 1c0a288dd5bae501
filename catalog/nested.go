package catalog

import (
	"context"
	"reflect"
)

// LoadDataset loads ds, which is in no catalog: for datasets that hold others. The data comes as want, nil for whatever Load
// gives; an error is in Kedro's words (CAT-057).
func LoadDataset(ctx context.Context, ds Dataset, want reflect.Type) (any, error) {
	return loadAs(ctx, ds, want)
}

// SaveDataset saves data to ds, which is in no catalog, under the same rules.
func SaveDataset(ctx context.Context, ds Dataset, data any) error { return save(ctx, ds, data) }
