package dataset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/kedge-run/kedge/catalog"
)

const sqlTableClass = "kedro_datasets.pandas.sql_dataset.SQLTableDataset"

// sqlTable is Kedro's SQLTableDataset: a table of a database.
type sqlTable struct {
	entry    map[string]any
	db       *database
	from, to target
	columns  []string // to read; nil for all
	dates    []string // columns of texts that hold times
	exists   string   // fail, replace or append
	label    string   // of a column of row numbers; "" for none
	shown    catalog.Description
}

var (
	_ catalog.IntoLoader = (*sqlTable)(nil)
	_ catalog.Configured = (*sqlTable)(nil)
)

func buildSQLTable(spec buildSpec) (catalog.Dataset, error) {
	if err := spec.Arguments([]string{"table_name", "credentials"}, "load_args", "save_args", "metadata"); err != nil {
		return nil, err
	}
	name, _ := spec.Args["table_name"].(string)
	if name == "" {
		return nil, catalog.Errorf("'table_name' argument cannot be empty.")
	}
	db, err := openDatabase(spec)
	if err != nil {
		return nil, err
	}
	load := argsOf(spec, "load_args", "coerce_float", "chunksize", "dtype_backend")
	saved := argsOf(spec, "save_args", "chunksize", "method")
	t := &sqlTable{entry: spec.Args, db: db, from: target{load.text("schema", ""), name}, to: target{saved.text("schema", ""), name},
		columns: load.texts("columns"), dates: load.texts("parse_dates"), exists: saved.choice("if_exists", "fail", "fail", "replace", "append")}
	label := saved.text("index_label", "index")
	if saved.boolean("index", false) {
		t.label = label
	}
	t.shown = catalog.Description{Type: spec.Type, Args: []catalog.DescribedArg{{Name: "table_name", Value: name},
		shown(spec, "load_args", nil), shown(spec, "save_args", map[string]any{"index": false})}}
	return t, firstError(load.done(), saved.done())
}

// Load reads the table.
func (t *sqlTable) Load(ctx context.Context) (any, error) { return t.load(ctx, nil) }

// LoadInto reads the table into *dst, decoded as its type wants; an iterator reads row by row.
func (t *sqlTable) LoadInto(ctx context.Context, dst any) error { return loadInto(ctx, dst, t.load) }

// loadInto puts what load gives for the type of *dst into it.
func loadInto(ctx context.Context, dst any, load func(context.Context, reflect.Type) (any, error)) error {
	into := reflect.ValueOf(dst).Elem()
	data, err := load(ctx, into.Type())
	if err == nil && data != nil {
		into.Set(reflect.ValueOf(data))
	}
	return err
}

func (t *sqlTable) load(ctx context.Context, want reflect.Type) (any, error) {
	chosen := "*"
	if t.columns != nil {
		names := make([]string, len(t.columns))
		for i, name := range t.columns {
			names[i] = identifier(name)
		}
		chosen = strings.Join(names, ", ")
	}
	err := t.checkColumns(ctx)
	if err == nil {
		var data any
		if data, err = t.db.query(ctx, fmt.Sprintf("SELECT %s FROM %s", chosen, t.from), nil, t.dates, want); err == nil {
			return data, nil
		}
	}
	if there, missing := t.db.hasTable(ctx, t.db.pool(), t.from.schema, t.from.table); missing == nil && !there {
		return nil, &catalog.Exception{Type: "ValueError", Message: "Table " + t.from.table + " not found", Err: err}
	}
	return nil, err
}

// checkColumns looks for the columns of load_args, since SQLite takes the name of an unknown one for a text.
func (t *sqlTable) checkColumns(ctx context.Context) error {
	if t.columns == nil {
		return nil
	}
	rows, err := t.db.rows(ctx, fmt.Sprintf("SELECT * FROM %s WHERE 1 = 0", t.from), nil, nil)
	if err != nil {
		return err
	}
	defer rows.close()
	for _, name := range t.columns {
		if !slices.Contains(rows.columns(), name) {
			return &catalog.Exception{Type: "KeyError", Message: fmt.Sprintf("load_args.columns: no column %q; table %s has %s", name, t.from.table, strings.Join(rows.columns(), ", "))}
		}
	}
	return nil
}

// query runs a query and decodes its rows as want; an iterator runs it each time it is ranged over.
func (d *database) query(ctx context.Context, query string, params any, dates []string, want reflect.Type) (any, error) {
	open := func() (rowReader, error) { return d.rows(ctx, query, params, dates) }
	if want != nil {
		if item, withError, ok := catalog.IteratorOf(want); ok {
			return streamRows(ctx, open, want, item, withError)
		}
	}
	rows, err := open()
	if err != nil {
		return nil, err
	}
	defer rows.close()
	return decodeRows(rows, want)
}

