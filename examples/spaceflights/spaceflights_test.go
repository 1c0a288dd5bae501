package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/dataset"
	"github.com/kedge-run/kedge/examples/spaceflights/pipelines/datascience"
	"github.com/kedge-run/kedge/examples/spaceflights/rawdata"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
)

// open opens a session on a copy of the project whose raw files are made by makeRaw.
func open(t *testing.T, makeRaw func(dir string) error) (*session.ServiceSession, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "conf"), os.DirFS("conf")))
	settings, err := os.ReadFile("kedge.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kedge.yml"), settings, 0o644))
	require.NoError(t, makeRaw(filepath.Join(dir, "data/01_raw")))
	proj, err := project.Load(dir, spaceflights())
	require.NoError(t, err)
	s, err := session.CreateService(t.Context(), session.ServiceConfig{ProjectPath: dir, Project: proj})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, dir
}

func generated(dir string) error { return rawdata.Write(dir, rawdata.Small, 1) }

// metrics loads what evaluate_model_node found.
func metrics(t *testing.T, result *session.Result) datascience.Metrics {
	t.Helper()
	value, err := result.Outputs["metrics"].Load(t.Context())
	require.NoError(t, err)
	return value.(datascience.Metrics)
}

func TestSpaceflights(t *testing.T) {
	s, dir := open(t, generated)
	var lines bytes.Buffer
	ctx := zerolog.New(zerolog.SyncWriter(&lines)).WithContext(t.Context())
	for _, name := range []string{"SequentialRunner", "ThreadRunner"} {
		result, err := s.Run(ctx, session.RunOptions{RunID: name, RunnerName: name})
		require.NoError(t, err)
		require.Equal(t, 9, result.NodesRun)
		require.Equal(t, map[string]string{
			"regressor": name, "dummy_confusion_matrix": name,
			"shuttle_passenger_capacity_plot_exp": name, "shuttle_passenger_capacity_plot_go": name,
		}, result.Versions)
		m := metrics(t, result)
		require.InDelta(t, 0.7, m.R2, 0.15, "the made-up prices follow a line")
		require.Less(t, m.MAE, 600.0)

		requirePNG(t, dir, "data/08_reporting/dummy_confusion_matrix.png", name, "dummy_confusion_matrix.png")
		requirePNG(t, dir, "data/08_reporting/shuttle_passenger_capacity_plot_go.png", name, "shuttle_passenger_capacity_plot_go.png")
		svg, err := os.ReadFile(filepath.Join(dir, "data/08_reporting/shuttle_passenger_capacity_plot_exp.svg", name, "shuttle_passenger_capacity_plot_exp.svg"))
		require.NoError(t, err)
		require.Contains(t, string(svg), "<svg")
		require.Contains(t, string(svg), "Type V5")
	}
	require.Contains(t, lines.String(), "Model has a coefficient R^2 of 0.")
	require.Equal(t, 6, strings.Count(lines.String(), `"message":"slow node"`), "the timing hook names 3 nodes a run")
}

func requirePNG(t *testing.T, path ...string) {
	t.Helper()
	file, err := os.Open(filepath.Join(path...))
	require.NoError(t, err)
	defer file.Close()
	config, err := png.DecodeConfig(file)
	require.NoError(t, err)
	require.Positive(t, config.Width)
}

func TestPipelinesAreThoseOfTheTutorial(t *testing.T) {
	s, _ := open(t, generated)
	plan, err := s.Plan(t.Context(), session.RunOptions{})
	require.NoError(t, err)
	var nodes []string
	for _, n := range plan.Nodes {
		nodes = append(nodes, n.Name)
	}
	require.Equal(t, []string{
		"create_confusion_matrix", "preprocess_companies_node", "preprocess_shuttles_node",
		"compare_passenger_capacity_exp", "compare_passenger_capacity_go", "create_model_input_table_node",
		"split_data_node", "train_model_node", "evaluate_model_node",
	}, nodes, "Kedro's order")
	require.Empty(t, plan.Missing)
	require.Equal(t, []string{"__default__", "data_processing", "data_science", "reporting"}, spaceflights().Pipelines().Names())
}

// TestOnePipelineAfterTheOther shows that the next pipeline finds on disk what one leaves there.
func TestOnePipelineAfterTheOther(t *testing.T) {
	s, _ := open(t, generated)
	result, err := s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"data_processing"}})
	require.NoError(t, err)
	require.Equal(t, 3, result.NodesRun)
	whole, err := s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"data_science"}})
	require.NoError(t, err)
	other, err := s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"data_science"}, RuntimeParams: map[string]any{
		"model_options": map[string]any{"random_state": 4},
	}})
	require.NoError(t, err)
	require.NotEqual(t, metrics(t, whole), metrics(t, other), "another split, another score")
}

