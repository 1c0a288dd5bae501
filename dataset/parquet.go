package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	parquetfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

const parquetClass = "kedro_datasets.pandas.parquet_dataset.ParquetDataset"

// parquetCodec reads and writes Parquet with Arrow.
type parquetCodec struct {
	columns     []string // to read; nil for all
	compression compress.Compression
}

var compressions = map[string]compress.Compression{
	"snappy": compress.Codecs.Snappy, "gzip": compress.Codecs.Gzip, "zstd": compress.Codecs.Zstd,
	"brotli": compress.Codecs.Brotli, "none": compress.Codecs.Uncompressed,
}

func buildParquet(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "load_args", "save_args"); err != nil {
		return nil, err
	}
	load := argsOf(spec, "load_args", "engine", "use_nullable_dtypes", "dtype_backend", "storage_options")
	c := &parquetCodec{columns: load.texts("columns")}
	saved := argsOf(spec, "save_args", "engine", "index", "storage_options")
	c.compression = compressions[saved.choice("compression", "snappy", "snappy", "gzip", "zstd", "brotli", "none")]
	if v, ok := saved.values["compression"]; ok && v == nil {
		c.compression = compress.Codecs.Uncompressed
	}
	if _, ok := saved.get("partition_cols"); ok {
		return nil, catalog.Errorf("ParquetDataset does not support save argument 'partition_cols'. Please use 'kedro.io.PartitionedDataset' instead.")
	}
	if err := firstError(load.done(), saved.done()); err != nil {
		return nil, err
	}
	return newFile(spec, c, shown(spec, "load_args", nil), shown(spec, "save_args", nil))
}

// guard turns a panic of the Arrow library on damaged input into an error.
func guard(kind string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged %s file: %v", kind, r)
	}
}

func (c *parquetCodec) open(src storage.Object) (_ *pqarrow.FileReader, err error) {
	defer guard("Parquet", &err)
	// The reader closes what it reads from; the caller does that.
	allocator, _, err := allocatorFor(src)
	if err != nil {
		return nil, err
	}
	r, err := parquetfile.NewParquetReader(struct {
		io.ReaderAt
		io.Seeker
	}{src, src}, parquetfile.WithReadProps(parquet.NewReaderProperties(allocator)))
	if err != nil {
		return nil, fmt.Errorf("read Parquet file: %w", err)
	}
	// Not in parallel: a panic of the library in a goroutine of its own would end the process.
	return pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: chunkRows}, allocator)
}

func (c *parquetCodec) decode(ctx context.Context, src storage.Object, want reflect.Type) (_ any, err error) {
	if want == arrowTableType {
		return c.arrowTable(ctx, src)
	}
	rows, err := c.rows(ctx, src)
	if err != nil {
		return nil, err
	}
	defer rows.close()
	return decodeRows(rows, want)
}

// arrowTable hands the columns over as they are.
func (c *parquetCodec) arrowTable(ctx context.Context, src storage.Object) (_ any, err error) {
	defer guard("Parquet", &err)
	reader, err := c.open(src)
	if err != nil {
		return nil, err
	}
	columns, err := c.choose(reader)
	if err != nil {
		return nil, err
	}
	groups := make([]int, reader.ParquetReader().NumRowGroups())
	for i := range groups {
		groups[i] = i
	}
	return reader.ReadRowGroups(ctx, columns, groups)
}

// choose finds the leaves of the columns to read; without a choice all but pandas' row labels.
func (c *parquetCodec) choose(reader *pqarrow.FileReader) ([]int, error) {
	metadata := reader.ParquetReader().MetaData()
	var labels []string
	if description := metadata.KeyValueMetadata().FindValue(pandasKey); description != nil {
		labels = rowLabels(*description)
	}
	schema := metadata.Schema
	leaves := []int{} // nil would be all
	found := map[string]bool{}
	for i := range schema.NumColumns() {
		name := schema.Column(i).ColumnPath()[0]
		if (c.columns == nil && !slices.Contains(labels, name)) || slices.Contains(c.columns, name) {
			leaves = append(leaves, i)
			found[name] = true
		}
	}
	for _, name := range c.columns {
		if !found[name] {
			return nil, &PlaceError{Want: "column " + quoted(name) + " of load_args.columns", Got: "columns " + strings.Join(rootNames(schema.Root().NumFields(), func(i int) string { return schema.Root().Field(i).Name() }), ", ")}
		}
	}
	return leaves, nil
}

func rootNames(n int, name func(int) string) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = name(i)
	}
	return names
}

func (c *parquetCodec) rows(ctx context.Context, src storage.Object) (_ rowReader, err error) {
	defer guard("Parquet", &err)
	reader, err := c.open(src)
	if err != nil {
		return nil, err
	}
	leaves, err := c.choose(reader)
	if err != nil {
		return nil, err
	}
	if len(leaves) == 0 { // which the library refuses
		return &blankRows{total: int(reader.ParquetReader().NumRows())}, nil
	}
	batches, err := reader.GetRecordReader(ctx, leaves, nil)
	if err != nil {
		return nil, fmt.Errorf("read Parquet file: %w", err)
	}
	r := &batchReader{kind: "Parquet", batches: batches, names: columnNames(batches.Schema())}
	if c.columns != nil {
		r.reorder(c.columns)
	}
	return r, nil
}

// batchSource is what batchReader needs of a reader of record batches.
type batchSource interface {
	Next() bool
	RecordBatch() arrow.RecordBatch
	Err() error
	Release()
}

// batchReader hands out the rows of record batches.
type batchReader struct {
	kind    string // of the file, for errors
	batches batchSource
	names   []string
	order   []int // positions of the columns, in the order asked for; nil keeps that of the file
	chunk   *Table
	at      int
	number  int
	cells   []any
}

// reorder puts the columns into the order of load_args, as pandas does.
func (r *batchReader) reorder(names []string) {
	for _, name := range names {
		r.order = append(r.order, slices.Index(r.names, name))
	}
	r.names = names
}

func (r *batchReader) columns() []string { return r.names }
func (r *batchReader) close()            { r.batches.Release() }

func (r *batchReader) next() (_ row, err error) {
	for r.chunk == nil || r.at == len(r.chunk.Rows) {
		if err := r.fill(); err != nil {
			return row{}, err
		}
	}
	cells := r.chunk.Rows[r.at]
	r.at++
	r.number++
	if r.order != nil {
		r.cells = r.cells[:0]
		for _, i := range r.order {
			r.cells = append(r.cells, cells[i])
		}
		cells = r.cells
	}
	return row{values: cells, number: r.number}, nil
}

func (r *batchReader) fill() (err error) {
	defer guard(r.kind, &err)
	if !r.batches.Next() {
		if err := r.batches.Err(); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s file: %w", r.kind, err)
		}
		return io.EOF
	}
	r.chunk, err = tableOfRecord(r.batches.RecordBatch())
	r.at = 0
	return err
}

// rowGroup is how many rows a row group holds at most.
const rowGroup = 1 << 20

func (c *parquetCodec) encode(_ context.Context, w io.Writer, data any) error {
	table, err := arrowTableOf(data)
	if err != nil {
		return err
	}
	properties := parquet.NewWriterProperties(parquet.WithCompression(c.compression), parquet.WithMaxRowGroupLength(rowGroup))
	// The writer closes what it writes to when that is an io.Closer; the temporary file is closed by its owner.
	return pqarrow.WriteTable(table, struct{ io.Writer }{w}, rowGroup, properties,
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema(), pqarrow.WithTruncatedTimestamps(false)))
}
