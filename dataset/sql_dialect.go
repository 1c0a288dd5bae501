package dataset

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/kedge-run/kedge/catalog"
)

// postgres is PostgreSQL.
type postgres struct{}

func (postgres) columnType(kind columnKind, zoned bool) string {
	switch kind {
	case kindWhole:
		return "BIGINT"
	case kindFloat:
		return "DOUBLE PRECISION"
	case kindBool:
		return "BOOLEAN"
	case kindBytes:
		return "BYTEA"
	case kindTime:
		if zoned {
			return "TIMESTAMP WITH TIME ZONE"
		}
		return "TIMESTAMP WITHOUT TIME ZONE"
	}
	return "TEXT"
}

func (postgres) hasTable(ctx context.Context, db querier, schema, table string) (found bool, err error) {
	err = db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", target{schema, table}.String()).Scan(&found)
	return found, err
}

// insert copies the rows in, which is much faster than statements.
func (postgres) insert(ctx context.Context, conn *sql.Conn, into target, rows *Table) error {
	name := pgx.Identifier{into.table}
	if into.schema != "" {
		name = pgx.Identifier{into.schema, into.table}
	}
	return conn.Raw(func(driver any) error {
		_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, name, rows.Columns, pgx.CopyFromRows(rows.Rows))
		return err
	})
}

// bind takes the parameters of psycopg, %s and %(name)s, and PostgreSQL's own, $1.
func (postgres) bind(query string, params any) (string, []any, error) {
	if params == nil {
		return query, nil, nil
	}
	b := binder{params: params}
	var out strings.Builder
	for {
		before, after, found := strings.Cut(query, "%")
		out.WriteString(before)
		if !found {
			break
		}
		switch {
		case strings.HasPrefix(after, "%"):
			out.WriteByte('%')
			query = after[1:]
		case strings.HasPrefix(after, "s"):
			out.WriteString("$" + strconv.Itoa(b.next()))
			query = after[1:]
		case strings.HasPrefix(after, "("):
			name, rest, ok := strings.Cut(after[1:], ")s")
			if !ok {
				return "", nil, &catalog.Exception{Type: "ValueError", Message: "a % of the query begins no parameter: write %s, %(name)s, or %% for the character"}
			}
			out.WriteString("$" + strconv.Itoa(b.named(name)))
			query = rest
		default:
			return "", nil, &catalog.Exception{Type: "ValueError", Message: "a % of the query begins no parameter: write %s, %(name)s, or %% for the character"}
		}
	}
	values, err := b.done()
	return out.String(), values, err
}

// binder gathers the values of parameters.
type binder struct {
	params any // []any or map[string]any
	values []any
	at     map[string]int // positions of names
	used   int            // of a list
	err    error
}

func (b *binder) next() int {
	list, _ := b.params.([]any)
	b.used++
	if b.used > len(list) && b.err == nil {
		b.err = &catalog.Exception{Type: "ValueError", Message: fmt.Sprintf("the query has more parameters than load_args.params (%d)", len(list))}
	}
	return b.used
}

func (b *binder) named(name string) int {
	if at, ok := b.at[name]; ok {
		return at
	}
	named, _ := b.params.(map[string]any)
	value, ok := named[name]
	if !ok && b.err == nil {
		b.err = &catalog.Exception{Type: "KeyError", Message: "'" + name + "'"}
	}
	if b.at == nil {
		b.at = map[string]int{}
	}
	b.values = append(b.values, value)
	b.at[name] = len(b.values)
	return len(b.values)
}

func (b *binder) done() ([]any, error) {
	list, ok := b.params.([]any)
	if !ok {
		return b.values, b.err
	}
	if b.used > 0 && b.used < len(list) && b.err == nil {
		b.err = &catalog.Exception{Type: "ValueError", Message: fmt.Sprintf("load_args.params has %d values, the query %d parameters", len(list), b.used)}
	}
	return list, b.err
}

// sqlite is SQLite.
type sqlite struct{}

func (sqlite) columnType(kind columnKind, _ bool) string {
	switch kind {
	case kindWhole:
		return "BIGINT"
	case kindFloat:
		return "FLOAT"
	case kindBool:
		return "BOOLEAN"
	case kindBytes:
		return "BLOB"
	case kindTime:
		return "DATETIME"
	}
	return "TEXT"
}

func (sqlite) hasTable(ctx context.Context, db querier, schema, table string) (found bool, err error) {
	list := "sqlite_master"
	if schema != "" {
		list = identifier(schema) + ".sqlite_master"
	}
	err = db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM "+list+" WHERE type IN ('table', 'view') AND name = ?", table).Scan(&found)
	return found, err
}

func (sqlite) insert(ctx context.Context, conn *sql.Conn, into target, rows *Table) error {
	names := make([]string, len(rows.Columns))
	for i, name := range rows.Columns {
		names[i] = identifier(name)
	}
	places := strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ")
	statement, err := conn.PrepareContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", into, strings.Join(names, ", "), places))
	if err != nil {
		return err
	}
	defer statement.Close()
	values := make([]any, len(names))
	for _, row := range rows.Rows {
		for i, cell := range row {
			if t, ok := cell.(time.Time); ok {
				cell = t.Format("2006-01-02 15:04:05.000000") // as SQLAlchemy stores times
			}
			values[i] = cell
		}
		if _, err := statement.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return nil
}

// bind takes the parameters of Python's sqlite3, ? and :name, which are the database's own.
func (sqlite) bind(query string, params any) (string, []any, error) {
	named, ok := params.(map[string]any)
	if !ok {
		list, _ := params.([]any)
		return query, list, nil
	}
	var out []any
	for _, name := range slices.Sorted(maps.Keys(named)) {
		out = append(out, sql.Named(name, named[name]))
	}
	return query, out, nil
}
