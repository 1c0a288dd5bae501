package storage

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
	"slices"
	"strings"
	"syscall"
)

// Disk is the local file system.
type Disk struct{}

var _ Tree = Disk{}

// Local is true.
func (Disk) Local() bool { return true }

// Exists tells whether there is a file or folder.
func (Disk) Exists(_ context.Context, name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}

// List names the entries of a folder.
func (Disk) List(_ context.Context, folder string) ([]string, error) {
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

// Open opens a file.
func (Disk) Open(_ context.Context, name string) (Object, error) {
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

// Replace writes to a temporary file beside the target, syncs it and moves it into place.
func (d Disk) Replace(ctx context.Context, name string, write func(io.Writer) error) (err error) {
	temporary, err := d.create(name)
	if err != nil {
		return err
	}
	ready := false
	defer func() { // also when a codec panics
		if !ready {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	if err := fill(temporary, write); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // a cancelled run leaves nothing behind
		return err
	}
	ready = true
	return d.moveIn(temporary.Name(), name)
}

// fill writes a file, syncs and closes it.
func fill(file *os.File, write func(io.Writer) error) (err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	buffer := bufio.NewWriterSize(file, 1<<16)
	if err := write(buffer); err != nil {
		return err
	}
	if err := buffer.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

// create makes a temporary file beside name, and the folders above it.
func (Disk) create(name string) (*os.File, error) {
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

// rename is os.Rename, which says of a folder in the way that the file exists.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if err != nil {
		if info, statErr := os.Stat(to); statErr == nil && info.IsDir() {
			return &fs.PathError{Op: "open", Path: to, Err: syscall.EISDIR}
		}
	}
	return err
}

// moveIn puts a finished file at its place and makes that survive a power loss.
func (Disk) moveIn(from, name string) error {
	if err := rename(from, name); err != nil {
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

// Adopt moves the file at from to name; from may lie on another file system.
func (d Disk) Adopt(ctx context.Context, from, name string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	if err := source.Sync(); err == nil {
		if err = rename(from, name); err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EXDEV) {
			return err
		}
	}
	if err := d.Replace(ctx, name, func(w io.Writer) error { _, err := io.Copy(w, source); return err }); err != nil {
		return err
	}
	return os.Remove(from)
}

// Find lists the files below a folder; a file is below itself.
func (Disk) Find(ctx context.Context, folder string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if linked := entry.Type()&fs.ModeSymlink != 0; linked && isFolder(name) {
			return nil // links to folders may go in circles
		}
		if !entry.IsDir() && !temporary(entry.Name()) {
			names = append(names, filepath.ToSlash(name))
		}
		return ctx.Err()
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	slices.Sort(names) // of whole names: WalkDir orders folder by folder
	return names, err
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// temporary tells the names of files that Replace has not moved into place.
func temporary(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp")
}

// Remove deletes a folder and all below it.
func (Disk) Remove(_ context.Context, folder string) error { return os.RemoveAll(folder) }
