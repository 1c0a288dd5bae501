package dataset_test

import (
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/catalog/catalogtest"
	"github.com/kedge-run/kedge/dataset"
	"github.com/kedge-run/kedge/internal/servertest"
)

// sqlTypes is a table of each type that databases keep.
func sqlTypes() *dataset.Table {
	at := time.Date(2024, 1, 2, 3, 4, 5, 600_000, time.UTC)
	return &dataset.Table{Columns: []string{"id", "Name \"x\"", "price", "ok", "at", "raw", "none"}, Rows: [][]any{
		{int64(1), "a,'b'", 0.5, true, at, []byte{0, 255}, nil}, {int64(-1) << 63, "日本", nil, false, nil, nil, nil}}}
}

// servers are connection strings of the databases that the tests know, one for each test folder.
func servers(t *testing.T) map[string]func(folder string) string {
	address := servertest.Postgres(t)
	return map[string]func(string) string{
		"postgres": func(string) string { return address },
		"sqlite":   func(folder string) string { return "sqlite:///" + filepath.Join(folder, "x y?.db") },
	}
}

func TestSQLTablesPassTheSuite(t *testing.T) {
	second := &dataset.Table{Columns: []string{"other"}, Rows: [][]any{{int64(7)}}}
	for name, connection := range servers(t) {
		t.Run(name, func(t *testing.T) {
			catalogtest.Exercise(t, dataset.Types(), map[string]any{"type": "pandas.SQLTableDataset", "save_args": map[string]any{"if_exists": "replace"}},
				catalogtest.Features{Value: sqlTypes(), Second: second, Refused: 5, Mutate: mutateTable, Absent: " not found",
					Place: func(folder string) map[string]any {
						id := fnv.New32()
						_, _ = id.Write([]byte(folder))
						return map[string]any{"table_name": fmt.Sprint("t", id.Sum32()), "credentials": map[string]any{"con": connection(folder), "pool_size": 3}}
					}})
			exerciseQuery(t, connection)
			exerciseSQL(t, connection(t.TempDir()))
		})
	}
}

// exerciseQuery runs the suite over a query, which only loads.
func exerciseQuery(t *testing.T, connection func(string) string) {
	name := func(folder string) string {
		id := fnv.New32()
		_, _ = id.Write([]byte(folder))
		return fmt.Sprint("q", id.Sum32())
	}
	catalogtest.Exercise(t, dataset.Types(), map[string]any{"type": "pandas.SQLQueryDataset"},
		catalogtest.Features{Value: table(), Second: &dataset.Table{Columns: []string{"other"}, Rows: [][]any{{int64(7)}}}, Mutate: mutateTable,
			Place: func(folder string) map[string]any {
				return map[string]any{"sql": "SELECT * FROM " + name(folder), "credentials": map[string]any{"con": connection(folder)}}
			},
			Fill: func(t *testing.T, config map[string]any, value any) {
				into := map[string]any{"type": "pandas.SQLTableDataset", "table_name": config["sql"].(string)[len("SELECT * FROM "):],
					"credentials": config["credentials"], "save_args": map[string]any{"if_exists": "replace"}}
				require.NoError(t, newCatalog(t, map[string]map[string]any{"t": into}).Save(t.Context(), "t", value))
			}})
}

