package dataset

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kedge-run/kedge/catalog"
)

// storage is where files live. A kind of storage is added by implementing it and naming its protocols in openStorage.
type storage interface {
	catalog.VersionStore
	// open opens a file for reading.
	open(ctx context.Context, name string) (object, error)
	// replace writes a file as a whole: readers see the old or the new one, and an error of write leaves the old one.
	replace(ctx context.Context, name string, write func(io.Writer) error) error
	// local tells whether names are paths of this machine.
	local() bool
}

// object is an open file.
type object interface {
	io.Reader
	io.ReaderAt
	io.Seeker
	io.Closer
}

// openStorage returns the storage of a protocol.
func openStorage(protocol string) (storage, error) {
	if protocol == "file" {
		return disk{}, nil
	}
	return nil, catalog.Errorf("protocol %q isn't supported: use a path on the local disk or a URL file:///path", protocol)
}

// disk is the local file system.
type disk struct{}

func (disk) local() bool { return true }

func (disk) Exists(_ context.Context, name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}

func (disk) List(_ context.Context, folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

func (disk) open(_ context.Context, name string) (object, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (d disk) replace(ctx context.Context, name string, write func(io.Writer) error) error {
	temporary, err := d.create(name)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriterSize(temporary, 1<<16)
	err = write(buffer)
	if err == nil {
		err = buffer.Flush()
	}
	if err == nil {
		err = temporary.Sync()
	}
	err = errors.Join(err, temporary.Close())
	if err == nil {
		err = ctx.Err() // a cancelled run leaves nothing behind
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return d.moveIn(temporary.Name(), name)
}

// create makes a temporary file beside name, and the folders above it.
func (disk) create(name string) (*os.File, error) {
	folder := filepath.Dir(name)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	temporary := filepath.Join(folder, fmt.Sprintf(".%s.%s.tmp", shorten(filepath.Base(name)), strings.ToLower(rand.Text()[:12])))
	return os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
}

// shorten keeps the name of a temporary file below the limit of file systems.
func shorten(name string) string {
	const most = 200
	if len(name) > most {
		return name[:most]
	}
	return name
}

// moveIn puts a finished file at its place and makes that survive a power loss.
func (disk) moveIn(from, name string) error {
	if err := os.Rename(from, name); err != nil {
		return errors.Join(err, os.Remove(from))
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) { // file systems that can't sync a folder
		err = nil
	}
	return errors.Join(err, folder.Close())
}

// adopt moves the file at from to name; from may lie on another file system.
func (d disk) adopt(ctx context.Context, from, name string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	if err := source.Sync(); err == nil {
		if err = os.Rename(from, name); err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EXDEV) {
			return err
		}
	}
	if err := d.replace(ctx, name, func(w io.Writer) error { _, err := io.Copy(w, source); return err }); err != nil {
		return err
	}
	return os.Remove(from)
}
