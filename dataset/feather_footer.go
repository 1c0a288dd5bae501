package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/kedge-run/kedge/internal/storage"
)

// checkFooter looks at the lists in the footer of an Arrow file, in which its schema lies: the library makes room for as many
// elements as a list says it has, and a damaged length asks for the whole memory of the machine.
func checkFooter(src storage.Object, size int64) error {
	tail := make([]byte, 10) // the length of the footer, and ARROW1
	if size < int64(len(tail)) {
		return errShortFooter
	}
	if _, err := src.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	length := int64(int32(binary.LittleEndian.Uint32(tail)))
	if length <= 4 || length > size-int64(len(tail)) {
		return errShortFooter
	}
	footer := make([]byte, length)
	if _, err := src.ReadAt(footer, size-int64(len(tail))-length); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	c := footerCheck{buffer: footer, left: len(footer)}
	root := flatbuffers.Table{Bytes: footer, Pos: flatbuffers.GetUOffsetT(footer)}
	if at := root.Offset(slotSchema); at != 0 {
		schema := flatbuffers.Table{Bytes: footer, Pos: root.Indirect(root.Pos + flatbuffers.UOffsetT(at))}
		c.list(schema, slotSchemaMetadata, nil)
		c.list(schema, slotSchemaFields, c.field)
	}
	return c.err
}

var errShortFooter = errors.New("read Feather file: it is too short for its footer")

// Places of what is looked at in the tables of Arrow's format.
const (
	slotSchema         = 6  // of a footer
	slotSchemaFields   = 6  // of a schema
	slotSchemaMetadata = 8  // of a schema
	slotFieldChildren  = 14 // of a field
	slotFieldMetadata  = 16 // of a field
)

// footerCheck walks through the fields of a schema.
type footerCheck struct {
	buffer []byte
	left   int // fields to be looked at, at most: links may go in circles
	err    error
}

// list checks the list of tables in a slot and visits each of them.
func (c *footerCheck) list(table flatbuffers.Table, slot flatbuffers.VOffsetT, visit func(flatbuffers.Table)) {
	at := flatbuffers.UOffsetT(table.Offset(slot))
	if at == 0 || c.err != nil {
		return
	}
	n, start := int64(table.VectorLen(at)), int64(table.Vector(at))
	if n < 0 || start+4*n > int64(len(c.buffer)) {
		c.err = fmt.Errorf("read Feather file: a list in its footer has %d elements", n)
		return
	}
	for i := int64(0); visit != nil && i < n && c.err == nil; i++ {
		visit(flatbuffers.Table{Bytes: c.buffer, Pos: table.Indirect(flatbuffers.UOffsetT(start + 4*i))})
	}
}

func (c *footerCheck) field(field flatbuffers.Table) {
	if c.left--; c.left < 0 {
		c.err = errors.New("read Feather file: the fields of its footer go in circles")
		return
	}
	c.list(field, slotFieldMetadata, nil)
	c.list(field, slotFieldChildren, c.field)
}
