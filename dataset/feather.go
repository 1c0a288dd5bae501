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
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

const featherClass = "kedro_datasets.pandas.feather_dataset.FeatherDataset"

// featherCodec reads and writes Feather (version 2), which is Arrow's file format.
type featherCodec struct {
	columns []string // to read; nil for all
	options []ipc.Option
	chunk   int // rows in a batch
}

func buildFeather(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "load_args", "save_args"); err != nil {
		return nil, err
	}
	load := argsOf(spec, "load_args", "use_threads", "storage_options", "dtype_backend")
	saved := argsOf(spec, "save_args", "version", "compression_level", "storage_options")
	c := &featherCodec{columns: load.texts("columns"), chunk: max(1, saved.number("chunksize", 1<<16))}
	switch saved.choice("compression", "lz4", "lz4", "zstd", "uncompressed") {
	case "lz4":
		c.options = []ipc.Option{ipc.WithLZ4()}
	case "zstd":
		c.options = []ipc.Option{ipc.WithZstd()}
	}
	if err := firstError(load.done(), saved.done()); err != nil {
		return nil, err
	}
	return newFile(spec, c, shown(spec, "load_args", nil))
}

func (c *featherCodec) open(src storage.Object) (_ *ipc.FileReader, err error) {
	defer guard("Feather", &err)
	allocator, size, err := allocatorFor(src)
	if err != nil {
		return nil, err
	}
	var magic [4]byte
	if _, err := src.ReadAt(magic[:], 0); err == nil && string(magic[:]) == "FEA1" {
		return nil, errors.New("the file is of Feather version 1, which pandas no longer writes: write it again, or as Parquet")
	}
	if err := checkFooter(src, size); err != nil {
		return nil, err
	}
	r, err := ipc.NewFileReader(src, ipc.WithAllocator(allocator))
	if err != nil {
		return nil, fmt.Errorf("read Feather file: %w", err)
	}
	return r, nil
}

func (c *featherCodec) decode(ctx context.Context, src storage.Object, want reflect.Type) (any, error) {
	if want == arrowTableType {
		return c.arrowTable(src)
	}
	rows, err := c.rows(ctx, src)
	if err != nil {
		return nil, err
	}
	defer rows.close()
	return decodeRows(rows, want)
}

// arrowTable hands the columns over as they are.
func (c *featherCodec) arrowTable(src storage.Object) (_ any, err error) {
	defer guard("Feather", &err)
	reader, err := c.open(src)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	batches := &fileBatches{file: reader}
	if batches.pick, err = c.choose(reader.Schema()); err != nil {
		return nil, err
	}
	var all []arrow.RecordBatch
	for batches.Next() {
		all = append(all, batches.RecordBatch())
	}
	if err := batches.Err(); err != nil {
		return nil, err
	}
	return array.NewTableFromRecords(batches.Schema(), all), nil
}

// choose finds the columns to read, in the order asked for; without a choice all but pandas' row labels.
func (c *featherCodec) choose(schema *arrow.Schema) ([]int, error) {
	names := columnNames(schema)
	var pick []int
	if c.columns == nil {
		metadata := schema.Metadata()
		description, _ := metadata.GetValue(pandasKey)
		labels := rowLabels(description)
		for i, name := range names {
			if !slices.Contains(labels, name) {
				pick = append(pick, i)
			}
		}
		return pick, nil
	}
	for _, name := range c.columns {
		at := slices.Index(names, name)
		if at < 0 {
			return nil, &PlaceError{Want: "column " + quoted(name) + " of load_args.columns", Got: "columns " + strings.Join(names, ", ")}
		}
		pick = append(pick, at)
	}
	return pick, nil
}

func (c *featherCodec) rows(_ context.Context, src storage.Object) (_ rowReader, err error) {
	defer guard("Feather", &err)
	reader, err := c.open(src)
	if err != nil {
		return nil, err
	}
	batches := &fileBatches{file: reader}
	if batches.pick, err = c.choose(reader.Schema()); err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	return &batchReader{kind: "Feather", batches: batches, names: columnNames(batches.Schema())}, nil
}

// fileBatches hands out the batches of a file with the chosen columns.
type fileBatches struct {
	file  *ipc.FileReader
	pick  []int
	next  int
	batch arrow.RecordBatch
	err   error
}

func (b *fileBatches) Schema() *arrow.Schema {
	fields := make([]arrow.Field, len(b.pick))
	for i, at := range b.pick {
		fields[i] = b.file.Schema().Field(at)
	}
	return arrow.NewSchema(fields, nil)
}

func (b *fileBatches) Next() bool {
	if b.err != nil || b.next == b.file.NumRecords() {
		return false
	}
	whole, err := b.file.RecordBatchAt(b.next)
	if err != nil {
		b.err = fmt.Errorf("read Feather file: %w", err)
		return false
	}
	b.next++
	columns := make([]arrow.Array, len(b.pick))
	for i, at := range b.pick {
		columns[i] = whole.Column(at)
	}
	b.batch = array.NewRecordBatch(b.Schema(), columns, whole.NumRows())
	return true
}

func (b *fileBatches) RecordBatch() arrow.RecordBatch { return b.batch }
func (b *fileBatches) Err() error                     { return b.err }
func (b *fileBatches) Release()                       { _ = b.file.Close() } // the file is closed by its owner

func (c *featherCodec) encode(_ context.Context, w io.Writer, data any) error {
	table, err := arrowTableOf(data)
	if err != nil {
		return err
	}
	options := append([]ipc.Option{ipc.WithSchema(table.Schema())}, c.options...)
	out, err := ipc.NewFileWriter(struct{ io.Writer }{w}, options...)
	if err != nil {
		return fmt.Errorf("write Feather file: %w", err)
	}
	batches := array.NewTableReader(table, int64(c.chunk))
	defer batches.Release()
	for batches.Next() {
		if err := out.Write(batches.RecordBatch()); err != nil {
			return fmt.Errorf("write Feather file: %w", err)
		}
	}
	return firstError(batches.Err(), out.Close())
}