func exerciseSQL(t *testing.T, con string) {
	credentials := map[string]any{"con": con}
	table := func(extra ...any) map[string]any {
		config := map[string]any{"type": "pandas.SQLTableDataset", "table_name": "cars", "credentials": credentials}
		for i := 0; i < len(extra); i += 2 {
			config[extra[i].(string)] = extra[i+1]
		}
		return config
	}
	query := func(text string, params any) map[string]any {
		return map[string]any{"type": "pandas.SQLQueryDataset", "sql": text, "credentials": credentials, "load_args": map[string]any{"params": params}}
	}
	file := filepath.Join(t.TempDir(), "q.sql")
	require.NoError(t, os.WriteFile(file, []byte("SELECT count(*) AS n FROM cars"), 0o600))
	positional, named := "?", ":name"
	if con[0] == 'p' {
		positional, named = "%s", "%(name)s"
	}
	c := newCatalog(t, map[string]map[string]any{
		"cars":    table(),
		"append":  table("save_args", map[string]any{"if_exists": "append"}),
		"chosen":  table("load_args", map[string]any{"columns": []any{"name", "id"}}),
		"unknown": table("load_args", map[string]any{"columns": []any{"id", "zz"}}),
		"indexed": table("table_name", "indexed", "save_args", map[string]any{"index": true, "index_label": "row"}),
		"list":    query("SELECT name FROM cars WHERE id = "+positional+" AND name LIKE "+positional, []any{2, "日%"}),
		"named":   query("SELECT name FROM cars WHERE name = "+named+" OR name = "+named, map[string]any{"name": "日本"}),
		"file":    {"type": "pandas.SQLQueryDataset", "filepath": file, "credentials": credentials},
		"wrong":   query("SELECT nothing FROM cars", nil),
	})
	ctx := t.Context()
	require.NoError(t, c.Save(ctx, "cars", cars))
	require.Equal(t, cars, load[[]car](ctx, t, c, "cars"))
	require.ErrorContains(t, c.Save(ctx, "cars", cars), "Table 'cars' already exists.")
	require.NoError(t, c.Save(ctx, "append", cars[:1]))
	var streamed []car
	for row, err := range load[iter.Seq2[car, error]](ctx, t, c, "cars") {
		require.NoError(t, err)
		streamed = append(streamed, row)
	}
	require.Equal(t, append(cars[:2:2], cars[0]), streamed)
	require.Equal(t, []string{"name", "id"}, load[*dataset.Table](ctx, t, c, "chosen").Columns)
	_, err := c.Load(ctx, "unknown")
	require.ErrorContains(t, err, `load_args.columns: no column "zz"; table cars has id, name, price, sold, built`)
	require.NoError(t, c.Save(ctx, "indexed", []map[string]any{{"x": "a"}, {"x": "b"}}))
	require.Equal(t, &dataset.Table{Columns: []string{"row", "x"}, Rows: [][]any{{int64(0), "a"}, {int64(1), "b"}}}, load[any](ctx, t, c, "indexed"))

	want := &dataset.Table{Columns: []string{"name"}, Rows: [][]any{{"日本"}}}
	require.Equal(t, want, load[any](ctx, t, c, "list"))
	require.Equal(t, want, load[any](ctx, t, c, "named"))
	require.Equal(t, [][]any{{int64(3)}}, load[*dataset.Table](ctx, t, c, "file").Rows)
	_, err = c.Load(ctx, "wrong")
	require.ErrorContains(t, err, "Failed while loading data from dataset kedro_datasets.pandas.sql_dataset.SQLQueryDataset(sql='SELECT nothing FROM cars'")
	require.NotContains(t, err.Error(), con)
	require.ErrorContains(t, c.Save(ctx, "file", cars), "'save' is not supported on SQLQueryDataset")
	found, err := c.Exists(ctx, "file")
	require.NoError(t, err)
	require.False(t, found)
	exerciseRollback(t, c)
}

// exerciseRollback: a row that the database refuses takes all rows of its save with it.
func exerciseRollback(t *testing.T, c *catalog.DataCatalog) {
	before := load[[]car](t.Context(), t, c, "cars")
	bad := &dataset.Table{Columns: []string{"id", "no such column"}, Rows: [][]any{{int64(8), "x"}}}
	require.Error(t, c.Save(t.Context(), "append", bad))
	require.Equal(t, before, load[[]car](t.Context(), t, c, "cars"))
}

