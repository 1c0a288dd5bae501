package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/internal/mask"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
)

// giver gives the outputs of one run to its caller: in the reply while there is room, else through the object bucket.
type giver struct {
	ctx     context.Context // of the run: a run that was lost stops giving
	objects *natsx.Objects
	limit   int64
	key     ledger.Key
	epoch   uint64
	room    int // bytes left in the reply
	stored  int // objects so far
}

func (w *Worker) newGiver(r *run) *giver {
	return &giver{
		ctx: r.ctx, objects: w.ledger.Objects(), limit: w.cfg.MaxDataBytes,
		key: r.key, epoch: r.claim.Epoch(), room: messages.MaxInlineBytes,
	}
}

// output gives an output by value or by reference when it was asked for or lies in memory anyway; else it is described.
// A stored dataset that nobody asked for isn't read back.
func (g *giver) output(source session.Output, asked bool) messages.Output {
	description := source.Describe()
	out := messages.Output{Type: description.Type, Path: filePath(description)}
	if encoded, ok := source.(session.EncodedOutput); ok {
		g.encoded(&out, encoded, inMemory(description))
		return out
	}
	if !asked && !inMemory(description) {
		return out
	}
	value, err := source.Load(g.ctx)
	if err != nil {
		out.Problem = cut(mask.URL(err.Error()), maxText)
		return out
	}
	out.Shape = shapeOf(value)
	if out.Value = encodeWithin(value, g.room); out.Value == nil {
		g.stream(&out, value)
	}
	g.room -= len(out.Value)
	if out.Value == nil && inMemory(description) {
		out.Type = fmt.Sprintf("%T", value)
	}
	return out
}

// encoded gives an output of an engine that has already decided how it travels.
func (g *giver) encoded(out *messages.Output, source session.EncodedOutput, memory bool) {
	value, valueType, shape := source.Encoded()
	out.Shape = shape
	if len(value) <= g.room {
		out.Value = value
		g.room -= len(value)
	}
	if out.Value == nil && memory && valueType != "" {
		out.Type = valueType
	}
	if file, ok := source.(session.FileOutput); ok {
		if content, format := file.File(); content != nil {
			g.store(out, content, content.Size(), format)
		}
	}
}

// stream stores a value that doesn't fit into the reply as JSON, if it is JSON.
func (g *giver) stream(out *messages.Output, value any) {
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		writer.CloseWithError(writeJSON(writer, value))
	}()
	head := bufio.NewReaderSize(reader, messages.ChunkBytes)
	// What is no JSON is mostly found out at once, and nothing is stored for it.
	if _, err := head.Peek(messages.ChunkBytes); err == nil || errors.Is(err, io.EOF) {
		g.store(out, head, 0, "json")
	}
	reader.Close()
	<-done
}

// store puts content into the object bucket. A run doesn't fail because its output can't be given: the reply says why.
func (g *giver) store(out *messages.Output, content io.Reader, size int64, format string) {
	if size > g.limit {
		out.Problem = fmt.Sprintf("%d bytes, at most %d are allowed; worker --max-data allows more", size, g.limit)
		return
	}
	g.stored++
	name := messages.ObjectName{Tenant: g.key.Tenant, RunID: g.key.RunID, ID: fmt.Sprintf("%d-%d", g.epoch, g.stored)}
	ref, err := g.objects.Put(g.ctx, name, content, natsx.PutOptions{Format: format, Limit: g.limit})
	if err != nil {
		out.Problem = cut(mask.URL(err.Error()), maxText)
		zerolog.Ctx(g.ctx).Warn().Err(err).Msg("an output was not stored")
		return
	}
	out.Ref = &ref
}

// errNoJSON says that a value has no JSON. What the value's own code says of it may hold a secret, so it isn't told.
var errNoJSON = errors.New("the value is no JSON")

// writeJSON writes the JSON of a value, a list element by element. A value may bring code of its own, which may panic.
func writeJSON(w io.Writer, value any) (err error) {
	defer func() {
		if recover() != nil {
			err = errNoJSON
		}
	}()
	v := reflect.ValueOf(value)
	if !isPlainList(value, v) {
		text, err := json.Marshal(value)
		if err != nil {
			return errNoJSON
		}
		_, err = w.Write(text)
		return err
	}
	out := bufio.NewWriterSize(w, messages.ChunkBytes)
	for i := range v.Len() {
		text, err := json.Marshal(v.Index(i).Interface())
		if err != nil {
			return errNoJSON
		}
		out.WriteByte("[,"[min(i, 1)]) //nolint:errcheck // Flush tells
		out.Write(text)                //nolint:errcheck // as above
	}
	out.WriteByte(']') //nolint:errcheck // as above
	return out.Flush()
}
