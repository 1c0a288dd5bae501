package datascience

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext/prng"

	"github.com/kedge-run/kedge/dataset"
)

// ModelOptions are the parameters "model_options".
type ModelOptions struct {
	TestSize    float64  `kedge:"test_size"` // fraction of the rows kept for the test, above 0 and below 1
	RandomState uint32   `kedge:"random_state"`
	Features    []string `kedge:"features"` // columns of the model input table
}

// Features are the columns that the model learns from, one row per observation.
type Features struct {
	Columns []string    `json:"columns"`
	Rows    [][]float64 `json:"rows"`
}

// splitData splits features and prices into rows to train with and rows to test with.
func splitData(data *dataset.Table, options ModelOptions) (xTrain, xTest Features, yTrain, yTest []float64, err error) {
	if options.TestSize <= 0 || options.TestSize >= 1 {
		return xTrain, xTest, nil, nil, fmt.Errorf("test_size: expected a fraction above 0 and below 1, got %v", options.TestSize)
	}
	columns, err := indexes(data, append(slices.Clone(options.Features), "price"))
	if err != nil {
		return xTrain, xTest, nil, nil, err
	}
	tests := int(math.Ceil(options.TestSize * float64(len(data.Rows))))
	trains := int(math.Floor((1 - options.TestSize) * float64(len(data.Rows))))
	if tests == 0 || trains == 0 {
		return xTrain, xTest, nil, nil, fmt.Errorf("%d rows are too few to split", len(data.Rows))
	}
	order := permutation(len(data.Rows), options.RandomState)
	if xTest, yTest, err = pick(data, columns, options.Features, order[:tests]); err != nil {
		return xTrain, xTest, nil, nil, err
	}
	xTrain, yTrain, err = pick(data, columns, options.Features, order[tests:tests+trains])
	return xTrain, xTest, yTrain, yTest, err
}

func indexes(data *dataset.Table, names []string) ([]int, error) {
	var errs []error
	found := make([]int, len(names))
	for i, name := range names {
		found[i] = slices.Index(data.Columns, name)
		if found[i] < 0 {
			errs = append(errs, fmt.Errorf("the table has no column %q", name))
		}
	}
	return found, errors.Join(errs...)
}

// pick takes rows out of the table; the last of the columns is the target.
func pick(data *dataset.Table, columns []int, features []string, rows []int) (Features, []float64, error) {
	x := Features{Columns: features, Rows: make([][]float64, len(rows))}
	y := make([]float64, len(rows))
	for i, row := range rows {
		numbers := make([]float64, len(columns))
		for j, column := range columns {
			number, err := number(data.Rows[row][column])
			if err != nil {
				return x, y, fmt.Errorf("row %d, column %q: %w", row, data.Columns[column], err)
			}
			numbers[j] = number
		}
		x.Rows[i], y[i] = numbers[:len(features)], numbers[len(features)]
	}
	return x, y, nil
}

func number(value any) (float64, error) {
	switch v := value.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	}
	return 0, fmt.Errorf("expected a number, got %T", value)
}

// permutation shuffles 0 to n-1 as numpy's RandomState(seed).permutation does, so that the split, and with it the
// score, is that of the Python tutorial (scikit-learn's train_test_split).
func permutation(n int, seed uint32) []int {
	rng := prng.NewMT19937()
	rng.Seed(uint64(seed))
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := below(rng, uint32(i))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// below draws a number from 0 to most: random bits as long as most, drawn again while they are above it.
func below(rng *prng.MT19937, most uint32) uint32 {
	mask := most
	for shift := 1; shift < 32; shift *= 2 {
		mask |= mask >> shift
	}
	for {
		if value := rng.Uint32() & mask; value <= most {
			return value
		}
	}
}
