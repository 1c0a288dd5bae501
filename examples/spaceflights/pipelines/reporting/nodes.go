package reporting

import (
	"maps"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/kedge-run/kedge/examples/spaceflights/pipelines/dataprocessing"
)

// capacity is the mean number of passengers of a type of shuttle.
type capacity struct {
	shuttleType string
	passengers  float64
}

// meanCapacities groups the shuttles by type, in the order of the types' names.
func meanCapacities(shuttles []dataprocessing.CleanShuttle) []capacity {
	sum, count := map[string]int64{}, map[string]int64{}
	for _, s := range shuttles {
		sum[s.Type] += s.PassengerCapacity
		count[s.Type]++
	}
	means := make([]capacity, 0, len(sum))
	for _, name := range slices.Sorted(maps.Keys(sum)) {
		means = append(means, capacity{shuttleType: name, passengers: float64(sum[name]) / float64(count[name])})
	}
	return means
}

// comparePassengerCapacitySVG draws mean passengers by type of shuttle as bars that lie.
func comparePassengerCapacitySVG(shuttles []dataprocessing.CleanShuttle) ([]byte, error) {
	means := meanCapacities(shuttles)
	p, err := capacityPlot(means, true)
	if err != nil {
		return nil, err
	}
	p.X.Label.Text, p.Y.Label.Text = "mean passenger capacity", "shuttle type"
	p.NominalY(shuttleTypes(means)...)
	return draw(p, "svg")
}

// comparePassengerCapacityPNG draws the same as bars that stand.
func comparePassengerCapacityPNG(shuttles []dataprocessing.CleanShuttle) ([]byte, error) {
	means := meanCapacities(shuttles)
	p, err := capacityPlot(means, false)
	if err != nil {
		return nil, err
	}
	p.X.Label.Text, p.Y.Label.Text = "shuttle type", "mean passenger capacity"
	p.NominalX(shuttleTypes(means)...)
	p.X.Tick.Label.Rotation = slanted
	p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = slantedX, slantedY
	return draw(p, "png")
}

func shuttleTypes(means []capacity) []string {
	names := make([]string, len(means))
	for i, mean := range means {
		names[i] = mean.shuttleType
	}
	return names
}

func capacityPlot(means []capacity, horizontal bool) (*plot.Plot, error) {
	values := make(plotter.Values, len(means))
	for i, mean := range means {
		values[i] = mean.passengers
	}
	bars, err := plotter.NewBarChart(values, barWidth)
	if err != nil {
		return nil, err
	}
	bars.LineStyle.Width, bars.Color, bars.Horizontal = 0, blue, horizontal
	p := newPlot("Passenger capacity of shuttles")
	p.Add(bars)
	return p, nil
}

// createConfusionMatrix draws the tutorial's dummy matrix: what a classifier said against what was true.
func createConfusionMatrix([]dataprocessing.Company) ([]byte, error) {
	actual := []int{0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 1}
	predicted := []int{1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1}
	var m matrix
	for i := range actual {
		m[actual[i]][predicted[i]]++
	}
	p := newPlot("Dummy confusion matrix")
	p.X.Label.Text, p.Y.Label.Text = "predicted", "actual"
	p.NominalX("0", "1")
	p.NominalY("0", "1")
	heat := plotter.NewHeatMap(m, shades{})
	heat.Min = 0
	p.Add(heat)
	labels := plotter.XYLabels{}
	for actual := range m {
		for predicted, count := range m[actual] {
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(predicted), Y: float64(actual)})
			labels.Labels = append(labels.Labels, strconv.Itoa(count))
		}
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	p.Add(text)
	return draw(p, "png")
}

// matrix counts observations by actual and predicted class; it is a grid for plotter.HeatMap.
type matrix [2][2]int

// Dims gives columns and rows.
func (m matrix) Dims() (c, r int) { return len(m[0]), len(m) }

// Z gives the count of column c (predicted) and row r (actual).
func (m matrix) Z(c, r int) float64 { return float64(m[r][c]) }

// X gives the place of a column.
func (m matrix) X(c int) float64 { return float64(c) }

// Y gives the place of a row.
func (m matrix) Y(r int) float64 { return float64(r) }
