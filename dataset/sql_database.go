package dataset

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/kedge-run/kedge/catalog"
	_ "modernc.org/sqlite" // the driver that sql.Open knows as sqlite
)

// maxDatabases is how many pools of connections are kept; those that come after are closed and made anew.
const maxDatabases = 64

// databases are the pools of connections that the datasets of one registry share, as Kedro's do by connection string.
type databases struct {
	mu   sync.Mutex // guards the field below
	open map[[sha256.Size]byte]*sql.DB
}

// database is where a dataset's tables are. It connects at its first use.
type database struct {
	dialect
	pool func() *sql.DB
}

// dialect is how databases differ.
type dialect interface {
	// columnType names the type of a column of a table that is made.
	columnType(kind columnKind, zoned bool) string
	// hasTable tells whether a table or view exists; schema may be "".
	hasTable(ctx context.Context, db querier, schema, table string) (bool, error)
	// insert adds rows on a connection that is in a transaction.
	insert(ctx context.Context, conn *sql.Conn, into target, rows *Table) error
	// bind turns the parameters of a query, as Python's driver takes them, into those of Go's.
	bind(query string, params any) (string, []any, error)
}

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// target names a table.
type target struct{ schema, table string }

// String is the quoted name.
func (t target) String() string {
	if t.schema == "" {
		return identifier(t.table)
	}
	return identifier(t.schema) + "." + identifier(t.table)
}

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

// errEmptyConnection is Kedro's.
func errEmptyConnection() error {
	return catalog.Errorf("'con' argument cannot be empty. Please provide a SQLAlchemy connection string.")
}

// openDatabase reads credentials: con, a connection string of SQLAlchemy, and arguments of its engine.
func openDatabase(spec buildSpec) (*database, error) {
	credentials, _ := spec.Args["credentials"].(map[string]any)
	con, _ := credentials["con"].(string)
	if con == "" {
		return nil, errEmptyConnection()
	}
	scheme, rest, ok := strings.Cut(con, "://")
	if !ok {
		return nil, catalog.Errorf("credentials.con is no URL: write postgresql://user:password@host/database or sqlite:///path")
	}
	a := &args{name: "credentials", values: credentials, known: []string{"con"},
		ignored: []string{"pool_pre_ping", "pool_timeout", "pool_use_lifo", "echo", "echo_pool", "future", "hide_parameters", "client_encoding", "json_serializer", "json_deserializer"}}
	limits := poolLimits{size: a.number("pool_size", 5) + a.number("max_overflow", 10), recycle: a.number("pool_recycle", 0)}
	connect, _ := a.get("connect_args")
	extra, _ := connect.(map[string]any)
	if err := a.done(); err != nil {
		return nil, err
	}
	key, err := json.Marshal(credentials)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	var open func() *sql.DB
	db := &database{}
	switch name {
	case "postgresql", "postgres":
		db.dialect = postgres{}
		open, err = openPostgres(rest, extra)
	case "sqlite":
		db.dialect = sqlite{}
		open, limits, err = openSQLite(rest, limits)
	default:
		return nil, catalog.Errorf("The SQL dialect in your connection is not supported: Kedge knows postgresql:// and sqlite://, got %s://. "+
			"Read the data with another program, or run the project on the hosted engine.", scheme)
	}
	if err != nil {
		return nil, err
	}
	db.pool = func() *sql.DB { return spec.shared.databases.get(sha256.Sum256(key), open, limits) }
	return db, nil
}

// poolLimits are those of SQLAlchemy's engine.
type poolLimits struct {
	size    int // connections at the same time
	recycle int // seconds after which a connection is made anew; 0 is never
}

// get returns the pool of a connection string, made at its first use.
func (d *databases) get(key [sha256.Size]byte, open func() *sql.DB, limits poolLimits) *sql.DB {
	d.mu.Lock()
	defer d.mu.Unlock()
	if db, ok := d.open[key]; ok {
		return db
	}
	db := open()
	db.SetMaxOpenConns(limits.size)
	db.SetConnMaxLifetime(time.Duration(limits.recycle) * time.Second)
	if d.open == nil {
		d.open = map[[sha256.Size]byte]*sql.DB{}
	}
	for other, old := range d.open {
		if len(d.open) < maxDatabases {
			break
		}
		if old.Stats().InUse == 0 {
			_ = old.Close() // idle
			delete(d.open, other)
		}
	}
	d.open[key] = db
	return db
}

// openPostgres takes a connection string as libpq does.
func openPostgres(rest string, extra map[string]any) (func() *sql.DB, error) {
	address, err := url.Parse("postgresql://" + rest)
	if err != nil {
		return nil, errors.New("credentials.con isn't a valid URL") // the error of url.Parse would show it
	}
	query := address.Query()
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		query.Set(key, fmt.Sprint(extra[key]))
	}
	address.RawQuery = query.Encode()
	config, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, fmt.Errorf("credentials.con: %w", err)
	}
	// A statement that the server keeps fails once a save has replaced its table by one with other columns.
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	return func() *sql.DB { return stdlib.OpenDB(*config) }, nil
}

// openSQLite takes /path, relative to the working directory, //path, absolute, or nothing for a database in memory.
func openSQLite(rest string, limits poolLimits) (func() *sql.DB, poolLimits, error) {
	name, query, _ := strings.Cut(rest, "?")
	name = strings.TrimPrefix(name, "/")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, limits, errors.New("credentials.con isn't a valid URL")
	}
	dsn := url.Values{"_pragma": {"busy_timeout(30000)"}, "_txlock": {"immediate"}}
	if mode := values.Get("mode"); mode != "" {
		dsn.Set("mode", mode)
	}
	if name == "" || name == ":memory:" {
		name, limits = ":memory:", poolLimits{size: 1} // another connection would see another database
	}
	source := "file:" + (&url.URL{Path: name}).EscapedPath() + "?" + dsn.Encode()
	return func() *sql.DB {
		db, err := sql.Open("sqlite", source)
		if err != nil {
			panic(err) // the driver isn't linked
		}
		return db
	}, limits, nil
}
