package datascience

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/dataset"
)

// TestPermutationIsNumpys compares with numpy.random.RandomState(seed).permutation(n).
func TestPermutationIsNumpys(t *testing.T) {
	require.Equal(t, []int{5, 4, 1, 2, 11, 6, 7, 0, 3, 9, 8, 10}, permutation(12, 3))
	require.Equal(t, []int{2, 0, 1, 3, 4}, permutation(5, 0))
	require.Equal(t, []int{5, 1, 8, 7, 0, 6, 4, 2, 3}, permutation(9, 1<<32-1))
	require.Equal(t, []int{79528, 53876, 9777, 6167, 22020}, permutation(100_000, 3)[:5])
	require.Empty(t, permutation(0, 3))
}

// TestTrainModel compares with scikit-learn on features of which one never varies.
func TestTrainModel(t *testing.T) {
	x := Features{Columns: []string{"a", "b", "c"}, Rows: [][]float64{{1, 5, 0}, {2, 5, 1}, {3, 5, 1}, {4, 5, 0}, {7, 5, 1}}}
	model, err := trainModel(x, []float64{3, 5.5, 7.5, 9, 16})
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{2.08108108, 0, 0.54504505}, model.Coefficients, 1e-8)
	require.InDelta(t, 0.7972972972973, model.Intercept, 1e-9)

	flat, err := trainModel(Features{Columns: []string{"a"}, Rows: [][]float64{{1}, {1}}}, []float64{2, 4})
	require.NoError(t, err)
	require.Equal(t, Regressor{Features: []string{"a"}, Coefficients: []float64{0}, Intercept: 3}, flat)

	_, err = trainModel(x, []float64{1})
	require.EqualError(t, err, "expected as many rows as targets and at least one, got 5 and 1")
}

func TestEvaluateModel(t *testing.T) {
	model := Regressor{Features: []string{"a"}, Coefficients: []float64{2}, Intercept: 1}
	x := Features{Columns: []string{"a"}, Rows: [][]float64{{0}, {1}, {2}}}
	m, err := evaluateModel(t.Context(), model, x, []float64{1, 3, 8})
	require.NoError(t, err)
	require.InDelta(t, 1-9/26.0, m.R2, 1e-12)
	require.Equal(t, Metrics{R2: m.R2, MAE: 1, MaxError: 3}, m)

	exact, err := evaluateModel(t.Context(), model, Features{Columns: x.Columns, Rows: [][]float64{{1}, {1}}}, []float64{3, 3})
	require.NoError(t, err)
	require.Equal(t, Metrics{R2: 1}, exact, "all prices are equal and hit")

	_, err = evaluateModel(t.Context(), model, Features{Columns: []string{"b"}}, nil)
	require.EqualError(t, err, "the model was trained with [a], the test has [b]")
	_, err = evaluateModel(t.Context(), model, Features{Columns: []string{"a"}}, nil)
	require.EqualError(t, err, "expected as many rows as targets and at least one, got 0 and 0")
}

func TestSplitData(t *testing.T) {
	table := &dataset.Table{Columns: []string{"price", "a", "ok"}}
	for i := range 10 {
		table.Rows = append(table.Rows, []any{float64(i), int64(10 * i), i%2 == 0})
	}
	xTrain, xTest, yTrain, yTest, err := splitData(table, ModelOptions{TestSize: 0.25, RandomState: 3, Features: []string{"a", "ok"}})
	require.NoError(t, err)
	require.Len(t, xTrain.Rows, 7)
	require.Len(t, yTrain, 7)
	require.Len(t, xTest.Rows, 3)
	for i, y := range yTest {
		require.Equal(t, []float64{10 * y, float64((int(y) + 1) % 2)}, xTest.Rows[i])
	}

	for want, options := range map[string]ModelOptions{
		"test_size: expected a fraction above 0 and below 1, got 0":    {Features: []string{"a"}},
		"the table has no column \"b\"\nthe table has no column \"c\"": {TestSize: 0.5, Features: []string{"b", "a", "c"}},
	} {
		_, _, _, _, err := splitData(table, options)
		require.EqualError(t, err, want)
	}
	_, _, _, _, err = splitData(&dataset.Table{Columns: table.Columns, Rows: table.Rows[:1]}, ModelOptions{TestSize: 0.5, Features: []string{"a"}})
	require.EqualError(t, err, "1 rows are too few to split")
}