func (d *database) rows(ctx context.Context, query string, params any, dates []string) (rowReader, error) {
	query, values, err := d.bind(query, params)
	if err != nil {
		return nil, err
	}
	rows, err := d.pool().QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	r, err := newSQLReader(rows, dates)
	if err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return r, nil
}

// streamRows makes an iterator that reads rows each time it is ranged over. It opens them once now, so that what is missing is the
// error of the load.
func streamRows(ctx context.Context, open func() (rowReader, error), want, item reflect.Type, withError bool) (any, error) {
	if !withError {
		return nil, fmt.Errorf("rows are read as iter.Seq2[%s, error], since reading may fail; got %s", item, want)
	}
	first, err := open()
	if err != nil {
		return nil, err
	}
	first.close()
	return catalog.NewIterator(want, func(yield func(any, error) bool) {
		rows, err := open()
		if err == nil {
			defer rows.close()
			err = eachRow(ctx, rows, item, func(row any) bool { return yield(row, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}).Interface(), nil
}

// Save writes a table in one transaction: readers see the old rows or the new ones.
func (t *sqlTable) Save(ctx context.Context, data any) (err error) {
	rows, schema, err := t.tableOf(data)
	if err != nil {
		return err
	}
	conn, err := t.db.pool().Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := t.write(ctx, conn, tx, rows, schema); err != nil {
		return firstError(context.Cause(ctx), err, tx.Rollback())
	}
	return tx.Commit()
}

func (t *sqlTable) write(ctx context.Context, conn *sql.Conn, tx *sql.Tx, rows *Table, schema *arrow.Schema) error {
	there, err := t.db.hasTable(ctx, tx, t.to.schema, t.to.table)
	if err != nil {
		return err
	}
	if there && t.exists == "fail" {
		return &catalog.Exception{Type: "ValueError", Message: "Table '" + t.to.table + "' already exists."}
	}
	if there && t.exists == "replace" {
		if _, err := tx.ExecContext(ctx, "DROP TABLE "+t.to.String()); err != nil {
			return err
		}
		there = false
	}
	if !there {
		if _, err := tx.ExecContext(ctx, t.creation(schema)); err != nil {
			return err
		}
	}
	return t.db.insert(ctx, conn, t.to, rows)
}

// tableOf gathers data, missing values as NULL, and finds the types of its columns.
func (t *sqlTable) tableOf(data any) (*Table, *arrow.Schema, error) {
	f, err := frameOf(data)
	if err != nil {
		return nil, nil, err
	}
	rows, err := f.table()
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows.Rows {
		for j, cell := range row {
			if missing(cell) {
				row[j] = nil
			}
		}
	}
	if t.label != "" {
		rows.Columns = append([]string{t.label}, rows.Columns...)
		f.types = nil
		for i, row := range rows.Rows {
			rows.Rows[i] = append([]any{int64(i)}, row...)
		}
	}
	if len(rows.Columns) == 0 {
		return nil, nil, errors.New("a table needs a column")
	}
	schema, err := rows.schemaOf(f.types)
	return rows, schema, err
}

// creation is the statement that makes the table.
func (t *sqlTable) creation(schema *arrow.Schema) string {
	columns := make([]string, schema.NumFields())
	for i, field := range schema.Fields() {
		kind, zoned := kindOf(field.Type)
		columns[i] = identifier(field.Name) + " " + t.db.columnType(kind, zoned)
	}
	return "CREATE TABLE " + t.to.String() + " (" + strings.Join(columns, ", ") + ")"
}

// kindOf gives the kind of column for an Arrow type, and whether its times have a zone.
func kindOf(t arrow.DataType) (kind columnKind, zoned bool) {
	switch t := t.(type) {
	case *arrow.Int64Type, *arrow.Uint64Type:
		return kindWhole, false
	case *arrow.Float64Type:
		return kindFloat, false
	case *arrow.BooleanType:
		return kindBool, false
	case *arrow.BinaryType:
		return kindBytes, false
	case *arrow.TimestampType:
		return kindTime, t.TimeZone != ""
	}
	return kindText, false
}

// Exists tells whether the table is there.
func (t *sqlTable) Exists(ctx context.Context) (bool, error) {
	return t.db.hasTable(ctx, t.db.pool(), t.from.schema, t.from.table)
}

// Release does nothing: connections are shared.
func (t *sqlTable) Release(context.Context) error { return nil }

// Describe shows what Kedro shows, which is nothing of the connection.
func (t *sqlTable) Describe() catalog.Description {
	return catalog.Description{Type: t.shown.Type, Args: slices.Clone(t.shown.Args)}
}

// Config returns the catalog entry of the dataset.
func (t *sqlTable) Config() map[string]any { return configOf(t.shown.Type, t.entry) }

// configOf is a catalog entry again.
func configOf(class string, entry map[string]any) map[string]any {
	config := maps.Clone(entry)
	delete(config, "metadata")
	config["type"] = class
	return config
}
