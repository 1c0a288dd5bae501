package natsx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/natstest"
	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

var objectName = messages.ObjectName{Tenant: "t.1", RunID: "2026-11-23T18.36.01.166Z-5f0c2a", ID: "1-0"}

func newObjects(t *testing.T) *natsx.Objects {
	return natsx.NewObjects(natstest.Start(t).JetStream(natsx.Topology{}), messages.Subjects{})
}

// content is size bytes that differ from piece to piece.
func content(size int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(size)))
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func TestObjectsKeepContent(t *testing.T) {
	objects := newObjects(t)
	for _, size := range []int{0, 1, messages.ChunkBytes - 1, messages.ChunkBytes, messages.ChunkBytes + 1, 20*messages.ChunkBytes + 7} {
		data := content(size)
		var told int64
		ref, err := objects.Put(t.Context(), objectName, bytes.NewReader(data), natsx.PutOptions{
			Format: "arrow", Progress: func(done int64) { told = done },
		})
		require.NoError(t, err)
		require.EqualValues(t, size, ref.Size)
		require.Equal(t, ref.Size, told)
		require.Equal(t, "arrow", ref.Format)
		reader, err := objects.Open(t.Context(), ref)
		require.NoError(t, err)
		// iotest.TestReader would read a gigabyte in pieces of a byte; odd sizes do.
		read, err := io.ReadAll(iotest.HalfReader(reader))
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, read), "%d bytes", size)
		require.NoError(t, reader.Close())
	}
}

func TestObjectsRefuseWhatIsTooLarge(t *testing.T) {
	objects := newObjects(t)
	_, err := objects.Put(t.Context(), objectName, bytes.NewReader(content(1001)), natsx.PutOptions{Limit: 1000})
	require.ErrorIs(t, err, natsx.ErrObjectTooLarge)
	require.ErrorContains(t, err, "1000 bytes")
	_, err = objects.Put(t.Context(), objectName, bytes.NewReader(content(1000)), natsx.PutOptions{Limit: 1000})
	require.NoError(t, err)
}

func TestObjectsTellAFullBucket(t *testing.T) {
	js := natstest.Start(t).JetStream(natsx.Topology{MaxDataBytes: 2 << 20})
	objects := natsx.NewObjects(js, messages.Subjects{})
	_, err := objects.Put(t.Context(), objectName, bytes.NewReader(content(4<<20)), natsx.PutOptions{})
	require.ErrorIs(t, err, natsx.ErrBucketFull)
	require.NoError(t, objects.Remove(t.Context(), objectName.Tenant, objectName.RunID))
	_, err = objects.Put(t.Context(), objectName, bytes.NewReader(content(1<<20)), natsx.PutOptions{})
	require.NoError(t, err, "there is room again")
}

func TestObjectsTellChangedAndMissingContent(t *testing.T) {
	objects := newObjects(t)
	put := func(id string, data []byte) messages.Ref {
		name := objectName
		name.ID = id
		ref, err := objects.Put(t.Context(), name, bytes.NewReader(data), natsx.PutOptions{})
		require.NoError(t, err)
		return ref
	}
	read := func(ref messages.Ref) error {
		reader, err := objects.Open(t.Context(), ref)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, reader)
		return errors.Join(err, reader.Close())
	}
	first := put("a", content(600_000))
	put("a", content(600_001)) // the same pieces, other bytes
	require.ErrorIs(t, read(first), natsx.ErrObjectChanged)

	longer := put("b", content(600_000))
	longer.Size += messages.ChunkBytes
	require.ErrorIs(t, read(longer), natsx.ErrObjectGone)
	shorter := put("c", content(600_000))
	shorter.Size = 600
	require.ErrorIs(t, read(shorter), natsx.ErrObjectChanged)

	elsewhere := shorter
	elsewhere.Bucket = "secrets"
	require.ErrorContains(t, read(elsewhere), "kedge_data only")
}

func TestObjectsOfABrokenUploadAreFoundAndRemoved(t *testing.T) {
	objects := newObjects(t)
	broken := io.MultiReader(bytes.NewReader(content(600_000)), iotest.ErrReader(errors.New("the disk is gone")))
	_, err := objects.Put(t.Context(), objectName, broken, natsx.PutOptions{})
	require.ErrorContains(t, err, "the disk is gone")

	neighbour := objectName
	neighbour.RunID = "other"
	ref, err := objects.Put(t.Context(), neighbour, bytes.NewReader(content(10)), natsx.PutOptions{})
	require.NoError(t, err)

	marks, err := objects.Marks(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []messages.ObjectName{objectName, neighbour}, marks)
	require.NoError(t, objects.Remove(t.Context(), objectName.Tenant, objectName.RunID))
	marks, err = objects.Marks(t.Context())
	require.NoError(t, err)
	require.Equal(t, []messages.ObjectName{neighbour}, marks)
	_, err = objects.Marked(t.Context(), objectName)
	require.ErrorIs(t, err, natsx.ErrObjectGone)
	reader, err := objects.Open(t.Context(), ref)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, reader)
	require.NoError(t, err, "the neighbour's object stays")
	require.NoError(t, reader.Close())
}

func TestObjectsStopWithTheContext(t *testing.T) {
	objects := newObjects(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	_, err := objects.Put(ctx, objectName, bytes.NewReader(content(5<<20)), natsx.PutOptions{
		Progress: func(done int64) {
			if done > 1<<20 {
				cancel(enough)
			}
		},
	})
	require.ErrorIs(t, err, enough)
}