// TestPostgresValues: types of the server that no table of ours makes.
func TestPostgresValues(t *testing.T) {
	c := newCatalog(t, map[string]map[string]any{"q": {"type": "pandas.SQLQueryDataset", "credentials": map[string]any{"con": servertest.Postgres(t),
		"connect_args": map[string]any{"application_name": "kedge"}},
		"sql": `SELECT 1::smallint AS a, 1.5::real AS b, 12.25::numeric AS c, 'NaN'::numeric AS d, '2024-01-02'::date AS e, '{"x": 1}'::jsonb AS f,
			'6f1c9c1e-0000-4000-8000-000000000000'::uuid AS g, '2024-01-02 03:04:05+02'::timestamptz AS h, NULL AS i, 100 % 7 AS j, current_setting('application_name') AS k`}})
	got := load[*dataset.Table](t.Context(), t, c, "q")
	require.Equal(t, [][]any{{int64(1), 1.5, 12.25, nil, time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC), `{"x": 1}`,
		"6f1c9c1e-0000-4000-8000-000000000000", time.Date(2024, 1, 2, 1, 4, 5, 0, dataset.UTC), nil, int64(2), "kedge"}}, got.Rows)
}

func TestSQLInMemoryIsSharedByConnectionString(t *testing.T) {
	types := dataset.Types()
	build := func() catalog.Dataset {
		ds, err := types.New("t", map[string]any{"type": "pandas.SQLTableDataset", "table_name": "t", "credentials": map[string]any{"con": "sqlite://"}}, catalog.Version{})
		require.NoError(t, err)
		return ds
	}
	require.NoError(t, build().Save(t.Context(), table()))
	got, err := build().Load(t.Context())
	require.NoError(t, err)
	require.Equal(t, table(), got)
}

func TestSQLErrors(t *testing.T) {
	for text, config := range map[string]map[string]any{
		"'table_name' argument cannot be empty.":                                         {"type": "pandas.SQLTableDataset", "table_name": "", "credentials": map[string]any{}},
		"'con' argument cannot be empty. Please provide a SQLAlchemy connection string.": {"type": "pandas.SQLTableDataset", "table_name": "a", "credentials": map[string]any{}},
		"'sql' and 'filepath' arguments cannot both be empty.Please provide a sql query": {"type": "pandas.SQLQueryDataset", "credentials": map[string]any{"con": "sqlite://"}},
		"'sql' and 'filepath' arguments cannot both be provided.":                        {"type": "pandas.SQLQueryDataset", "sql": "a", "filepath": "b"},
		"Kedge knows postgresql:// and sqlite://, got mssql+pyodbc://":                   {"type": "pandas.SQLQueryDataset", "sql": "a", "credentials": map[string]any{"con": "mssql+pyodbc://u:secret@x"}},
		"load_args.params must be a list or a mapping":                                   {"type": "pandas.SQLQueryDataset", "sql": "a", "credentials": map[string]any{"con": "sqlite://"}, "load_args": map[string]any{"params": "x"}},
		"save_args.if_exists must be one of fail, replace, append":                       {"type": "pandas.SQLTableDataset", "table_name": "a", "credentials": map[string]any{"con": "sqlite://"}, "save_args": map[string]any{"if_exists": "x"}},
		"credentials.pool isn't supported":                                               {"type": "pandas.SQLTableDataset", "table_name": "a", "credentials": map[string]any{"con": "sqlite://", "pool": 1}},
		"credentials.con isn't a valid URL":                                              {"type": "pandas.SQLTableDataset", "table_name": "a", "credentials": map[string]any{"con": "postgresql://u:secret%zz@x/y"}},
	} {
		_, err := dataset.Types().New("x", config, catalog.Version{})
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "secret")
	}
	c := newCatalog(t, map[string]map[string]any{"away": {"type": "pandas.SQLTableDataset", "table_name": "a", "credentials": map[string]any{"con": "postgresql://u:secret@127.0.0.1:1/x"}}})
	_, err := c.Load(t.Context(), "away")
	require.ErrorContains(t, err, "connect")
	require.NotContains(t, err.Error(), "secret")
}
