package client

import (
	"context"
	"io"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Open reads an output that a reply gives by reference. The reader holds a few pieces in
// memory, whatever the size; it ends in [ErrDataChanged] instead of io.EOF when the content
// is not what the reference says, and in [ErrDataGone] when it has expired with its run.
// It must be closed.
func (c *Client) Open(ctx context.Context, ref messages.Ref) (io.ReadCloser, error) {
	return natsx.NewObjects(c.js, c.subjects).Open(ctx, ref)
}