func TestWrongParametersAreNamed(t *testing.T) {
	s, _ := open(t, generated)
	for name, test := range map[string]struct {
		params map[string]any
		want   string
	}{
		"unknown key":    {map[string]any{"test_sise": 0.3}, "test_sise"},
		"wrong type":     {map[string]any{"random_state": "three"}, "random_state"},
		"out of range":   {map[string]any{"test_size": 1.5}, "test_size: expected a fraction above 0 and below 1, got 1.5"},
		"unknown column": {map[string]any{"features": []any{"engines", "colour"}}, `the table has no column "colour"`},
		"no number":      {map[string]any{"features": []any{"shuttle_type"}}, `column "shuttle_type": expected a number, got string`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Run(t.Context(), session.RunOptions{RuntimeParams: map[string]any{"model_options": test.params}})
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestBadDataIsRefused shows the quality hook at work: a table with too few rows is not saved.
func TestBadDataIsRefused(t *testing.T) {
	s, dir := open(t, func(dir string) error { return rawdata.Write(dir, rawdata.Size{Companies: 20, Shuttles: 40}, 1) })
	_, err := s.Run(t.Context(), session.RunOptions{})
	require.ErrorContains(t, err, `dataset "model_input_table" has bad data: expected at least 100 rows, got `)
	require.NoFileExists(t, filepath.Join(dir, "data/03_primary/model_input_table.parquet"))
}

// TestRealData runs on the raw files of the tutorial and compares with what pandas and scikit-learn make of them.
// KEDGE_REAL_DATA names the folder that holds spaceflights/companies.csv and its sisters.
func TestRealData(t *testing.T) {
	folder := os.Getenv("KEDGE_REAL_DATA")
	if folder == "" {
		require.Empty(t, os.Getenv("CI"), "CI has to run this test: set KEDGE_REAL_DATA to the folder that holds spaceflights/companies.csv")
		t.Skip("NOT RUN ON REAL DATA: set KEDGE_REAL_DATA to the folder that holds spaceflights/companies.csv")
	}
	raw := filepath.Join(folder, "spaceflights")
	for _, name := range []string{"companies.csv", "reviews.csv", "shuttles.xlsx"} {
		require.FileExists(t, filepath.Join(raw, name), "KEDGE_REAL_DATA has to hold the raw files of the tutorial")
	}
	s, dir := open(t, func(dir string) error { return os.CopyFS(dir, os.DirFS(raw)) })
	result, err := s.Run(t.Context(), session.RunOptions{Outputs: []string{"model_input_table"}})
	require.NoError(t, err)
	t.Logf("whole project: %s", result.Duration)
	value, err := result.Outputs["model_input_table"].Load(t.Context())
	require.NoError(t, err)
	requireRealTable(t, value.(*dataset.Table))

	m := metrics(t, result)
	require.InDelta(t, 0.3869831978103261, m.R2, 1e-9, "scikit-learn's score of the same split")
	require.InDelta(t, 553.5441557265525, m.MAE, 1e-6)
	require.InDelta(t, 11857.121158975522, m.MaxError, 1e-6)
	require.FileExists(t, filepath.Join(dir, "data/06_models/regressor.json", result.RunID, "regressor.json"))
}

// requireRealTable compares shape, names and column sums with those of pandas 3.1.
func requireRealTable(t *testing.T, table *dataset.Table) {
	t.Helper()
	require.Len(t, table.Rows, 6027)
	require.Equal(t, strings.Fields(`shuttle_location shuttle_type engine_type engine_vendor engines passenger_capacity
		cancellation_policy crew d_check_complete moon_clearance_complete price company_id shuttle_id review_scores_rating
		review_scores_comfort review_scores_amenities review_scores_trip review_scores_crew review_scores_location
		review_scores_price number_of_reviews reviews_per_month id company_rating company_location total_fleet_count
		iata_approved`), table.Columns)
	sums := map[string]float64{}
	for _, row := range table.Rows {
		for i, value := range row {
			switch v := value.(type) {
			case float64:
				sums[table.Columns[i]] += v
			case int64:
				sums[table.Columns[i]] += float64(v)
			case bool:
				if v {
					sums[table.Columns[i]]++
				}
			}
		}
	}
	for name, want := range map[string]float64{
		"engines": 8335, "passenger_capacity": 20593, "crew": 10984, "d_check_complete": 2533, "moon_clearance_complete": 0,
		"price": 13746855, "company_id": 147915693, "shuttle_id": 229930994, "review_scores_rating": 555459,
		"review_scores_comfort": 57101, "review_scores_amenities": 55914, "review_scores_trip": 57964, "review_scores_crew": 58132,
		"review_scores_location": 57209, "review_scores_price": 55541, "number_of_reviews": 153675, "reviews_per_month": 9510.54,
		"id": 147915693, "company_rating": 5742.53, "total_fleet_count": 110276, "iata_approved": 2545,
	} {
		require.InDelta(t, want, sums[name], 1e-6, name)
	}
	first := table.Rows[0]
	require.Equal(t, []any{"Sao Tome and Principe", "Type V5", int64(45163), "Faroe Islands"}, []any{first[0], first[1], first[12], first[24]})
}
