package storage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// objects is a store of objects in buckets. A name is bucket/key.
type objects struct {
	set  *Set
	key  bucketKey // without the bucket
	open opener
}

var _ Tree = (*objects)(nil)

// Local is false.
func (*objects) Local() bool { return false }

// at returns the bucket of a name and the key in it.
func (o *objects) at(ctx context.Context, name string) (*blob.Bucket, string, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if bucket == "" {
		return nil, "", fmt.Errorf("%s://%s names no bucket", o.key.protocol, name)
	}
	id := o.key
	id.bucket = bucket
	b, err := o.set.bucket(ctx, id, o.open)
	return b, key, err
}

// failure puts an error about a name into the words of the local disk where it has some.
func (o *objects) failure(op, name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	url := o.key.protocol + "://" + name
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return &fs.PathError{Op: op, Path: url, Err: syscall.ENOENT}
	case gcerrors.PermissionDenied:
		return &fs.PathError{Op: op, Path: url, Err: syscall.EACCES}
	}
	return fmt.Errorf("%s %s: %w", op, url, err)
}

// Exists tells whether there is an object.
func (o *objects) Exists(ctx context.Context, name string) (bool, error) {
	b, key, err := o.at(ctx, name)
	if err != nil {
		return false, err
	}
	found, err := b.Exists(ctx, key)
	return found, o.failure("stat", name, err)
}

// List names what lies directly below a folder.
func (o *objects) List(ctx context.Context, folder string) ([]string, error) {
	var names []string
	err := o.each(ctx, folder, "/", func(name string) error {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(name, "/"), "/"))
		return nil
	})
	return names, err
}

// Find lists all objects below a folder, in order; an object is below itself.
func (o *objects) Find(ctx context.Context, folder string) ([]string, error) {
	var names []string
	folder = strings.TrimSuffix(folder, "/")
	err := o.each(ctx, folder, "", func(name string) error {
		names = append(names, folder+name)
		return nil
	})
	slices.Sort(names)
	return names, err
}

// Remove deletes all objects below a folder.
func (o *objects) Remove(ctx context.Context, folder string) error {
	folder = strings.TrimSuffix(folder, "/")
	return o.each(ctx, folder, "", func(name string) error {
		b, key, err := o.at(ctx, folder+name)
		if err == nil {
			err = o.failure("remove", folder+name, b.Delete(ctx, key))
		}
		return err
	})
}

// each calls visit with the rest of every name below folder, from the slash on, and with "" for an object of just this name.
func (o *objects) each(ctx context.Context, folder, delimiter string, visit func(rest string) error) error {
	folder = strings.TrimSuffix(folder, "/")
	b, prefix, err := o.at(ctx, folder)
	if err != nil {
		return err
	}
	if prefix != "" && delimiter == "" {
		if found, err := b.Exists(ctx, prefix); err != nil || found {
			return firstError(o.failure("list", folder, err), func() error { return visit("") })
		}
	}
	if prefix != "" {
		prefix += "/"
	}
	list := b.List(&blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
	for {
		item, err := list.Next(ctx)
		if errors.Is(err, io.EOF) || gcerrors.Code(err) == gcerrors.NotFound {
			return nil
		}
		if err != nil {
			return o.failure("list", folder, err)
		}
		rest := strings.TrimPrefix(item.Key, prefix)
		if rest == "" || delimiter == "" && strings.HasSuffix(rest, "/") {
			continue // the mark of a folder
		}
		if err := visit("/" + rest); err != nil {
			return err
		}
	}
}

func firstError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}

// Open starts to read an object.
func (o *objects) Open(ctx context.Context, name string) (Object, error) {
	b, key, err := o.at(ctx, name)
	if err != nil {
		return nil, err
	}
	r, err := b.NewReader(ctx, key, nil)
	if err != nil {
		return nil, o.failure("open", name, err)
	}
	return &spooled{source: r}, nil
}

// Replace uploads an object; it is there once all of it has arrived.
func (o *objects) Replace(ctx context.Context, name string, write func(io.Writer) error) error {
	b, key, err := o.at(ctx, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The upload reads from a pipe, since the writer of the driver for Azure panics when a request fails.
	from, to := io.Pipe()
	uploaded := make(chan error, 1)
	go func() {
		err := b.Upload(ctx, key, from, &blob.WriterOptions{ContentType: "application/octet-stream"})
		_ = from.CloseWithError(err) // what is still to be written has nowhere to go
		uploaded <- err
	}()
	defer to.CloseWithError(io.ErrUnexpectedEOF) // a codec that panics leaves the upload waiting
	buffer := bufio.NewWriterSize(to, 1<<16)
	err = firstError(write(struct{ io.Writer }{buffer}), buffer.Flush) // codecs close what they can
	if err = firstError(err, ctx.Err); err == nil {
		_ = to.Close() // never fails
		return o.failure("create", name, <-uploaded)
	}
	cancel() // before the end of the pipe is seen: nothing is uploaded
	_ = to.CloseWithError(err)
	if failed := <-uploaded; failed != nil && errors.Is(err, failed) { // the upload failed first
		return o.failure("create", name, failed)
	}
	return err
}
