package datascience

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/rs/zerolog"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// Regressor is a linear model: price = intercept + coefficients · features. It is saved as JSON.
type Regressor struct {
	Features     []string  `json:"features"`
	Coefficients []float64 `json:"coefficients"`
	Intercept    float64   `json:"intercept"`
}

// Metrics say how well a model predicts rows that it has not seen.
type Metrics struct {
	R2       float64 `json:"r2_score"`
	MAE      float64 `json:"mae"`
	MaxError float64 `json:"max_error"`
}

// trainModel fits a linear regression by least squares.
func trainModel(x Features, y []float64) (Regressor, error) {
	if len(x.Rows) == 0 || len(x.Rows) != len(y) {
		return Regressor{}, fmt.Errorf("expected as many rows as targets and at least one, got %d and %d", len(x.Rows), len(y))
	}
	means := make([]float64, len(x.Columns))
	design := mat.NewDense(len(x.Rows), len(x.Columns), nil)
	for i, row := range x.Rows {
		design.SetRow(i, row)
	}
	for j := range means {
		column := mat.Col(nil, j, design)
		means[j] = stat.Mean(column, nil)
		for i, value := range column {
			design.Set(i, j, value-means[j])
		}
	}
	meanY := stat.Mean(y, nil)
	target := mat.NewVecDense(len(y), nil)
	for i, value := range y {
		target.SetVec(i, value-meanY)
	}
	coefficients, err := leastSquares(design, target)
	if err != nil {
		return Regressor{}, err
	}
	model := Regressor{Features: x.Columns, Coefficients: coefficients, Intercept: meanY}
	for j, mean := range means {
		model.Intercept -= coefficients[j] * mean
	}
	return model, nil
}

// leastSquares gives the shortest solution that fits best. It works by singular values rather than by QR, because a
// feature may be the same in all rows: moon_clearance_complete of the real data is.
func leastSquares(a *mat.Dense, b *mat.VecDense) ([]float64, error) {
	var svd mat.SVD
	if !svd.Factorize(a, mat.SVDThin) {
		return nil, errors.New("the features can't be decomposed into singular values")
	}
	rows, columns := a.Dims()
	epsilon := math.Nextafter(1, 2) - 1
	rank := svd.Rank(epsilon * float64(max(rows, columns)))
	if rank == 0 {
		return make([]float64, columns), nil // nothing varies: the mean is the best guess
	}
	var solution mat.VecDense
	svd.SolveVecTo(&solution, b, rank)
	return solution.RawVector().Data, nil
}

// evaluateModel predicts the test rows and compares.
func evaluateModel(ctx context.Context, model Regressor, x Features, y []float64) (Metrics, error) {
	if !slices.Equal(model.Features, x.Columns) {
		return Metrics{}, fmt.Errorf("the model was trained with %v, the test has %v", model.Features, x.Columns)
	}
	if len(x.Rows) == 0 || len(x.Rows) != len(y) {
		return Metrics{}, fmt.Errorf("expected as many rows as targets and at least one, got %d and %d", len(x.Rows), len(y))
	}
	mean := stat.Mean(y, nil)
	var residual, total float64
	var m Metrics
	for i, row := range x.Rows {
		off := math.Abs(y[i] - model.predict(row))
		residual += off * off
		total += (y[i] - mean) * (y[i] - mean)
		m.MAE += off / float64(len(y))
		m.MaxError = max(m.MaxError, off)
	}
	switch {
	case residual == 0:
		m.R2 = 1
	case total > 0:
		m.R2 = 1 - residual/total
	}
	zerolog.Ctx(ctx).Info().Float64("r2_score", m.R2).Msgf("Model has a coefficient R^2 of %.3f on test data.", m.R2)
	return m, nil
}

func (r Regressor) predict(row []float64) float64 {
	price := r.Intercept
	for j, value := range row {
		price += r.Coefficients[j] * value
	}
	return price
}
