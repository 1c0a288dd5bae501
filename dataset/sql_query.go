package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

const sqlQueryClass = "kedro_datasets.pandas.sql_dataset.SQLQueryDataset"

// sqlQuery is Kedro's SQLQueryDataset: what a query gives.
type sqlQuery struct {
	entry  map[string]any
	db     *database
	text   string        // the query; "" when it is in a file
	store  storage.Store // of the file
	name   string        // of the file
	params any           // a list, a mapping or nil
	dates  []string
	shown  catalog.Description
}

var (
	_ catalog.IntoLoader = (*sqlQuery)(nil)
	_ catalog.Configured = (*sqlQuery)(nil)
)

func buildSQLQuery(spec buildSpec) (catalog.Dataset, error) {
	if err := spec.Arguments(nil, "sql", "credentials", "load_args", "fs_args", "filepath", "execution_options", "encoding", "metadata"); err != nil {
		return nil, err
	}
	a := &args{name: spec.Name, values: spec.Args}
	q := &sqlQuery{entry: spec.Args, text: a.text("sql", "")}
	file := a.text("filepath", "")
	checkEncoding(a)
	switch {
	case a.err != nil:
		return nil, a.err
	case q.text != "" && file != "":
		return nil, catalog.Errorf("'sql' and 'filepath' arguments cannot both be provided.Please only provide one.")
	case q.text == "" && file == "":
		return nil, catalog.Errorf("'sql' and 'filepath' arguments cannot both be empty.Please provide a sql query or path to a sql query file.")
	}
	var err error
	if q.db, err = openDatabase(spec); err != nil {
		return nil, err
	}
	load := argsOf(spec, "load_args", "coerce_float", "chunksize", "dtype_backend")
	q.dates = load.texts("parse_dates")
	q.params, _ = load.get("params")
	switch q.params.(type) {
	case nil, []any, map[string]any:
	default:
		load.fail("params", "must be a list or a mapping, got %v", q.params)
	}
	if err := load.done(); err != nil {
		return nil, err
	}
	q.shown = catalog.Description{Type: spec.Type, Args: []catalog.DescribedArg{{Name: "sql", Value: nilWhenEmpty(q.text)}, {Name: "filepath", Value: nilWhenEmpty(file)},
		shown(spec, "load_args", nil), shown(spec, "execution_options", nil)}}
	if file == "" {
		return q, nil
	}
	return q, q.openFile(spec, file)
}

func nilWhenEmpty(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// openFile finds the file of the query. Its credentials are those inside fs_args: the others are the database's.
func (q *sqlQuery) openFile(spec buildSpec, file string) error {
	given, _ := spec.Args["fs_args"].(map[string]any)
	options := map[string]any{}
	own := map[string]any{"fs_args": options}
	for key, value := range given {
		if key == "credentials" {
			own[key] = value
			continue
		}
		options[key] = value
	}
	spec.Args = own
	var err error
	_, q.name, q.store, err = openStore(spec, file)
	return err
}

// Load runs the query.
func (q *sqlQuery) Load(ctx context.Context) (any, error) { return q.load(ctx, nil) }

// LoadInto runs the query into *dst, decoded as its type wants; an iterator reads row by row.
func (q *sqlQuery) LoadInto(ctx context.Context, dst any) error { return loadInto(ctx, dst, q.load) }

func (q *sqlQuery) load(ctx context.Context, want reflect.Type) (any, error) {
	query := q.text
	if query == "" {
		file, err := q.store.Open(ctx, q.name)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("read the query: %w", err)
		}
		query = string(text)
	}
	return q.db.query(ctx, query, q.params, q.dates, want)
}

// Save is refused.
func (q *sqlQuery) Save(context.Context, any) error {
	return catalog.Errorf("'save' is not supported on SQLQueryDataset")
}

// Exists can't tell.
func (q *sqlQuery) Exists(context.Context) (bool, error) {
	return false, catalog.ErrExistsNotSupported
}

// Release does nothing: connections are shared.
func (q *sqlQuery) Release(context.Context) error { return nil }

// Describe shows the query, and nothing of the connection.
func (q *sqlQuery) Describe() catalog.Description {
	return catalog.Description{Type: q.shown.Type, Args: slices.Clone(q.shown.Args)}
}

// Config returns the catalog entry of the dataset.
func (q *sqlQuery) Config() map[string]any { return configOf(q.shown.Type, q.entry) }
